//! Adyen: JSON batches whose items are each signed with HMAC-SHA256 over eight fields, in base64.
//!
//! Webhooks of other products are signed as a whole instead, over the raw body, in `HmacSignature`.
//! Source: docs.adyen.com, "Verify HMAC signatures".
//!
//! **Invariant**: a batch is taken whole, or not at all.

use std::collections::BTreeSet;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use time::OffsetDateTime;

use super::json::Json;
use super::mac::from_hex;
use super::mac::is_same;
use super::mac::key::MacKey;
use super::material::Material;
use super::protocol::{Proof, Protocol};
use super::{Genuine, Headers, KeyNote, Rejection, Reply, Request, Unreadable};
use crate::notification::Notification;
use crate::order::Mode;
use crate::secret::Secret;

mod items;
pub mod credentials;
mod reading;
mod signing;

pub use self::credentials::Credentials;
use self::items::{Signed, items};
pub use self::reading::decimals;
pub use self::signing::{sign, sign_body};

const HMAC_SIGNATURE: &str = "hmacsignature";
const PROTOCOL: &str = "protocol";
/// What `protocol` must say where it is there.
const PINNED: &str = "HmacSHA256";
const KEY_BYTES: usize = 32;
/// Merchant accounts that one endpoint may serve.
const MERCHANT_ACCOUNTS_MAX: usize = 64;

pub(super) struct Adyen;

/// The account's keys in the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    pub merchant_accounts: Vec<String>,
    /// From the environment; else `hmac_keys_file`, one a line.
    pub hmac_keys: Option<Secret>,
    pub hmac_keys_file: Option<PathBuf>,
    pub live: bool,
    #[serde(default)]
    pub capture: Capture,
    /// For HTTP basic authentication, in addition.
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub password_file: Option<PathBuf>,
}

/// When authorised money is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capture {
    /// By itself: an authorisation is a payment.
    #[default]
    Auto,
    /// By the shop: a capture is a payment.
    Manual,
}

/// What proves a webhook, and whose it must be.
#[derive(Debug, Clone)]
pub struct Settings {
    pub merchant_accounts: Vec<String>,
    /// Several during a rotation.
    pub keys: Vec<MacKey>,
    pub live: bool,
    pub credentials: Option<Credentials>,
}

/// What reading depends on.
#[derive(Debug, Clone)]
pub struct Reader {
    pub capture: Capture,
}

impl Protocol for Adyen {
    type Section = Section;
    type Settings = Settings;
    type Reader = Reader;

    const HEADERS: &'static [&'static str] = &[credentials::HEADER, HMAC_SIGNATURE, PROTOCOL];
    const PERSONAL: &'static [&'static str] = &[
        "additionalData",
        "reason",
        "shopperReference",
        "shopperEmail",
        "shopperName",
        "cardHolderName",
        "cardNumber",
    ];
    const ACCEPT: Reply =
        Reply { status: 200, content_type: "text/plain; charset=utf-8", body: "[accepted]" };
    const REJECT: Reply =
        Reply { status: 401, content_type: "text/plain; charset=utf-8", body: "" };

    fn settings(section: &Section, material: &mut Material<'_>) -> Option<Settings> {
        let merchant_accounts = merchant_accounts(section, material);
        let keys = hmac_keys(section, material);
        let credentials = credentials::configured(section, material);
        Some(Settings {
            merchant_accounts: merchant_accounts?,
            keys: keys?,
            live: section.live,
            credentials: credentials?,
        })
    }

    fn reader(section: &Section, _: &mut Material<'_>) -> Option<Reader> {
        Some(Reader { capture: section.capture })
    }

    fn mode(section: &Section) -> Option<Mode> {
        Some(if section.live { Mode::Live } else { Mode::Test })
    }

    fn keys(settings: &Settings) -> Vec<KeyNote> {
        settings.keys.iter().map(MacKey::note).collect()
    }

    fn verify(
        settings: &Settings,
        request: &Request,
        _: OffsetDateTime,
    ) -> Result<Proof, Rejection> {
        if !request.headers.may_be("application/json") {
            return Err(Rejection::Malformed("not JSON by its content type"));
        }
        if let Some(credentials) = &settings.credentials {
            credentials.check(&request.headers)?;
        }
        let (json, key) = match request.headers.get(HMAC_SIGNATURE) {
            Some(claimed) => prove_body(settings, request, claimed)?,
            None => prove_items(settings, &request.body)?,
        };
        let subject = check_ours(settings, &json)?;
        Ok(Proof { key: key.fingerprint().to_owned(), subject })
    }

    fn needed(settings: &Settings, _: &Request) -> &'static [&'static str] {
        if settings.credentials.is_some() { &[credentials::HEADER] } else { &[] }
    }

    fn other_environment(settings: &Settings, request: &Request) -> Option<&'static str> {
        let other = if settings.live { "false" } else { "true" };
        let json = Json::parse(&request.body)?;
        (json.at(&["live"]).text() == Some(other)).then_some("live")
    }

    fn read(reader: &Reader, genuine: &Genuine<'_>) -> Result<Vec<Notification>, Unreadable> {
        reading::read(reader, genuine)
    }

    fn redact(body: &[u8], parts: &BTreeSet<usize>) -> Option<Vec<u8>> {
        items::without(body, parts)
    }
}

