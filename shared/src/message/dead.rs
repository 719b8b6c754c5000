//! What a dead letter's headers tell: what failed, where, when, and in whose hands.
//!
//! **Invariant**: what is written here holds codes and times, never a value of the message.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::parcel::{Header, Parcel};

const STAGE: &str = "quittance-stage";
const ERROR: &str = "quittance-error";
const CAUSE: &str = "quittance-cause";
const FIRST_FAILED_AT: &str = "quittance-first-failed-at";
const LAST_FAILED_AT: &str = "quittance-last-failed-at";
const WORKER: &str = "quittance-worker";
const REPLAY_JOB: &str = "quittance-replay-job";
const REPLAY_ITEM: &str = "quittance-replay-item";
/// The stage of what crashed its readers.
pub const CRASH_STAGE: &str = "crash";
/// The stage of what no ingress of ours sealed, as far as the ring here tells.
pub const SEAL_STAGE: &str = "seal";
/// Why the broker itself buried a message.
const BROKERS_REASON: &str = "x-first-death-reason";

/// Why a worker buries a message.
#[derive(Debug, Clone, Copy)]
pub struct Verdict<'a> {
    pub stage: &'a str,
    pub code: &'a str,
    /// The chain of causes in our words.
    pub cause: &'a str,
    /// The worker's version.
    pub worker: &'a str,
}

/// What the headers of a dead letter say, read without trusting it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claims<'a> {
    pub stage: Option<&'a str>,
    pub code: Option<&'a str>,
    pub cause: Option<&'a str>,
    pub worker: Option<&'a str>,
    pub first_failed_at: Option<OffsetDateTime>,
    pub last_failed_at: Option<OffsetDateTime>,
    /// Which item of a replay it was.
    pub item: Option<Uuid>,
}

/// The parcel as a dead letter.
pub fn buried(parcel: &Parcel, verdict: Verdict<'_>, now: OffsetDateTime) -> Parcel {
    let mut dead = parcel.without_broker_headers();
    for (name, value) in [
        (STAGE, verdict.stage),
        (ERROR, verdict.code),
        (CAUSE, verdict.cause),
        (WORKER, verdict.worker),
        (LAST_FAILED_AT, &text(now)),
    ] {
        dead.set(name, Header::Text(value.to_owned()));
    }
    note_first_failure(&mut dead, now);
    dead
}

/// Notes when it first failed, unless that is known.
pub(super) fn note_first_failure(parcel: &mut Parcel, now: OffsetDateTime) {
    if parcel.text(FIRST_FAILED_AT).is_none() {
        parcel.set(FIRST_FAILED_AT, Header::Text(text(now)));
    }
}

/// Reads the headers of a dead letter. What the broker buried names the broker as the stage.
pub fn claims(parcel: &Parcel) -> Claims<'_> {
    let instant = |name| OffsetDateTime::parse(parcel.text(name)?, &Rfc3339).ok();
    let brokers = parcel.text(BROKERS_REASON);
    Claims {
        stage: parcel.text(STAGE).or(brokers.map(|_| "broker")),
        code: parcel.text(ERROR).or(brokers),
        cause: parcel.text(CAUSE),
        worker: parcel.text(WORKER),
        first_failed_at: instant(FIRST_FAILED_AT),
        last_failed_at: instant(LAST_FAILED_AT),
        item: replay_item(parcel),
    }
}

/// Which item of a replay a parcel is.
pub fn replay_item(parcel: &Parcel) -> Option<Uuid> {
    parcel.text(REPLAY_ITEM)?.parse().ok()
}

/// Names a parcel as an item of a replay.
pub fn replayed(mut parcel: Parcel, job: Uuid, item: Uuid) -> Parcel {
    parcel.set(REPLAY_JOB, Header::Text(job.to_string()));
    parcel.set(REPLAY_ITEM, Header::Text(item.to_string()));
    parcel
}

/// Does this header change from one failure of a message to the next?
pub fn is_of_a_failure(name: &str) -> bool {
    let ours = [STAGE, ERROR, CAUSE, FIRST_FAILED_AT, LAST_FAILED_AT, WORKER];
    let way = [super::ATTEMPT, super::TRACEPARENT, REPLAY_JOB, REPLAY_ITEM];
    name.starts_with("x-") || ours.contains(&name) || way.contains(&name)
}

fn text(at: OffsetDateTime) -> String {
    // An instant of the years 0 to 9999 always formats.
    at.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOON: OffsetDateTime = datetime!(2026-01-02 12:00 UTC);
    const LATER: OffsetDateTime = datetime!(2026-01-02 13:00 UTC);

    fn verdict(code: &str) -> Verdict<'_> {
        Verdict { stage: "read", code, cause: "malformed: total_amount", worker: "1.2.3" }
    }

    #[test]
    fn a_letter_tells_its_first_and_its_last_failure() {
        let mut parcel = Parcel::default();
        parcel.set("x-death", Header::Text("copied".into()));
        let first = buried(&parcel, verdict("one"), NOON);
        let second = buried(&first, verdict("two"), LATER);
        assert_eq!(second.text("x-death"), None);
        let claims = claims(&second);
        assert_eq!((claims.stage, claims.code), (Some("read"), Some("two")));
        assert_eq!(claims.first_failed_at, Some(NOON));
        assert_eq!((claims.last_failed_at, claims.worker), (Some(LATER), Some("1.2.3")));
        assert!(second.headers.iter().all(|(name, _)| is_of_a_failure(name)));
    }

    #[test]
    fn what_the_broker_buried_says_so() {
        let mut parcel = Parcel::default();
        assert_eq!(claims(&parcel), Claims::default());
        parcel.set(BROKERS_REASON, Header::Text("delivery_limit".into()));
        let claims = claims(&parcel);
        assert_eq!((claims.stage, claims.code), (Some("broker"), Some("delivery_limit")));
    }

    #[test]
    fn an_item_of_a_replay_is_named_and_its_headers_are_no_part_of_the_message() {
        let (job, item) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let parcel = replayed(Parcel::default(), job, item);
        assert_eq!(replay_item(&parcel), Some(item));
        assert!(parcel.headers.iter().all(|(name, _)| is_of_a_failure(name)));
    }
}
