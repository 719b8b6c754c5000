//! Signing as Adyen does, for simulation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use super::items::Signed;
use super::{HMAC_SIGNATURE, Json, MacKey, PINNED, PROTOCOL};

/// Signs every item of a batch and answers the body to post. Nothing: it is no batch.
pub fn sign(batch: &Value, key: &MacKey) -> Option<String> {
    let mut batch = batch.clone();
    for entry in batch.get_mut("notificationItems")?.as_array_mut()? {
        let item = entry.get_mut("NotificationRequestItem")?.as_object_mut()?;
        let text = serde_json::to_vec(item).ok()?;
        let text = Signed::of(&Json::parse(&text)?).ok()?.text();
        let signature = BASE64.encode(key.code(&[&text]));
        let data =
            item.entry("additionalData").or_insert_with(|| Value::Object(Default::default()));
        data.as_object_mut()?.insert("hmacSignature".to_owned(), signature.into());
    }
    Some(batch.to_string())
}

/// Signs a whole body, as other products' webhooks are: the headers to post it with.
pub fn sign_body(body: &[u8], key: &MacKey) -> [(&'static str, String); 2] {
    let signature = BASE64.encode(key.code(&[body]));
    [(HMAC_SIGNATURE, signature), (PROTOCOL, PINNED.to_owned())]
}
