//! One dead letter as it came off the queue: who it is, what it is about, why it died. Pure.
//!
//! **Invariant**: the body is kept as it is, whatever it is. Everything else has a limit, and what was
//! cut is named. Only a message whose seal is right counts as one of ours.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shared::broker::Delivery;
use shared::message::dead::{self, Claims};
use shared::message::parcel::{Header, Parcel};
use shared::message::seal::{SealKeys, Unsealed};
use shared::message::{self, Message, Number, statement};
use shared::money::Money;
use shared::provider::{Provider, Readers};
use time::OffsetDateTime;
use uuid::Uuid;

use super::fingerprint::{Fingerprint, cut, fingerprint, normalise};
use crate::ledger::erasure::Part;

mod content;

/// Headers that are kept; our own messages have fewer than thirty.
const HEADERS_MAX: usize = 64;
/// Bytes of one header's text that are kept.
const HEADER_MAX_BYTES: usize = 8 * 1024;
/// Bytes of a property that are kept: the protocol's own limit.
const PROPERTY_MAX_BYTES: usize = 255;
/// Bytes of a stage, a code or a version.
const WORD_MAX_BYTES: usize = 64;
/// What stands where nothing readable does.
const UNKNOWN: &str = "unknown";
/// Years that a claimed time may lie in.
const YEARS: std::ops::Range<i32> = 2000..2200;

/// What the morgue records of one delivery.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Its id if it is new.
    pub id: Uuid,
    /// What makes two deliveries the same letter.
    pub identity: [u8; 32],
    pub message_id: String,
    pub provider: String,
    pub account: Option<String>,
    /// What it is about, where that can be read.
    pub parts: Vec<Part>,
    pub money: Option<Money>,
    /// Of a message whose seal is right alone.
    pub number: Option<Number>,
    pub received_at: Option<OffsetDateTime>,
    pub death: Death,
    pub envelope: Envelope,
    pub body: Bytes,
}

/// One failure, as its headers tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    pub fingerprint: Fingerprint,
    pub stage: String,
    pub code: String,
    /// Normalised: codes and no values.
    pub cause: String,
    pub attempts: u32,
    pub first_failed_at: Option<OffsetDateTime>,
    pub last_failed_at: Option<OffsetDateTime>,
    pub worker: Option<String>,
    /// Which item of a replay failed.
    pub item: Option<Uuid>,
}

/// A parcel without its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    pub kind: String,
    pub content_type: Option<String>,
    pub timestamp_s: i64,
    pub headers: Vec<(String, Header)>,
    pub body_bytes: usize,
    pub body_sha256: String,
    /// What was longer than its limit.
    pub cut: Vec<String>,
}

impl Letter {
    /// Reads a delivery. What no ingress of ours sealed is kept, and not read; nor is what may end us.
    pub fn examine(
        delivery: &Delivery,
        (keys, readers): (&SealKeys, &Readers),
        now: OffsetDateTime,
    ) -> Self {
        let parcel = &delivery.parcel;
        let opened = Message::open(parcel, keys);
        let message = opened.as_ref().ok();
        let notifications = match message {
            Some(message) if !content::may_crash(delivery) => content::read(message, readers),
            Some(_) | None => vec![],
        };
        let account = parcel.text(message::ACCOUNT).map(|text| plain(text, PROPERTY_MAX_BYTES));
        let provider = provider_of(&parcel.kind);
        let envelope = Envelope::of(parcel);
        Self {
            id: Uuid::now_v7(),
            identity: identity(parcel, message),
            message_id: plain(&parcel.id, PROPERTY_MAX_BYTES),
            parts: content::parts(account.as_deref().unwrap_or_default(), &notifications),
            money: notifications.iter().find_map(content::money),
            number: message.map(|message| message.number).filter(|number| number.seq > 0),
            received_at: message::claimed_received_at(parcel)
                .filter(|at| YEARS.contains(&at.year()))
                .map(|at| at.min(now)),
            death: Death::of(parcel, provider, opened.as_ref().err()),
            provider: provider.to_owned(),
            account,
            envelope,
            body: parcel.body.clone(),
        }
    }

    /// The first order's number that it names.
    pub fn order_number(&self) -> Option<&str> {
        self.parts.iter().find_map(|part| part.order_number.as_deref())
    }

    /// The same without a stranger's words, for a ledger that refuses one of them.
    pub fn bare(&self) -> Self {
        let envelope = self.envelope.clone().bare();
        let (account, parts, money) = (None, vec![], None);
        Self { message_id: String::new(), account, parts, money, envelope, ..self.clone() }
    }
}

