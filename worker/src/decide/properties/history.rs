//! Random histories, and a ledger in memory that plays them: orders that appear when they like,
//! notifications that come in any order, repeated, in batches cut anywhere.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;
use shared::money::{Currency, Money};
use shared::notification::Notification;
use time::OffsetDateTime;
use time::macros::datetime;

use self::told::{Says, Transaction, message, says, transactions};
use super::super::announce::Announcement;
use super::super::fold::{Books, Changes, Reading, fold, name_without_payment, refold};
use super::super::{Order, State};
use crate::decide::table::scene::{PATIENCE, RULES};

mod told;

const NOW: OffsetDateTime = datetime!(2026-01-02 12:00 UTC);
const PRICE: Money = Money { minor: 100, currency: Currency::CNY };
const ORDERS: [&str; 3] = ["A", "B", "C"];
const TRANSACTIONS: usize = 5;

#[derive(Debug, Clone)]
pub(super) struct History {
    orders: Vec<OrderPlan>,
    transactions: Vec<Transaction>,
    told: Vec<Told>,
}

#[derive(Debug, Clone)]
struct OrderPlan {
    account: Option<&'static str>,
    cancelled: bool,
    appears_at: u8,
}

/// One notification, and when it comes: each time ends a batch or not.
#[derive(Debug, Clone)]
struct Told {
    transaction: usize,
    says: Says,
    minute: i64,
    comes: Vec<(u8, bool)>,
}

/// How a history is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Play {
    /// Everything once, as listed, in one batch; the orders are there before.
    AsListed,
    /// At the times drawn, in batches.
    AsItComes,
    /// The same one by one, and nobody remembers what was seen.
    WithoutMemory,
}

/// The ledger in memory.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    books: Books,
    pub(super) announced: Vec<Announcement>,
}

pub(super) fn histories() -> impl Strategy<Value = History> {
    let order = (
        prop::sample::select(vec![None, None, Some("shop"), Some("other")]),
        prop::bool::weighted(0.2),
        prop_oneof![Just(0), any::<u8>()],
    );
    let order = order.prop_map(|(account, cancelled, appears_at)| OrderPlan {
        account,
        cancelled,
        appears_at,
    });
    let told =
        (0..TRANSACTIONS, says(), 0..4_i64, prop::collection::vec(any::<(u8, bool)>(), 1..4));
    let told = told.prop_map(|(transaction, says, minute, comes)| Told {
        transaction,
        says,
        minute,
        comes,
    });
    let orders = prop::collection::vec(order, 1..=ORDERS.len());
    let transactions = prop::collection::vec(transactions(), TRANSACTIONS);
    let told = prop::collection::vec(told, 1..12);
    (orders, transactions, told).prop_map(|(orders, transactions, told)| History {
        orders,
        transactions,
        told,
    })
}

impl History {
    /// Plays it on until every deadline has passed.
    pub(super) fn play_late(&self, how: Play) -> Ledger {
        let mut ledger = self.play(how);
        ledger.sweep(NOW + PATIENCE);
        ledger
    }

    /// Plays it to the end: every order is there, and the sweep has come by before any deadline.
    pub(super) fn play(&self, how: Play) -> Ledger {
        let mut ledger = Ledger::default();
        let mut batch: Vec<Reading> = vec![];
        let mut missing: Vec<usize> = (0..self.orders.len()).collect();
        for (at, index, cut) in self.script(how) {
            let due = |order: &usize| how == Play::AsListed || self.orders[*order].appears_at <= at;
            let (due, later): (Vec<usize>, Vec<usize>) = missing.into_iter().partition(due);
            missing = later;
            if !due.is_empty() {
                ledger.settle(std::mem::take(&mut batch), how);
                due.into_iter().for_each(|order| self.appear(order, &mut ledger));
            }
            batch.push(self.reading(index));
            if cut || how == Play::WithoutMemory {
                ledger.settle(std::mem::take(&mut batch), how);
            }
        }
        ledger.settle(batch, how);
        missing.into_iter().for_each(|order| self.appear(order, &mut ledger));
        ledger.sweep(NOW);
        ledger
    }

    /// When which notification comes, and whether a batch ends behind it.
    fn script(&self, how: Play) -> Vec<(u8, usize, bool)> {
        let told = self.told.iter().enumerate();
        let mut script: Vec<_> = match how {
            Play::AsListed => return told.map(|(index, _)| (0, index, false)).collect(),
            Play::AsItComes | Play::WithoutMemory => told
                .flat_map(|(index, told)| {
                    told.comes.iter().map(move |(at, cut)| (*at, index, *cut))
                })
                .collect(),
        };
        script.sort_unstable();
        script
    }

    fn appear(&self, order: usize, ledger: &mut Ledger) {
        let (plan, order_no) = (&self.orders[order], ORDERS[order]);
        let mut state = State::default();
        for number in [order_no.to_owned(), format!("{order_no}-again")] {
            let waiting = ledger.books.states.remove(&number).unwrap_or_default();
            state.payments.extend(waiting.payments);
            state.cases.extend(waiting.cases);
            ledger.books.numbers.insert(number, order_no.to_owned());
        }
        let account = plan.account.map(ToOwned::to_owned);
        let order =
            Order { cancelled: plan.cancelled, ..Order::new(order_no.to_owned(), PRICE, account) };
        state.order = Some(order);
        ledger.books.states.insert(order_no.to_owned(), state);
    }

    fn reading(&self, index: usize) -> Reading {
        let told = &self.told[index];
        let transaction = &self.transactions[told.transaction];
        let fact = transaction.fact(
            format!("T{}", told.transaction),
            told.says,
            NOW + time::Duration::minutes(told.minute - 10),
        );
        let identity = index.to_string();
        let notification = Notification { identity, kind: String::new(), fact: Some(fact) };
        Reading {
            message: message(transaction.account),
            replay: None,
            notifications: vec![notification],
        }
    }
}

impl Ledger {
    pub(super) fn states(&self) -> &BTreeMap<String, State> {
        &self.books.states
    }

    fn settle(&mut self, batch: Vec<Reading>, how: Play) {
        let mut books = self.books.clone();
        if how == Play::WithoutMemory {
            books.seen = BTreeSet::new();
        }
        let changes = fold(books, &batch.iter().collect::<Vec<_>>(), NOW, &RULES);
        for reading in &batch {
            let identities = reading.notifications.iter().map(|told| told.identity.clone());
            let account = &reading.message.account;
            self.books.seen.extend(identities.map(|identity| (account.clone(), identity)));
        }
        self.write(changes);
    }

    fn sweep(&mut self, now: OffsetDateTime) {
        let changes = refold(self.books.clone(), now, &RULES);
        self.write(changes);
    }

    /// Each changed state replaces the one that it was derived from.
    fn write(&mut self, changes: Changes) {
        let numbers: &HashMap<String, String> = &self.books.numbers;
        for (before, after) in changes.states {
            let key = name(&after).or_else(|| name(&before)).expect("it holds something");
            let key = numbers.get(&key).unwrap_or(&key).clone();
            let known = self.books.states.insert(key, after).unwrap_or_default();
            assert_eq!(known, before, "the fold began from what the ledger holds");
        }
        self.announced.extend(changes.announcements);
    }
}

/// The name of the state that this is.
fn name(state: &State) -> Option<String> {
    let order = state.order.as_ref().map(|order| order.order_no.clone());
    order.or_else(|| {
        let (key, payment) = state.payments.iter().next()?;
        let absent = payment.is_absent().then(|| name_without_payment(key));
        Some(absent.unwrap_or_else(|| payment.order_number.clone()))
    })
}
