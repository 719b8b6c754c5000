//! The run's own clock: it goes on with the runtime's paused time, and can be put forward.
//!
//! The code under test reads the machine's clock at its edges and hands `now` to the ledger. The machine's clock
//! stands still while simulated minutes pass, so the wire to the ledger tells this one's time instead.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use time::OffsetDateTime;
use time::macros::datetime;
use tokio::time::Instant;

use crate::sky::lock;

/// A few minutes after what the pool's payments tell.
const BEGINNING: OffsetDateTime = datetime!(2026-11-23 04:05 UTC);

/// Clones share it.
#[derive(Clone)]
pub(crate) struct Clock {
    begun: Instant,
    ahead: Arc<Mutex<Duration>>,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { begun: Instant::now(), ahead: Arc::default() }
    }

    /// In whole microseconds, as the ledgers keep them.
    pub(crate) fn now(&self) -> OffsetDateTime {
        let passed = self.begun.elapsed() + *lock(&self.ahead);
        BEGINNING + Duration::from_micros(u64::try_from(passed.as_micros()).unwrap_or(u64::MAX))
    }

    /// Nobody waits for it: timers do not move.
    pub(crate) fn put_forward(&self, by: Duration) {
        *lock(&self.ahead) += by;
    }
}
