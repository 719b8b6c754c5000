//! Reconciling: what time and the shop bring about, each second, and the balance as a metric.

use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use shared::crash::{self, Point};
use shared::process::{self, pause};
use shared::retry::Reconnect;
use shared::telemetry::health::Health;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::ledger::bodies::Tended;
use crate::ledger::privacy::Privacy as _;
use crate::ledger::{Ledger, LedgerError, Session};

const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Bodies have time: nothing else waits for them.
const TEND_INTERVAL: Duration = Duration::from_secs(10);
const BALANCE_INTERVAL: Duration = Duration::from_secs(30);
/// Orders, or numbers without one, in one transaction.
const SWEEP_MAX: i64 = 200;
/// Bodies in one transaction.
const TEND_MAX: i64 = 200;

/// Its parts.
pub struct Reconcile<L> {
    pub ledger: L,
    pub health: Health,
    pub bell: Arc<Notify>,
}

impl<L: Ledger> Reconcile<L> {
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
            let tended = session.tend(process::now(), TEND_MAX).await?;
            let Tended { sealed, rewrapped, expired, unopened, .. } = tended;
            if sealed + rewrapped + expired > 0 {
                info!(sealed, rewrapped, expired, "tended bodies");
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

    async fn balancing(&self, stop: &CancellationToken) {
        while pause(BALANCE_INTERVAL, stop).await {
            let balance = async { self.ledger.open().await?.balance(process::now()).await };
            match balance.await {
                Ok(balance) => {
                    gauge!("quittance_unaccounted").set(balance.unaccounted as f64);
                    if balance.unaccounted > 0 {
                        error!(unaccounted = balance.unaccounted, "accepted messages are missing");
                    }
                }
                Err(error) => warn!(%error, "no balance this time"),
            }
        }
    }

    async fn serve(
        &self,
        reconnect: &mut Reconnect,
        stop: &CancellationToken,
    ) -> Result<(), LedgerError> {
        let mut session = self.ledger.open().await?;
        while !stop.is_cancelled() {
            self.sweep(&mut session).await?;
            self.health.set("reconcile", Ok(()));
            reconnect.reached();
            pause(SWEEP_INTERVAL, stop).await;
        }
        Ok(())
    }

    async fn sweep(&self, session: &mut L::Session) -> Result<(), LedgerError> {
        loop {
            match session.sweep(process::now(), SWEEP_MAX).await {
                Ok(swept) if swept.subjects == 0 => return Ok(()),
                Ok(swept) => {
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
