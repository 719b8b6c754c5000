//! The ledger of the model: what was committed, in its order; all else follows by the real fold.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bytes::Bytes;
use shared::event::EventType;
use shared::message::{Message, Number};
use shared::money::{Currency, Money};
use shared::notification::{Fact, Notification, PaymentFact, PaymentStatus};
use shared::rules::Rules;
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;
use worker::decide::fold::{Books, Reading, fold};
use worker::decide::{Order, State};

const NOW: OffsetDateTime = datetime!(2026-01-02 12:00 UTC);
const PRICE: Money = Money { minor: 100, currency: Currency::CNY };
const ORDER: &str = "A";
/// In the tests a schedule has these waits.
pub(crate) const WAITS: [Duration; 1] = [Duration::from_secs(1)];

/// What came of all transactions: the order, and the events in sequence.
type Effects = (State, Vec<EventType>);

/// One transaction about one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Entry {
    Settled(u8),
    Deferred(u8),
    Buried(u8),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ledger {
    pub(crate) entries: Vec<Entry>,
    /// Events that were marked as sent.
    pub(crate) sent: usize,
    /// Does a commit know what was committed before? Always, but for a test of the tests.
    pub(crate) remembers: bool,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { entries: vec![], sent: 0, remembers: true }
    }
}

impl Ledger {
    /// What was recorded last about a message. What is settled stays so; whatever comes again then
    /// changes nothing.
    pub(crate) fn outcome(&self, message: u8) -> Option<Entry> {
        let about = self.entries.iter().copied().filter(|entry| entry.message() == message);
        about.max_by_key(|entry| match entry {
            Entry::Deferred(_) => 0,
            Entry::Buried(_) => 1,
            Entry::Settled(_) => 2,
        })
    }

    /// The types of the events that were appended, in sequence.
    pub(crate) fn told(&self) -> Vec<EventType> {
        self.replay().1
    }

    /// Commits one more transaction; nothing that was recorded so is recorded twice.
    pub(crate) fn with(&self, entry: Entry) -> Self {
        let mut next = self.clone();
        // A settled message that is settled again adds nothing, which the fold itself shows below.
        if !self.remembers || !self.entries.contains(&entry) {
            next.entries.push(entry);
        } else {
            let again = Self { entries: [&self.entries[..], &[entry]].concat(), ..self.clone() };
            assert_eq!(again.replay(), self.replay(), "a repeat had an effect");
        }
        next
    }

    /// Deterministic, and asked for in every world: each answer is found once.
    fn replay(&self) -> Effects {
        thread_local! {
            static KNOWN: RefCell<HashMap<(bool, Vec<Entry>), Effects>> = RefCell::default();
        }
        let key = (self.remembers, self.entries.clone());
        KNOWN.with_borrow_mut(|known| known.entry(key).or_insert_with(|| self.fold_all()).clone())
    }

    fn fold_all(&self) -> Effects {
        let order = Order::new(ORDER.to_owned(), PRICE, None);
        let first = State { order: Some(order), ..State::default() };
        let numbers = HashMap::from([(ORDER.to_owned(), ORDER.to_owned())]);
        let (mut state, mut told) = (first.clone(), vec![]);
        for entry in &self.entries {
            let Entry::Settled(message) = entry else { continue };
            let before = if self.remembers { state } else { first.clone() };
            let states = BTreeMap::from([(ORDER.to_owned(), before.clone())]);
            // No identity is known: safety does not rest on it.
            let books = Books { numbers: numbers.clone(), states, ..Books::default() };
            let changes = fold(books, &[&reading(*message)], NOW, &Rules::default());
            told.extend(changes.announcements.iter().map(|announcement| announcement.kind));
            state = changes.states.into_iter().next().map_or(before, |(_, after)| after);
        }
        (state, told)
    }
}

impl Entry {
    fn message(self) -> u8 {
        match self {
            Self::Settled(message) | Self::Deferred(message) | Self::Buried(message) => message,
        }
    }
}

/// Both messages say the same: the provider sent it twice.
fn reading(message: u8) -> Reading {
    let fact = PaymentFact {
        transaction: "T1".to_owned(),
        order_number: ORDER.to_owned(),
        status: PaymentStatus::Succeeded,
        amount: PRICE,
        occurred_at: NOW,
        refund_total: None,
        agreement: None,
    };
    let identity = "n1".to_owned();
    let notification =
        Notification { identity, kind: String::new(), fact: Some(Fact::Payment(fact)) };
    let message = Message {
        id: Uuid::from_u128(message.into()),
        kind: "alipay".to_owned(),
        account: "shop".to_owned(),
        key: String::new(),
        attempt: 0,
        received_at: NOW,
        number: Number { epoch: Uuid::nil(), seq: message.into() },
        content_type: None,
        http: vec![],
        traceparent: None,
        body: Bytes::new(),
    };
    Reading { message, replay: None, notifications: vec![notification] }
}
