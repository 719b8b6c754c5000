//! The broker, in memory: shard queues, retry tiers, dead letters and a subscriber's queue, as the port promises
//! them, with everything that may go wrong at each await.
//!
//! **Invariant**: but for what is broken on purpose, `Ok` of a publish means held and routed, and what nobody
//! acknowledged comes back.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use shared::broker::{Broker, BrokerError, Depths, Listener, PublishError};
use shared::message::parcel::Parcel;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout_at};

mod consumer;
mod publisher;
mod queue;
mod record;
mod state;

use self::consumer::LineConsumer;
use self::queue::Place;
pub(crate) use self::record::Record;
use self::state::{Happening, State};
use crate::sky::{Fate, Sky, lock};

/// The broker itself; clones share it.
#[derive(Clone)]
pub(crate) struct Road {
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
    /// Its own fortunes.
    fate: Fate,
}

/// One process's way to the broker, and its publisher.
#[derive(Clone)]
pub(crate) struct Line {
    road: Road,
    fate: Fate,
}

/// What keeps everybody from the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outage {
    Nothing,
    /// Nobody reaches it; who consumed lost its connection.
    Down,
    /// Publishing is blocked.
    Blocked,
}

/// Nobody listens here: the port's listeners serve return pages.
pub(crate) enum Nobody {}

impl Road {
    pub(crate) fn new(sky: &Arc<Sky>, shards: u16) -> Self {
        let state = Arc::new(Mutex::new(State::new(shards)));
        Self { state, changed: Arc::default(), fate: sky.fate("broker", 0) }
    }

    /// Lets what was put off happen, until the run ends.
    pub(crate) async fn run(self) {
        loop {
            let changed = self.changed.notified();
            let (happened, next) = self.lock().go_on(Instant::now(), &self.fate);
            if happened {
                self.changed.notify_waiters();
            }
            match next {
                Some(at) => drop(timeout_at(at, changed).await),
                None => changed.await,
            }
        }
    }

    pub(crate) fn line(&self, fate: Fate) -> Line {
        Line { road: self.clone(), fate }
    }

    pub(crate) fn befall(&self, outage: Outage) {
        self.fate.note(&format!("{outage:?}"));
        self.lock().befall(outage);
        self.changed.notify_waiters();
    }

    /// Is nothing in a queue, a tier, a hand, or on its way to one?
    pub(crate) fn is_still(&self) -> bool {
        self.lock().is_still()
    }

    /// What lies where, for an error.
    pub(crate) fn contents(&self) -> String {
        self.lock().contents()
    }

    /// What went by so far.
    pub(crate) fn record(&self) -> Record {
        self.lock().record.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// It happens so much later, whoever may have died by then.
    fn put_off(&self, by: Duration, happening: Happening) {
        self.lock().put_off(Instant::now() + by, happening);
        self.changed.notify_waiters();
    }

    /// Holds it after a while; nothing: the connection was lost before.
    async fn hold(
        &self,
        after: Duration,
        route: shared::broker::Route,
        parcel: Parcel,
    ) -> Option<()> {
        let (told, hears) = oneshot::channel();
        self.put_off(after, Happening::Comes { route, parcel, told: Some(told) });
        hears.await.ok()
    }
}

impl Line {
    fn lost(&self, why: &str) -> BrokerError {
        self.fate.note(&format!("the broker is lost: {why}"));
        BrokerError(why.to_owned())
    }

    fn is_down(&self) -> bool {
        self.road.lock().outage == Outage::Down
    }

    /// A round trip to the broker, unless it fails.
    async fn round_trip(&self, at: &str) -> Result<(), BrokerError> {
        self.fate.passes(at).await;
        if self.is_down() || self.fate.befalls(self.fate.sky.weather.consuming) {
            return Err(self.lost(at));
        }
        Ok(())
    }

    async fn reader(&self, place: Place, prefetch: u16) -> Result<LineConsumer, BrokerError> {
        self.round_trip("consuming").await?;
        let reader = self.road.lock().reads(place, usize::from(prefetch), &self.road.fate);
        self.road.changed.notify_waiters();
        let consumer = LineConsumer { line: self.clone(), place, reader };
        self.fate.passes("consuming").await;
        Ok(consumer)
    }
}

impl Broker for Line {
    type Publisher = Self;
    type Consumer = LineConsumer;
    type Listener = Nobody;

    fn publisher(&self) -> Self {
        self.clone()
    }

    async fn consumer(&self, shard: u16, prefetch: u16) -> Result<LineConsumer, BrokerError> {
        self.reader(Place::Shard(shard), prefetch).await
    }

    async fn dead_letters(&self, prefetch: u16) -> Result<LineConsumer, BrokerError> {
        self.reader(Place::Dead, prefetch).await
    }

    async fn depths(&self) -> Result<Depths, BrokerError> {
        self.round_trip("looking").await?;
        let depths = self.road.lock().depths();
        if self.fate.befalls(self.fate.sky.weather.consuming) {
            // A queue that comes back from a restart reads empty.
            return Ok(Depths { retrying: 0, dead: 0, ..depths });
        }
        Ok(depths)
    }

    async fn listener(&self) -> Result<Nobody, BrokerError> {
        Err(BrokerError("nobody listens in this world".to_owned()))
    }
}

impl Listener for Nobody {
    async fn next(&mut self) -> Result<Parcel, BrokerError> {
        match *self {}
    }
}

/// Answers that say that a parcel is not held.
fn refusals() -> [PublishError; 3] {
    [PublishError::Unreachable, PublishError::Blocked, PublishError::Refused]
}
