//! One task owns a confirm channel, with many publishes in flight on it.
//!
//! **Invariant**: whoever asks is answered, within a limit: by the broker's confirm, or with why there
//! is none.

use std::time::Duration;

use futures_util::stream::StreamExt as _;
use lapin::options::ConfirmSelectOptions;
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Connection, Event};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};
use uuid::Uuid;

mod flight;

use self::flight::{Flight, answer};
use super::{Amqp, ConnectError, wire};
use crate::broker::{PublishError, Publisher, Route};
use crate::message::parcel::Parcel;
use crate::retry::Reconnect;

/// Publishes in flight on one channel: beyond it throughput no longer grows.
const WINDOW: usize = 256;
/// Confirms and probes of one call: what was never answered in this time is not awaited further.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// The handle; the task ends, and its connection with it, when the last handle is dropped.
#[derive(Clone)]
pub struct AmqpPublisher {
    jobs: mpsc::Sender<Job>,
    topology: super::Topology,
    publish_timeout: Duration,
}

struct Job {
    exchange: ShortString,
    routing_key: ShortString,
    properties: BasicProperties,
    parcel: Parcel,
    answer: oneshot::Sender<Result<(), PublishError>>,
}

impl AmqpPublisher {
    pub(super) fn start(amqp: Amqp) -> Self {
        let (jobs, queue) = mpsc::channel(WINDOW);
        let publish_timeout = amqp.publish_timeout;
        let topology = amqp.topology.clone();
        tokio::spawn(supervise(amqp, queue));
        Self { jobs, topology, publish_timeout }
    }

    async fn send(
        &self,
        (exchange, routing_key): (String, String),
        parcel: Parcel,
        limit: Duration,
    ) -> Result<(), PublishError> {
        let (answer, outcome) = oneshot::channel();
        let job = Job {
            exchange: ShortString::try_new(exchange).map_err(|_| PublishError::TooLong)?,
            routing_key: ShortString::try_new(routing_key).map_err(|_| PublishError::TooLong)?,
            properties: wire::properties(&parcel)?,
            parcel,
            answer,
        };
        let answered = timeout(limit, async {
            self.jobs.send(job).await.map_err(|_| PublishError::Unreachable)?;
            outcome.await.unwrap_or(Err(PublishError::Lost))
        });
        answered.await.unwrap_or(Err(PublishError::TimedOut))
    }
}

impl Publisher for AmqpPublisher {
    async fn publish(&self, route: Route, parcel: Parcel) -> Result<(), PublishError> {
        self.send(self.topology.address(&route), parcel, self.publish_timeout).await
    }

    /// A mandatory publish to a queue that does not exist must come back.
    async fn probe(&self) -> Result<(), PublishError> {
        let parcel = Parcel { id: Uuid::now_v7().to_string(), ..Parcel::default() };
        let nowhere = (String::new(), self.topology.nowhere());
        match self.send(nowhere, parcel, PROBE_TIMEOUT).await {
            Err(PublishError::Unroutable) => Ok(()),
            Ok(()) => Err(PublishError::Unsafe(format!(
                "a queue named `{}` swallows probes: delete it",
                self.topology.nowhere()
            ))),
            Err(other) => Err(other),
        }
    }
}

/// Connects, serves, and connects again; meanwhile whoever asks is told at once.
async fn supervise(amqp: Amqp, mut jobs: mpsc::Receiver<Job>) {
    let mut reconnect = Reconnect::default();
    // Whoever asks before the first answer waits for it, within its own limit.
    let mut first = Some(amqp.connect("quittance publisher").await);
    while !jobs.is_closed() || !jobs.is_empty() {
        let connected = match first.take() {
            Some(connected) => Some(connected),
            None => refusing(amqp.connect("quittance publisher"), &mut jobs).await,
        };
        let refusal = match connected {
            None => return,
            Some(Ok(connection)) => {
                info!("publishing to rabbitmq");
                reconnect.reached();
                let done = serve(&connection, &mut jobs).await;
                if connection.status().connected() {
                    let closing = timeout(PROBE_TIMEOUT, connection.close(200, "done".into()));
                    drop(refusing(closing, &mut jobs).await);
                }
                if done {
                    return;
                }
                PublishError::Unreachable
            }
            Some(Err(ConnectError::Unsafe(finding))) => {
                warn!(object = %finding.object, wrong = %finding.wrong, mend = %finding.mend, "unsafe topology");
                PublishError::Unsafe(finding.object)
            }
            Some(Err(ConnectError::Unreachable(error))) => {
                warn!(%error, "rabbitmq is out of reach");
                PublishError::Unreachable
            }
        };
        let delay = sleep(reconnect.next_delay());
        if refusing_with(delay, &mut jobs, &refusal).await.is_none() {
            return;
        }
    }
}

async fn refusing<T>(work: impl Future<Output = T>, jobs: &mut mpsc::Receiver<Job>) -> Option<T> {
    refusing_with(work, jobs, &PublishError::Unreachable).await
}

/// Runs `work` while answering every job with the refusal; nothing once all handles are gone.
async fn refusing_with<T>(
    work: impl Future<Output = T>,
    jobs: &mut mpsc::Receiver<Job>,
    refusal: &PublishError,
) -> Option<T> {
    tokio::pin!(work);
    loop {
        tokio::select! {
            output = &mut work => return Some(output),
            job = jobs.recv() => answer(job?.answer, Err(refusal.clone())),
        }
    }
}

/// Serves until the connection fails (false) or all handles are gone and all is answered (true).
async fn serve(connection: &Connection, jobs: &mut mpsc::Receiver<Job>) -> bool {
    let mut events = Box::pin(connection.events_listener());
    let channel = match timeout(PROBE_TIMEOUT, confirm_channel(connection)).await {
        Ok(Ok(channel)) => channel,
        Ok(Err(error)) => {
            warn!(%error, "no confirm channel");
            return false;
        }
        Err(_) => {
            warn!("no confirm channel in time");
            return false;
        }
    };
    let mut flight = Flight::default();
    let mut open = true;
    while open || !flight.confirms.is_empty() {
        let blocked = connection.status().blocked();
        if blocked {
            flight.answer_all(&PublishError::Blocked);
        }
        let room = blocked || flight.confirms.len() < WINDOW;
        tokio::select! {
            biased;
            Some(first) = flight.confirms.next() => {
                if !flight.settle(first).await {
                    flight.answer_all(&PublishError::Lost);
                    return false;
                }
                if flight.is_unrouted {
                    // Whoever connects makes what is missing.
                    warn!("a message came back: a queue or a binding is gone, and is looked for");
                    flight.answer_all(&PublishError::Lost);
                    return false;
                }
            }
            event = events.next() => match event {
                Some(Event::ConnectionBlocked(_)) => warn!("rabbitmq blocks publishing"),
                Some(Event::ConnectionUnblocked) => info!("rabbitmq accepts publishing again"),
                Some(_) if connection.status().connected() => (),
                Some(_) | None => {
                    flight.answer_all(&PublishError::Lost);
                    return false;
                }
            },
            job = jobs.recv(), if open && room => match job {
                Some(job) if blocked => answer(job.answer, Err(PublishError::Blocked)),
                Some(job) => flight.begin(&channel, job),
                None => open = false,
            },
        }
    }
    true
}

async fn confirm_channel(connection: &Connection) -> lapin::Result<Channel> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
}
