//! What was posted: bounded, and JSON.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest as _, Request};
use axum::http::StatusCode;
use serde_json::value::RawValue;
use tokio::time::timeout;
use worker::ledger::records::NewOrder;

use super::super::Refusal;
use crate::orders::{Wrong, from_json};

/// Orders in one request.
const ORDERS_MAX: usize = 500;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// As they were sent: each is an order or says what is wrong with it.
pub(super) enum Orders {
    One(Box<Result<NewOrder, Wrong>>),
    Several(Vec<Result<NewOrder, Wrong>>),
}

/// The whole body, within the limits.
pub(super) async fn received(request: Request) -> Result<Bytes, Refusal> {
    match timeout(BODY_TIMEOUT, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(rejection)) => Err(match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "a body may have 1 MiB")
            }
            _ => Refusal::new(StatusCode::BAD_REQUEST, "the body broke off"),
        }),
        Err(_) => Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body took too long")),
    }
}

/// A document of JSON; what it means is judged later.
pub(super) fn json<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body)
        .map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "the body is no JSON"))
}

impl Orders {
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let document: &RawValue = json(body)?;
        if !document.get().starts_with('[') {
            return Ok(Self::One(Box::new(from_json(document.get().as_bytes()))));
        }
        let documents: Vec<&RawValue> = json(body)?;
        if ORDERS_MAX < documents.len() {
            let message = format!("at most {ORDERS_MAX} orders at once");
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, &message));
        }
        let order = |document: &&RawValue| from_json(document.get().as_bytes());
        Ok(Self::Several(documents.iter().map(order).collect()))
    }

    pub(super) fn each(&self) -> impl Iterator<Item = &Result<NewOrder, Wrong>> {
        match self {
            Self::One(order) => std::slice::from_ref(&**order).iter(),
            Self::Several(orders) => orders.iter(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(body: &[u8]) -> Result<usize, StatusCode> {
        let read = Orders::read(body).map_err(|refusal| refusal.status)?;
        Ok(read.each().filter(|order| order.is_ok()).count())
    }

    #[test]
    fn a_body_is_one_order_or_a_bounded_list() {
        let order = r#"{"order_no":"A-1","amount":10,"currency":"CNY"}"#;
        assert_eq!(status(order.as_bytes()), Ok(1));
        assert_eq!(status(format!(" [{order}, {{}}, 7, {order}] ").as_bytes()), Ok(2));
        assert_eq!(status(b"[]"), Ok(0));
        assert_eq!(status(b"7"), Ok(0));
        for body in ["", "{", "[1,]", "nothing", "{} {}", "\u{0}"] {
            assert_eq!(status(body.as_bytes()), Err(StatusCode::BAD_REQUEST), "{body}");
        }
        assert_eq!(status(b"[\"\xff\"]"), Err(StatusCode::BAD_REQUEST));
        let many = format!("[{}1]", "1,".repeat(ORDERS_MAX));
        assert_eq!(status(many.as_bytes()), Err(StatusCode::PAYLOAD_TOO_LARGE));
        let deep = "[".repeat(400_000);
        assert_eq!(status(deep.as_bytes()), Err(StatusCode::BAD_REQUEST));
        let deep = format!("{}{}", "[".repeat(400_000), "]".repeat(400_000));
        assert_eq!(status(deep.as_bytes()), Ok(0));
    }
}
