//! What is in flight on a confirm channel, and how its confirms are answered.
//!
//! **Invariant**: a returned message is matched by its `message_id`, and nothing is answered while a
//! returned message's own confirm is on its way: lapin attaches a return to whichever confirm it
//! handles next.

use std::collections::{HashMap, HashSet};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation};
use tokio::sync::oneshot;
use tracing::warn;

use super::Job;
use crate::broker::PublishError;
use crate::crash::{self, Point};

/// What is in flight, by ticket.
pub(super) struct Flight {
    pub(super) confirms: FuturesUnordered<BoxFuture<'static, (u64, lapin::Result<Confirmation>)>>,
    waiting: HashMap<u64, Waiting>,
    /// Confirmed, not answered yet.
    confirmed: HashMap<u64, Result<(), PublishError>>,
    /// Came back; their own confirms may still be on their way.
    returned: HashSet<String>,
    /// Did one come back that was to be routed? Then a queue or a binding is gone.
    pub(super) is_unrouted: bool,
    tickets: u64,
}

/// Whoever waits for a confirm.
struct Waiting {
    id: String,
    /// It is to come back.
    is_probe: bool,
    answer: oneshot::Sender<Result<(), PublishError>>,
}

impl Default for Flight {
    fn default() -> Self {
        Self {
            confirms: FuturesUnordered::new(),
            waiting: HashMap::new(),
            confirmed: HashMap::new(),
            returned: HashSet::new(),
            is_unrouted: false,
            tickets: 0,
        }
    }
}

impl Flight {
    pub(super) fn begin(&mut self, channel: &Channel, job: Job) {
        // Who stopped waiting was told that the outcome is unknown: now it is known, nothing was sent.
        if job.answer.is_closed() {
            return;
        }
        self.tickets += 1;
        let ticket = self.tickets;
        // To no exchange: straight to a queue, which for a probe does not exist.
        let is_probe = job.exchange.as_str().is_empty();
        self.waiting.insert(ticket, Waiting { id: job.parcel.id, is_probe, answer: job.answer });
        let (channel, body) = (channel.clone(), job.parcel.body);
        let (exchange, key, properties) = (job.exchange, job.routing_key, job.properties);
        self.confirms.push(Box::pin(async move {
            (ticket, publish(&channel, (exchange, key), &body, properties).await)
        }));
    }

    /// Collects every confirm that is ready, then answers. False: the channel failed.
    pub(super) async fn settle(&mut self, first: (u64, lapin::Result<Confirmation>)) -> bool {
        let mut ready = vec![first];
        loop {
            let known = ready.len();
            // lapin's thread may be in the middle of one multiple confirm.
            tokio::task::yield_now().await;
            while let Some(Some(more)) = self.confirms.next().now_or_never() {
                ready.push(more);
            }
            if ready.len() == known {
                break;
            }
        }
        let mut healthy = true;
        for (ticket, confirmation) in ready {
            let outcome = match confirmation {
                Ok(Confirmation::Ack(message)) => {
                    self.returned.extend(message.as_ref().and_then(returned_id));
                    Ok(())
                }
                Ok(Confirmation::Nack(message)) => {
                    self.returned.extend(message.as_ref().and_then(returned_id));
                    Err(PublishError::Refused)
                }
                Ok(Confirmation::NotRequested) => Err(PublishError::Refused),
                Err(error) => {
                    warn!(%error, "a publish failed");
                    healthy = false;
                    Err(PublishError::Lost)
                }
            };
            self.confirmed.insert(ticket, outcome);
        }
        self.answer_confirmed();
        healthy
    }

    /// Answers what is confirmed, unless a returned message's own confirm is still on its way: that
    /// one may bring the return of another that looks confirmed now.
    fn answer_confirmed(&mut self) {
        let Self { waiting, confirmed, returned, is_unrouted, .. } = self;
        let outstanding = |(ticket, one): (&u64, &Waiting)| {
            returned.contains(&one.id) && !confirmed.contains_key(ticket)
        };
        if !returned.is_empty() && waiting.iter().any(outstanding) {
            return;
        }
        for (ticket, outcome) in confirmed.drain() {
            // Nobody waits any more for what was answered as blocked.
            let Some(one) = waiting.remove(&ticket) else { continue };
            let came_back = returned.contains(&one.id);
            *is_unrouted |= came_back && !one.is_probe;
            answer(one.answer, if came_back { Err(PublishError::Unroutable) } else { outcome });
        }
        returned.clear();
    }

    pub(super) fn answer_all(&mut self, error: &PublishError) {
        for (_, one) in self.waiting.drain() {
            answer(one.answer, Err(error.clone()));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that publishes")]
async fn publish(
    channel: &Channel,
    (exchange, routing_key): (ShortString, ShortString),
    body: &[u8],
    properties: BasicProperties,
) -> lapin::Result<Confirmation> {
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let publishing = channel.basic_publish(exchange, routing_key, options, body, properties);
    let confirm = publishing.await?;
    crash::at(Point::Published);
    confirm.await
}

fn returned_id(message: &lapin::message::BasicReturnMessage) -> Option<String> {
    message.delivery.properties.message_id().as_ref().map(ToString::to_string)
}

/// Who stopped waiting needs no answer.
pub(super) fn answer(
    waiting: oneshot::Sender<Result<(), PublishError>>,
    outcome: Result<(), PublishError>,
) {
    drop(waiting.send(outcome));
}
