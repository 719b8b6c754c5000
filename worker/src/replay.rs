//! Replaying: dead letters go to the queue again, as jobs that outlive whoever asked for them.
//!
//! **Invariant**: an item is recorded as about to be published before it is, so a publish that nobody
//! recorded does not exist. Only what its own seal proves is sealed anew, and its body is never touched.

use std::time::Duration;

use futures_util::future::join_all;
use shared::broker::{Broker, PublishError, Publisher, Route};
use shared::crash::{self, Point};
use shared::message::dead::replayed;
use shared::process::{self, pause};
use shared::provider::affinity;
use shared::retry::Reconnect;
use shared::telemetry::health::Health;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use crate::lease::{BEAT, HOLD, Lease};
use crate::ledger::replays::course::{Look, Step, step};
use crate::ledger::replays::{Replays as _, StoredLetter};
use crate::ledger::{Duty, Ledger, LedgerError, Session as _};
use crate::settle::Policy;

pub mod again;
pub mod plan;

use self::again::again;

/// How often a running job is looked at.
const TICK: Duration = Duration::from_millis(100);
/// Items that one look may publish.
const AT_ONCE: i64 = 200;
/// How it is called in `/readyz`.
pub(crate) const NAME: &str = "replay";

/// Its parts.
pub struct Replayer<B, L> {
    pub broker: B,
    pub ledger: L,
    pub policy: Policy,
    pub shards: u16,
    pub health: Health,
}

/// How far a job may go by its rate.
struct Pace {
    job: Uuid,
    at: Instant,
    /// Millionths of an item.
    credit: u64,
}

