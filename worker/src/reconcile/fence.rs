//! A fence: proves that what lacks a receipt is on no way any more, so that it may be called missing.
//!
//! First the suspects are noted, then a marker is published to each shard's queue. Behind a marker that
//! passed, whatever was confirmed before is in the hand of a consumer or nowhere; once every consumer
//! that the broker knows is a lane of ours that was idle since, it is nowhere.

use std::time::Duration;

use shared::broker::{Broker, BrokerError, PublishError, Publisher, Route};
use shared::message::fence::Fence;
use shared::message::seal::SealKeys;
use shared::process::{self, pause};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::ledger::custody::{Custody as _, LaneCount, Showing, Sighting};
use crate::ledger::{Ledger, LedgerError};

/// Windows of a kind in one fence.
const SUSPECTS_MAX: i64 = 1_000;
/// How long markers may take to pass, and lanes to become idle; then it is tried again later.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

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
        let suspects = session.suspects(process::now(), SUSPECTS_MAX).await?;
        if suspects.is_empty() {
            return Ok(Fenced::Nothing);
        }
        let first = self.sight(&mut session).await?;
        let id = Uuid::now_v7();
        for shard in 0..self.shards {
            let parcel = Fence { id, shard }.into_message(process::now()).into_parcel(self.keys);
            self.publisher.publish(Route::Notifications { shard }, parcel).await?;
        }
        let deadline = Instant::now() + PATIENCE;
        while session.passed(id).await?.len() < usize::from(self.shards) {
            if Instant::now() > deadline || !pause(LOOK_INTERVAL, stop).await {
                return Ok(Fenced::Unclear("the markers did not pass in time"));
            }
        }
        let passed = session.lanes(process::now()).await?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let tiers = match self.showing(&mut session, &first, &passed).await? {
                Showing::Clear { tiers } => tiers,
                Showing::Busy | Showing::Unclear(_) if Instant::now() < deadline => {
                    if !pause(LOOK_INTERVAL, stop).await {
                        return Ok(Fenced::Unclear("told to stop"));
                    }
                    continue;
                }
                Showing::Busy => return Ok(Fenced::Unclear("the lanes are busy")),
                Showing::Unclear(why) => return Ok(Fenced::Unclear(why)),
            };
            session.convict(&suspects.proven(tiers), process::now()).await?;
            return Ok(Fenced::Proven);
        }
    }

    /// The broker is asked once the lanes alone would make it clear: each look is a connection.
    async fn showing(
        &self,
        session: &mut L::Session,
        first: &Sighting,
        passed: &[LaneCount],
    ) -> Result<Showing, Unproven> {
        let lanes = session.lanes(process::now()).await?;
        match first.until(passed, &Sighting { depths: first.depths.clone(), lanes }) {
            Showing::Clear { .. } => Ok(first.until(passed, &self.sight(session).await?)),
            showing @ (Showing::Busy | Showing::Unclear(_)) => Ok(showing),
        }
    }

    /// The lanes are read before the consumers: one that came in between is doubted, not trusted.
    async fn sight(&self, session: &mut L::Session) -> Result<Sighting, Unproven> {
        let lanes = session.lanes(process::now()).await?;
        let depths = self.broker.depths().await?;
        Ok(Sighting { depths, lanes })
    }
}
