//! The relay: publishes what the ledger announced, and places it in the log.
//!
//! **Invariant**: only a subject's lowest unsent event is in flight, and it is marked only after its
//! confirm. So any number of relays is correct; the beat lease merely spares repeats.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use metrics::{counter, gauge};
use shared::broker::{PublishError, Publisher, Route};
use shared::crash::{self, Point};
use shared::event::{self, EventType};
use shared::message::parcel::Parcel;
use shared::process;
use shared::retry::Reconnect;
use shared::telemetry::health::Health;
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use crate::lease::Lease;
use crate::ledger::records::Unsent;
use crate::ledger::{Duty, Ledger, LedgerError, Session};

/// Events in one round.
const ROUND: i64 = 1_000;
/// The longest a relay sleeps without being rung.
const POLL: Duration = Duration::from_secs(1);
/// The longest that a refused subject is left alone.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
const BACKOFF_MIN: Duration = Duration::from_millis(200);

/// One relay's parts.
pub struct Relay<P, L> {
    pub publisher: P,
    pub ledger: L,
    pub health: Health,
    pub bell: Arc<Notify>,
}

/// What one round came to.
#[derive(Default)]
struct Round {
    /// Are there more behind those that were looked at?
    is_full: bool,
    /// Events that were confirmed.
    sent: usize,
    /// Why the broker could not be published to.
    away: Option<PublishError>,
}

/// Subjects whose event was refused, and until when they are left alone.
#[derive(Default)]
struct Refused {
    until: HashMap<String, (Instant, Duration)>,
}

impl<P: Publisher, L: Ledger> Relay<P, L> {
    /// Runs until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        // One for as long as it runs: after an outage it finds its own lease, and need not wait for it.
        let holder = Uuid::now_v7();
        let mut reconnect = Reconnect::default();
        while !stop.is_cancelled() {
            if let Err(error) = self.serve(holder, &mut reconnect, &stop).await {
                warn!(%error, "the relay starts again");
                self.health.set("relay", Err(error.to_string()));
                process::pause(reconnect.next_delay(), &stop).await;
            }
        }
    }

    async fn serve(
        &self,
        holder: Uuid,
        reconnect: &mut Reconnect,
        stop: &CancellationToken,
    ) -> Result<(), LedgerError> {
        let mut session = self.ledger.open().await?;
        self.health.set("relay", Ok(()));
        reconnect.reached();
        let mut lease = Lease::new(holder);
        let mut refused = Refused::default();
        let mut skipped = 0;
        while !stop.is_cancelled() {
            let was_held = lease.is_held();
            lease
                .keep(async |holder, stale| session.beat(Duty::Relay, holder, stale).await)
                .await?;
            if lease.is_held() && !was_held {
                info!(%holder, "relaying events");
            }
            let round = if lease.is_held() {
                self.round(&mut session, &mut refused, skipped).await?
            } else {
                Round::default()
            };
            if !lease.is_held() {
                // The gauges are the holder's to set.
                tell(&[], process::now());
            }
            if let Some(error) = round.away {
                warn!(%error, "the relay cannot publish");
                self.health.set("relay", Err(error.to_string()));
                // The bell rings on while the broker is away.
                process::pause(POLL, stop).await;
            } else if round.sent == 0 && round.is_full {
                // Those are all left alone for now, or refused: whoever stands behind them need not wait.
                skipped += ROUND;
                continue;
            } else if round.sent == 0 {
                self.health.set("relay", Ok(()));
                let rung = timeout(POLL, self.bell.notified());
                if process::unless_stopped(rung, stop).await.is_none() {
                    break;
                }
            }
            skipped = 0;
        }
        if lease.is_held() {
            session.release(lease.holder).await?;
        }
        Ok(())
    }

    /// Publishes the lowest unsent event of each subject, those of the first so many left out.
    async fn round(
        &self,
        session: &mut L::Session,
        refused: &mut Refused,
        skipped: i64,
    ) -> Result<Round, LedgerError> {
        let unsent = session.unsent(skipped, ROUND).await?;
        if skipped == 0 {
            tell(&unsent, session.now().await?);
        }
        let is_full = i64::try_from(unsent.len()).is_ok_and(|found| found >= ROUND);
        let due: Vec<Unsent> =
            unsent.into_iter().filter(|event| refused.is_due(&event.subject)).collect();
        let outcomes = join_all(due.iter().map(|event| self.publish(event))).await;
        let mut confirmed = vec![];
        let (mut away, mut unanswered) = (None, vec![]);
        for (event, outcome) in due.iter().zip(outcomes) {
            match outcome {
                Ok(()) => {
                    refused.until.remove(&event.subject);
                    confirmed.push(event.clone());
                }
                Err(error) if error.concerns_the_parcel() => refused.note(event, &error),
                Err(PublishError::TimedOut) => unanswered.push(event),
                // No subject is to blame: all go on as soon as the broker is back.
                Err(error) => away = Some(error),
            }
        }
        if !unanswered.is_empty() && away.is_none() {
            // Where the broker answers all the same, a queue that takes these events does not.
            match self.publisher.probe().await {
                Ok(()) => {
                    for event in unanswered {
                        refused.note(event, &PublishError::TimedOut);
                    }
                }
                Err(error) => away = Some(error),
            }
        }
        if !confirmed.is_empty() {
            crash::at(Point::Announced);
            session.mark_sent(&confirmed).await?;
            crash::at(Point::Marked);
            counter!("messaging_client_sent_messages_total", "messaging_destination_name" => "fulfilment")
                .increment(confirmed.len() as u64);
        }
        Ok(Round { is_full, sent: confirmed.len(), away })
    }

    async fn publish(&self, event: &Unsent) -> Result<(), PublishError> {
        let kind = EventType::from_routing_key(&event.routing_key);
        let parcel = Parcel {
            id: event.id.to_string(),
            kind: kind.map_or_else(|| event.routing_key.clone(), EventType::cloud_type),
            content_type: Some(event::CONTENT_TYPE.to_owned()),
            timestamp_s: event.occurred_at.unix_timestamp(),
            headers: vec![],
            body: event.body.clone().into(),
        };
        let route = Route::Fulfilment { routing_key: event.routing_key.clone() };
        self.publisher.publish(route, parcel).await
    }
}

/// Of the oldest that wait.
fn tell(unsent: &[Unsent], now: OffsetDateTime) {
    gauge!("quittance_outbox_pending").set(unsent.len() as f64);
    let waits = |event: &Unsent| (now - event.occurred_at).as_seconds_f64();
    gauge!("quittance_outbox_oldest_seconds").set(unsent.first().map_or(0.0, waits));
}

impl Refused {
    fn is_due(&self, subject: &str) -> bool {
        self.until.get(subject).is_none_or(|(until, _)| *until <= Instant::now())
    }

    fn note(&mut self, event: &Unsent, error: &PublishError) {
        let before = self.until.get(&event.subject).map(|(_, delay)| *delay);
        let delay = before.map_or(BACKOFF_MIN, |delay| (delay * 2).min(BACKOFF_MAX));
        warn!(event_id = %event.id, %error, delay_ms = delay.as_millis(), "an event was not published");
        self.until.insert(event.subject.clone(), (Instant::now() + delay, delay));
    }
}
