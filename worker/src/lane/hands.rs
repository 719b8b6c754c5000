//! A lane's connections while they hold, and what it takes in hand at once.

use std::time::Duration;

use futures_util::FutureExt as _;
use shared::broker::{BrokerError, Consumer, Delivery, Publisher};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::BATCH_MAX_BYTES;
use super::age::Age;
use crate::error::RETURNS_ALONE;
use crate::ledger::custody::{LaneBeat, LoneTry};
use crate::ledger::{LedgerError, Session};

/// A lane that waited this long for a delivery has nothing in hand.
const IDLE: Duration = Duration::from_millis(500);
/// How often a lane tells the ledger that it lives.
const BEAT: Duration = Duration::from_secs(1);

/// The connections of a lane while they hold.
pub(super) struct Hands<C, P, S> {
    pub(super) sign: LaneBeat,
    pub(super) consumer: C,
    pub(super) publisher: P,
    pub(super) session: S,
    pub(super) age: Age,
    /// Taken from the consumer, to be settled alone.
    pub(super) alone: Option<Delivery>,
    pub(super) beaten: Option<Instant>,
}

impl<C: Consumer, P: Publisher, S: Session> Hands<C, P, S> {
    /// The first delivery and what comes within `wait` of it, up to a limit of bytes; nothing when none
    /// came for a while.
    pub(super) async fn collect(
        &mut self,
        size: u16,
        wait: Duration,
        stop: &CancellationToken,
    ) -> Result<Vec<Delivery>, BrokerError> {
        let first = match self.alone.take() {
            Some(first) => first,
            None => {
                let next = tokio::select! {
                    biased;
                    () = stop.cancelled() => return Ok(vec![]),
                    next = timeout(IDLE, self.consumer.next()) => next,
                };
                match next {
                    Ok(first) => first?,
                    Err(_) => {
                        // Idle is who has nothing in hand and nothing on its way.
                        self.consumer.catch_up().await?;
                        match self.consumer.next().now_or_never() {
                            Some(first) => first?,
                            None => return Ok(vec![]),
                        }
                    }
                }
            }
        };
        let mut batch = vec![first];
        if batch.iter().any(|first| first.returns >= RETURNS_ALONE) {
            return Ok(batch);
        }
        let deadline = Instant::now() + wait;
        let mut bytes: usize = batch.iter().map(|first| first.parcel.body.len()).sum();
        while batch.len() < usize::from(size) && bytes < BATCH_MAX_BYTES {
            match timeout_at(deadline, self.consumer.next()).await {
                Err(_) => break,
                Ok(delivery) => {
                    let delivery = delivery?;
                    if delivery.returns >= RETURNS_ALONE {
                        self.alone = Some(delivery);
                        break;
                    }
                    bytes += delivery.parcel.body.len();
                    batch.push(delivery);
                }
            }
        }
        Ok(batch)
    }

    /// What is known of a delivery that is settled alone, as it came back before.
    pub(super) fn lone_try(&self, batch: &[Delivery]) -> Option<LoneTry> {
        let [lone] = batch else { return None };
        (lone.returns >= RETURNS_ALONE).then(|| LoneTry {
            message: keepable(&lone.parcel.id),
            lane: self.sign.lane,
            tag: i64::try_from(lone.tag).unwrap_or(i64::MAX),
        })
    }

    pub(super) async fn beat(&mut self, idle: bool) -> Result<(), LedgerError> {
        if self.beaten.is_some_and(|beaten| beaten.elapsed() < BEAT) {
            return Ok(());
        }
        let now = self.session.now().await?;
        self.session.lane_beat(LaneBeat { idle, ..self.sign }, now).await?;
        self.beaten = Some(Instant::now());
        Ok(())
    }
}

/// A stranger's message may have any id, and no ledger keeps a NUL: refused there, it would hold its lane for good.
fn keepable(id: &str) -> String {
    id.replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_no_ledger_keeps_holds_no_lane() {
        assert_eq!(keepable("a\0b"), "a\u{fffd}b");
        assert_eq!(keepable("0193a0f0"), "0193a0f0");
    }
}
