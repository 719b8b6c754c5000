//! Reconciling: what time and the shop bring about, each second, and the balance as a metric.

use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use shared::broker::Broker;
use shared::crash::{self, Point};
use shared::message::seal::SealKeys;
use shared::process::pause;
use shared::retry::Reconnect;
use shared::telemetry::health::Health;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::ledger::bodies::Tended;
use crate::ledger::custody::Custody as _;
use crate::ledger::privacy::Privacy as _;
use crate::ledger::records::Missing;
use crate::ledger::{Ledger, LedgerError, Session};

mod fence;

use self::fence::{Fenced, Fencing};

const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Bodies have time: nothing else waits for them.
const TEND_INTERVAL: Duration = Duration::from_secs(10);
/// How often it is asked whether something lacks its receipt.
const FENCE_INTERVAL: Duration = Duration::from_secs(5);
const BALANCE_INTERVAL: Duration = Duration::from_secs(30);
/// Windows in one transaction.
const COMPACT_MAX: i64 = 200;
/// Orders, or numbers without one, in one transaction.
const SWEEP_MAX: i64 = 200;
/// Bodies in one transaction.
const TEND_MAX: i64 = 200;

/// Its parts.
pub struct Reconcile<B, L> {
    pub broker: B,
    pub ledger: L,
    /// Seals the markers of fences.
    pub keys: SealKeys,
    pub shards: u16,
    pub health: Health,
    pub bell: Arc<Notify>,
}

impl<B: Broker, L: Ledger> Reconcile<B, L> {
    /// Runs until told to stop. The balance and the bodies have sessions of their own: they read much,
    /// and must never hold up a sweep.
    pub async fn run(self, stop: CancellationToken) {
        tokio::join!(self.sweeping(&stop), self.tending(&stop), self.balancing(&stop));
    }

    async fn sweeping(&self, stop: &CancellationToken) {
        let mut reconnect = Reconnect::default();
        while !stop.is_cancelled() {
            if let Err(error) = self.serve(&mut reconnect, stop).await {
                warn!(%error, "reconciling starts again");
                self.health.set("reconcile", Err(error.to_string()));
                pause(reconnect.next_delay(), stop).await;
            }
        }
    }

    async fn tending(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.tend(stop).await {
                warn!(%error, "the bodies are not tended this time");
            }
            pause(TEND_INTERVAL, stop).await;
        }
    }

    /// Until no step finds as much as it may take at once.
    async fn tend(&self, stop: &CancellationToken) -> Result<(), LedgerError> {
        let mut session = self.ledger.open().await?;
        while !stop.is_cancelled() {
            let now = session.now().await?;
            let tended = session.tend(now, TEND_MAX).await?;
            let Tended { sealed, rewrapped, expired, ignored, unopened, forgotten, .. } = tended;
            if sealed + rewrapped + expired + ignored + forgotten > 0 {
                info!(sealed, rewrapped, expired, ignored, forgotten, "tended bodies and metadata");
            }
            if unopened > 0 {
                error!(unopened, "bodies whose keys do not open: they were changed");
            }
            if !tended.is_full(TEND_MAX) {
                break;
            }
        }
        Ok(())
    }

    /// Fences what lacks its receipt, counts, and compacts what is long settled.
    async fn balancing(&self, stop: &CancellationToken) {
        let publisher = self.broker.publisher();
        let Self { broker, ledger, keys, shards, .. } = self;
        let fencing = Fencing { broker, publisher: &publisher, ledger, keys, shards: *shards };
        let mut counted = Instant::now();
        while pause(FENCE_INTERVAL, stop).await {
            let mut proven = false;
            match fencing.fence(stop).await {
                Ok(Fenced::Nothing) => {}
                Ok(Fenced::Proven) => proven = true,
                Ok(Fenced::Unclear(why)) => {
                    debug!(why, "what lacks its receipt may still be on its way");
                }
                // What was proven before is counted all the same, and what is long settled compacted.
                Err(error) => warn!(%error, "nothing is fenced this time"),
            }
            if proven || counted.elapsed() >= BALANCE_INTERVAL {
                counted = Instant::now();
                if let Err(error) = self.count(stop).await {
                    warn!(%error, "no balance this time");
                }
            }
        }
    }

    async fn count(&self, stop: &CancellationToken) -> Result<(), LedgerError> {
        let mut session = self.ledger.open().await?;
        let balance = session.balance().await?;
        gauge!("quittance_unaccounted").set(balance.unaccounted as f64);
        for missing in &balance.missing {
            let Missing { epoch, from, to, count, .. } = missing;
            error!(%epoch, from, to, count, "accepted messages are missing");
        }
        let full =
            |windows| i64::try_from(windows).is_ok_and(|windows: i64| windows >= COMPACT_MAX);
        let now = session.now().await?;
        while full(session.compact(now, COMPACT_MAX).await?) && !stop.is_cancelled() {}
        Ok(())
    }

    async fn serve(
        &self,
        reconnect: &mut Reconnect,
        stop: &CancellationToken,
    ) -> Result<(), LedgerError> {
        let mut session = self.ledger.open().await?;
        let mut refused = vec![];
        while !stop.is_cancelled() {
            self.sweep(&mut session, &mut refused).await?;
            self.health.set("reconcile", Ok(()));
            reconnect.reached();
            pause(SWEEP_INTERVAL, stop).await;
        }
        Ok(())
    }

    /// Until nothing is left to do; `refused` is what failed at the last time.
    async fn sweep(
        &self,
        session: &mut L::Session,
        refused: &mut Vec<LedgerError>,
    ) -> Result<(), LedgerError> {
        let mut resting = 0;
        loop {
            let now = session.now().await?;
            match session.sweep(now, SWEEP_MAX).await {
                // What was refused just now stood before others.
                Ok(swept) if swept.subjects == 0 && swept.refused.len() > resting => {
                    resting = swept.refused.len();
                }
                Ok(swept) if swept.subjects == 0 => {
                    gauge!("quittance_sweep_refused").set(swept.refused.len() as f64);
                    if swept.refused != *refused {
                        for error in &swept.refused {
                            error!(%error, "something cannot be derived anew, and is left as it is");
                        }
                        *refused = swept.refused;
                    }
                    return Ok(());
                }
                Ok(swept) => {
                    resting = resting.max(swept.refused.len());
                    crash::at(Point::Swept);
                    info!(subjects = swept.subjects, "reconciled");
                    self.bell.notify_one();
                }
                // A lane was in the way: the next sweep finds the same.
                Err(LedgerError::Conflict(_)) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}
