//! Requests that failed verification, kept until other keys prove them, or until they are too old.
//!
//! **Invariant**: nothing is enqueued from here but what [`provider::verify`] proves anew; keeping
//! costs the door no wait; and number, bytes, age and rate of what is kept have limits.
//!
//! [`provider::verify`]: shared::provider::verify

use std::sync::{Arc, Mutex, PoisonError};

use metrics::counter;
use shared::config::account::Choices;
use shared::config::{Config, Problem};
use shared::provider::{Account, Rejection, Request};
use time::OffsetDateTime;
use tokio::sync::{mpsc, watch};
use tracing::debug;
use uuid::{Builder, Uuid};

pub mod allowance;
pub mod folder;
pub mod kept;
pub mod recheck;
pub mod tending;

use self::allowance::{Allowance, Limits, Refusal};
use self::folder::Folder;
use self::kept::About;
use self::tending::{Tender, Writer};
use crate::certificates::Certificates;

/// Requests that may wait for the disk; more are not kept.
const WAITING_MAX: usize = 32;

/// The door's side of it.
pub struct Quarantine {
    /// Among them the accounts of which requests are kept.
    choices: watch::Receiver<Arc<Choices>>,
    allowance: Arc<Mutex<Allowance>>,
    desk: mpsc::Sender<Job>,
}

/// A request on its way to the disk.
struct Job {
    id: Uuid,
    about: About,
    request: Request,
}

/// What keeps, and what looks after what is kept.
pub struct Parts {
    pub quarantine: Arc<Quarantine>,
    pub writer: Writer,
    pub tender: Tender,
}

/// Opens the folder; nothing where no key is configured.
pub fn open(
    config: &Config,
    choices: watch::Receiver<Arc<Choices>>,
) -> Result<Option<Parts>, Problem> {
    let Some(cipher) = config.quarantine_cipher()? else { return Ok(None) };
    let section = &config.quarantine;
    let path = config.resolve(&section.folder);
    let folder = Folder::open(path.clone(), cipher).map_err(|error| Problem {
        key: "quarantine.folder".to_owned(),
        message: format!("{}: {error}", path.display()),
    })?;
    let limits = Limits {
        requests_max: u64::from(section.requests_max),
        bytes_max: section.bytes_max.0 as u64,
        per_minute_max: section.per_minute_max,
    };
    let (folder, allowance) = (Arc::new(folder), Arc::new(Mutex::new(Allowance::new(limits))));
    let (desk, jobs) = mpsc::channel(WAITING_MAX);
    let writer = Writer { folder: Arc::clone(&folder), jobs };
    let tender = Tender {
        folder,
        allowance: Arc::clone(&allowance),
        age_max: section.age_max.0,
        certificates: Certificates::default(),
    };
    let quarantine = Arc::new(Quarantine { choices, allowance, desk });
    Ok(Some(Parts { quarantine, writer, tender }))
}

impl Quarantine {
    /// Are requests to this account kept?
    pub fn is_for(&self, account: &str) -> bool {
        self.choices.borrow().quarantined.contains(account)
    }

    /// Keeps the request if other keys could mend it and there is room for it. Never waits.
    pub fn keep(
        &self,
        account: &Account,
        request: Request,
        rejection: Rejection,
        received_at: OffsetDateTime,
    ) {
        if !rejection.is_mendable() {
            return;
        }
        let bytes = request.body.len() as u64;
        let admitted = {
            let mut allowance = self.allowance.lock().unwrap_or_else(PoisonError::into_inner);
            allowance.admit(&account.name, bytes, received_at)
        };
        let outcome = match admitted {
            Err(refusal @ (Refusal::Full | Refusal::Limited)) => refusal.as_str(),
            Ok(()) => {
                let about = About {
                    account: account.name.clone(),
                    provider: account.provider().as_str().to_owned(),
                    reason: rejection.reason().to_owned(),
                    received_at,
                    bytes,
                };
                let id = id_at(received_at);
                match self.desk.try_send(Job { id, about, request }) {
                    Ok(()) => return debug!(%id, account = account.name, "to be kept"),
                    // The writer counts those that it is given; the next scan takes the place back.
                    Err(_) => "busy",
                }
            }
        };
        count(&account.name, outcome);
    }
}

/// A new id that tells when the request came, to the microsecond: files sort by it, and age by it.
/// Source: RFC 9562 §6.2, method 3.
fn id_at(received_at: OffsetDateTime) -> Uuid {
    let micros = u64::try_from(received_at.unix_timestamp_nanos() / 1_000).unwrap_or(0);
    let [_, _, _, _, _, _, mut rest @ ..] = Uuid::now_v7().into_bytes();
    let fraction = u16::try_from(micros % 1_000 * 4_096 / 1_000).unwrap_or(0);
    [rest[0], rest[1]] = fraction.to_be_bytes();
    Builder::from_unix_timestamp_millis(micros / 1_000, &rest).into_uuid()
}

fn count(account: &str, outcome: &'static str) {
    counter!("quittance_quarantine_total", "account" => account.to_owned(), "outcome" => outcome)
        .increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;
    use time::macros::datetime;

    #[test]
    fn ids_sort_by_the_time_of_receipt_and_are_never_the_same() {
        let at = datetime!(2026-11-23 12:00:00.000_998 UTC);
        let ids: Vec<_> = (0..4).map(|micros| id_at(at + Duration::microseconds(micros))).collect();
        assert!(ids.is_sorted(), "{ids:?}");
        assert_eq!(ids[0].get_version_num(), 7);
        assert_ne!(id_at(at), id_at(at));
    }
}
