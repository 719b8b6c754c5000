//! From the envelope to its resource: which event it is, opened with the API v3 key, and ours.
//! Source: pay.weixin.qq.com, APIv3: 支付成功回调通知, 退款结果回调通知, 签约、解约结果通知.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use super::super::json::Json;
use super::super::protocol::check_number;
use super::super::{Genuine, Unreadable, aead};
use super::{Reader, resource};
use crate::notification::{Notification, RefundStatus};

pub(super) const AES_256_GCM: &str = "AEAD_AES_256_GCM";
const PAYMENT: &str = "transaction";
const REFUND: &str = "refund";

/// The events that change something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Paid,
    /// A charge under an agreement, or another payment, that did not succeed.
    PaymentFailed,
    Refund(RefundStatus),
    Signed,
    Ended,
}

/// Reads one request; a combined order makes several notifications.
pub(super) fn read(
    reader: &Reader,
    genuine: &Genuine<'_>,
) -> Result<Vec<Notification>, Unreadable> {
    let envelope = Json::parse(genuine.body).ok_or(Unreadable::Malformed("not JSON"))?;
    let [id, kind] = [&["id"], &["event_type"]].map(|path| required(&envelope, path));
    let (kind, identity) = (kind?, id?);
    let identity = format!("{identity}/{kind}");
    let Some(event) = Event::of(&kind) else {
        return Ok(vec![Notification { identity, kind, fact: None }]);
    };
    let stated = envelope.at(&["resource", "original_type"]).text();
    if stated.is_some() && event.original_type().is_some() && stated != event.original_type() {
        return Err(resource::DISAGREE);
    }
    let resource = open(reader, envelope.at(&["resource"]))?;
    check_owner(reader, event, &resource)?;
    // An older form of this time exists. Where it cannot be read, we received it soon after.
    let created_at = time(&envelope, &["create_time"]).ok().flatten();
    let facts = resource::facts(event, &resource, created_at.unwrap_or(genuine.received_at))?;
    let notification = |(part, fact): (Option<String>, _)| Notification {
        identity: part.map_or_else(|| identity.clone(), |part| format!("{identity}/{part}")),
        kind: kind.clone(),
        fact,
    };
    Ok(facts.into_iter().map(notification).collect())
}

impl Event {
    /// Nothing: a type that changes nothing here, or whose form is not known well enough.
    fn of(event_type: &str) -> Option<Self> {
        match event_type {
            "TRANSACTION.SUCCESS" => Some(Self::Paid),
            "TRANSACTION.FAIL" => Some(Self::PaymentFailed),
            "REFUND.SUCCESS" => Some(Self::Refund(RefundStatus::Succeeded)),
            "REFUND.ABNORMAL" => Some(Self::Refund(RefundStatus::Failed)),
            "REFUND.CLOSED" => Some(Self::Refund(RefundStatus::Closed)),
            "ENTRUST.SIGN" | "ECOMMERCE_ENTRUST.SIGN" | "INSURANCE_ENTRUST.SIGN" | "PAPAY.SIGN" => {
                Some(Self::Signed)
            }
            "ENTRUST.TERMINATE"
            | "ECOMMERCE_ENTRUST.TERMINATE"
            | "INSURANCE_ENTRUST.TERMINATE"
            | "PAPAY.TERMINATE" => Some(Self::Ended),
            _ => None,
        }
    }

    /// What the envelope calls the resource of such an event, where it says so.
    fn original_type(self) -> Option<&'static str> {
        match self {
            Self::Paid | Self::PaymentFailed => Some(PAYMENT),
            Self::Refund(_) => Some(REFUND),
            Self::Signed | Self::Ended => None,
        }
    }
}

