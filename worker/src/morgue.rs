//! The morgue: drains the dead letters into the ledger, where people find them.
//!
//! **Invariant**: a letter is acknowledged only after the commit that keeps it. While the ledger is away
//! they wait in the queue, and what is in hand stays there.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use metrics::{counter, gauge};
use shared::broker::{Broker, BrokerError, Consumer, Delivery};
use shared::message::fence::{self, Fence};
use shared::message::seal::SealKeys;
use shared::message::{Message, for_a_log};
use shared::process::{pause, unless_stopped};
use shared::retry::Reconnect;
use shared::telemetry::health::Health;
use time::OffsetDateTime;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::lane::BATCH_MAX_BYTES;
use crate::ledger::custody::{Custody as _, LaneBeat, MORGUE};
use crate::ledger::dead_letters::letter::Letter;
use crate::ledger::dead_letters::{Burial, DeadLetters as _};
use crate::ledger::{Ledger, LedgerError, Session, Work};
use crate::settle::Policy;

/// Letters in one transaction, and in hand.
const BATCH: u16 = 50;
/// How long a batch may wait for more letters.
const BATCH_WAIT: Duration = Duration::from_millis(50);
/// How often the open ones are counted.
const COUNT_INTERVAL: Duration = Duration::from_secs(5);
/// A morgue that waited this long for a letter has none in hand.
const IDLE: Duration = Duration::from_millis(500);
/// How often it tells the ledger that it lives.
const BEAT: Duration = Duration::from_secs(1);
/// How the role is called in `/readyz`.
const NAME: &str = "morgue";

/// Its parts.
pub struct Morgue<B, L> {
    pub broker: B,
    pub ledger: L,
    pub policy: Policy,
    pub health: Health,
}