impl Death {
    /// Whoever did not seal a message does not choose what it died of either.
    fn of(parcel: &Parcel, provider: &str, unsealed: Option<&Unsealed>) -> Self {
        let Claims { stage, code, cause, worker, first_failed_at, last_failed_at, item } =
            dead::claims(parcel);
        let (stage, code, cause) = match unsealed {
            Some(why) => {
                (dead::SEAL_STAGE.to_owned(), why.code().to_owned(), normalise(&why.to_string()))
            }
            None => {
                let (stage, code) = (word(stage), word(code));
                let cause = cause.map_or_else(|| code.clone(), normalise);
                (stage, code, cause)
            }
        };
        let within = |at: &OffsetDateTime| YEARS.contains(&at.year());
        Self {
            fingerprint: fingerprint(&stage, &code, provider, &cause),
            stage,
            code,
            cause,
            attempts: message::attempt(parcel).saturating_add(1),
            first_failed_at: first_failed_at.filter(within),
            last_failed_at: last_failed_at.filter(within),
            worker: worker.map(|text| plain(text, WORD_MAX_BYTES)),
            item,
        }
    }
}

impl Envelope {
    fn of(parcel: &Parcel) -> Self {
        let mut shortened = vec![];
        let mut short = |name: &str, text: &str, max_bytes| {
            if text.len() > max_bytes {
                shortened.push(cut(name, WORD_MAX_BYTES).to_owned());
            }
            cut(text, max_bytes).to_owned()
        };
        let mut headers = vec![];
        for (name, value) in parcel.headers.iter().take(HEADERS_MAX) {
            let value = match value {
                Header::Text(text) => Header::Text(short(name, text, HEADER_MAX_BYTES)),
                Header::Number(number) => Header::Number(*number),
            };
            headers.push((short("a header's name", name, PROPERTY_MAX_BYTES), value));
        }
        let kind = short("type", &parcel.kind, PROPERTY_MAX_BYTES);
        let content_type = parcel.content_type.as_ref();
        let content_type = content_type.map(|text| short("content_type", text, PROPERTY_MAX_BYTES));
        short("message_id", &parcel.id, PROPERTY_MAX_BYTES);
        if parcel.headers.len() > HEADERS_MAX {
            shortened.push(format!("{} headers", parcel.headers.len() - HEADERS_MAX));
        }
        let hash = Sha256::digest(&parcel.body);
        Self {
            kind,
            content_type,
            timestamp_s: parcel.timestamp_s,
            headers,
            body_bytes: parcel.body.len(),
            body_sha256: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            cut: shortened,
        }
    }

    /// The same without a stranger's words.
    pub fn bare(self) -> Self {
        Self {
            kind: String::new(),
            content_type: None,
            headers: vec![],
            cut: vec!["everything but the body".to_owned()],
            ..self
        }
    }

    /// The parcel that it came from, unless a part of that was cut.
    pub fn parcel(&self, message_id: &str, body: Vec<u8>) -> Option<Parcel> {
        self.cut.is_empty().then(|| Parcel {
            id: message_id.to_owned(),
            kind: self.kind.clone(),
            content_type: self.content_type.clone(),
            timestamp_s: self.timestamp_s,
            headers: self.headers.clone(),
            body: body.into(),
        })
    }
}

/// A message of ours is known by its number, and a replay of it too, which is sealed anew; anything else
/// by all that it bears but what tells of its failure.
fn identity(parcel: &Parcel, message: Option<&Message>) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(b"quittance dead letter 1\0");
    let mut field = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    field(parcel.id.as_bytes());
    match message {
        Some(message) => {
            field(b"sealed");
            field(message.number.epoch.as_bytes());
            field(&message.number.seq.to_be_bytes());
        }
        None => {
            field(parcel.kind.as_bytes());
            let mut headers: Vec<_> =
                parcel.headers.iter().filter(|(name, _)| !dead::is_of_a_failure(name)).collect();
            headers.sort_by(|one, other| one.0.cmp(&other.0));
            for (name, value) in headers {
                field(name.as_bytes());
                match value {
                    Header::Text(text) => field(text.as_bytes()),
                    Header::Number(number) => field(&number.to_be_bytes()),
                }
            }
        }
    }
    field(&parcel.body);
    hash.finalize().into()
}

fn provider_of(kind: &str) -> &'static str {
    match Provider::from_word(kind) {
        Some(provider) => provider.as_str(),
        None if kind == statement::KIND => statement::KIND,
        None => UNKNOWN,
    }
}

/// A word such as ours, or none.
fn word(text: Option<&str>) -> String {
    let is_ours = |text: &&str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        !text.is_empty() && text.len() <= WORD_MAX_BYTES && text.bytes().all(plain)
    };
    text.filter(is_ours).unwrap_or(UNKNOWN).to_owned()
}

/// Without what no table holds.
fn plain(text: &str, max_bytes: usize) -> String {
    cut(&text.replace('\0', ""), max_bytes).to_owned()
}

#[cfg(test)]
mod tests;
