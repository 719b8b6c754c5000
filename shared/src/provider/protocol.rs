//! What a provider's file says, always in this order: configuration, verify, read, replies. Signing,
//! for simulation, is its last function.

use std::collections::BTreeSet;
use std::fmt::Debug;

use serde::de::DeserializeOwned;
use time::{Duration, OffsetDateTime};

use super::Request;
use super::material::Material;
use super::public_key::{HashFunction, PublicKey};
use crate::money::Money;
use crate::notification::Notification;
use crate::order::Mode;

mod rejection;

pub use self::rejection::Rejection;

/// The longest number that a provider documents has 64 characters.
const NUMBER_MAX_BYTES: usize = 128;

/// Every field is personal: nothing is known of them.
pub(crate) const EVERYTHING: &[&str] = &["*"];

/// One provider's protocol.
pub(crate) trait Protocol {
    /// Its own keys of `[accounts.NAME]`.
    type Section: DeserializeOwned + Debug + Clone;
    /// What proves a request; an ingress holds it.
    type Settings: Debug + Clone;
    /// What only reading needs; a worker holds it.
    type Reader: Debug + Clone;

    /// The HTTP headers that it reads beside `content-type`, in lower case.
    const HEADERS: &'static [&'static str] = &[];
    /// Those of them that reading needs, sorted: they travel with the message, under its seal.
    const CARRIED: &'static [&'static str] = &[];
    /// The names of fields that tell who paid; what stands below one is personal too.
    const PERSONAL: &'static [&'static str] = EVERYTHING;
    /// What stops the provider from sending it again, to the byte.
    const ACCEPT: Reply;
    /// What makes the provider send it again.
    const REJECT: Reply;
    /// How long after a payment the provider takes a refund of it, where its documentation says so for
    /// every payment; where it means a year of whatever length, the shortest.
    const REFUND_WITHIN: Option<Duration> = None;

    /// Reads keys and checks values; nothing when a problem was noted.
    fn settings(section: &Self::Section, material: &mut Material<'_>) -> Option<Self::Settings>;

    /// The same for what reading needs.
    fn reader(section: &Self::Section, material: &mut Material<'_>) -> Option<Self::Reader>;

    /// Whether its own keys say that real money moves, or that it is a sandbox.
    fn mode(_: &Self::Section) -> Option<Mode> {
        None
    }

    /// Takes over what a process learnt under the settings before, as far as these still stand for it.
    fn inherit(_: &mut Self::Settings, _: &Self::Settings) {}

    /// What an operator sees of the keys.
    fn keys(settings: &Self::Settings) -> Vec<KeyNote>;

    /// Proves a request genuine and ours.
    fn verify(
        settings: &Self::Settings,
        request: &Request,
        now: OffsetDateTime,
    ) -> Result<Proof, Rejection>;

    /// Proves the pairs that the payer's browser brings back, as `application/x-www-form-urlencoded`.
    fn verify_return(
        _: &Self::Settings,
        _: &[u8],
        _: OffsetDateTime,
    ) -> Result<Returned, Rejection> {
        Err(Rejection::NoReturn)
    }

    /// The headers without which nothing is proven. Only the doctor asks, to name what is missing.
    fn needed(_: &Self::Settings, _: &Request) -> &'static [&'static str] {
        Self::HEADERS
    }

    /// The RSA signature that a request bears. Only the doctor asks, to see whose it is.
    fn rsa(_: &Self::Settings, _: &Request, _: OffsetDateTime) -> Option<RsaSignature> {
        None
    }

    /// Why the certificate that a request brings is not trusted. Only the doctor asks.
    fn distrust(_: &Self::Settings, _: &Request, _: OffsetDateTime) -> Option<Distrust> {
        None
    }

    /// Which field or header shows that a request is of the provider's other environment, sandbox or
    /// production. Nothing of it needs to be proven: only the doctor asks.
    fn other_environment(_: &Self::Settings, _: &Request) -> Option<&'static str> {
        None
    }

    /// The body without what these notifications of it say, their places kept; where a provider puts
    /// several into one request. Nothing: it cannot be taken apart.
    fn redact(_: &[u8], _: &BTreeSet<usize>) -> Option<Vec<u8>> {
        None
    }

    /// Reads what [`Protocol::verify`] let in. A type that is not known is no error: it has no fact. Whether
    /// its times can be recorded is judged once for all providers.
    fn read(reader: &Self::Reader, genuine: &Genuine<'_>) -> Result<Vec<Notification>, Unreadable>;
}

