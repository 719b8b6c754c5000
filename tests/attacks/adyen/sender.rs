//! Adyen as the attacks need it: it signs any item and any body, with any key, by rules written down
//! here once more, so that a slip in ours shows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use shared::provider::adyen::{Capture, Reader as AdyenReader, Settings};
use shared::provider::mac::key::MacKey;
use shared::provider::{Reader, Scheme};

use crate::webhook::{Webhook, code};

pub(crate) const KEYS: [[u8; 32]; 2] = [[7; 32], [8; 32]];
pub(crate) const SIGNATURE: &str = "hmacsignature";

pub(crate) fn scheme() -> Scheme {
    Scheme::Adyen(settings())
}

pub(crate) fn settings() -> Settings {
    Settings {
        merchant_accounts: vec!["Shop".to_owned(), "ShopTwo".to_owned()],
        keys: KEYS.map(|key| MacKey::new(key.to_vec())).to_vec(),
        live: false,
        credentials: None,
    }
}

pub(crate) fn reader() -> Reader {
    Reader::Adyen(AdyenReader { capture: Capture::Auto })
}

/// An item without its signature, with some fields replaced.
pub(crate) fn item(changes: Value) -> Value {
    let mut item = json!({
        "additionalData": {"cardSummary": "1111"},
        "amount": {"value": 2000, "currency": "EUR"},
        "eventCode": "AUTHORISATION",
        "eventDate": "2026-11-23T11:59:00+01:00",
        "merchantAccountCode": "Shop",
        "merchantReference": "A-1",
        "operations": ["CANCEL", "CAPTURE", "REFUND"],
        "paymentMethod": "visa",
        "pspReference": "8835511210681234",
        "reason": "076181:1111:03/2030",
        "success": "true",
    });
    item.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    item
}

pub(crate) fn text(item: &Value) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    let mut fields: Vec<_> =
        ["pspReference", "originalReference", "merchantAccountCode", "merchantReference"]
            .map(|key| text(&item[key]))
            .to_vec();
    fields.extend([text(&item["amount"]["value"]), text(&item["amount"]["currency"])]);
    fields.extend([text(&item["eventCode"]), text(&item["success"])]);
    fields.join(":")
}

pub(crate) fn sealed(mut item: Value, key: &[u8]) -> Value {
    item["additionalData"]["hmacSignature"] =
        BASE64.encode(code(key, text(&item).as_bytes())).into();
    item
}

pub(crate) fn signed(changes: Value) -> Value {
    sealed(item(changes), &KEYS[0])
}

pub(crate) fn batch(items: &[Value]) -> Value {
    let entry = |item: &Value| json!({ "NotificationRequestItem": item });
    json!({ "live": "false", "notificationItems": items.iter().map(entry).collect::<Vec<_>>() })
}

pub(crate) fn webhook(items: &[Value]) -> Webhook {
    posted(&batch(items))
}

pub(crate) fn posted(body: &Value) -> Webhook {
    Webhook::new(&[], body.to_string().as_bytes())
}

pub(crate) fn sealed_whole(body: &Value, key: &[u8]) -> Webhook {
    let body = body.to_string();
    let signature = BASE64.encode(code(key, body.as_bytes()));
    Webhook::new(&[(SIGNATURE, &signature), ("protocol", "HmacSHA256")], body.as_bytes())
}
