//! The broker on the file: one table of parcels, one thread that writes it.
//!
//! **Invariant**: a publish is answered with success only after its commit; a parcel is in one
//! reader's hand at most, and leaves the table only by an acknowledgement.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use diesel::SqliteConnection;
use shared::broker::{
    Broker, BrokerError, Depths, LISTENER_WAITING_MAX, Listener, PublishError, Publisher, Route,
};
use shared::message::parcel::Parcel;
use shared::process;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

mod consumer;
mod rows;
mod writer;
#[cfg(test)]
mod conduct;

pub use self::consumer::QueueConsumer;
use self::rows::NewRow;
use self::writer::{Change, Writer};
use super::store::Store;

/// A publish is answered within this time, whatever the disk does.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(3);

/// The queue; clones share its writer.
#[derive(Clone)]
pub struct Queue {
    store: Arc<Store>,
    writer: Arc<Writer>,
    /// How many read the notifications.
    readers: Arc<AtomicU32>,
    /// How many read the dead letters.
    morgues: Arc<AtomicU32>,
    /// Events of orders, to whoever listens in this process.
    events: broadcast::Sender<Parcel>,
}

/// Counted for as long as it lives.
pub(super) struct Reading(Arc<AtomicU32>);

/// Hears the events that this process publishes.
pub struct QueueListener(broadcast::Receiver<Parcel>);

impl Queue {
    pub(super) fn start(store: Arc<Store>) -> Self {
        let writer = Arc::new(Writer::start(Arc::clone(&store)));
        let (events, _) = broadcast::channel(usize::from(LISTENER_WAITING_MAX));
        Self { store, writer, readers: Arc::default(), morgues: Arc::default(), events }
    }
}

/// Gives back all that a former process had in hand.
pub(super) fn give_back_all(connection: &mut SqliteConnection) -> super::values::Result<()> {
    rows::give_back_all(connection)
}

impl Broker for Queue {
    type Publisher = Self;
    type Consumer = QueueConsumer;
    type Listener = QueueListener;

    fn publisher(&self) -> Self {
        self.clone()
    }

    async fn consumer(&self, shard: u16, prefetch: u16) -> Result<QueueConsumer, BrokerError> {
        if shard != 0 {
            return Err(BrokerError("the embedded queue has one shard".to_owned()));
        }
        let reading = Reading::begin(&self.readers);
        let (store, writer) = (&self.store, &self.writer);
        QueueConsumer::open(store, writer, (rows::NOTIFICATIONS, reading), prefetch).await
    }

    async fn dead_letters(&self, prefetch: u16) -> Result<QueueConsumer, BrokerError> {
        let reading = Reading::begin(&self.morgues);
        let (store, writer) = (&self.store, &self.writer);
        QueueConsumer::open(store, writer, (rows::DEAD, reading), prefetch).await
    }

    async fn depths(&self) -> Result<Depths, BrokerError> {
        let store = Arc::clone(&self.store);
        let counting = tokio::task::spawn_blocking(move || {
            let mut connection = store.connect()?;
            rows::waiting(&mut connection).map_err(|error| error.to_string())
        });
        let counted = counting.await.map_err(|error| BrokerError(error.to_string()))?;
        let (retrying, dead) = counted.map_err(BrokerError)?;
        let consumers = vec![self.readers.load(Ordering::SeqCst)];
        Ok(Depths { consumers, retrying, dead, morgues: self.morgues.load(Ordering::SeqCst) })
    }

    async fn listener(&self) -> Result<QueueListener, BrokerError> {
        Ok(QueueListener(self.events.subscribe()))
    }
}

impl Listener for QueueListener {
    async fn next(&mut self) -> Result<Parcel, BrokerError> {
        loop {
            match self.0.recv().await {
                Ok(parcel) => return Ok(parcel),
                // The oldest were dropped.
                Err(RecvError::Lagged(_)) => (),
                Err(RecvError::Closed) => return Err(BrokerError("the queue is gone".to_owned())),
            }
        }
    }
}

impl Publisher for Queue {
    async fn publish(&self, route: Route, parcel: Parcel) -> Result<(), PublishError> {
        let (place, delay) = match route {
            // There is one shard, so it is also the place of those that are unknown.
            Route::Notifications { .. } => (rows::NOTIFICATIONS, None),
            Route::Retry { delay, .. } => (rows::NOTIFICATIONS, Some(delay)),
            Route::Dead => (rows::DEAD, None),
            // Embedded, an event is published when its row in the ledger has a position.
            Route::Fulfilment { routing_key } => {
                self.tell(&routing_key, parcel);
                return Ok(());
            }
        };
        let ready_at = delay.map(|delay| process::now() + delay);
        let row = NewRow::new(place, ready_at, &parcel).map_err(|_| PublishError::Refused)?;
        self.ask(Change::Insert(Box::new(row))).await
    }

    /// The writer lives, and the file lets it write.
    async fn probe(&self) -> Result<(), PublishError> {
        self.ask(Change::Probe).await
    }
}

impl Reading {
    fn begin(readers: &Arc<AtomicU32>) -> Self {
        readers.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(readers))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Queue {
    /// Tells whoever listens to the events of orders, as [`shared::broker::LISTENER_KEYS`] says it.
    fn tell(&self, routing_key: &str, parcel: Parcel) {
        if routing_key.starts_with("order.") {
            // Nobody may be listening.
            drop(self.events.send(parcel));
        }
    }

    async fn ask(&self, change: Change) -> Result<(), PublishError> {
        let answer = timeout(PUBLISH_TIMEOUT, self.writer.ask(change)).await;
        answer.unwrap_or(Err(PublishError::TimedOut))
    }
}
