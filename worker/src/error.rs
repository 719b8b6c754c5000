//! What becomes of a delivery: the last of the three pure judges.

use std::fmt;
use std::time::Duration;

use rand::Rng;
use shared::message::dead::{CRASH_STAGE, SEAL_STAGE};
use shared::message::seal::Unsealed;
use shared::provider::Unreadable;
use shared::retry::Schedule;

use crate::ledger::dead_letters::fingerprint::normalise;
use crate::ledger::{Bucket, LedgerError};

/// Deliveries that came back this often are read alone: a reader may have died of them, or lost its connection.
pub const RETURNS_ALONE: u32 = 2;
/// Deliveries of which so many readers died that read nothing else are buried.
pub const CRASHES_MAX: u32 = 3;
/// Whatever was written down of them, deliveries that came back this often are buried; well before the broker does.
pub const RETURNS_MAX: u32 = 500;

/// Where deliveries end; `broker` and `unknown` are what RabbitMQ buried, and what says nothing that we know.
pub const STAGES: [&str; 6] = [SEAL_STAGE, "read", "settle", CRASH_STAGE, "broker", "unknown"];
/// What they end of; the last ones are RabbitMQ's words.
pub const CODES: [&str; 16] = [
    "no_message_of_ours",
    "unknown_key",
    "broken",
    "unreadable",
    "undecryptable",
    "not_ours",
    "unknown_account",
    "unknown_provider",
    "refused",
    "out_of_attempts",
    "reader_crashed",
    "unknown",
    "rejected",
    "expired",
    "maxlen",
    "delivery_limit",
];

/// Why a delivery could not be settled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("its reader crashed {0} times")]
    Crashing(u32),
    #[error("{0}")]
    Unsealed(#[from] Unsealed),
    #[error("{0}")]
    Unreadable(#[from] Unreadable),
    #[error("its provider is not known here")]
    UnknownProvider,
    /// It may be new, and this worker's configuration older than the ingress's.
    #[error("its account is not configured here")]
    UnknownAccount,
    #[error("{0}")]
    Ledger(#[from] LedgerError),
}

/// What to do with a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// It is recorded: acknowledge it.
    Ack(Bucket),
    RetryIn(Duration),
    Bury(Grave),
    /// The ledger is away: take nothing more, and acknowledge nothing.
    Pause,
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ack(bucket) => write!(f, "acknowledge ({})", bucket.as_str()),
            Self::RetryIn(delay) => write!(f, "retry in {} ms", delay.as_millis()),
            Self::Bury(Grave { stage, code, .. }) => write!(f, "bury ({stage}/{code})"),
            Self::Pause => f.write_str("pause"),
        }
    }
}

/// Where and why a delivery ended. Nothing of it quotes the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grave {
    pub stage: &'static str,
    pub code: &'static str,
    /// The failure in words, without values.
    pub cause: String,
}

/// Whoever adds a failure decides here what it asks for.
pub fn dispose(
    result: &Result<Bucket, Failure>,
    attempt: u32,
    schedule: &Schedule,
    rng: &mut impl Rng,
) -> Disposition {
    let failure = match result {
        Ok(bucket) => return Disposition::Ack(*bucket),
        Err(failure) => failure,
    };
    let bury = |stage, code| {
        let cause = normalise(&failure.to_string());
        Disposition::Bury(Grave { stage, code, cause })
    };
    match failure {
        Failure::Crashing(_) => bury(CRASH_STAGE, "reader_crashed"),
        Failure::Unsealed(unsealed) => bury(SEAL_STAGE, unsealed.code()),
        Failure::Unreadable(Unreadable::Malformed(_)) => bury("read", "unreadable"),
        Failure::Unreadable(Unreadable::Undecryptable) => bury("read", "undecryptable"),
        Failure::Unreadable(Unreadable::NotOurs(_)) => bury("read", "not_ours"),
        Failure::UnknownAccount => match schedule.delay_after(attempt, rng) {
            Some(delay) => Disposition::RetryIn(delay),
            None => bury("read", "unknown_account"),
        },
        Failure::UnknownProvider => bury("read", "unknown_provider"),
        Failure::Ledger(LedgerError::Refused(_)) => bury("settle", "refused"),
        Failure::Ledger(LedgerError::Unreachable(_)) => Disposition::Pause,
        Failure::Ledger(LedgerError::Conflict(_) | LedgerError::Fault(_)) => {
            match schedule.delay_after(attempt, rng) {
                Some(delay) => Disposition::RetryIn(delay),
                None => bury("settle", "out_of_attempts"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::mock::StepRng;

    fn disposed(result: Result<Bucket, Failure>, attempt: u32) -> Disposition {
        dispose(&result, attempt, &Schedule::default(), &mut StepRng::new(u64::MAX, 0))
    }

    fn ledger(error: LedgerError) -> Result<Bucket, Failure> {
        Err(Failure::Ledger(error))
    }

    #[test]
    fn the_whole_disposition() {
        let bury = |stage, code| {
            Disposition::Bury(Grave { stage, code, cause: "in its own words".to_owned() })
        };
        let text = String::new;
        for (result, attempt, expected) in [
            (Ok(Bucket::Case), 0, Disposition::Ack(Bucket::Case)),
            (Err(Failure::Crashing(5)), 0, bury("crash", "reader_crashed")),
            (Err(Failure::Unsealed(Unsealed::Broken)), 0, bury("seal", "broken")),
            (Err(Failure::Unreadable(Unreadable::Malformed("x"))), 0, bury("read", "unreadable")),
            (Err(Failure::Unreadable(Unreadable::NotOurs("mchid"))), 0, bury("read", "not_ours")),
            (Err(Failure::UnknownAccount), 0, Disposition::RetryIn(Duration::from_secs(1))),
            (Err(Failure::UnknownAccount), 6, bury("read", "unknown_account")),
            (ledger(LedgerError::Refused(text())), 0, bury("settle", "refused")),
            (ledger(LedgerError::Unreachable(text())), 9, Disposition::Pause),
            (ledger(LedgerError::Fault(text())), 0, Disposition::RetryIn(Duration::from_secs(1))),
            (
                ledger(LedgerError::Conflict(text())),
                1,
                Disposition::RetryIn(Duration::from_secs(5)),
            ),
            (ledger(LedgerError::Fault(text())), 6, bury("settle", "out_of_attempts")),
        ] {
            let disposition = match disposed(result.clone(), attempt) {
                Disposition::Bury(Grave { stage, code, cause }) => {
                    assert!(!cause.is_empty());
                    assert!(STAGES.contains(&stage) && CODES.contains(&code), "{stage} {code}");
                    bury(stage, code)
                }
                other => other,
            };
            assert_eq!(disposition, expected, "{result:?} {attempt}");
        }
    }

    #[test]
    fn a_grave_names_the_cause_and_no_value() {
        let refused = LedgerError::Refused("payments_pkey".to_owned());
        let Disposition::Bury(grave) = disposed(ledger(refused), 0) else { panic!("not buried") };
        assert_eq!(grave.cause, "the ledger refused the data: payments_pkey");
        let Disposition::Bury(grave) = disposed(Err(Failure::Crashing(5)), 0) else {
            panic!("not buried")
        };
        assert_eq!(grave.cause, "its reader crashed # times");
    }
}
