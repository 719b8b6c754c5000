//! What orders have come to lately, as events tell it, and who waits to hear of one.
//!
//! **Invariant**: bounded in orders, in their age, and in those who wait. What is forgotten here is
//! shown to its payer as taking longer; it is never shown wrong.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::gauge;
use shared::event::{OrderNews, OrderSnapshot};
use shared::money::Money;
use shared::order::OrderStatus;
use time::{Duration, OffsetDateTime};
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// Orders that are remembered.
const ORDERS_MAX: usize = 10_000;
/// How long an order is remembered: payers come back within seconds.
const AGE_MAX: Duration = Duration::minutes(30);
/// Streams of one process.
const STREAMS_MAX: usize = 1_024;
/// Streams about one order: a payer's own tabs.
const STREAMS_EACH_MAX: usize = 8;

/// What a payer wants to know of his order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Confirmed,
    Refunded,
    Cancelled,
}

/// What is known of orders; clones share it.
#[derive(Clone, Default)]
pub struct Standings(Arc<Mutex<Known>>);

/// A place among those who wait; given back when dropped.
pub(super) struct Seat {
    standings: Standings,
    order_number: String,
    changed: Arc<Notify>,
}

#[derive(Default)]
struct Known {
    /// By the order's own number.
    orders: HashMap<String, Told>,
    /// Each further number's order.
    further: HashMap<String, String>,
    /// In the order of being told, so that the oldest goes first.
    ages: VecDeque<(OffsetDateTime, String, i64)>,
    waiting: HashMap<String, Waiting>,
    streams: usize,
}

struct Told {
    sequence: i64,
    standing: Option<Standing>,
    amount: Money,
    further: Vec<String>,
    at: OffsetDateTime,
}

struct Waiting {
    changed: Arc<Notify>,
    streams: usize,
}

impl Standings {
    /// Takes an event in, unless a newer one was told before, and wakes those who wait for it.
    pub fn note(&self, news: OrderNews, now: OffsetDateTime) {
        let mut known = self.lock();
        let OrderNews { sequence, order } = news;
        let is_old = |told: &Told| told.sequence >= sequence;
        if known.orders.get(&order.order_no).is_some_and(is_old) {
            return;
        }
        known.forget_before(now - AGE_MAX);
        known.remember(sequence, order, now);
    }

    /// What the order under this number has come to. One about another amount is another's matter.
    pub fn of(
        &self,
        order_number: &str,
        amount: Option<Money>,
        now: OffsetDateTime,
    ) -> Option<Standing> {
        let known = self.lock();
        let order_no = known.further.get(order_number).map_or(order_number, String::as_str);
        let told = known.orders.get(order_no)?;
        let is_meant = amount.is_none_or(|amount| amount == told.amount);
        told.standing.filter(|_| is_meant && now - told.at <= AGE_MAX)
    }

    /// A place to wait for news of an order; nothing when all are taken.
    pub(super) fn seat(&self, order_number: &str) -> Option<Seat> {
        let mut known = self.lock();
        if known.streams >= STREAMS_MAX {
            return None;
        }
        let waiting = known
            .waiting
            .entry(order_number.to_owned())
            .or_insert_with(|| Waiting { changed: Arc::default(), streams: 0 });
        if waiting.streams >= STREAMS_EACH_MAX {
            return None;
        }
        waiting.streams += 1;
        let changed = Arc::clone(&waiting.changed);
        known.streams += 1;
        gauge!("quittance_return_streams").set(known.streams as f64);
        Some(Seat { standings: self.clone(), order_number: order_number.to_owned(), changed })
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Ends with the next news, counted from this call.
    pub(super) fn changed(&self) -> OwnedNotified {
        Arc::clone(&self.changed).notified_owned()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut known = self.standings.lock();
        known.streams -= 1;
        gauge!("quittance_return_streams").set(known.streams as f64);
        if let Some(waiting) = known.waiting.get_mut(&self.order_number) {
            waiting.streams -= 1;
            if waiting.streams == 0 {
                known.waiting.remove(&self.order_number);
            }
        }
    }
}

impl Known {
    fn remember(&mut self, sequence: i64, order: OrderSnapshot, now: OffsetDateTime) {
        let standing = standing(order.status, order.entitled);
        let amount = Money { minor: order.amount, currency: order.currency };
        let (order_no, further) = (order.order_no, order.numbers);
        for number in [&order_no].into_iter().chain(&further) {
            if let Some(waiting) = self.waiting.get(number) {
                waiting.changed.notify_waiters();
            }
        }
        self.forget(&order_no);
        self.further.extend(further.iter().map(|number| (number.clone(), order_no.clone())));
        self.ages.push_back((now, order_no.clone(), sequence));
        self.orders.insert(order_no, Told { sequence, standing, amount, further, at: now });
        if self.ages.len() > ORDERS_MAX {
            self.forget_oldest();
        }
    }

    fn forget_before(&mut self, begin: OffsetDateTime) {
        while self.ages.front().is_some_and(|(at, _, _)| *at < begin) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, order_no, sequence)) = self.ages.pop_front()
            && self.orders.get(&order_no).is_some_and(|told| told.sequence == sequence)
        {
            self.forget(&order_no);
        }
    }

    fn forget(&mut self, order_no: &str) {
        for number in self.orders.remove(order_no).map(|told| told.further).unwrap_or_default() {
            self.further.remove(&number);
        }
    }
}

/// Nothing while there is nothing to tell.
fn standing(status: OrderStatus, entitled: bool) -> Option<Standing> {
    match (status, entitled) {
        (OrderStatus::Cancelled, true | false) => Some(Standing::Cancelled),
        (
            OrderStatus::Pending
            | OrderStatus::Paid
            | OrderStatus::PartiallyRefunded
            | OrderStatus::Refunded,
            true,
        ) => Some(Standing::Confirmed),
        (OrderStatus::Refunded, false) => Some(Standing::Refunded),
        (OrderStatus::Pending | OrderStatus::Paid | OrderStatus::PartiallyRefunded, false) => None,
    }
}

#[cfg(test)]
mod tests;
