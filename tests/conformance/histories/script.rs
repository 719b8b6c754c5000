//! What comes, in which order, in which batches, to which of two workers.

use bytes::Bytes;
use rand::Rng as _;
use rand::rngs::StdRng;
use shared::message::{Message, Number};
use shared::notification::Notification;
use time::OffsetDateTime;
use uuid::Uuid;
use worker::decide::fold::Reading;
use worker::ledger::Work;

use super::history::{History, Repeats, Telling, Told, told_at, told_behind};

/// Messages in one batch, at most.
const BATCH_MAX: usize = 40;
/// Messages with more than one notification in them.
const TOGETHER: f64 = 0.1;
/// Batches that the broker delivers again.
const AGAIN: f64 = 0.1;

/// What one worker is given, batch by batch, and what its clock says then.
pub(super) type Batches = Vec<(OffsetDateTime, Vec<Work>)>;

/// One arrival of a notification.
pub(super) struct Coming<'a> {
    pub(super) told: &'a Told,
    pub(super) identity: String,
    at: u8,
}

impl<'a> Coming<'a> {
    /// All that comes in a phase, in its order.
    pub(super) fn of(history: &'a History, phase: usize, repeats: Repeats) -> Vec<Self> {
        let mut coming = vec![];
        for told in &history.phases[phase].told {
            for (index, at) in told.comes.iter().enumerate() {
                let identity = match repeats {
                    Repeats::SameIdentity => told.identity.clone(),
                    Repeats::NewIdentity => format!("{}-{index}", told.identity),
                };
                coming.push(Self { told, identity, at: *at });
            }
        }
        coming.sort_by_key(|one| one.at);
        coming
    }
}

/// A message on its way to a worker.
struct Sent {
    at: u8,
    /// Among those that come at the same instant.
    tie: u32,
    reading: Reading,
    /// It must not overtake another of its history.
    in_order: bool,
}

/// Everything that comes in a phase, dealt to two workers; and how many messages that is.
pub(super) fn deal(
    histories: &[History],
    phase: usize,
    repeats: Repeats,
    random: &mut StdRng,
) -> (i64, [Batches; 2]) {
    let mut lanes: [Vec<Sent>; 2] = [vec![], vec![]];
    for history in histories {
        for (tie, coming) in (0..).zip(Coming::of(history, phase, repeats)) {
            let nowhere = Number { epoch: Uuid::nil(), seq: 0 };
            let reading = reading(coming.told, coming.identity, phase, nowhere);
            let (lane, tie, in_order) = match history.telling {
                Telling::AnyOrder => (random.gen_range(0..2), random.r#gen(), false),
                Telling::InOrder => (history.number % 2, tie, true),
            };
            lanes[lane].push(Sent { at: coming.at, tie, reading, in_order });
        }
    }
    let (epoch, mut seq) = (Uuid::now_v7(), 0);
    let lanes = lanes.map(|sent| numbered(together(sent, random), epoch, &mut seq));
    let mut batches: [Batches; 2] = [vec![], vec![]];
    for (lane, sent) in lanes.into_iter().enumerate() {
        let mut rest = sent.as_slice();
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(random.gen_range(1..=BATCH_MAX).min(rest.len()));
            rest = later;
            let works = |of: &[(Work, bool)]| of.iter().map(|(work, _)| work.clone()).collect();
            batches[lane].push((told_behind(phase, random), works(batch)));
            if random.gen_bool(AGAIN) {
                batches[lane].push((told_behind(phase, random), works(batch)));
                let free: Vec<_> =
                    batch.iter().filter(|(_, in_order)| !in_order).cloned().collect();
                batches[1 - lane].push((told_behind(phase, random), works(&free)));
            }
        }
    }
    (seq, batches)
}

/// Some messages hold more than one notification.
fn together(mut sent: Vec<Sent>, random: &mut StdRng) -> Vec<Sent> {
    sent.sort_by_key(|one| (one.at, one.tie));
    let mut messages: Vec<Sent> = vec![];
    for one in sent {
        match messages.last_mut() {
            Some(last)
                if last.reading.message.account == one.reading.message.account
                    && random.gen_bool(TOGETHER) =>
            {
                last.reading.notifications.extend(one.reading.notifications);
                last.in_order |= one.in_order;
            }
            Some(_) | None => messages.push(one),
        }
    }
    messages
}

fn numbered(sent: Vec<Sent>, epoch: Uuid, seq: &mut i64) -> Vec<(Work, bool)> {
    let number = |Sent { mut reading, in_order, .. }: Sent| {
        *seq += 1;
        reading.message.number = Number { epoch, seq: *seq };
        (Work::Reading(Box::new(reading)), in_order)
    };
    sent.into_iter().map(number).collect()
}

pub(super) fn reading(told: &Told, identity: String, phase: usize, number: Number) -> Reading {
    let message = Message {
        id: Uuid::now_v7(),
        kind: "alipay".into(),
        account: told.account.into(),
        key: "k".into(),
        attempt: 0,
        received_at: told_at(phase),
        number,
        content_type: None,
        http: vec![],
        traceparent: None,
        body: Bytes::from_static(b"a=b"),
    };
    let fact = Some(told.fact.clone());
    Reading {
        message,
        replay: None,
        notifications: vec![Notification { identity, kind: "told".into(), fact }],
    }
}