#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("{0}")]
    Broker(#[from] BrokerError),
    #[error("{0}")]
    Ledger(#[from] LedgerError),
}

impl<B: Broker, L: Ledger> Morgue<B, L> {
    /// Runs until told to stop. Whatever fails, its connections are dropped and built anew; it does not
    /// consume before the ledger is reached.
    pub async fn run(self, stop: CancellationToken) {
        let mut reconnect = Reconnect::default();
        while !stop.is_cancelled() {
            if let Err(error) = self.serve(&mut reconnect, &stop).await {
                warn!(%error, "the morgue starts again");
                self.health.set(NAME, Err(error.to_string()));
                pause(reconnect.next_delay(), &stop).await;
            }
        }
    }

    async fn serve(
        &self,
        reconnect: &mut Reconnect,
        stop: &CancellationToken,
    ) -> Result<(), Broken> {
        let mut session = self.ledger.open().await?;
        let mut counted = count(&mut session).await?;
        let mut consumer = self.broker.dead_letters(BATCH).await?;
        self.health.set(NAME, Ok(()));
        reconnect.reached();
        let lane = Uuid::now_v7();
        let mut beaten = None;
        while !stop.is_cancelled() {
            let batch = collect(&mut consumer, stop).await?;
            if batch.is_empty() && stop.is_cancelled() {
                // Told to stop is not idle.
                break;
            }
            if let Some(last) = batch.last() {
                if !self.keep(&mut session, &batch, reconnect, stop).await? {
                    break;
                }
                consumer.ack_through(last.tag).await?;
            }
            if beaten.is_none_or(|beaten: Instant| beaten.elapsed() >= BEAT) {
                let beat = LaneBeat { lane, shard: MORGUE, idle: batch.is_empty() };
                let now = session.now().await?;
                session.lane_beat(beat, now).await?;
                beaten = Some(Instant::now());
            }
            if counted.elapsed() >= COUNT_INTERVAL {
                counted = count(&mut session).await?;
            }
        }
        Ok(())
    }

    /// Keeps the batch, and tries again for as long as the ledger is away. False when told to stop before
    /// it was done.
    async fn keep(
        &self,
        session: &mut L::Session,
        batch: &[Delivery],
        reconnect: &mut Reconnect,
        stop: &CancellationToken,
    ) -> Result<bool, Broken> {
        loop {
            let error = match self.bury(session, batch).await {
                Ok(()) => {
                    self.health.set(NAME, Ok(()));
                    reconnect.reached();
                    return Ok(true);
                }
                Err(error) => error,
            };
            warn!(in_hand = batch.len(), %error, "the morgue waits with what is in hand");
            self.health.set(NAME, Err(error.to_string()));
            if !pause(reconnect.next_delay(), stop).await {
                return Ok(false);
            }
            if let Ok(opened) = self.ledger.open().await {
                *session = opened;
            }
        }
    }

    async fn bury(&self, session: &mut L::Session, batch: &[Delivery]) -> Result<(), LedgerError> {
        let now = session.now().await?;
        let readers = Arc::clone(&self.policy.readers.borrow());
        let by = (&self.policy.keys, &*readers);
        let marker = |delivery: &&Delivery| marker(delivery, &self.policy.keys);
        let letters: Vec<Letter> = batch
            .iter()
            .filter(|delivery| marker(delivery).is_none())
            .map(|delivery| Letter::examine(delivery, by, now))
            .collect();
        let burials = match session.bury(&letters, now).await {
            Err(error @ (LedgerError::Refused(_) | LedgerError::Fault(_))) => {
                warn!(%error, letters = letters.len(), "letters are kept one by one");
                singly(session, &letters, now).await?
            }
            result => result?,
        };
        for (letter, burial) in letters.iter().zip(burials) {
            let (stage, code) = (letter.death.stage.clone(), letter.death.code.clone());
            match burial {
                Burial::New | Burial::Again => {
                    // Not its own id: one that died again has had another since it was new.
                    let (message_id, provider) = (for_a_log(&letter.message_id), &letter.provider);
                    error!(message_id, stage, code, provider, "a dead letter");
                    counter!("quittance_dead_letters_total", "stage" => stage, "code" => code)
                        .increment(1);
                }
                Burial::Known => info!(stage, code, "a dead letter was delivered once more"),
            }
        }
        let passed: Vec<Work> = batch.iter().filter_map(|one| marker(&one)).collect();
        if !passed.is_empty() {
            session.settle(&passed, now).await?;
        }
        Ok(())
    }
}

/// A marker of ours that passed through the queue is no letter.
fn marker(delivery: &Delivery, keys: &SealKeys) -> Option<Work> {
    let message = Message::open(&delivery.parcel, keys).ok()?;
    let fence = Fence::read(&message).filter(|fence| fence.shard == MORGUE)?;
    (message.kind == fence::KIND).then_some(Work::Fence(fence))
}

/// Only the guilty one is kept without a stranger's words.
async fn singly<S: Session>(
    session: &mut S,
    letters: &[Letter],
    now: OffsetDateTime,
) -> Result<Vec<Burial>, LedgerError> {
    let mut burials = vec![];
    for letter in letters {
        let kept = match session.bury(std::slice::from_ref(letter), now).await {
            Err(LedgerError::Refused(_) | LedgerError::Fault(_)) => {
                session.bury(&[letter.bare()], now).await?
            }
            result => result?,
        };
        burials.extend(kept);
    }
    Ok(burials)
}

/// The first letter and what comes soon after it; nothing when none came for a while.
async fn collect<C: Consumer>(
    consumer: &mut C,
    stop: &CancellationToken,
) -> Result<Vec<Delivery>, BrokerError> {
    let first = match unless_stopped(timeout(IDLE, consumer.next()), stop).await {
        None => return Ok(vec![]),
        Some(Ok(first)) => first?,
        Some(Err(_)) => {
            // Idle is who has nothing in hand and nothing on its way.
            consumer.catch_up().await?;
            match consumer.next().now_or_never() {
                Some(first) => first?,
                None => return Ok(vec![]),
            }
        }
    };
    let mut batch = vec![first];
    let deadline = Instant::now() + BATCH_WAIT;
    let mut bytes: usize = batch.iter().map(|first| first.parcel.body.len()).sum();
    while batch.len() < usize::from(BATCH) && bytes < BATCH_MAX_BYTES {
        match timeout_at(deadline, consumer.next()).await {
            Err(_) => break,
            Ok(delivery) => {
                let delivery = delivery?;
                bytes += delivery.parcel.body.len();
                batch.push(delivery);
            }
        }
    }
    Ok(batch)
}

async fn count<S: Session>(session: &mut S) -> Result<Instant, LedgerError> {
    gauge!("quittance_dead_letters_open").set(session.open_letters().await? as f64);
    Ok(Instant::now())
}
