//! What an ingress states about its numbers: which it gave out, and which of them hold nothing.
//!
//! **Invariant**: a statement covers a closed window `(from, to]` in which every number is either
//! confirmed by the broker or a hole; windows of an epoch follow one another without a gap.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Message, Number};

/// The message type of a statement.
pub const KIND: &str = "quittance.statement";
/// Holes after which a statement is due at once, so that none grows without limit.
pub const HOLES_MAX: usize = 1_000;
/// Holes that may wait to be stated. While there are so many no number is given out: nothing was confirmed
/// for long, and what is kept of it, and the statements that follow, must not grow with the outage.
pub const UNSTATED_HOLES_MAX: usize = 100 * HOLES_MAX;

/// Of the numbers in `(from, to]`, all but the holes were confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    pub epoch: Uuid,
    pub from: i64,
    pub to: i64,
    /// Nacked, returned, or of unknown outcome.
    pub holes: Vec<i64>,
}

/// The numbers of one ingress process.
#[derive(Debug)]
pub struct Numbers {
    epoch: Uuid,
    last: i64,
    stated: i64,
    in_flight: BTreeSet<i64>,
    holes: BTreeSet<i64>,
    /// The last one that the broker held.
    last_stated: Option<Statement>,
}

impl Statement {
    /// The message that carries it through the queues.
    pub fn into_message(self, received_at: OffsetDateTime) -> Message {
        Message::about(KIND, self.epoch, &self, received_at)
    }

    /// Reads a sealed message's body. Nothing: it is no statement that this version understands.
    pub fn read(message: &Message) -> Option<Self> {
        let statement: Self = serde_json::from_slice(&message.body).ok()?;
        let window = 0 <= statement.from && statement.from < statement.to;
        let inside = |hole: &i64| statement.from < *hole && *hole <= statement.to;
        (window && statement.epoch == message.number.epoch && statement.holes.iter().all(inside))
            .then_some(statement)
    }
}

impl Numbers {
    /// A new epoch, counting from 1.
    pub fn new(epoch: Uuid) -> Self {
        Self {
            epoch,
            last: 0,
            stated: 0,
            in_flight: BTreeSet::new(),
            holes: BTreeSet::new(),
            last_stated: None,
        }
    }

    /// The next number, in flight until it is settled; none while too many holes wait to be stated.
    pub fn take(&mut self) -> Option<Number> {
        if self.holes.len() >= UNSTATED_HOLES_MAX {
            return None;
        }
        self.last += 1;
        self.in_flight.insert(self.last);
        Some(Number { epoch: self.epoch, seq: self.last })
    }

    /// The broker confirmed and routed it.
    pub fn confirmed(&mut self, seq: i64) {
        self.in_flight.remove(&seq);
    }

    /// It was refused, or nobody knows.
    pub fn hole(&mut self, seq: i64) {
        if self.in_flight.remove(&seq) {
            self.holes.insert(seq);
        }
    }

    /// Is a statement due before its time?
    pub fn crowded(&self) -> bool {
        self.holes.len() >= HOLES_MAX
    }

    /// What can be stated now; nothing when no number was settled since the last statement.
    fn state(&self) -> Option<Statement> {
        let to = self.in_flight.first().map_or(self.last, |first| first - 1);
        // A window ends with its last hole when there are too many: the next one goes on from there.
        let holes: Vec<i64> = self.holes.range(..=to).copied().take(HOLES_MAX).collect();
        let to = if holes.len() == HOLES_MAX { holes.last().copied().unwrap_or(to) } else { to };
        (to > self.stated).then_some(Statement { epoch: self.epoch, from: self.stated, to, holes })
    }

    /// What can be stated now; where nothing is new and `again` is wanted, the last statement that the broker
    /// held. Only what is stated is missed, and whoever takes messages may take their statement along.
    pub fn due(&self, again: bool) -> Option<Statement> {
        self.state().or_else(|| self.last_stated.clone().filter(|_| again))
    }

    /// The broker holds the statement.
    pub fn stated(&mut self, statement: Statement) {
        self.stated = statement.to;
        self.holes = self.holes.split_off(&(statement.to + 1));
        self.last_stated = Some(statement);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_stops_before_the_first_number_in_flight() {
        let mut numbers = Numbers::new(Uuid::nil());
        for _ in 0..4 {
            numbers.take().unwrap();
        }
        numbers.confirmed(1);
        numbers.hole(2);
        numbers.confirmed(4);
        let statement = numbers.state().unwrap();
        assert_eq!((statement.from, statement.to, &statement.holes[..]), (0, 2, &[2][..]));

        numbers.stated(statement.clone());
        assert_eq!(numbers.due(false), None, "nothing new");
        assert_eq!(numbers.due(true), Some(statement), "the same once more");
        numbers.confirmed(3);
        let statement = numbers.due(true).unwrap();
        assert_eq!((statement.from, statement.to, statement.holes.len()), (2, 4, 0));
    }

    #[test]
    fn no_statement_grows_without_limit() {
        let mut numbers = Numbers::new(Uuid::nil());
        for _ in 0..2_500 {
            let number = numbers.take().unwrap();
            numbers.hole(number.seq);
        }
        let mut windows = vec![];
        while let Some(statement) = numbers.state() {
            assert!(statement.holes.len() <= HOLES_MAX);
            windows.push((statement.from, statement.to));
            numbers.stated(statement);
        }
        assert_eq!(windows, [(0, 1_000), (1_000, 2_000), (2_000, 2_500)]);
    }

    #[test]
    fn a_million_refusals_are_no_more_than_a_hundred_statements() {
        let mut numbers = Numbers::new(Uuid::nil());
        for _ in 0..1_000_000 {
            if let Some(number) = numbers.take() {
                numbers.hole(number.seq);
            }
        }
        assert_eq!(numbers.holes.len(), UNSTATED_HOLES_MAX);
        assert_eq!(numbers.take(), None, "the outage goes on");
        // The first statement that the broker holds is the end of it.
        numbers.stated(numbers.state().unwrap());
        let number = numbers.take().unwrap();
        numbers.confirmed(number.seq);
        let mut count = 1;
        while let Some(statement) = numbers.state() {
            numbers.stated(statement);
            count += 1;
        }
        assert!(count <= UNSTATED_HOLES_MAX / HOLES_MAX + 1, "{count}");
        assert!(numbers.holes.is_empty());
    }

    #[test]
    fn a_statement_survives_the_queue() {
        let mut numbers = Numbers::new(Uuid::now_v7());
        numbers.take().unwrap();
        numbers.hole(1);
        let statement = numbers.state().unwrap();
        let message = statement.clone().into_message(OffsetDateTime::UNIX_EPOCH);
        assert_eq!(Statement::read(&message), Some(statement));
    }

    #[test]
    fn a_statement_about_numbers_outside_its_window_is_none() {
        let statement = Statement { epoch: Uuid::nil(), from: 0, to: 2, holes: vec![3] };
        assert_eq!(Statement::read(&statement.into_message(OffsetDateTime::UNIX_EPOCH)), None);
    }
}
