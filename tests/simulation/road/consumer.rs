//! A consumer on the wire: its stream may end, its acknowledgement be lost on either side, and the broker may
//! see late that it is gone.

use std::time::Duration;

use shared::broker::{BrokerError, Consumer, Delivery};
use tokio::time::{Instant, timeout_at};

use super::Line;
use super::queue::{Look, Place};
use super::state::Happening;
use crate::sky::Broken;

/// How long the broker may hold on to a connection that nobody is at the other end of.
const HALF_OPEN_MS: std::ops::Range<u64> = 100..7_000;

pub(crate) struct LineConsumer {
    pub(super) line: Line,
    pub(super) place: Place,
    pub(super) reader: u64,
}

/// What becomes of an acknowledgement.
#[derive(Clone, Copy)]
enum Acknowledged {
    /// The broker took it, and the answer was lost.
    Unanswered,
    /// It never arrived, which shows.
    Lost,
    /// It never arrived, and whoever sent it learns so by its stream's end alone.
    Vanished,
}

impl LineConsumer {
    fn end(&self) {
        let Line { road, fate } = &self.line;
        road.lock().queue(self.place).end(self.reader, !fate.befalls(500));
        road.put_off(Duration::ZERO, Happening::Leaves { place: self.place, reader: self.reader });
    }

    fn ended(&self) -> BrokerError {
        self.line.lost("its stream ended")
    }

    fn acknowledge(&self, tag: u64) {
        let road = &self.line.road;
        let mut state = road.lock();
        state.queue(self.place).acknowledge(self.reader, tag);
        state.send(Instant::now(), &road.fate);
        drop(state);
        road.changed.notify_waiters();
    }

    fn is_ended(&self) -> bool {
        let look = self.line.road.lock().queue(self.place).look(self.reader, Instant::now());
        matches!(look, Look::Ended)
    }
}

impl Consumer for LineConsumer {
    async fn next(&mut self) -> Result<Delivery, BrokerError> {
        let Line { road, fate } = &self.line;
        loop {
            let changed = road.changed.notified();
            let look = road.lock().queue(self.place).look(self.reader, Instant::now());
            match look {
                Look::Here => break,
                Look::Until(at) => drop(timeout_at(at, changed).await),
                Look::Nothing => changed.await,
                Look::Ended => return Err(self.ended()),
            }
        }
        if fate.befalls(fate.sky.weather.consuming) {
            self.end();
            return Err(self.ended());
        }
        let taken = road.lock().queue(self.place).take(self.reader);
        let delivery = taken.ok_or_else(|| self.ended())?;
        if fate.sky.broken == Broken::AcksEarly {
            self.acknowledge(delivery.tag);
        }
        Ok(delivery)
    }

    async fn catch_up(&mut self) -> Result<(), BrokerError> {
        self.line.round_trip("catching up").await?;
        let crossed = self.line.road.lock().queue(self.place).crossed_at(self.reader);
        if let Some(at) = crossed {
            drop(timeout_at(at, std::future::pending::<()>()).await);
        }
        if self.is_ended() { Err(self.ended()) } else { Ok(()) }
    }

    async fn ack_through(&mut self, tag: u64) -> Result<(), BrokerError> {
        use Acknowledged::{Lost, Unanswered, Vanished};
        let fate = &self.line.fate;
        fate.passes("acknowledging").await;
        if self.is_ended() {
            return Err(self.ended());
        }
        let failed = fate.befalls(fate.sky.weather.consuming);
        let failed = failed.then(|| fate.one_of(&[Unanswered, Lost, Vanished]));
        match failed {
            None => {
                self.acknowledge(tag);
                fate.passes("acknowledged").await;
                Ok(())
            }
            Some(Unanswered) => {
                self.acknowledge(tag);
                fate.passes("acknowledged").await;
                Err(self.line.lost("no answer to an acknowledgement"))
            }
            Some(Lost) => Err(self.line.lost("an acknowledgement did not arrive")),
            Some(Vanished) => {
                fate.note("an acknowledgement vanished");
                self.end();
                Ok(())
            }
        }
    }

    async fn widen(&mut self, prefetch: u16) -> Result<(), BrokerError> {
        self.line.round_trip("widening").await?;
        let road = &self.line.road;
        let mut state = road.lock();
        state.queue(self.place).widen(self.reader, usize::from(prefetch));
        state.send(Instant::now(), &road.fate);
        drop(state);
        road.changed.notify_waiters();
        if self.is_ended() { Err(self.ended()) } else { Ok(()) }
    }
}

impl Drop for LineConsumer {
    fn drop(&mut self) {
        let Line { road, fate } = &self.line;
        let half_open = fate.befalls(fate.sky.weather.consuming * 3);
        let after = if half_open { fate.span(HALF_OPEN_MS) } else { Duration::ZERO };
        road.put_off(after, Happening::Leaves { place: self.place, reader: self.reader });
    }
}