impl<B: Broker, L: Ledger> Replayer<B, L> {
    /// Runs until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let publisher = self.broker.publisher();
        let mut reconnect = Reconnect::default();
        while !stop.is_cancelled() {
            if let Err(error) = self.serve(&publisher, &mut reconnect, &stop).await {
                warn!(%error, "replaying starts again");
                self.health.set(NAME, Err(error.to_string()));
                pause(reconnect.next_delay(), &stop).await;
            }
        }
    }

    async fn serve(
        &self,
        publisher: &B::Publisher,
        reconnect: &mut Reconnect,
        stop: &CancellationToken,
    ) -> Result<(), LedgerError> {
        let mut session = self.ledger.open().await?;
        self.health.set(NAME, Ok(()));
        reconnect.reached();
        // Another each time: what this one was about to publish when it failed is then another's.
        let mut lease = Lease::new(Uuid::now_v7());
        let mut pace = Pace { job: Uuid::nil(), at: Instant::now(), credit: 0 };
        let mut is_refused = false;
        while !stop.is_cancelled() {
            lease
                .keep(async |holder, stale| session.beat(Duty::Replay, holder, stale).await)
                .await?;
            let look = if lease.is_held() { session.running().await? } else { None };
            let Some(look) = look else {
                // Nothing is to be sent, so nothing is in its way.
                self.health.set(NAME, Ok(()));
                pause(BEAT, stop).await;
                continue;
            };
            // Nothing is claimed for a broker that is away: each claim counts as a publish.
            if is_refused {
                let probed = publisher.probe().await.map_err(|error| error.to_string());
                is_refused = probed.is_err();
                self.health.set(NAME, probed);
                pause(if is_refused { BEAT } else { TICK }, stop).await;
                // It beats before it claims.
                continue;
            }
            let progress =
                self.advance(&mut session, publisher, &look, (&lease, &mut pace)).await?;
            is_refused = matches!(progress, Progress::Refused);
            let delay = match progress {
                Progress::Made => TICK,
                Progress::Refused => BEAT,
            };
            pause(delay, stop).await;
        }
        if lease.is_held() {
            session.release(lease.holder).await?;
        }
        Ok(())
    }

    async fn advance(
        &self,
        session: &mut L::Session,
        publisher: &B::Publisher,
        look: &Look,
        (lease, pace): (&Lease, &mut Pace),
    ) -> Result<Progress, LedgerError> {
        let (job, holder) = (look.job, lease.holder);
        match step(look, pace.allowance(look)) {
            Step::Wait => Ok(Progress::Made),
            Step::Complete => {
                info!(replay_job = %job, "a replay is complete");
                session.finish(job, holder, None, process::now()).await?;
                Ok(Progress::Made)
            }
            Step::Halt(why) => {
                warn!(replay_job = %job, why, "a replay halted");
                session.finish(job, holder, Some(&why), process::now()).await?;
                Ok(Progress::Made)
            }
            Step::Publish(some) => {
                let claimed = session.claim(job, holder, some.min(AT_ONCE)).await?;
                crash::at(Point::Claimed);
                pace.spend(claimed.len());
                self.publish(session, publisher, (job, holder), claimed).await
            }
        }
    }

    async fn publish(
        &self,
        session: &mut L::Session,
        publisher: &B::Publisher,
        (job, holder): (Uuid, Uuid),
        claimed: Vec<(Uuid, StoredLetter)>,
    ) -> Result<Progress, LedgerError> {
        let (mut unfit, mut sending) = (vec![], vec![]);
        for (item, letter) in claimed {
            match again(&letter, &self.policy.keys) {
                Ok(message) => {
                    let subject = letter.order_number.unwrap_or(letter.message_id);
                    let shard = affinity(subject.as_bytes()) % u64::from(self.shards.max(1));
                    let route = Route::Notifications { shard: u16::try_from(shard).unwrap_or(0) };
                    let parcel = message.into_parcel(&self.policy.keys);
                    sending.push((item, route, replayed(parcel, job, item)));
                }
                Err(why) => {
                    warn!(dead_letter = %letter.letter, %why, "an item cannot be sent again");
                    unfit.push(item);
                }
            }
        }
        let publishing = sending.into_iter().map(async |(item, route, parcel)| {
            let answered = timeout(HOLD, publisher.publish(route, parcel)).await;
            (item, answered.unwrap_or(Err(PublishError::TimedOut)))
        });
        let (mut confirmed, mut back) = (vec![], vec![]);
        let mut state = Ok(());
        for (item, outcome) in join_all(publishing).await {
            match outcome {
                Ok(()) => confirmed.push(item),
                Err(error) => {
                    warn!(replay_item = %item, %error, "an item was not published");
                    back.push(item);
                    if !error.concerns_the_parcel() {
                        state = Err(error.to_string());
                    }
                }
            }
        }
        self.health.set(NAME, state);
        crash::at(Point::Replayed);
        session.published(holder, &confirmed, &back).await?;
        if !unfit.is_empty() {
            session.skip(holder, &unfit, process::now()).await?;
        }
        Ok(if back.is_empty() { Progress::Made } else { Progress::Refused })
    }
}

/// What a look at a job came to.
enum Progress {
    Made,
    /// Something could not be published.
    Refused,
}

impl Pace {
    /// Items that may be published now: never more than a second's worth.
    fn allowance(&mut self, look: &Look) -> i64 {
        const ITEM: u64 = 1_000_000;
        let rate = u64::try_from(look.rate).unwrap_or(1);
        let elapsed_us = u64::try_from(self.at.elapsed().as_micros()).unwrap_or(u64::MAX);
        if self.job != look.job {
            (self.job, self.credit) = (look.job, 0);
        } else {
            let earned = elapsed_us.saturating_mul(rate);
            self.credit = self.credit.saturating_add(earned).min(rate * ITEM);
        }
        self.at = Instant::now();
        i64::try_from(self.credit / ITEM).unwrap_or(i64::MAX)
    }

    fn spend(&mut self, items: usize) {
        const ITEM: u64 = 1_000_000;
        self.credit = self.credit.saturating_sub(items as u64 * ITEM);
    }
}
