//! A fence: proves that what lacks a receipt is on no way any more, so that it may be called missing.
//!
//! First the suspects are noted, then a marker is published to each shard's queue. Behind a marker that
//! passed, whatever was confirmed before is in the hand of a consumer or nowhere; once every consumer
//! that the broker knows is a lane of ours that was idle since, it is nowhere. What was buried by then
//! is proven alike, by a marker through the dead letters' queue and those who keep them.

use std::mem::take;
use std::time::Duration;

use shared::broker::{Broker, BrokerError, PublishError, Publisher, Route};
use shared::message::fence::Fence;
use shared::message::seal::SealKeys;
use shared::process::pause;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

use crate::ledger::custody::{Custody as _, LaneCount, MORGUE, Showing, Sighting, Suspects, Tiers};
use crate::ledger::{Ledger, LedgerError, Session as _};

/// Windows of a kind in one fence.
const SUSPECTS_MAX: i64 = 1_000;
/// How long markers may take to pass, and lanes to become idle; then it is tried again later.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
const BUSY: &str = "the consumers are busy";

/// What a fence needs.
pub(super) struct Fencing<'a, B: Broker, L> {
    pub(super) broker: &'a B,
    pub(super) publisher: &'a B::Publisher,
    pub(super) ledger: &'a L,
    pub(super) keys: &'a SealKeys,
    pub(super) shards: u16,
}

/// What became of one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fenced {
    /// Nothing lacks a receipt.
    Nothing,
    Proven,
    /// Not this time, and why.
    Unclear(&'static str),
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Unproven {
    #[error("{0}")]
    Broker(#[from] BrokerError),
    #[error("{0}")]
    Publish(#[from] PublishError),
    #[error("{0}")]
    Ledger(#[from] LedgerError),
}

impl<B: Broker, L: Ledger> Fencing<'_, B, L> {
    pub(super) async fn fence(&self, stop: &CancellationToken) -> Result<Fenced, Unproven> {
        let mut session = self.ledger.open().await?;
        let now = session.now().await?;
        let suspects = session.suspects(now, SUSPECTS_MAX).await?;
        if suspects.is_empty() {
            return Ok(Fenced::Nothing);
        }
        let first = self.sight(&mut session).await?;
        let shards = (0..self.shards).map(|shard| (Route::Notifications { shard }, shard));
        let passed = match self.mark(&mut session, shards, stop).await? {
            Ok(passed) => passed,
            Err(why) => return Ok(Fenced::Unclear(why)),
        };
        let showing = self.clear(&mut session, (&first, &passed), Sighting::until, stop).await?;
        let tiers = match showing {
            Ok(tiers) => tiers,
            Err(why) => return Ok(Fenced::Unclear(why)),
        };
        let mut suspects = suspects.proven(tiers);
        let (unburied, replayed) = (take(&mut suspects.unburied), take(&mut suspects.replayed));
        let dead = Suspects { unburied, replayed, ..Suspects::default() };
        let now = session.now().await?;
        session.convict(&suspects, now).await?;
        if dead.is_empty() {
            return Ok(Fenced::Proven);
        }
        // What a lane had buried is in the dead letters' queue now, in a morgue's hand, or nowhere.
        if let Err(why) = self.pass_morgues(&mut session, &first, stop).await? {
            return Ok(if suspects.is_empty() { Fenced::Unclear(why) } else { Fenced::Proven });
        }
        let now = session.now().await?;
        let lost = session.convict(&dead, now).await?;
        if lost > 0 {
            warn!(lost, "replayed messages are in no queue: their letters are open again");
        }
        Ok(Fenced::Proven)
    }

    /// A fence through the dead letters' queue. Only those who tell of themselves know a marker there, so
    /// they must have done so since `first`.
    async fn pass_morgues(
        &self,
        session: &mut L::Session,
        first: &Sighting,
        stop: &CancellationToken,
    ) -> Result<Result<(), &'static str>, Unproven> {
        let morgues = Sighting::morgues_until;
        if let Err(why) = self.clear(session, (first, &first.lanes), morgues, stop).await? {
            return Ok(Err(why));
        }
        let before = self.sight(session).await?;
        let passed = match self.mark(session, [(Route::Dead, MORGUE)].into_iter(), stop).await? {
            Ok(passed) => passed,
            Err(why) => return Ok(Err(why)),
        };
        Ok(self.clear(session, (&before, &passed), morgues, stop).await?.map(drop))
    }

    /// Publishes a marker to each queue; answers the lanes' counts once all have passed.
    async fn mark(
        &self,
        session: &mut L::Session,
        queues: impl ExactSizeIterator<Item = (Route, u16)> + Send,
        stop: &CancellationToken,
    ) -> Result<Result<Vec<LaneCount>, &'static str>, Unproven> {
        let (id, count) = (Uuid::now_v7(), queues.len());
        let now = session.now().await?;
        for (route, shard) in queues {
            let parcel = Fence { id, shard }.into_message(now).into_parcel(self.keys);
            self.publisher.publish(route, parcel).await?;
        }
        let deadline = Instant::now() + PATIENCE;
        while session.passed(id).await?.len() < count {
            if Instant::now() > deadline || !pause(LOOK_INTERVAL, stop).await {
                return Ok(Err("the markers did not pass in time"));
            }
        }
        let now = session.now().await?;
        Ok(Ok(session.lanes(now).await?))
    }

    /// Waits until the consumers show that nothing from before the markers is left.
    async fn clear(
        &self,
        session: &mut L::Session,
        (first, passed): (&Sighting, &[LaneCount]),
        until: fn(&Sighting, &[LaneCount], &Sighting) -> Showing,
        stop: &CancellationToken,
    ) -> Result<Result<Tiers, &'static str>, Unproven> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // The broker is asked once the lanes alone would make it clear: each look is a connection.
            let now = session.now().await?;
            let lanes = session.lanes(now).await?;
            let depths = first.depths.clone();
            let why = match until(first, passed, &Sighting { depths, lanes }) {
                Showing::Clear { .. } => match until(first, passed, &self.sight(session).await?) {
                    Showing::Clear { tiers } => return Ok(Ok(tiers)),
                    Showing::Busy => BUSY,
                    Showing::Unclear(why) => why,
                },
                Showing::Busy => BUSY,
                Showing::Unclear(why) => why,
            };
            if Instant::now() > deadline {
                return Ok(Err(why));
            }
            if !pause(LOOK_INTERVAL, stop).await {
                return Ok(Err("told to stop"));
            }
        }
    }

    /// The lanes are read before the consumers: one that came in between is doubted, not trusted.
    async fn sight(&self, session: &mut L::Session) -> Result<Sighting, Unproven> {
        let now = session.now().await?;
        let lanes = session.lanes(now).await?;
        let depths = self.broker.depths().await?;
        Ok(Sighting { depths, lanes })
    }
}
