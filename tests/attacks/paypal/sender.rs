//! PayPal as the attacks need it: it signs any text with any key, by rules written down here once more,
//! so that a slip in ours shows.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::signature::{SignatureEncoding as _, Signer as _};
use serde_json::{Value, json};
use sha2::Sha256;
use shared::notification::Notification;
use shared::process::now;
use shared::provider::certificate::{Authorities, Certificate, ChainHash};
use shared::provider::paypal::Settings;
use shared::provider::paypal::published::{Environment, Trust};
use shared::provider::{
    self, Account, Genuine, Headers, Rejection, Request, Scheme, Unreadable, verify,
};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::authority::{DIGICERT, KEYS, LIVE};

pub(super) const WEBHOOK_ID: &str = "4JH86294D6297924G";
pub(super) const MERCHANT_ID: &str = "RD465XN5VS364";
pub(super) const URL: &str =
    "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1a5f47cb";
pub(super) const ID: &str = "5e7ee590-4e8b-11ef-bc13-fd5b69793a44";
const MAX_AGE: std::time::Duration = std::time::Duration::from_secs(4 * 24 * 3600);

/// PayPal's certificate; the account lists it.
pub(super) static LEAF: LazyLock<String> =
    LazyLock::new(|| DIGICERT.leaf(&KEYS[0], LIVE, (-100, 100)));

/// A request as it is sent.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// An account that lists the certificate.
pub(super) fn pinning() -> Settings {
    let certificate = Certificate::parse(LEAF.as_bytes()).unwrap();
    settings(Trust::new(Environment::Live, vec![certificate.public_key().unwrap()], None))
}

/// An account that lists nothing and may fetch what DigiCert vouches for.
pub(super) fn fetching(environment: Environment) -> Settings {
    fetching_under(&DIGICERT.root, environment)
}

/// The same with another root.
pub(super) fn fetching_under(root: &str, environment: Environment) -> Settings {
    let root = Certificate::parse(root.as_bytes()).unwrap();
    let authorities = Authorities::new(vec![root], &[], ChainHash::SHA256).unwrap();
    settings(Trust::new(environment, vec![], Some(authorities)))
}

fn settings(trust: Trust) -> Settings {
    Settings {
        webhook_id: WEBHOOK_ID.to_owned(),
        merchant_id: Some(MERCHANT_ID.to_owned()),
        max_age: Some(MAX_AGE),
        trust,
    }
}

pub(super) fn scheme() -> Scheme {
    Scheme::PayPal(pinning())
}

/// A capture's event.
pub(super) fn capture() -> Value {
    json!({
        "id": "WH-58D329510W468432D-8HN650336L201105X",
        "event_version": "1.0",
        "create_time": "2026-11-23T12:00:07.940Z",
        "resource_type": "capture",
        "resource_version": "2.0",
        "event_type": "PAYMENT.CAPTURE.COMPLETED",
        "summary": "Payment completed for $ 20.0 USD — 语雀",
        "resource": {
            "id": "12A34567BC123456S",
            "amount": { "currency_code": "USD", "value": "20.00" },
            "payee": { "merchant_id": MERCHANT_ID },
            "custom_id": "A-1",
            "status": "COMPLETED",
            "create_time": "2026-11-23T12:00:03Z",
            "update_time": "2026-11-23T12:00:03Z",
        },
    })
}

/// Signed now with PayPal's key.
pub(super) fn signed(event: &Value) -> Sent {
    signed_by(event.to_string(), &KEYS[0], WEBHOOK_ID, now())
}

pub(super) fn signed_by(
    body: impl Into<Vec<u8>>,
    key: &RsaPrivateKey,
    webhook_id: &str,
    at: OffsetDateTime,
) -> Sent {
    let (body, time) = (body.into(), at.replace_nanosecond(0).unwrap().format(&Rfc3339).unwrap());
    let text = format!("{ID}|{time}|{webhook_id}|{}", crc32(&body));
    sealed(body, &time, &text, key)
}

/// Headers with the signature of any text.
pub(super) fn sealed(body: Vec<u8>, time: &str, text: &str, key: &RsaPrivateKey) -> Sent {
    let signature = SigningKey::<Sha256>::new(key.clone()).sign(text.as_bytes());
    let headers = vec![
        ("Content-Type", "application/json".to_owned()),
        ("PAYPAL-AUTH-ALGO", "SHA256withRSA".to_owned()),
        ("PAYPAL-AUTH-VERSION", "v2".to_owned()),
        ("PAYPAL-CERT-URL", URL.to_owned()),
        ("PAYPAL-TRANSMISSION-ID", ID.to_owned()),
        ("PAYPAL-TRANSMISSION-SIG", BASE64.encode(signature.to_bytes())),
        ("PAYPAL-TRANSMISSION-TIME", time.to_owned()),
    ];
    Sent { headers, body }
}

/// CRC-32 bit by bit. Source: ISO 3309, as in zlib.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let step = |code: u32| if code & 1 == 1 { (code >> 1) ^ 0xEDB8_8320 } else { code >> 1 };
    let byte = |code: u32, byte: &u8| (0..8).fold(code ^ u32::from(*byte), |code, _| step(code));
    !bytes.iter().fold(u32::MAX, byte)
}

impl Sent {
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        let header = self.headers.iter_mut().find(|(known, _)| *known == name).unwrap();
        value.clone_into(&mut header.1);
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    pub(super) fn header(&self, name: &str) -> &str {
        &self.headers.iter().find(|(known, _)| *known == name).unwrap().1
    }

    pub(super) fn lines(&self) -> String {
        self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
    }

    /// What the rule says, without a door: which key.
    pub(super) fn verdict(&self, settings: &Settings) -> Result<String, Rejection> {
        self.verdict_at(settings, now())
    }

    pub(super) fn verdict_at(
        &self,
        settings: &Settings,
        now: OffsetDateTime,
    ) -> Result<String, Rejection> {
        let scheme = Scheme::PayPal(settings.clone());
        let account = Account { name: "any".to_owned(), scheme };
        verify(&account, self.request()?, now).map(|verified| verified.key().to_owned())
    }

    pub(super) fn request(&self) -> Result<Request, Rejection> {
        let pairs = self.headers.iter().map(|(name, value)| (*name, value.as_bytes()));
        Ok(Request { headers: Headers::new(pairs)?, body: self.body.clone().into() })
    }
}

/// What a worker would read from it.
pub(super) fn read(body: &[u8]) -> Result<Vec<Notification>, Unreadable> {
    provider::Reader::PayPal(()).read(&Genuine { http: &[], received_at: now(), body })
}
