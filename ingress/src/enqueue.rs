//! From a proven request to a message that the broker holds.
//!
//! **Invariant**: nothing reaches the queue unverified, because [`Enqueue::accept`] takes a
//! [`Verified`]; and every number given out is stated: confirmed, or a hole.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::{counter, histogram};
use shared::broker::{PublishError, Publisher, Route};
use shared::message::Message;
use shared::message::seal::SealKeys;
use shared::message::statement::Numbers;
use shared::process;
use shared::provider::Verified;
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use uuid::Uuid;

/// How often an ingress states which numbers it gave out.
const STATEMENT_INTERVAL: Duration = Duration::from_secs(5);
/// How often an idle one states again what it stated last. What takes messages out of the queues takes their
/// statement along, and is to be named within a minute.
const REPEAT_INTERVAL: Duration = Duration::from_secs(30);

/// One ingress process: an epoch that numbers what it accepts.
pub struct Enqueue<P> {
    publisher: P,
    keys: SealKeys,
    shards: u16,
    numbers: Mutex<Numbers>,
    crowded: Notify,
}

/// A number in flight; dropped before it was confirmed, it becomes a hole.
struct InFlight<'a> {
    numbers: &'a Mutex<Numbers>,
    seq: i64,
    confirmed: bool,
}

impl<P: Publisher> Enqueue<P> {
    pub fn new(publisher: P, keys: SealKeys, shards: u16) -> Arc<Self> {
        let epoch = Uuid::now_v7();
        info!(%epoch, "numbering what is accepted");
        let numbers = Mutex::new(Numbers::new(epoch));
        Arc::new(Self { publisher, keys, shards, numbers, crowded: Notify::new() })
    }

    /// Returns once the broker holds the message and routed it, within the publisher's limit.
    pub async fn accept(
        &self,
        verified: Verified,
        received_at: OffsetDateTime,
    ) -> Result<(), PublishError> {
        let published = self.accept_kept(verified, received_at).await;
        histogram!("messaging_client_operation_duration_seconds")
            .record((process::now() - received_at).as_seconds_f64());
        published
    }

    /// The same for a request that was received some time ago, whose wait says nothing of the broker.
    pub async fn accept_kept(
        &self,
        verified: Verified,
        received_at: OffsetDateTime,
    ) -> Result<(), PublishError> {
        let published = self.publish(verified, received_at).await;
        if let Err(error) = &published {
            counter!("quittance_publish_failures_total", "reason" => error.reason()).increment(1);
            if self.lock().crowded() {
                self.crowded.notify_one();
            }
        }
        published
    }

    async fn publish(
        &self,
        verified: Verified,
        received_at: OffsetDateTime,
    ) -> Result<(), PublishError> {
        // Nothing was confirmed for long: it begins anew with the first statement that is.
        let number = self.lock().take().ok_or(PublishError::Unreachable)?;
        let mut flight = InFlight { numbers: &self.numbers, seq: number.seq, confirmed: false };
        let shard = u16::try_from(verified.affinity() % u64::from(self.shards)).unwrap_or(0);
        let id = Uuid::now_v7();
        let message = Message {
            id,
            kind: verified.provider().as_str().to_owned(),
            account: verified.account().to_owned(),
            key: verified.key().to_owned(),
            attempt: 0,
            received_at,
            number,
            content_type: verified.content_type().map(ToOwned::to_owned),
            http: verified.carried().to_vec(),
            traceparent: Some(traceparent(id)),
            body: verified.into_body(),
        };
        let parcel = message.into_parcel(&self.keys);
        let published = self.publisher.publish(Route::Notifications { shard }, parcel).await;
        flight.confirmed = published.is_ok();
        if flight.confirmed {
            debug!(message_id = %id, "enqueued");
        }
        published
    }

    /// Would a notification be accepted now?
    pub async fn probe(&self) -> Result<(), PublishError> {
        self.publisher.probe().await
    }

    /// States the numbers every few seconds, earlier where many are holes, and once more at the end. While
    /// there is nothing new, what was stated last is stated again from time to time.
    pub async fn state_until(self: Arc<Self>, stop: CancellationToken) {
        let mut published = true;
        let mut told = Instant::now();
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(STATEMENT_INTERVAL) => (),
                // While statements are refused too, more of them would only add to the load.
                () = self.crowded.notified(), if published => (),
            }
            let stated = self.state(told.elapsed() >= REPEAT_INTERVAL).await;
            published = stated.is_ok();
            if stated.is_ok_and(|count| count > 0) {
                told = Instant::now();
            }
        }
        // Refused: whoever could be told is gone.
        drop(self.state(true).await);
    }

    /// Publishes statements of all that was settled since the last one, and answers how many; where there is
    /// nothing, and `again` is wanted, the last one.
    pub async fn state(&self, again: bool) -> Result<usize, PublishError> {
        let mut count = 0;
        loop {
            let due = self.lock().due(again && count == 0);
            let Some(statement) = due else { return Ok(count) };
            let parcel = statement.clone().into_message(process::now()).into_parcel(&self.keys);
            let published = self.publisher.publish(Route::Notifications { shard: 0 }, parcel).await;
            // A refused one loses nothing: the next one covers the same window and more.
            published.inspect_err(|error| warn!(%error, "a statement was not published"))?;
            self.lock().stated(statement);
            count += 1;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The trace that begins here bears the message's id. Source: W3C Trace Context §3.2.
fn traceparent(id: Uuid) -> String {
    let (_, span) = Uuid::now_v7().as_u64_pair();
    format!("00-{}-{span:016x}-01", id.simple())
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        if self.confirmed {
            numbers.confirmed(self.seq);
        } else {
            numbers.hole(self.seq);
        }
    }
}