/// Decrypts and parses a resource.
fn open(reader: &Reader, sealed: &Json) -> Result<Json, Unreadable> {
    if sealed.at(&["algorithm"]).text() != Some(AES_256_GCM) {
        return Err(Unreadable::Malformed("an encryption other than AES-256-GCM"));
    }
    let associated = match sealed.at(&["associated_data"]) {
        Json::Text(text) => text.as_str(),
        Json::Null => "",
        _ => return Err(Unreadable::Malformed("associated data that is no text")),
    };
    let field = |key| sealed.at(&[key]).text().ok_or(Unreadable::Malformed("no whole resource"));
    let (nonce, ciphertext) = (field("nonce")?, field("ciphertext")?);
    let ciphertext =
        BASE64.decode(ciphertext).map_err(|_| Unreadable::Malformed("a resource not in base64"))?;
    let opened =
        |key: &[u8]| aead::open(key, nonce.as_bytes(), associated.as_bytes(), ciphertext.clone());
    let plain = reader.api_v3_keys.iter().find_map(|key| opened(key.reveal().as_bytes()));
    let resource = Json::parse(&plain.ok_or(Unreadable::Undecryptable)?);
    resource.ok_or(Unreadable::Malformed("a resource that is not JSON"))
}

/// Whatever it names of ours must be ours, and it must name a merchant.
fn check_owner(reader: &Reader, event: Event, resource: &Json) -> Result<(), Unreadable> {
    let named = |keys: &[&'static str]| -> Vec<String> {
        let texts = keys.iter().filter_map(|key| resource.at(&[key]).text());
        texts.map(ToOwned::to_owned).collect()
    };
    let all_of = |names: &[String], ours: &[String]| {
        !names.is_empty() && names.iter().all(|name| ours.contains(name))
    };
    if !all_of(&named(&["mchid", "sp_mchid", "combine_mchid"]), &reader.mchids) {
        return Err(Unreadable::NotOurs("mchid"));
    }
    let subs = reader.sub_mchids.as_deref();
    let is_partner = !named(&["sp_mchid"]).is_empty();
    if let Some(ours) = subs
        && is_partner
        && !all_of(&named(&["sub_mchid"]), ours)
    {
        return Err(Unreadable::NotOurs("sub_mchid"));
    }
    // Each part of a combined order goes to a merchant of its own.
    for order in resource.at(&["sub_orders"]).list() {
        let payee = order.at(&["mchid"]).text().map(ToOwned::to_owned);
        let is_sub = |name: &String| subs.is_some_and(|ours| ours.contains(name));
        if !payee.is_some_and(|name| reader.mchids.contains(&name) || is_sub(&name)) {
            return Err(Unreadable::NotOurs("mchid"));
        }
        let sub = order.at(&["sub_mchid"]).text().map(ToOwned::to_owned);
        if subs.is_some() && sub.is_some_and(|name| !is_sub(&name)) {
            return Err(Unreadable::NotOurs("sub_mchid"));
        }
    }
    let apps = named(&["appid", "sp_appid", "combine_appid"]);
    // A refund names no application.
    let must_name = event.original_type() == Some(PAYMENT) || !apps.is_empty();
    match &reader.appids {
        Some(ours) if must_name && !all_of(&apps, ours) => Err(Unreadable::NotOurs("appid")),
        Some(_) | None => Ok(()),
    }
}

/// A text that numbers or names something; an empty one counts as absent.
pub(super) fn optional(json: &Json, path: &[&str]) -> Result<Option<String>, Unreadable> {
    match json.at(path) {
        Json::Null => Ok(None),
        Json::Text(text) if text.is_empty() => Ok(None),
        Json::Text(text) => check_number(text).map(Some),
        _ => Err(Unreadable::Malformed("a field is no text")),
    }
}

pub(super) fn required(json: &Json, path: &[&str]) -> Result<String, Unreadable> {
    optional(json, path)?.ok_or(Unreadable::Malformed("a field is missing"))
}

/// A time with its offset. Source: RFC 3339.
pub(super) fn time(json: &Json, path: &[&str]) -> Result<Option<OffsetDateTime>, Unreadable> {
    let Some(text) = optional(json, path)? else { return Ok(None) };
    let time = OffsetDateTime::parse(&text, &Rfc3339).ok();
    let time = time.and_then(|time| time.checked_to_offset(UtcOffset::UTC));
    time.map(Some).ok_or(Unreadable::Malformed("a time is not in the provider's form"))
}
