//! A message between the ingress and the workers: the provider's untouched bytes, and what we say
//! about them in AMQP properties and headers.
//!
//! **Invariant**: a [`Message`] read from a queue bears a right [`seal`]; whoever may write to the
//! broker but has no seal key cannot make one.

use bytes::Bytes;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

pub mod fence;
pub mod parcel;
pub mod seal;
pub mod statement;
pub mod dead;

use self::parcel::{Header, Parcel};
use self::seal::{SealKeys, Unsealed};

pub const ACCOUNT: &str = "quittance-account";
const ATTEMPT: &str = "quittance-attempt";
const RECEIVED_AT: &str = "quittance-received-at";
const KEY: &str = "quittance-key";
const EPOCH: &str = "quittance-epoch";
const SEQ: &str = "quittance-seq";
const SEAL: &str = "quittance-seal";
const HTTP_PREFIX: &str = "quittance-http-";
const TRACEPARENT: &str = "traceparent";
/// Bytes of an id that a log shows; a UUID has 36.
const LOGGED_ID_MAX_BYTES: usize = 64;

/// One accepted HTTP request, one statement of an ingress about its numbers, or one [`fence`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// UUIDv7, one per accepted request; the broker's `message_id`.
    pub id: Uuid,
    /// The provider's name, or [`statement::KIND`], or [`fence::KIND`]; the broker's `type`.
    pub kind: String,
    pub account: String,
    /// Which of the account's keys verified it.
    pub key: String,
    /// How often it was retried: 0 first.
    pub attempt: u32,
    pub received_at: OffsetDateTime,
    pub number: Number,
    pub content_type: Option<String>,
    /// The HTTP headers that the provider's file needs to read it again, by lower-case name.
    pub http: Vec<(String, String)>,
    pub traceparent: Option<String>,
    pub body: Bytes,
}

/// Which message of which ingress process: epochs count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number {
    pub epoch: Uuid,
    pub seq: i64,
}

impl Message {
    /// One of our own about the others: it bears the number 0, which is no notification's.
    fn about(kind: &str, epoch: Uuid, what: &impl Serialize, received_at: OffsetDateTime) -> Self {
        Self {
            id: Uuid::now_v7(),
            kind: kind.to_owned(),
            account: String::new(),
            key: String::new(),
            attempt: 0,
            received_at,
            number: Number { epoch, seq: 0 },
            content_type: Some("application/json".to_owned()),
            http: vec![],
            traceparent: None,
            // Plain numbers and a uuid always serialise.
            body: Bytes::from(serde_json::to_vec(what).unwrap_or_default()),
        }
    }

    /// The wire form, sealed with the ring's first key.
    pub fn into_parcel(self, keys: &SealKeys) -> Parcel {
        let mut headers = vec![
            (ACCOUNT.to_owned(), Header::Text(self.account.clone())),
            (ATTEMPT.to_owned(), Header::Number(i64::from(self.attempt))),
            (RECEIVED_AT.to_owned(), Header::Text(self.received_at_text())),
            (KEY.to_owned(), Header::Text(self.key.clone())),
            (EPOCH.to_owned(), Header::Text(self.number.epoch.to_string())),
            (SEQ.to_owned(), Header::Number(self.number.seq)),
            (SEAL.to_owned(), Header::Text(keys.seal(&self))),
        ];
        for (name, value) in &self.http {
            headers.push((format!("{HTTP_PREFIX}{name}"), Header::Text(value.clone())));
        }
        if let Some(traceparent) = self.traceparent {
            headers.push((TRACEPARENT.to_owned(), Header::Text(traceparent)));
        }
        Parcel {
            id: self.id.to_string(),
            kind: self.kind,
            content_type: self.content_type,
            timestamp_s: self.received_at.unix_timestamp(),
            headers,
            body: self.body,
        }
    }

    /// Reads the wire form and checks its seal. What fails was not made by an ingress of ours.
    pub fn open(parcel: &Parcel, keys: &SealKeys) -> Result<Self, Unsealed> {
        let text = |name| parcel.text(name).ok_or(Unsealed::Missing(name));
        let message = Self {
            id: parcel.id.parse().map_err(|_| Unsealed::Missing("message_id"))?,
            kind: parcel.kind.clone(),
            account: text(ACCOUNT)?.to_owned(),
            key: text(KEY)?.to_owned(),
            attempt: attempt(parcel),
            received_at: OffsetDateTime::parse(text(RECEIVED_AT)?, &Rfc3339)
                .map_err(|_| Unsealed::Missing(RECEIVED_AT))?,
            number: Number {
                epoch: text(EPOCH)?.parse().map_err(|_| Unsealed::Missing(EPOCH))?,
                seq: parcel.number(SEQ).ok_or(Unsealed::Missing(SEQ))?,
            },
            content_type: parcel.content_type.clone(),
            http: carried(parcel),
            traceparent: parcel.text(TRACEPARENT).map(ToOwned::to_owned),
            body: parcel.body.clone(),
        };
        keys.check(&message, text(SEAL)?)?;
        Ok(message)
    }

