//! What can happen next.

use rand::rngs::mock::StepRng;
use shared::retry::Schedule;
use worker::error::{Disposition, Failure, dispose};
use worker::ledger::{Bucket, LedgerError};

use crate::ledger::{Entry, Ledger, WAITS};

const WORKERS: usize = 2;
/// Processes that die, and answers that are lost: each may happen at any step.
const CRASHES: u8 = 2;
const LOST_ANSWERS: u8 = 1;
/// Commits that the ledger cannot do.
const FAULTS: u8 = 2;

/// One copy of a message at the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Copy {
    pub(crate) message: u8,
    pub(crate) attempt: u8,
    pub(crate) home: Home,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Home {
    Queue,
    /// Delivered to this worker, and not acknowledged.
    Hand(usize),
    Tier,
    Dead,
}

/// How far a worker has come with the copy in its hand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Worker {
    Idle,
    Holding,
    /// The outcome is committed; this is to be published next.
    Recorded(Onward),
    /// Its next home holds it.
    Homed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Onward {
    Nowhere,
    Tier,
    Dead,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Relay {
    Idle,
    /// The lowest unsent event, read.
    Read(usize),
    Published(usize),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct World {
    pub(crate) copies: Vec<Copy>,
    pub(crate) ledger: Ledger,
    /// Sequence numbers, as a subscriber's queue got them.
    pub(crate) published: Vec<usize>,
    /// Only for a test of the tests.
    pub(crate) acks_early: bool,
    workers: [Worker; WORKERS],
    relay: Relay,
    crashes: u8,
    lost_answers: u8,
    faults: u8,
}

impl World {
    pub(crate) fn with_a_notification_and_its_repeat() -> Self {
        let copy = |message| Copy { message, attempt: 0, home: Home::Queue };
        Self {
            copies: vec![copy(1), copy(2)],
            ledger: Ledger::default(),
            published: vec![],
            acks_early: false,
            workers: [Worker::Idle, Worker::Idle],
            relay: Relay::Idle,
            crashes: CRASHES,
            lost_answers: LOST_ANSWERS,
            faults: FAULTS,
        }
    }

    pub(crate) fn messages(&self) -> [u8; 2] {
        [1, 2]
    }

    /// Nothing is under way, and nothing is left to publish.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.copies.iter().all(|copy| copy.home == Home::Dead)
            && self.workers.iter().all(|worker| *worker == Worker::Idle)
            && self.relay == Relay::Idle
            && self.ledger.sent == self.ledger.told().len()
    }

    pub(crate) fn steps(&self) -> Vec<Self> {
        let mut next = vec![];
        for worker in 0..WORKERS {
            next.extend(self.steps_of(worker));
        }
        next.extend(self.steps_of_the_relay());
        // A tier gives back what waited long enough.
        for (index, copy) in self.copies.iter().enumerate().filter(|(_, c)| c.home == Home::Tier) {
            next.push(self.put(index, Copy { home: Home::Queue, ..*copy }));
        }
        next.into_iter().map(Self::sorted).collect()
    }

    fn steps_of(&self, worker: usize) -> Vec<Self> {
        let mut next = vec![];
        if self.workers[worker] == Worker::Idle {
            for (index, copy) in
                self.copies.iter().enumerate().filter(|(_, c)| c.home == Home::Queue)
            {
                let taken = self.put(index, Copy { home: Home::Hand(worker), ..*copy });
                next.push(taken.at(worker, Worker::Holding));
            }
            return next;
        }
        let in_hand = |copy: &Copy| copy.home == Home::Hand(worker);
        let index = self.copies.iter().position(in_hand);
        if self.crashes > 0 {
            next.push(Self { crashes: self.crashes - 1, ..self.dropped(worker) });
        }
        match (&self.workers[worker], index) {
            (Worker::Holding, Some(index)) => next.extend(self.settled(worker, index)),
            (Worker::Recorded(onward), index) => next.extend(self.sent_on(worker, index, *onward)),
            (Worker::Homed, Some(index)) => {
                let mut acked = self.at(worker, Worker::Idle);
                acked.copies.remove(index);
                next.push(acked);
            }
            (Worker::Homed | Worker::Holding, None) => next.push(self.at(worker, Worker::Idle)),
            (Worker::Idle, _) => (),
        }
        next
    }

    /// One transaction: it commits; or it does and nobody hears of it; or it cannot be done.
    fn settled(&self, worker: usize, index: usize) -> Vec<Self> {
        let copy = self.copies[index];
        let mut next = vec![];
        let committed =
            Self { ledger: self.ledger.with(Entry::Settled(copy.message)), ..self.clone() };
        next.push(committed.disposed(worker, index, &Ok(Bucket::Settled)));
        if self.lost_answers > 0 {
            let unheard = Self { lost_answers: self.lost_answers - 1, ..committed };
            // It holds on to what is in hand, and settles it again.
            next.push(unheard);
        }
        if self.faults > 0 {
            let fault = Err(Failure::Ledger(LedgerError::Fault("a fault".to_owned())));
            let failed = Self { faults: self.faults - 1, ..self.clone() };
            next.push(failed.disposed(worker, index, &fault));
        }
        next
    }

    /// What the real judge says, its receipt recorded first.
    fn disposed(&self, worker: usize, index: usize, result: &Result<Bucket, Failure>) -> Self {
        let copy = self.copies[index];
        let schedule = Schedule::new(WAITS.to_vec()).expect("a schedule");
        let mut rng = StepRng::new(u64::MAX, 0);
        let mut next = self.clone();
        let onward = match dispose(result, copy.attempt.into(), &schedule, &mut rng) {
            Disposition::Ack(_) => Onward::Nowhere,
            Disposition::RetryIn(_) => {
                next.ledger = next.ledger.with(Entry::Deferred(copy.message));
                Onward::Tier
            }
            Disposition::Bury(_) => {
                next.ledger = next.ledger.with(Entry::Buried(copy.message));
                Onward::Dead
            }
            Disposition::Pause => return next,
        };
        if self.acks_early {
            next.copies.remove(index);
        }
        next.at(worker, Worker::Recorded(onward))
    }

    /// The broker confirms the next home; or it holds it and nobody hears of it.
    fn sent_on(&self, worker: usize, index: Option<usize>, onward: Onward) -> Vec<Self> {
        let homed = self.at(worker, Worker::Homed);
        let home = match onward {
            Onward::Nowhere => return vec![homed],
            Onward::Tier => Home::Tier,
            Onward::Dead => Home::Dead,
        };
        let Some(index) = index else { return vec![homed] };
        let copy = self.copies[index];
        let attempt = if home == Home::Tier { copy.attempt + 1 } else { copy.attempt };
        let mut sent = homed;
        sent.copies.push(Copy { attempt, home, message: copy.message });
        let mut next = vec![];
        if self.lost_answers > 0 {
            let unheard = Self { lost_answers: self.lost_answers - 1, ..sent.clone() };
            // The whole batch is settled again, and published again.
            next.push(unheard.at(worker, Worker::Holding));
        }
        next.push(sent);
        next
    }

    fn steps_of_the_relay(&self) -> Vec<Self> {
        let mut next = vec![];
        if self.relay != Relay::Idle && self.crashes > 0 {
            next.push(Self { crashes: self.crashes - 1, relay: Relay::Idle, ..self.clone() });
        }
        match self.relay {
            Relay::Idle if self.ledger.sent < self.ledger.told().len() => {
                next.push(Self { relay: Relay::Read(self.ledger.sent + 1), ..self.clone() });
            }
            Relay::Idle => (),
            Relay::Read(sequence) => {
                let mut sent = Self { relay: Relay::Published(sequence), ..self.clone() };
                sent.published.push(sequence);
                if self.lost_answers > 0 {
                    let lost_answers = self.lost_answers - 1;
                    next.push(Self { lost_answers, relay: Relay::Idle, ..sent.clone() });
                }
                next.push(sent);
            }
            Relay::Published(sequence) => {
                let mut marked = Self { relay: Relay::Idle, ..self.clone() };
                marked.ledger.sent = marked.ledger.sent.max(sequence);
                next.push(marked);
            }
        }
        next
    }

    /// The worker is gone, and what it had in hand goes back to the queue.
    fn dropped(&self, worker: usize) -> Self {
        let mut next = self.at(worker, Worker::Idle);
        for copy in next.copies.iter_mut().filter(|copy| copy.home == Home::Hand(worker)) {
            copy.home = Home::Queue;
        }
        next
    }

    fn at(&self, worker: usize, state: Worker) -> Self {
        let mut next = self.clone();
        next.workers[worker] = state;
        next
    }

    fn put(&self, index: usize, copy: Copy) -> Self {
        let mut next = self.clone();
        next.copies[index] = copy;
        next
    }

    /// The order in which copies are listed means nothing.
    fn sorted(mut self) -> Self {
        self.copies.sort_unstable();
        self
    }
}
