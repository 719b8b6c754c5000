//! Standard Webhooks, for any sender that follows them: HMAC-SHA256 (`v1`) or Ed25519 (`v1a`) over
//! `{id}.{timestamp}.{body}`, in base64.
//!
//! A key of one algorithm never proves a signature of the other. The body is the sender's own, so the
//! account says where our words stand in it. Source: standard-webhooks/spec/standard-webhooks.md.

use std::path::PathBuf;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD as BASE64};
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use super::mac::is_same;
use super::mac::key::MacKey;
use super::material::{Material, is_placeholder};
use super::protocol::{Proof, Protocol, check_fresh};
use super::{Genuine, KeyNote, Rejection, Reply, Request, Unreadable};
use crate::notification::Notification;
use crate::secret::Secret;

pub mod mapping;
mod ed25519;
mod reading;

pub use self::ed25519::{PrivateKey, PublicKey};
use self::mapping::{Mapping, MappingSection};

/// The headers of one message: id, timestamp, signatures. Svix sends its own names for them.
static FAMILIES: [[&str; 3]; 2] = [
    ["webhook-id", "webhook-timestamp", "webhook-signature"],
    ["svix-id", "svix-timestamp", "svix-signature"],
];
const SECRET_PREFIX: &str = "whsec_";
const SECRET_BYTES_MIN: usize = 24;
const SECRET_BYTES_MAX: usize = 64;
/// Public keys that one account may have at a time.
const PUBLIC_KEYS_MAX: usize = 8;
/// Timestamps count that are up to 5 minutes away, as in the reference libraries.
const WINDOW: Duration = Duration::seconds(301);
/// Signatures of one message: one for each key of a rotation, of both algorithms.
const ENTRIES_MAX: usize = 16;
const ID_MAX_BYTES: usize = 128;
/// Configured keys count with and without their padding, as in the reference libraries.
const UNPADDED: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) struct StandardWebhooks;

/// The account's keys in the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// `whsec_…`, from the environment; else `secrets_file`, one a line.
    pub secrets: Option<Secret>,
    pub secrets_file: Option<PathBuf>,
    /// `whpk_…`
    #[serde(default)]
    pub public_keys: Vec<String>,
    #[serde(default)]
    pub mapping: Box<MappingSection>,
}

/// What proves a message.
#[derive(Debug, Clone)]
pub struct Settings {
    /// They prove `v1`, and nothing else.
    pub secrets: Vec<MacKey>,
    /// They prove `v1a`, and nothing else.
    pub public_keys: Vec<PublicKey>,
}

/// Where our words stand in the sender's body.
pub type Reader = Mapping;

impl Protocol for StandardWebhooks {
    type Section = Section;
    type Settings = Settings;
    type Reader = Mapping;

    const HEADERS: &'static [&'static str] = &[
        "svix-id",
        "svix-signature",
        "svix-timestamp",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    ];
    const CARRIED: &'static [&'static str] = &["svix-id", "webhook-id"];
    const ACCEPT: Reply =
        Reply { status: 200, content_type: "text/plain; charset=utf-8", body: "" };
    const REJECT: Reply =
        Reply { status: 401, content_type: "text/plain; charset=utf-8", body: "" };

    fn settings(section: &Section, material: &mut Material<'_>) -> Option<Settings> {
        let public_keys = public_keys(section, material);
        let (value, file) = (section.secrets.as_ref(), section.secrets_file.as_ref());
        let secrets = if value.is_none() && file.is_none() && !section.public_keys.is_empty() {
            Some(vec![])
        } else {
            let secrets = material.secrets("secrets", value, file);
            secrets.and_then(|secrets| decoded(&secrets, material))
        };
        Some(Settings { secrets: secrets?, public_keys: public_keys? })
    }

    fn reader(section: &Section, material: &mut Material<'_>) -> Option<Mapping> {
        let mapping = Mapping::new(&section.mapping);
        mapping.map_err(|(key, rule)| material.problem(&format!("mapping.{key}"), rule)).ok()
    }

    fn keys(settings: &Settings) -> Vec<KeyNote> {
        let secrets = settings.secrets.iter().map(MacKey::note);
        secrets.chain(settings.public_keys.iter().map(PublicKey::note)).collect()
    }

    fn verify(
        settings: &Settings,
        request: &Request,
        now: OffsetDateTime,
    ) -> Result<Proof, Rejection> {
        let [id, timestamp, signatures] = family(|name| request.headers.get(name))
            .map(|name| request.headers.get(name).ok_or(Rejection::Unsigned));
        let (id, timestamp, signatures) = (id?, timestamp?, signatures?);
        if id.len() > ID_MAX_BYTES {
            return Err(Rejection::Malformed("the id is too long"));
        }
        if id.contains('.') {
            return Err(Rejection::Ambiguous);
        }
        check_fresh(timestamp, now, WINDOW)?;
        let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", &request.body];
        let key = signer(settings, &Entries::parse(signatures)?, &signed)?;
        Ok(Proof { key, subject: id.as_bytes().to_vec() })
    }

    fn needed(_: &Settings, request: &Request) -> &'static [&'static str] {
        let [standard, svix] = &FAMILIES;
        let is_svix = family(|name| request.headers.get(name)) == *svix;
        if is_svix { svix } else { standard }
    }

    fn read(mapping: &Mapping, genuine: &Genuine<'_>) -> Result<Vec<Notification>, Unreadable> {
        let carried = |name: &str| {
            let found = genuine.http.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
        };
        let id = carried(family(carried)[0]).ok_or(Unreadable::Malformed("no id"))?;
        reading::read(mapping, id, genuine.body).map(|notification| vec![notification])
    }
}