    /// The instant as it is written and sealed.
    pub(crate) fn received_at_text(&self) -> String {
        // An instant of the years 0 to 9999 always formats.
        self.received_at.format(&Rfc3339).unwrap_or_default()
    }
}

/// The number in a parcel's headers, read without trusting it: for accounts of what was buried.
pub fn claimed_number(parcel: &Parcel) -> Option<Number> {
    let epoch = parcel.text(EPOCH)?.parse().ok()?;
    // A statement bears the number 0, which is no message's.
    let seq = parcel.number(SEQ).filter(|seq| *seq > 0)?;
    Some(Number { epoch, seq })
}

/// When an ingress received it, read without trusting it.
pub fn claimed_received_at(parcel: &Parcel) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(parcel.text(RECEIVED_AT)?, &Rfc3339).ok()
}

/// A message's id as a log may show it: ours are UUIDs, a stranger's may be anything.
pub fn for_a_log(id: &str) -> &str {
    let is_plain =
        (1..=LOGGED_ID_MAX_BYTES).contains(&id.len()) && id.bytes().all(|it| it.is_ascii_graphic());
    if is_plain { id } else { "unprintable" }
}

/// How often a parcel was retried.
pub fn attempt(parcel: &Parcel) -> u32 {
    parcel.number(ATTEMPT).and_then(|number| u32::try_from(number).ok()).unwrap_or(0)
}

/// The parcel for its next attempt: ours, with fresh headers. What the broker added is dropped,
/// because a copied `x-death` would leave it stuck in its tier.
pub fn next_attempt(parcel: &Parcel, now: OffsetDateTime) -> Parcel {
    let mut next = parcel.without_broker_headers();
    next.set(ATTEMPT, Header::Number(i64::from(attempt(parcel)) + 1));
    dead::note_first_failure(&mut next, now);
    next
}

fn carried(parcel: &Parcel) -> Vec<(String, String)> {
    let mut http: Vec<_> = parcel
        .headers
        .iter()
        .filter_map(|(name, value)| match (name.strip_prefix(HTTP_PREFIX), value) {
            (Some(name), Header::Text(value)) => Some((name.to_owned(), value.clone())),
            _ => None,
        })
        .collect();
    http.sort();
    http
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn message() -> Message {
        Message {
            id: Uuid::now_v7(),
            kind: "alipay".into(),
            account: "shop".into(),
            key: "abc".into(),
            attempt: 0,
            received_at: datetime!(2026-01-02 03:04:05.678 UTC),
            number: Number { epoch: Uuid::now_v7(), seq: 7 },
            content_type: Some("application/x-www-form-urlencoded".into()),
            http: vec![("a".into(), "1".into()), ("b".into(), "2".into())],
            traceparent: None,
            body: Bytes::from_static(b"a=b"),
        }
    }

    #[test]
    fn what_was_sealed_opens_unchanged() {
        let keys = SealKeys::generate();
        let parcel = message().into_parcel(&keys);
        let opened = Message::open(&parcel, &keys).unwrap();
        assert_eq!(opened.clone().into_parcel(&keys), parcel);
    }

    #[test]
    fn one_changed_word_breaks_the_seal() {
        let keys = SealKeys::generate();
        let parcel = message().into_parcel(&keys);
        let mut forgeries = vec![];
        for name in [ACCOUNT, RECEIVED_AT, EPOCH, SEAL, "quittance-http-a"] {
            let other = match name {
                RECEIVED_AT => "2026-01-02T03:04:06Z".to_owned(),
                EPOCH => Uuid::now_v7().to_string(),
                _ => "other".to_owned(),
            };
            let mut forged = parcel.clone();
            forged.set(name, Header::Text(other));
            forgeries.push(forged);
        }
        let mut forged = parcel.clone();
        forged.set(SEQ, Header::Number(8));
        forgeries.push(forged);
        forgeries.push(Parcel { body: Bytes::from_static(b"a=c"), ..parcel.clone() });
        forgeries.push(Parcel { id: Uuid::now_v7().to_string(), ..parcel.clone() });
        forgeries.push(Parcel { kind: "stripe".into(), ..parcel.clone() });
        for forged in forgeries {
            assert!(Message::open(&forged, &keys).is_err(), "{forged:?}");
        }
        assert!(Message::open(&parcel, &SealKeys::generate()).is_err());
    }

    #[test]
    fn a_retry_keeps_its_seal_and_drops_the_brokers_headers() {
        let keys = SealKeys::generate();
        let mut parcel = message().into_parcel(&keys);
        parcel.set("x-death", Header::Text("copied".into()));
        let next = next_attempt(&parcel, datetime!(2026-01-02 03:04:06 UTC));
        assert_eq!(next.text("x-death"), None);
        assert_eq!(Message::open(&next, &keys).unwrap().attempt, 1);
    }
}
