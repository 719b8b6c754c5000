//! The money policy as one pure function over recorded facts.
//!
//! **Invariant**: facts only merge, and everything else is derived from them, so at rest the state
//! does not depend on the order in which notifications came, nor on how often.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use shared::money::Money;
use shared::notification::{Notification, PaymentFact, PaymentStatus, RefundTotal};
use shared::order::OrderStatus;
use time::OffsetDateTime;

pub mod standing;
pub mod announce;
pub mod fold;
#[cfg(test)]
mod table;
#[cfg(test)]
mod properties;

use self::standing::{Case, CaseKey, standing};

/// All that is recorded about one order, or about a number that no order bears yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    pub order: Option<Order>,
    pub payments: BTreeMap<PaymentKey, Payment>,
    /// The cases that are open.
    pub cases: BTreeMap<CaseKey, Case>,
}

/// The shop's terms and acts, and what was derived last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub order_no: String,
    pub amount: Money,
    /// Only this account may be paid.
    pub account: Option<String>,
    pub cancelled: bool,
    pub recorded: Recorded,
}

/// What the ledger says of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    pub status: OrderStatus,
    pub paid_minor: i64,
    pub refunded_minor: i64,
    pub fulfilment: Fulfilment,
    pub paid_at: Option<OffsetDateTime>,
}

/// May the goods go out? One fulfilment an order, never taken back to `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fulfilment {
    None,
    Active,
    Revoked,
}

/// A payment's identity: one row for each provider transaction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaymentKey {
    pub account: String,
    pub transaction: String,
}

/// What is proven about one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    pub order_number: String,
    pub status: PaymentStatus,
    pub amount: Money,
    pub occurred_at: OffsetDateTime,
    /// When it was last said to be closed without refund data.
    pub closed_at: Option<OffsetDateTime>,
    /// Every cumulative total seen; the largest counts.
    pub refunds: BTreeSet<RefundTotal>,
    pub link: Link,
}

/// How a payment stands to its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The order is not there yet; money that still waits at the deadline is a case.
    Waiting {
        deadline: OffsetDateTime,
    },
    Unknown,
    Order,
}

/// What one notification meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// All that it says was known.
    Duplicate,
    /// Recorded; the order stays as it is.
    NoOp,
    /// The order moved.
    Settled,
    /// Money that fits no rule: a person decides.
    Case,
    /// Recorded; its order is not there yet.
    Waiting,
}

/// The whole policy: merges the fact, then derives everything anew. `patience` is how long a
/// payment waits for its order.
pub fn decide(
    state: &State,
    account: &str,
    notification: &Notification,
    now: OffsetDateTime,
    patience: Duration,
) -> (Decision, State) {
    let Some(fact) = notification.payment() else { return (Decision::NoOp, state.clone()) };
    let key = PaymentKey { account: account.to_owned(), transaction: fact.transaction.clone() };
    let mut next = state.clone();
    let waiting = Link::Waiting { deadline: now + patience };
    match next.payments.get_mut(&key) {
        Some(payment) => {
            let proven = payment.status.proves_payment();
            payment.merge(fact);
            // Money waits from when it is known, not from when the buyer was first asked for it.
            if !proven && payment.status.proves_payment() && payment.waits() {
                payment.link = waiting;
            }
        }
        None => drop(next.payments.insert(key.clone(), Payment::new(fact, waiting))),
    }
    let next = reconsider(&next, now);
    (classify(state, &next, &key, fact.status), next)
}

/// Derives everything from the facts as they stand now: an order appeared, a deadline passed, the
/// shop cancelled.
pub fn reconsider(state: &State, now: OffsetDateTime) -> State {
    let mut next = state.clone();
    let order_is_there = next.order.is_some();
    for payment in next.payments.values_mut() {
        payment.link = match payment.link {
            _ if order_is_there => Link::Order,
            Link::Waiting { deadline } if deadline <= now && payment.status.proves_payment() => {
                Link::Unknown
            }
            link => link,
        };
    }
    let standing = standing(&next);
    if let (Some(order), Some(recorded)) = (&mut next.order, standing.recorded) {
        order.recorded = recorded;
    }
    next.cases = standing.cases;
    next
}

impl Payment {
    fn new(fact: &PaymentFact, link: Link) -> Self {
        let mut payment = Self {
            order_number: fact.order_number.clone(),
            status: fact.status,
            amount: fact.amount,
            occurred_at: fact.occurred_at,
            closed_at: None,
            refunds: BTreeSet::new(),
            link,
        };
        payment.merge(fact);
        payment
    }

    /// A join: commutative, associative, idempotent. Of two proofs the earlier instant counts.
    fn merge(&mut self, fact: &PaymentFact) {
        let ours = (strength(self.status), std::cmp::Reverse(self.occurred_at), self.amount);
        let theirs = (strength(fact.status), std::cmp::Reverse(fact.occurred_at), fact.amount);
        if theirs > ours {
            self.occurred_at = fact.occurred_at;
            self.amount = fact.amount;
        }
        self.status = self.status.max(fact.status);
        if fact.status == PaymentStatus::Closed {
            self.closed_at = self.closed_at.max(Some(fact.occurred_at));
        }
        self.refunds.extend(fact.refund_total.clone());
    }

    /// All that was refunded of it, in minor units.
    pub fn refunded_minor(&self) -> i64 {
        self.refunds.iter().map(|refund| refund.total_minor).max().unwrap_or(0)
    }

    /// Is its order not there yet?
    pub fn waits(&self) -> bool {
        matches!(self.link, Link::Waiting { .. })
    }

    /// Money that is still in it, in minor units.
    pub fn left_minor(&self) -> i64 {
        if !self.status.proves_payment() {
            return 0;
        }
        (self.amount.minor - self.refunded_minor()).max(0)
    }
}

fn classify(before: &State, after: &State, key: &PaymentKey, said: PaymentStatus) -> Decision {
    let (known, payment) = (before.payments.get(key), after.payments.get(key));
    let Some(payment) = payment else { return Decision::NoOp };
    let facts = |payment: &Payment| Payment { link: Link::Order, ..payment.clone() };
    if known.map(facts) == Some(facts(payment)) {
        // A weaker word that was overtaken is late, not a repeat.
        let overtaken = strength(said) < strength(payment.status);
        return if overtaken { Decision::NoOp } else { Decision::Duplicate };
    }
    let moved = |state: &State| state.order.as_ref().map(|order| order.recorded);
    match payment.link {
        // What waits is in flight, whatever else is known of it: its case counts when it is joined.
        Link::Waiting { .. } if payment.status.proves_payment() => Decision::Waiting,
        Link::Waiting { .. } => Decision::NoOp,
        Link::Unknown | Link::Order if more_at_stake(before, after) => Decision::Case,
        Link::Order if moved(before) != moved(after) => Decision::Settled,
        Link::Unknown | Link::Order => Decision::NoOp,
    }
}

/// Did a case open, or did one that is open come to be about more money?
fn more_at_stake(before: &State, after: &State) -> bool {
    let known = |key| before.cases.get(key).map(|case| case.amount_minor);
    after.cases.iter().any(|(key, case)| known(key).is_none_or(|known| known < case.amount_minor))
}

/// Two proofs that money moved are worth the same.
fn strength(status: PaymentStatus) -> PaymentStatus {
    status.min(PaymentStatus::Succeeded)
}
