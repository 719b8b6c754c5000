//! Parcels as AMQP 0-9-1 properties and headers.

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use crate::broker::PublishError;
use crate::message::parcel::{Header, Parcel};

/// AMQP 0-9-1: delivery mode 2 is kept on disk.
const PERSISTENT: u8 = 2;

/// The properties of a parcel; what exceeds the protocol's 255 bytes is an error, not a panic.
pub(super) fn properties(parcel: &Parcel) -> Result<BasicProperties, PublishError> {
    let short = |text: &str| ShortString::try_new(text).map_err(|_| PublishError::TooLong);
    let mut headers = FieldTable::default();
    for (name, value) in &parcel.headers {
        let value = match value {
            Header::Number(number) => AMQPValue::LongLongInt(*number),
            Header::Text(text) => AMQPValue::LongString(text.as_str().into()),
        };
        headers.insert(short(name)?, value);
    }
    let mut properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_message_id(short(&parcel.id)?)
        .with_type(short(&parcel.kind)?)
        .with_timestamp(u64::try_from(parcel.timestamp_s).unwrap_or(0))
        .with_headers(headers);
    if let Some(content_type) = &parcel.content_type {
        properties = properties.with_content_type(short(content_type)?);
    }
    Ok(properties)
}

/// The parcel in a delivery. Headers of other types than text and number are not carried.
pub(super) fn parcel(delivery: Delivery) -> Parcel {
    let properties = &delivery.properties;
    let text = |value: &Option<ShortString>| value.as_ref().map(ToString::to_string);
    let mut headers = vec![];
    if let Some(table) = properties.headers() {
        for (name, value) in table.inner() {
            if let Some(value) = header(value) {
                headers.push((name.to_string(), value));
            }
        }
    }
    Parcel {
        id: text(properties.message_id()).unwrap_or_default(),
        kind: text(properties.kind()).unwrap_or_default(),
        content_type: text(properties.content_type()),
        timestamp_s: properties.timestamp().and_then(|at| i64::try_from(at).ok()).unwrap_or(0),
        headers,
        body: Bytes::from(delivery.data),
    }
}

/// How often it came back: a quorum queue counts; elsewhere the flag tells only of the last time.
pub(super) fn returns(delivery: &Delivery) -> u32 {
    if !delivery.redelivered {
        // Until it comes back, the header holds what its publisher wrote.
        return 0;
    }
    let headers = delivery.properties.headers().as_ref();
    let counted = headers
        .and_then(|table| table.inner().get("x-delivery-count"))
        .and_then(header)
        .and_then(|value| match value {
            Header::Number(number) => u32::try_from(number).ok(),
            Header::Text(_) => None,
        });
    counted.unwrap_or(1)
}

fn header(value: &AMQPValue) -> Option<Header> {
    match value {
        AMQPValue::LongString(text) => {
            String::from_utf8(text.as_bytes().to_vec()).ok().map(Header::Text)
        }
        AMQPValue::ShortString(text) => Some(Header::Text(text.to_string())),
        AMQPValue::ShortShortInt(number) => Some(Header::Number(i64::from(*number))),
        AMQPValue::ShortShortUInt(number) => Some(Header::Number(i64::from(*number))),
        AMQPValue::ShortInt(number) => Some(Header::Number(i64::from(*number))),
        AMQPValue::ShortUInt(number) => Some(Header::Number(i64::from(*number))),
        AMQPValue::LongInt(number) => Some(Header::Number(i64::from(*number))),
        AMQPValue::LongUInt(number) => Some(Header::Number(i64::from(*number))),
        AMQPValue::LongLongInt(number) => Some(Header::Number(*number)),
        _ => None,
    }
}
