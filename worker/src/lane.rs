//! A lane: one consumer, one publisher, one connection to the ledger; sequential inside.
//!
//! **Invariant**: a delivery is acknowledged only after its next home holds it: the ledger's commit,
//! or the broker's confirm of its retry or burial. Crash on any line: the worst case is a repeat.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use metrics::{counter, histogram};
use shared::broker::{
    Broker, BrokerError, Consumer as _, Delivery, PublishError, Publisher as _, Route,
};
use shared::config::sections::PREFETCH_BATCHES;
use shared::crash::{self, Point};
use shared::message::dead::{Verdict, buried};
use shared::message::{self, statement};
use shared::process::{self, pause};
use shared::retry::Reconnect;
use shared::telemetry::health::Health;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use crate::error::{Disposition, Grave};
use crate::ledger::custody::{Custody as _, LaneBeat};
use crate::ledger::{Ledger, LedgerError, Session as _};
use crate::settle::{Policy, settle};

mod age;
mod hands;

use self::age::Age;
use self::hands::Hands;

/// Bodies in one batch: whoever reaches it takes no more messages.
pub const BATCH_MAX_BYTES: usize = 8 << 20;

/// What dead letters say of who buried them.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// One lane's parts.
pub struct Lane<B, L> {
    pub name: String,
    pub shard: u16,
    pub broker: B,
    pub ledger: L,
    pub batch_max: u16,
    pub batch_wait: Duration,
    /// Messages that waited longer are warned of.
    pub queue_age_alarm: Duration,
    pub policy: Policy,
    pub health: Health,
    /// Rung when events may be waiting to be published.
    pub bell: Arc<Notify>,
}