/// A signature, and the keys that may have made it.
pub(crate) struct RsaSignature {
    pub(crate) keys: Vec<PublicKey>,
    pub(crate) signature: Vec<u8>,
    /// What it must hash with.
    pub(crate) hash: HashFunction,
    /// Does the request name the very key, so that a name which is not known is all that is wrong?
    pub(crate) names_key: bool,
}

/// What stands against a certificate, in one clause that quotes nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Distrust {
    /// Nothing that is configured stands for it.
    Unknown(&'static str),
    /// What is configured might, but something of it is not right.
    Refused(&'static str),
}

/// What a provider's file returns of a genuine request.
pub struct Proof {
    /// [`KeyNote::id`] of the key that verified it.
    pub(crate) key: String,
    /// What the request is about, as bytes: only to spread load.
    pub(crate) subject: Vec<u8>,
}

/// Verified bytes on their way to be read.
#[derive(Debug, Clone, Copy)]
pub struct Genuine<'a> {
    /// The carried HTTP headers, by lower-case name.
    pub http: &'a [(String, String)],
    pub received_at: OffsetDateTime,
    pub body: &'a [u8],
}

/// What a payer's browser brought back, proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// The number under which the shop offered the order.
    pub order_number: String,
    pub amount: Option<Money>,
}

/// One configured key as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyNote {
    /// The provider's own name of it (a serial, a `PUB_KEY_ID_`), else its fingerprint.
    pub id: String,
    /// The first bytes of a SHA-256 over the key, in hex: over a public key's SPKI, so that whoever has
    /// the file can make it, too.
    pub fingerprint: String,
    /// Such as `RSA 2048`, `certificate RSA 2048`, `HMAC-SHA256`, `Ed25519`.
    pub kind: String,
    /// When its certificate ends; a bare key has no end.
    pub expires_at: Option<OffsetDateTime>,
    /// The id of the configured certificate that issued it: what the one verifies, both have.
    pub issuer: Option<String>,
    pub renewal: Renewal,
}

/// Who sees to a key's successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// Whoever configured it.
    Operator,
    /// The ingress, which fetched it, and will fetch the next one.
    Fetching,
}

impl KeyNote {
    /// A key that has no name but its fingerprint, and no end.
    pub fn bare(fingerprint: impl Into<String>, kind: impl Into<String>) -> Self {
        let fingerprint = fingerprint.into();
        Self {
            id: fingerprint.clone(),
            fingerprint,
            kind: kind.into(),
            expires_at: None,
            issuer: None,
            renewal: Renewal::Operator,
        }
    }
}

/// An answer in the provider's own form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    /// For what is not malformed, too large, too slow, or not published.
    pub status: u16,
    pub content_type: &'static str,
    pub body: &'static str,
}

/// A genuine body that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("unreadable: {0}")]
    Malformed(&'static str),
    /// The key for reading is another than the sender's.
    #[error("it cannot be decrypted with the configured key")]
    Undecryptable,
    /// What says whose it is could only be seen by reading.
    #[error("it is genuine, but for another `{0}`")]
    NotOurs(&'static str),
}

/// A text of a payload that becomes a number of something: not long, and without control characters.
pub(crate) fn check_number(text: &str) -> Result<String, Unreadable> {
    if text.is_empty() || text.len() > NUMBER_MAX_BYTES {
        return Err(Unreadable::Malformed("a field is empty or too long"));
    }
    if text.chars().any(char::is_control) {
        return Err(Unreadable::Malformed("a field has a control character"));
    }
    Ok(text.to_owned())
}

/// Is a signed time, in Unix seconds as text, strictly less than `window` away from now?
pub(crate) fn check_fresh(
    text: &str,
    now: OffsetDateTime,
    window: Duration,
) -> Result<(), Rejection> {
    if text.is_empty() || text.len() > 12 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Rejection::Malformed("a timestamp that is no number of seconds"));
    }
    let seconds: i64 = text.parse().map_err(|_| Rejection::Malformed("a timestamp"))?;
    let away = (now.unix_timestamp() - seconds).unsigned_abs();
    if away < window.whole_seconds().unsigned_abs() { Ok(()) } else { Err(Rejection::Stale) }
}
