//! What the broker holds, and what is going to happen to it.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::broker::{Depths, Route};
use shared::message::parcel::Parcel;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Outage;
use super::queue::{Place, Queue, Waiting};
use super::record::Record;
use crate::sky::{Broken, Fate};

/// How long at-least-once dead lettering waits before it tries again, where its target was away.
const STUCK: Duration = Duration::from_secs(180);
/// How long a delivery may be on its way to a reader.
const CROSSING_MS: std::ops::Range<u64> = 1..2_000;

/// What happens at its time, whoever asked for it.
pub(super) enum Happening {
    /// A parcel comes in.
    Comes { route: Route, parcel: Parcel, told: Option<oneshot::Sender<()>> },
    /// A tier gives one back.
    Returns { shard: u16, parcel: Parcel },
    /// The broker sees that a reader's connection is gone.
    Leaves { place: Place, reader: u64 },
}

pub(super) struct State {
    shards: Vec<Queue>,
    dead: Queue,
    agenda: BTreeMap<(Instant, u64), Happening>,
    pub(super) record: Record,
    pub(super) outage: Outage,
    last: u64,
    stolen: u32,
}

impl State {
    pub(super) fn new(shards: u16) -> Self {
        Self {
            shards: (0..shards).map(|_| Queue::default()).collect(),
            dead: Queue::default(),
            agenda: BTreeMap::new(),
            record: Record::default(),
            outage: Outage::Nothing,
            last: 0,
            stolen: 0,
        }
    }

    pub(super) fn put_off(&mut self, at: Instant, happening: Happening) {
        self.last += 1;
        self.agenda.insert((at, self.last), happening);
    }

    /// Does what is due; says whether anything was, and when it goes on.
    pub(super) fn go_on(&mut self, now: Instant, fate: &Fate) -> (bool, Option<Instant>) {
        let mut happened = false;
        while let Some(entry) = self.agenda.first_entry().filter(|entry| entry.key().0 <= now) {
            happened = true;
            match entry.remove() {
                // Its connection is gone, and so is what was on it.
                Happening::Comes { .. } if self.outage == Outage::Down => (),
                Happening::Comes { route, parcel, told } => {
                    self.hold(route, parcel, now, fate);
                    if let Some(Err(())) = told.map(|told| told.send(())) {
                        fate.note("confirms to nobody: who published is dead");
                    }
                }
                Happening::Returns { shard, parcel } => {
                    self.shard(shard).ready.push_back(Waiting { parcel, returns: 0 });
                }
                Happening::Leaves { place, reader } => {
                    let in_front = !fate.befalls(fate.sky.weather.consuming);
                    self.queue(place).leave(reader, in_front);
                }
            }
        }
        self.send(now, fate);
        (happened, self.agenda.first_key_value().map(|((at, _), _)| *at))
    }

    pub(super) fn befall(&mut self, outage: Outage) {
        self.outage = outage;
        if outage == Outage::Down {
            self.shards.iter_mut().for_each(Queue::end_all);
            self.dead.end_all();
        }
    }

    pub(super) fn reads(&mut self, place: Place, prefetch: usize, fate: &Fate) -> u64 {
        self.last += 1;
        let id = self.last;
        self.queue(place).join(id, prefetch);
        self.send(Instant::now(), fate);
        id
    }

    pub(super) fn queue(&mut self, place: Place) -> &mut Queue {
        match place {
            Place::Shard(shard) => self.shard(shard),
            Place::Dead => &mut self.dead,
        }
    }

    pub(super) fn depths(&self) -> Depths {
        let consumers = |queue: &Queue| u32::try_from(queue.count()).unwrap_or(u32::MAX);
        Depths {
            consumers: self.shards.iter().map(consumers).collect(),
            retrying: self.retrying() as u64,
            dead: self.dead.ready.len() as u64,
            morgues: consumers(&self.dead),
        }
    }

    pub(super) fn is_still(&self) -> bool {
        let empty = |queue: &Queue| queue.held() == (0, 0);
        self.agenda.is_empty() && self.shards.iter().all(empty) && empty(&self.dead)
    }

    pub(super) fn contents(&self) -> String {
        let shards: Vec<_> = self.shards.iter().map(Queue::held).collect();
        let (dead, retrying, agenda) = (self.dead.held(), self.retrying(), self.agenda.len());
        format!(
            "ready and in hand: {shards:?}, dead {dead:?}; {retrying} retrying of {agenda} put off"
        )
    }

    /// Sends on what is ready.
    pub(super) fn send(&mut self, now: Instant, fate: &Fate) {
        let slow = fate.sky.weather.consuming;
        for queue in self.shards.iter_mut().chain([&mut self.dead]) {
            queue.send(|| {
                now + if fate.befalls(slow) { fate.span(CROSSING_MS) } else { Duration::ZERO }
            });
        }
    }

    fn hold(&mut self, route: Route, parcel: Parcel, now: Instant, fate: &Fate) {
        self.record.held(&route, &parcel);
        match route {
            Route::Notifications { shard } => {
                if let Broken::Steals(count) = fate.sky.broken
                    && self.stolen < count
                    && self.record.accepted.contains_key(&parcel.id)
                {
                    self.stolen += 1;
                    self.record.stolen.push(parcel.id);
                    return;
                }
                self.shard(shard).ready.push_back(Waiting { parcel, returns: 0 });
            }
            Route::Retry { delay, shard } => {
                let weather = fate.sky.weather.consuming;
                let late = if fate.befalls(weather / 20) { STUCK } else { Duration::ZERO };
                if fate.befalls(weather) {
                    // It was confirmed to the shard, and the tier did not hear of it.
                    let again = Happening::Returns { shard, parcel: parcel.clone() };
                    self.put_off(now + delay + fate.span(CROSSING_MS), again);
                }
                self.put_off(now + delay + late, Happening::Returns { shard, parcel });
            }
            Route::Dead => self.dead.ready.push_back(Waiting { parcel, returns: 0 }),
            Route::Fulfilment { .. } => self.record.heard.push(parcel),
        }
    }

    /// What names a shard that is not there goes to the first.
    fn shard(&mut self, shard: u16) -> &mut Queue {
        let shard = usize::from(shard).min(self.shards.len());
        let shard = if shard == self.shards.len() { 0 } else { shard };
        &mut self.shards[shard]
    }

    fn retrying(&self) -> usize {
        self.agenda.values().filter(|one| matches!(one, Happening::Returns { .. })).count()
    }
}
