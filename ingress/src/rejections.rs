//! Rejections, counted by what caused them.
//!
//! **Invariant**: a diagnosis begins after the answer is decided, on a thread that serves nobody, and
//! changes nothing. A flood of forgeries costs a bounded share of the machine, since only a few are
//! looked into; the others are counted as `undiagnosed`.

use std::sync::{Arc, Mutex, PoisonError};

use metrics::counter;
use shared::provider::diagnosis::{Case, Effort, diagnose};
use shared::provider::{Accounts, Provider, Received, Rejection};
use time::OffsetDateTime;
use tokio::sync::Semaphore;
use tracing::info;

/// Diagnoses that begin within one second. One takes up to some 10 ms.
const DIAGNOSES_PER_SECOND: u32 = 5;
/// Diagnoses at a time.
const AT_ONCE_MAX: usize = 1;
const UNDIAGNOSED: &str = "undiagnosed";

/// Counts rejections, and looks into some of them.
pub struct Rejections {
    begun: Mutex<Begun>,
    places: Arc<Semaphore>,
}

/// A request that was answered with the reject form.
pub struct Rejected {
    pub account: String,
    pub provider: Provider,
    pub rejection: Rejection,
    /// As they were when it was verified.
    pub accounts: Arc<Accounts>,
    pub received: Received,
    pub received_at: OffsetDateTime,
}

/// How many diagnoses began within a second.
#[derive(Default)]
struct Begun {
    /// Unix time.
    second: i64,
    count: u32,
}

impl Default for Rejections {
    fn default() -> Self {
        let places = Arc::new(Semaphore::new(AT_ONCE_MAX));
        Self { begun: Mutex::default(), places }
    }
}

impl Rejections {
    /// Counts one; where it is looked into, a moment later.
    pub fn count(&self, rejected: Rejected) {
        let second = rejected.received_at.unix_timestamp();
        let place = Arc::clone(&self.places).try_acquire_owned();
        let (Ok(place), true) = (place, self.lock().take(second)) else {
            return rejected.add(UNDIAGNOSED);
        };
        tokio::task::spawn_blocking(move || {
            let cause = rejected.cause();
            drop(place);
            info!(account = rejected.account, cause, "diagnosed");
            rejected.add(cause);
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Begun> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rejected {
    fn cause(&self) -> &'static str {
        let Some(account) = self.accounts.of(&self.account) else { return UNDIAGNOSED };
        let diagnosed = diagnose(&Case {
            account,
            accounts: &self.accounts,
            own_key: None,
            received: &self.received,
            now: self.received_at,
            effort: Effort::Quick,
        });
        // By now it may verify: a certificate was fetched meanwhile.
        diagnosed.err().map_or(UNDIAGNOSED, |diagnosis| diagnosis.cause.as_str())
    }

    fn add(&self, cause: &'static str) {
        counter!("quittance_rejections_total",
            "provider" => self.provider.as_str(), "account" => self.account.clone(),
            "reason" => self.rejection.reason(), "cause" => cause)
        .increment(1);
    }
}

impl Begun {
    /// One more in this second, if there is room.
    fn take(&mut self, second: i64) -> bool {
        if self.second != second {
            *self = Self { second, count: 0 };
        }
        self.count += 1;
        self.count <= DIAGNOSES_PER_SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_room_for_a_few() {
        let mut begun = Begun::default();
        for second in [7, 8, 7] {
            let taken = (0..100).filter(|_| begun.take(second)).count();
            assert_eq!(taken, DIAGNOSES_PER_SECOND as usize);
        }
    }
}