/// The whole body, by the header.
fn prove_body<'a>(
    settings: &'a Settings,
    request: &Request,
    claimed: &str,
) -> Result<(Json, &'a MacKey), Rejection> {
    if request.headers.get(PROTOCOL).is_some_and(|protocol| protocol != PINNED) {
        return Err(Rejection::WrongAlgorithm);
    }
    let key = signer(settings, &request.body, claimed)?;
    let json = Json::parse(&request.body).ok_or(Rejection::Malformed("no JSON"))?;
    Ok((json, key))
}

/// Every item, by its own signature. The first one's key is named.
fn prove_items<'a>(settings: &'a Settings, body: &[u8]) -> Result<(Json, &'a MacKey), Rejection> {
    let json = Json::parse(body).ok_or(Rejection::Malformed("no JSON"))?;
    // What is no batch could only be signed as a whole.
    let items = items(&json).map_err(Rejection::Malformed)?.ok_or(Rejection::Unsigned)?;
    let mut first = None;
    for item in items {
        let signed = Signed::of(item).map_err(Rejection::Malformed)?;
        let claimed = item.at(&["additionalData", "hmacSignature"]).text();
        let key = signer(settings, &signed.text(), claimed.ok_or(Rejection::Unsigned)?)?;
        if signed.reads_two_ways() {
            return Err(Rejection::Ambiguous);
        }
        first = first.or(Some(key));
    }
    Ok((json, first.ok_or(Rejection::Unsigned)?))
}

fn signer<'a>(settings: &'a Settings, text: &[u8], claimed: &str) -> Result<&'a MacKey, Rejection> {
    let claimed = BASE64.decode(claimed).map_err(|_| Rejection::Forged)?;
    let mut keys = settings.keys.iter();
    keys.find(|key| is_same(&key.code(&[text]), &claimed)).ok_or(Rejection::Forged)
}

/// Is it from this environment, and each item for one of our merchant accounts? Answers what it is
/// about. A webhook that is no batch names its environment, and its key is this endpoint's alone.
fn check_ours(settings: &Settings, json: &Json) -> Result<Vec<u8>, Rejection> {
    let Some(items) = items(json).map_err(Rejection::Malformed)? else {
        let ours = if settings.live { "live" } else { "test" };
        return match json.at(&["environment"]) {
            Json::Null => Ok(vec![]),
            Json::Text(environment) if environment == ours => Ok(vec![]),
            _ => Err(Rejection::NotOurs("environment")),
        };
    };
    match json.at(&["live"]).text() {
        Some("true") if settings.live => {}
        Some("false") if !settings.live => {}
        Some("true" | "false") => return Err(Rejection::NotOurs("live")),
        Some(_) | None => return Err(Rejection::Malformed("`live` is no text of true or false")),
    }
    let mut subject = vec![];
    for item in items {
        let signed = Signed::of(item).map_err(Rejection::Malformed)?;
        if !settings.merchant_accounts.iter().any(|ours| ours == signed.merchant_account) {
            return Err(Rejection::NotOurs("merchantAccountCode"));
        }
        subject = signed.transaction().as_bytes().to_vec();
    }
    Ok(subject)
}

fn merchant_accounts(section: &Section, material: &mut Material<'_>) -> Option<Vec<String>> {
    let accounts = &section.merchant_accounts;
    if accounts.is_empty() || accounts.len() > MERCHANT_ACCOUNTS_MAX {
        let rule = format!("from 1 to {MERCHANT_ACCOUNTS_MAX} merchant accounts");
        material.problem("merchant_accounts", rule);
        return None;
    }
    // The signed text would not show where such a name ends.
    if accounts.iter().any(|account| account.trim().is_empty() || account.contains(':')) {
        material.problem("merchant_accounts", "a merchant account is not empty and has no `:`");
        return None;
    }
    Some(accounts.clone())
}

fn hmac_keys(section: &Section, material: &mut Material<'_>) -> Option<Vec<MacKey>> {
    let (value, file) = (section.hmac_keys.as_ref(), section.hmac_keys_file.as_ref());
    let secrets = material.secrets("hmac_keys", value, file)?;
    let keys: Option<Vec<_>> = secrets
        .iter()
        .map(|text| from_hex(text.reveal()).filter(|bytes| bytes.len() == KEY_BYTES))
        .map(|bytes| bytes.map(MacKey::new))
        .collect();
    if keys.is_none() {
        material.problem("hmac_keys", "a key is 64 hexadecimal digits, as the Customer Area shows");
    }
    keys
}

#[cfg(test)]
mod tests;