#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("{0}")]
    Broker(#[from] BrokerError),
    #[error("{0}")]
    Publish(#[from] PublishError),
    #[error("{0}")]
    Ledger(#[from] LedgerError),
}

impl<B: Broker, L: Ledger> Lane<B, L> {
    /// Runs until told to stop. Whatever fails, its connections are dropped and built anew; it does
    /// not consume before the ledger is reached.
    pub async fn run(self, stop: CancellationToken) {
        let publisher = self.broker.publisher();
        let mut reconnect = Reconnect::default();
        loop {
            match self.serve(publisher.clone(), &mut reconnect, &stop).await {
                Ok(()) => return,
                Err(error) => {
                    warn!(lane = self.name, %error, "a lane starts again");
                    self.health.set(&self.name, Err(error.to_string()));
                }
            }
            if !pause(reconnect.next_delay(), &stop).await {
                return;
            }
        }
    }

    async fn serve(
        &self,
        publisher: B::Publisher,
        reconnect: &mut Reconnect,
        stop: &CancellationToken,
    ) -> Result<(), Broken> {
        let mut session = self.ledger.open().await?;
        // A write, before anything is consumed: a ledger that takes none is not reached.
        let lane = Uuid::now_v7();
        let now = session.now().await?;
        session.lane_beat(self.beat(lane), now).await?;
        publisher.probe().await?;
        let consumer = self.broker.consumer(self.shard, 1).await?;
        let sign = self.beat(lane);
        let age = Age::new(&self.name, self.queue_age_alarm);
        let (alone, beaten) = (None, None);
        let mut hands = Hands { sign, consumer, publisher, session, age, alone, beaten };
        info!(lane = self.name, shard = self.shard, "consuming");

        // With one message that crashes its reader, a full prefetch would take innocents with it.
        let mut probation = true;
        while !stop.is_cancelled() {
            let size = if probation { 1 } else { self.batch_max };
            let batch = hands.collect(size, self.batch_wait, stop).await?;
            if batch.is_empty() && stop.is_cancelled() {
                // Told to stop is not idle: the queue may be full, and the balance trusts an idle lane.
                break;
            }
            let innocent = batch.first().is_none_or(|delivery| delivery.returns == 0);
            if !self.hold_until_done(&mut hands, &batch, reconnect, stop).await? {
                break;
            }
            if let Some(last) = batch.last() {
                hands.consumer.ack_through(last.tag).await?;
                crash::at(Point::Acknowledged);
            }
            if probation && innocent && hands.alone.is_none() && !stop.is_cancelled() {
                hands.consumer.widen(PREFETCH_BATCHES.saturating_mul(self.batch_max)).await?;
                // What was on its way went back: from here on it is another consumer.
                hands.sign = self.beat(Uuid::now_v7());
                probation = false;
            }
        }
        Ok(())
    }

    /// At work, until it says otherwise.
    fn beat(&self, lane: Uuid) -> LaneBeat {
        LaneBeat { lane, shard: self.shard, idle: false }
    }

    /// Settles the batch, and tries again for as long as the ledger or the broker's publishing is
    /// away: the deliveries stay in hand, so that an outage costs them neither an attempt nor a
    /// return. False when told to stop before it was done.
    async fn hold_until_done(
        &self,
        hands: &mut Hands<B::Consumer, B::Publisher, L::Session>,
        batch: &[Delivery],
        reconnect: &mut Reconnect,
        stop: &CancellationToken,
    ) -> Result<bool, Broken> {
        loop {
            let error = match self.attend(hands, batch).await {
                Ok(()) => {
                    self.health.set(&self.name, Ok(()));
                    reconnect.reached();
                    return Ok(true);
                }
                Err(Broken::Broker(error)) => return Err(error.into()),
                Err(error @ (Broken::Ledger(_) | Broken::Publish(_))) => error,
            };
            warn!(lane = self.name, in_hand = batch.len(), %error, "waiting with what is in hand");
            self.health.set(&self.name, Err(error.to_string()));
            if !pause(reconnect.next_delay(), stop).await {
                return Ok(false);
            }
            if let Ok(session) = self.ledger.open().await {
                hands.session = session;
            }
        }
    }

    /// Settles what is in hand, and tells the ledger that the lane lives.
    async fn attend(
        &self,
        hands: &mut Hands<B::Consumer, B::Publisher, L::Session>,
        batch: &[Delivery],
    ) -> Result<(), Broken> {
        hands.age.note(batch, &self.policy.keys, process::now());
        if !batch.is_empty() {
            self.settle(hands, batch).await?;
        }
        Ok(hands.beat(batch.is_empty()).await?)
    }

    /// Gives every delivery its next home: the ledger, and the broker for retries and burials.
    async fn settle(
        &self,
        hands: &mut Hands<B::Consumer, B::Publisher, L::Session>,
        batch: &[Delivery],
    ) -> Result<(), Broken> {
        let begun = Instant::now();
        let now = hands.session.now().await?;
        // Written down before anything of it is read.
        let lone = hands.lone_try(batch);
        let died = match &lone {
            Some(lone) => hands.session.try_alone(lone, now).await?,
            None => 0,
        };
        let by = (&self.policy, now);
        let dispositions = settle(&mut hands.session, batch, died, by).await?;
        if let Some(lone) = &lone {
            hands.session.end_try(&lone.message).await?;
        }
        crash::at(Point::Settled);
        self.bell.notify_one();
        let mut onward = vec![];
        for (delivery, disposition) in batch.iter().zip(&dispositions) {
            match disposition {
                Disposition::Ack(_) => {}
                Disposition::RetryIn(delay) => {
                    let parcel = message::next_attempt(&delivery.parcel, now);
                    onward.push((Route::Retry { delay: *delay, shard: self.shard }, parcel));
                }
                Disposition::Bury(grave) => {
                    let Grave { stage, code, cause } = grave;
                    let verdict = Verdict { stage, code, cause, worker: VERSION };
                    let parcel = buried(&delivery.parcel, verdict, now);
                    onward.push((Route::Dead, parcel));
                }
                Disposition::Pause => {
                    let away = "a message met a ledger that is away".to_owned();
                    return Err(LedgerError::Unreachable(away).into());
                }
            }
        }
        let published =
            onward.into_iter().map(|(route, parcel)| hands.publisher.publish(route, parcel));
        for outcome in join_all(published).await {
            outcome?;
        }
        crash::at(Point::Onward);
        // Only now: what is held because a home could not be reached is settled again.
        for (delivery, disposition) in batch.iter().zip(&dispositions) {
            tell(delivery, disposition);
        }
        histogram!("messaging_process_duration_seconds").record(begun.elapsed().as_secs_f64());
        Ok(())
    }
}

/// Counts one delivery that has its next home.
fn tell(delivery: &Delivery, disposition: &Disposition) {
    let (bucket, stage) = match disposition {
        Disposition::Ack(bucket) => {
            if let Some(received_at) = message::claimed_received_at(&delivery.parcel) {
                // By two clocks, one of which may be behind.
                let seconds = (process::now() - received_at).as_seconds_f64().max(0.0);
                histogram!("quittance_pipeline_duration_seconds").record(seconds);
            }
            (bucket.as_str(), "")
        }
        Disposition::RetryIn(_) => ("retrying", ""),
        Disposition::Bury(grave) => ("dead", grave.stage),
        Disposition::Pause => return,
    };
    if delivery.parcel.kind != statement::KIND {
        counter!("quittance_messages_total", "bucket" => bucket, "stage" => stage).increment(1);
    }
}