/// Signs a body with a secret as a sender would, for simulation: the headers to post it with.
pub fn sign(
    id: &str,
    body: &[u8],
    key: &MacKey,
    now: OffsetDateTime,
) -> [(&'static str, String); 3] {
    headers(id, body, now, |message| ("v1", key.code(&[message]).to_vec()))
}

/// The same with a private key.
pub fn sign_v1a(
    id: &str,
    body: &[u8],
    key: &PrivateKey,
    now: OffsetDateTime,
) -> [(&'static str, String); 3] {
    headers(id, body, now, |message| ("v1a", key.sign(message)))
}

fn headers(
    id: &str,
    body: &[u8],
    now: OffsetDateTime,
    sign: impl Fn(&[u8]) -> (&'static str, Vec<u8>),
) -> [(&'static str, String); 3] {
    let [id_name, timestamp_name, signature_name] = FAMILIES[0];
    let timestamp = now.unix_timestamp().to_string();
    let message = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    let (version, signature) = sign(&message);
    let signature = format!("{version},{}", BASE64.encode(signature));
    [(id_name, id.to_owned()), (timestamp_name, timestamp), (signature_name, signature)]
}

/// The key that a secret's text stands for. Nothing: it is none.
pub fn key_of(secret: &Secret) -> Option<MacKey> {
    let bytes = UNPADDED.decode(secret.reveal().strip_prefix(SECRET_PREFIX)?).ok()?;
    let lengths = SECRET_BYTES_MIN..=SECRET_BYTES_MAX;
    let is_key = lengths.contains(&bytes.len()) && !is_placeholder(&bytes);
    is_key.then(|| MacKey::new(bytes))
}

/// The header names of a message: those whose id is there, the standard's own first.
fn family<'a>(get: impl Fn(&str) -> Option<&'a str>) -> [&'static str; 3] {
    let [standard, svix] = FAMILIES;
    if get(standard[0]).is_none() && get(svix[0]).is_some() { svix } else { standard }
}

/// The signatures of a header, by algorithm.
#[derive(Debug, Default)]
struct Entries {
    v1: Vec<Vec<u8>>,
    v1a: Vec<Vec<u8>>,
}

impl Entries {
    /// Entries stand apart by blanks, each `version,base64`. One without a comma, of another version,
    /// or with bad base64 counts for nothing.
    fn parse(header: &str) -> Result<Self, Rejection> {
        if header.split(' ').count() > ENTRIES_MAX {
            return Err(Rejection::Malformed("too many signatures"));
        }
        let mut entries = Self::default();
        for (version, signature) in header.split(' ').filter_map(|entry| entry.split_once(',')) {
            let signature = BASE64.decode(signature).unwrap_or_default();
            match version {
                "v1" => entries.v1.push(signature),
                "v1a" => entries.v1a.push(signature),
                _ => {}
            }
        }
        Ok(entries)
    }
}

/// The fingerprint of the key that made one of the signatures, each tried with its own algorithm's.
fn signer(settings: &Settings, entries: &Entries, signed: &[&[u8]]) -> Result<String, Rejection> {
    let counts_v1 = !settings.secrets.is_empty() && !entries.v1.is_empty();
    let counts_v1a = !settings.public_keys.is_empty() && !entries.v1a.is_empty();
    if !counts_v1 && !counts_v1a {
        return Err(Rejection::WrongAlgorithm);
    }
    let by_secret = settings.secrets.iter().find(|key| {
        let code = key.code(signed);
        entries.v1.iter().any(|signature| is_same(&code, signature))
    });
    if let Some(key) = by_secret {
        return Ok(key.fingerprint().to_owned());
    }
    if counts_v1a {
        let message = signed.concat();
        let mut keys = settings.public_keys.iter();
        let verifies = |key: &&PublicKey| {
            entries.v1a.iter().any(|signature| key.verifies(&message, signature))
        };
        if let Some(key) = keys.find(verifies) {
            return Ok(key.fingerprint().to_owned());
        }
    }
    Err(Rejection::Forged)
}

fn decoded(secrets: &[Secret], material: &mut Material<'_>) -> Option<Vec<MacKey>> {
    let keys: Option<Vec<_>> = secrets.iter().map(key_of).collect();
    if keys.is_none() {
        let rule = format!(
            "a secret is `{SECRET_PREFIX}` and the base64 of {SECRET_BYTES_MIN} to \
             {SECRET_BYTES_MAX} bytes"
        );
        material.problem("secrets", rule);
    }
    keys
}

fn public_keys(section: &Section, material: &mut Material<'_>) -> Option<Vec<PublicKey>> {
    if section.public_keys.len() > PUBLIC_KEYS_MAX {
        material.problem("public_keys", format!("up to {PUBLIC_KEYS_MAX} public keys"));
        return None;
    }
    let mut keys = vec![];
    for text in &section.public_keys {
        match PublicKey::parse(text) {
            Ok(key) => keys.push(key),
            Err(rule) => material.problem("public_keys", rule),
        }
    }
    (keys.len() == section.public_keys.len()).then_some(keys)
}

#[cfg(test)]
mod tests;
