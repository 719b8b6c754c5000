//! A lease that is a row with a beat: who holds it adds one, and who does not waits until it stands still.
//!
//! **Invariant**: it spares repeats, and nothing rests on it: a holder that was stopped may wake up.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::ledger::{Beat, LedgerError};

/// How often the holder beats.
pub const BEAT: Duration = Duration::from_secs(1);
/// A beat that stood still this long, by the candidate's own clock, is taken over.
const STALE: Duration = Duration::from_secs(5);
/// The longest that a holder may wait for anything between two beats, and still be the holder.
pub const HOLD: Duration = Duration::from_secs(4);

/// What one candidate knows of a lease.
pub struct Lease {
    pub holder: Uuid,
    seen: Option<(i64, Instant)>,
    held: bool,
    beaten: Option<Instant>,
}

impl Lease {
    pub fn new(holder: Uuid) -> Self {
        Self { holder, seen: None, held: false, beaten: None }
    }

    pub fn is_held(&self) -> bool {
        self.held
    }

    /// Beats once a second when held; takes over a beat that stands still.
    pub async fn keep(
        &mut self,
        beat: impl AsyncFnOnce(Uuid, Option<i64>) -> Result<Beat, LedgerError>,
    ) -> Result<(), LedgerError> {
        if self.beaten.is_some_and(|beaten| beaten.elapsed() < BEAT) {
            return Ok(());
        }
        let stale = self.seen.filter(|(_, since)| since.elapsed() >= STALE).map(|(beat, _)| beat);
        self.beaten = Some(Instant::now());
        match beat(self.holder, stale).await? {
            Beat::Held => (self.held, self.seen) = (true, None),
            Beat::Other(beat) => {
                self.held = false;
                if self.seen.is_none_or(|(seen, _)| seen != beat) {
                    self.seen = Some((beat, Instant::now()));
                }
            }
        }
        Ok(())
    }
}
