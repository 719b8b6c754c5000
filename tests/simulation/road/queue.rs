//! One queue with its readers: what is ready, and what each was sent and has not acknowledged.

use std::collections::VecDeque;

use shared::broker::Delivery;
use shared::message::parcel::Parcel;
use tokio::time::Instant;

/// Which queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Shard(u16),
    Dead,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) parcel: Parcel,
    pub(super) returns: u32,
}

/// What a reader was sent.
struct Sent {
    tag: u64,
    /// When it has crossed the wire.
    at: Instant,
    taken: bool,
    waiting: Waiting,
}

struct Reader {
    id: u64,
    prefetch: usize,
    last_tag: u64,
    sent: VecDeque<Sent>,
    /// Its stream ended, and what it had went back.
    ended: bool,
}

/// What a reader finds.
pub(super) enum Look {
    /// Something to take.
    Here,
    /// Something that crosses the wire until then.
    Until(Instant),
    Nothing,
    /// The stream has ended.
    Ended,
}

#[derive(Default)]
pub(super) struct Queue {
    pub(super) ready: VecDeque<Waiting>,
    readers: Vec<Reader>,
    turn: usize,
}

impl Queue {
    pub(super) fn join(&mut self, id: u64, prefetch: usize) {
        let (last_tag, sent, ended) = (0, VecDeque::new(), false);
        self.readers.push(Reader { id, prefetch, last_tag, sent, ended });
    }

    /// Sends what is ready to readers with room, in turn.
    pub(super) fn send(&mut self, mut crossed_at: impl FnMut() -> Instant) {
        let count = self.readers.len();
        let mut without_room = 0;
        while !self.ready.is_empty() && without_room < count {
            self.turn = (self.turn + 1) % count;
            let reader = &mut self.readers[self.turn];
            if reader.ended || reader.sent.len() >= reader.prefetch {
                without_room += 1;
                continue;
            }
            without_room = 0;
            let Some(waiting) = self.ready.pop_front() else { return };
            reader.last_tag += 1;
            // A wire keeps the order.
            let crossed = crossed_at();
            let at = reader.sent.back().map_or(crossed, |before| before.at.max(crossed));
            reader.sent.push_back(Sent { tag: reader.last_tag, at, taken: false, waiting });
        }
    }

    pub(super) fn look(&self, id: u64, now: Instant) -> Look {
        let Some(reader) = self.of(id).filter(|reader| !reader.ended) else { return Look::Ended };
        match reader.sent.iter().find(|sent| !sent.taken) {
            None => Look::Nothing,
            Some(sent) if sent.at <= now => Look::Here,
            Some(sent) => Look::Until(sent.at),
        }
    }

    /// When all that this reader was sent has crossed the wire.
    pub(super) fn crossed_at(&self, id: u64) -> Option<Instant> {
        self.of(id)?.sent.iter().map(|sent| sent.at).max()
    }

    pub(super) fn take(&mut self, id: u64) -> Option<Delivery> {
        let reader = self.readers.iter_mut().find(|reader| reader.id == id)?;
        let sent = reader.sent.iter_mut().find(|sent| !sent.taken)?;
        sent.taken = true;
        let Waiting { parcel, returns } = &sent.waiting;
        Some(Delivery { tag: sent.tag, parcel: parcel.clone(), returns: *returns })
    }

    pub(super) fn acknowledge(&mut self, id: u64, through: u64) {
        if let Some(reader) = self.readers.iter_mut().find(|reader| reader.id == id) {
            reader.sent.retain(|sent| sent.tag > through);
        }
    }

    /// The reader's stream ends; what it has goes back, in front of all or behind.
    pub(super) fn end(&mut self, id: u64, in_front: bool) {
        if let Some(reader) = self.readers.iter_mut().find(|reader| reader.id == id) {
            reader.ended = true;
            let sent = std::mem::take(&mut reader.sent);
            self.give_back(sent, in_front);
        }
    }

    /// The same, and its connection is gone.
    pub(super) fn leave(&mut self, id: u64, in_front: bool) {
        self.end(id, in_front);
        self.readers.retain(|reader| reader.id != id);
    }

    pub(super) fn end_all(&mut self) {
        for id in self.readers.iter().map(|reader| reader.id).collect::<Vec<_>>() {
            self.end(id, true);
        }
    }

    /// What was on its way comes back, and from here on this reader holds more.
    pub(super) fn widen(&mut self, id: u64, prefetch: usize) {
        if let Some(reader) = self.readers.iter_mut().find(|reader| reader.id == id) {
            reader.prefetch = prefetch;
            let (taken, untaken) = reader.sent.drain(..).partition(|sent| sent.taken);
            reader.sent = taken;
            self.give_back(untaken, true);
        }
    }

    /// Consumers, as the broker counts them.
    pub(super) fn count(&self) -> usize {
        self.readers.iter().filter(|reader| !reader.ended).count()
    }

    /// Ready, and in hands or on the way there.
    pub(super) fn held(&self) -> (usize, usize) {
        (self.ready.len(), self.readers.iter().map(|reader| reader.sent.len()).sum())
    }

    fn of(&self, id: u64) -> Option<&Reader> {
        self.readers.iter().find(|reader| reader.id == id)
    }

    fn give_back(&mut self, sent: VecDeque<Sent>, in_front: bool) {
        let back = sent.into_iter().map(|Sent { waiting, .. }| Waiting {
            returns: waiting.returns + 1,
            parcel: waiting.parcel,
        });
        if in_front {
            back.rev().for_each(|waiting| self.ready.push_front(waiting));
        } else {
            self.ready.extend(back);
        }
    }
}
