//! Notifications as WeChat Pay would send them, for simulation: the same terms give the same bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::signature::{SignatureEncoding as _, Signer as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{NONCE, RSA_SHA256, SERIAL, SIGNATURE, SIGNATURE_TYPE, TIMESTAMP, signed_text};
use crate::provider::aead;
use crate::provider::mac::to_hex;

/// What a notification is about.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    pub id: &'a str,
    pub created_at: OffsetDateTime,
    /// Such as `TRANSACTION.SUCCESS`.
    pub event_type: &'a str,
    /// Such as `transaction`.
    pub original_type: &'a str,
    /// The resource, as JSON in clear.
    pub resource: &'a str,
}

/// Who signs, and under which name: a serial number or a `PUB_KEY_ID_`.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    pub serial: &'a str,
    pub key: &'a RsaPrivateKey,
}

/// The body, its resource encrypted. Nothing: the API v3 key has not 32 bytes.
pub fn body(event: &Event<'_>, api_v3_key: &str) -> Option<String> {
    let nonce = noise(event.id.as_bytes(), aead::NONCE_BYTES);
    let (key, associated) = (api_v3_key.as_bytes(), event.original_type.as_bytes());
    let sealed = aead::seal(key, nonce.as_bytes(), associated, event.resource.as_bytes())?;
    let envelope = json!({
        "id": event.id,
        "create_time": event.created_at.format(&Rfc3339).ok()?,
        "event_type": event.event_type,
        "resource_type": "encrypt-resource",
        "summary": "",
        "resource": {
            "original_type": event.original_type,
            "algorithm": super::reading::AES_256_GCM,
            "ciphertext": BASE64.encode(sealed),
            "associated_data": event.original_type,
            "nonce": nonce,
        },
    });
    Some(envelope.to_string())
}

/// The headers beside `content-type` that go with a body.
pub fn sign(body: &[u8], now: OffsetDateTime, signer: &Signer<'_>) -> Vec<(&'static str, String)> {
    let (timestamp, nonce) = (now.unix_timestamp().to_string(), noise(body, 32));
    let text = signed_text(&timestamp, &nonce, body);
    let signature = SigningKey::<Sha256>::new(signer.key.clone()).sign(&text);
    vec![
        (NONCE, nonce),
        (SERIAL, signer.serial.to_owned()),
        (SIGNATURE, BASE64.encode(signature.to_bytes())),
        (SIGNATURE_TYPE, RSA_SHA256.to_owned()),
        (TIMESTAMP, timestamp),
    ]
}

/// Hex digits that look like chance and follow from `of`.
fn noise(of: &[u8], digits: usize) -> String {
    let mut text = to_hex(&Sha256::digest(of));
    text.truncate(digits);
    text
}
