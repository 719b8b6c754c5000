//! Acme Pay, an invented provider: a JSON body, HMAC-SHA256 over `{timestamp}.{body}` in hex.
//! Source: a real file names the provider's own page here.

use std::path::PathBuf;

use serde::Deserialize;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::json::Json;
use super::mac::{from_hex, hmac_sha256, is_hmac_sha256, to_hex};
use super::material::Material;
use super::protocol::{Proof, Protocol, check_fresh};
use super::{Genuine, KeyNote, Rejection, Reply, Request, Unreadable};
use crate::money::Money;
use crate::notification::{Fact, Notification, PaymentFact, PaymentStatus};
use crate::secret::Secret;

const SIGNATURE: &str = "acme-signature";
const TIMESTAMP: &str = "acme-timestamp";
const WINDOW: Duration = Duration::minutes(5);

pub(super) struct AcmePay;

/// The account's keys in the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    pub shop: String,
    /// From the environment; else `secrets_file`, one a line.
    pub secrets: Option<Secret>,
    pub secrets_file: Option<PathBuf>,
}

/// What proves a request.
#[derive(Debug, Clone)]
pub struct Settings {
    shop: String,
    secrets: Vec<Secret>,
}

/// The body says all that there is to read.
pub type Reader = ();

impl Protocol for AcmePay {
    type Section = Section;
    type Settings = Settings;
    type Reader = Reader;

    const HEADERS: &'static [&'static str] = &[SIGNATURE, TIMESTAMP];
    const ACCEPT: Reply = Reply { status: 200, content_type: "text/plain", body: "ok" };
    const REJECT: Reply = Reply { status: 401, content_type: "text/plain", body: "" };

    fn settings(section: &Section, material: &mut Material<'_>) -> Option<Settings> {
        let shop = material.filled("shop", &section.shop);
        let (value, file) = (section.secrets.as_ref(), section.secrets_file.as_ref());
        let secrets = material.secrets("secrets", value, file);
        Some(Settings { shop: shop?, secrets: secrets? })
    }

    fn reader(_: &Section, _: &mut Material<'_>) -> Option<Reader> {
        Some(())
    }

    fn keys(settings: &Settings) -> Vec<KeyNote> {
        let note = |key: &Secret| KeyNote::bare(key.fingerprint(), "HMAC-SHA256");
        settings.secrets.iter().map(note).collect()
    }

    /// Presence, freshness, signature; only then is the body parsed, and its owner compared.
    fn verify(
        settings: &Settings,
        request: &Request,
        now: OffsetDateTime,
    ) -> Result<Proof, Rejection> {
        let signature = request.headers.get(SIGNATURE).ok_or(Rejection::Unsigned)?;
        let timestamp = request.headers.get(TIMESTAMP).ok_or(Rejection::Unsigned)?;
        check_fresh(timestamp, now, WINDOW)?;
        let signature = from_hex(signature).ok_or(Rejection::Forged)?;
        let parts = [timestamp.as_bytes(), b".", &request.body];
        let signed = |key: &&Secret| is_hmac_sha256(key.reveal().as_bytes(), &parts, &signature);
        let key = settings.secrets.iter().find(signed).ok_or(Rejection::Forged)?;

        let json = Json::parse(&request.body).ok_or(Rejection::Malformed("no JSON"))?;
        if json.at(&["shop"]).text() != Some(&settings.shop) {
            return Err(Rejection::NotOurs("shop"));
        }
        let subject = json.at(&["order_no"]).text().unwrap_or_default().as_bytes().to_vec();
        Ok(Proof { key: key.fingerprint(), subject })
    }

    fn read((): &Reader, genuine: &Genuine<'_>) -> Result<Vec<Notification>, Unreadable> {
        let json = Json::parse(genuine.body).ok_or(Unreadable::Malformed("no JSON"))?;
        let text = |key: &'static str| {
            let value = json.at(&[key]).text().filter(|text| text.len() <= 128);
            value.map(ToOwned::to_owned).ok_or(Unreadable::Malformed("a field is missing or long"))
        };
        let (identity, kind) = (text("id")?, text("type")?);
        let status = match kind.as_str() {
            "payment.paid" => PaymentStatus::Succeeded,
            "payment.expired" => PaymentStatus::Closed,
            // Genuine, and nothing to us: recorded, without effect.
            _ => return Ok(vec![Notification { identity, kind, fact: None }]),
        };
        let amount = Unreadable::Malformed("the amount is no whole number of minor units");
        let fact = PaymentFact {
            transaction: text("transaction")?,
            order_number: text("order_no")?,
            status,
            amount: Money {
                minor: json.at(&["amount"]).integer().filter(|minor| *minor >= 0).ok_or(amount)?,
                currency: text("currency")?
                    .parse()
                    .map_err(|_| Unreadable::Malformed("currency"))?,
            },
            occurred_at: OffsetDateTime::parse(&text("at")?, &Rfc3339)
                .map_err(|_| Unreadable::Malformed("a time"))?,
            refund_total: None,
            agreement: None,
        };
        Ok(vec![Notification { identity, kind, fact: Some(Fact::Payment(fact)) }])
    }
}

/// Signs a body as Acme Pay would, for simulation: the headers to post it with.
pub fn sign(body: &[u8], secret: &Secret, now: OffsetDateTime) -> [(&'static str, String); 2] {
    let timestamp = now.unix_timestamp().to_string();
    let code = hmac_sha256(secret.reveal().as_bytes(), &[timestamp.as_bytes(), b".", body]);
    [(SIGNATURE, to_hex(&code)), (TIMESTAMP, timestamp)]
}
