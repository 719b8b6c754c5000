//! What follows from the facts: an order's status, its fulfilment, and the cases that are open.

use std::collections::BTreeMap;

use shared::case::{CaseKind, CasePolicy};
use shared::money::Money;
use shared::order::{Mode, OrderStatus};
use time::OffsetDateTime;

use super::case::{About, Case, CaseKey};
use super::subscription::by_terms;
use super::{Fulfilment, Link, Order, Payment, PaymentKey, Recorded, State};

mod place;

pub use self::place::{Obstacle, Why, why};
use self::place::{Place, place};
pub(super) use self::place::{is_cancelled, qualifies};

/// Everything that is derived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Nothing while there is no order.
    pub recorded: Option<Recorded>,
    pub cases: BTreeMap<CaseKey, Condition>,
}

/// A case whose condition stands, and that nobody closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub case: Case,
    /// All the money that came in so far: what a resolution of it holds for.
    pub came_in_minor: i64,
}

/// Derives everything from the facts.
pub fn standing(state: &State, now: OffsetDateTime) -> Standing {
    let mut cases = BTreeMap::new();
    let mut open = |kind, about, order_number: &str, (amount, came_in_minor): (Money, i64)| {
        let key = CaseKey { kind, about };
        if state.resolutions.holds(&key, came_in_minor) {
            return;
        }
        let Money { minor: amount_minor, currency } = amount;
        let (order_number, policy) = (order_number.to_owned(), CasePolicy::Hold);
        let case = Case { order_number, amount_minor, currency, policy, refund_by: None };
        cases.insert(key, Condition { case, came_in_minor });
    };
    for (key, payment) in &state.payments {
        for (kind, stake) in payment_cases(state, key, payment) {
            open(kind, About::Payment(key.clone()), &payment.order_number, stake);
        }
    }
    let Some(order) = &state.order else { return Standing { recorded: None, cases } };
    let totals = Totals::of(order, state);
    for (kind, minor) in order_cases(order, state, &totals) {
        let stake = (Money { minor, ..order.amount }, totals.came_in);
        open(kind, About::Order(order.order_no.clone()), &order.order_no, stake);
    }
    Standing { recorded: Some(recorded(order, state, &totals, now)), cases }
}

struct Totals {
    gross: i64,
    back: i64,
    /// What is left of payments that came too late.
    late: i64,
    /// All the money that ever came in for the order.
    came_in: i64,
    /// What is left of the largest payment that was accepted though its amount differs.
    accepted: i64,
    paid_at: Option<OffsetDateTime>,
}

impl Totals {
    fn of(order: &Order, state: &State) -> Self {
        let mut totals =
            Self { gross: 0, back: 0, late: 0, came_in: 0, accepted: 0, paid_at: None };
        let proven = state.payments.iter().filter(|(_, payment)| payment.status.proves_payment());
        for (key, payment) in proven {
            match place(order, state, key, payment) {
                Place::Qualifies => totals.take(order, payment),
                Place::Late => {
                    totals.late = totals.late.saturating_add(payment.left_minor());
                    totals.came_in = totals.came_in.saturating_add(payment.came_in_minor());
                }
                Place::Charge | Place::WrongPayee | Place::Mismatch => (),
            }
        }
        totals
    }

    fn take(&mut self, order: &Order, payment: &Payment) {
        self.gross = self.gross.saturating_add(payment.amount.minor);
        // Refunds beyond a payment are a case of their own, not a debt of the order.
        let back = payment.refunded_minor().min(payment.amount.minor);
        self.back = self.back.saturating_add(back);
        self.came_in = self.came_in.saturating_add(payment.came_in_minor());
        if payment.amount != order.amount {
            self.accepted = self.accepted.max(payment.left_minor());
        }
        let earliest = self.paid_at.map_or(payment.occurred_at, |at| at.min(payment.occurred_at));
        self.paid_at = Some(earliest);
    }

    fn net(&self) -> i64 {
        self.gross - self.back
    }
}

/// Each case, what is at stake in it, and all the money that came in so far.
fn payment_cases(
    state: &State,
    key: &PaymentKey,
    payment: &Payment,
) -> Vec<(CaseKind, (Money, i64))> {
    let mut cases = vec![];
    let said = payment.said_back_minor();
    // What waits for its payment is no case yet.
    if !(payment.is_absent() && payment.waits()) {
        cases.extend(payment.disputed().map(|amount| (CaseKind::Dispute, (amount, said))));
    }
    if payment.status.proves_payment() {
        let money = |(kind, minor, came_in)| (kind, (Money { minor, ..payment.amount }, came_in));
        cases.extend(proven_cases(state, key, payment).into_iter().map(money));
    } else if !payment.waits() {
        cases.extend(payment.back().map(|amount| (CaseKind::UnprovenPayment, (amount, said))));
        cases.extend(payment.hinted().map(|amount| (CaseKind::RefundUnconfirmed, (amount, said))));
    }
    cases
}

/// The cases of a payment whose money moved.
fn proven_cases(state: &State, key: &PaymentKey, payment: &Payment) -> Vec<(CaseKind, i64, i64)> {
    let (left, came_in) = (payment.left_minor(), payment.came_in_minor());
    let beyond = payment.refunded_minor() - payment.amount.minor;
    let closed_later = payment.closed_at.is_some_and(|at| at > payment.occurred_at);
    let mut cases = vec![];
    match &state.order {
        Some(order) => match place(order, state, key, payment) {
            Place::WrongPayee => cases.push((CaseKind::WrongPayee, left, came_in)),
            Place::Mismatch => cases.push((CaseKind::AmountMismatch, left, came_in)),
            Place::Qualifies | Place::Charge | Place::Late => (),
        },
        None if payment.link == Link::Unknown => {
            cases.push((CaseKind::UnknownOrder, left, came_in));
        }
        // A charge that a subscription's own terms explain needs no order.
        None if payment.link == Link::Subscription && !by_terms(state, key, payment) => {
            cases.push((CaseKind::AmountMismatch, left, came_in));
        }
        None => (),
    }
    cases.push((CaseKind::OverRefund, beyond, beyond));
    // Closed after success means refunded; the money that no refund accounts for is unconfirmed.
    let unconfirmed = if closed_later { left } else { payment.unconfirmed_minor() };
    let said = payment.said_back_minor();
    let said = if closed_later { said.saturating_add(came_in) } else { said };
    cases.push((CaseKind::RefundUnconfirmed, unconfirmed, said));
    cases.retain(|(_, minor, _)| *minor > 0);
    cases
}

fn order_cases(order: &Order, state: &State, totals: &Totals) -> Vec<(CaseKind, i64)> {
    // An accepted overpayment is the price that was agreed on.
    let price = order.amount.minor.max(totals.accepted);
    let cancelled = is_cancelled(order, &state.resolutions);
    let after_cancel = if cancelled { totals.net() } else { 0 };
    let mut cases = vec![
        (CaseKind::DuplicatePayment, totals.net() - price),
        (CaseKind::PaidAfterCancel, after_cancel.saturating_add(totals.late)),
    ];
    cases.retain(|(_, minor)| *minor > 0);
    cases
}

fn recorded(order: &Order, state: &State, totals: &Totals, now: OffsetDateTime) -> Recorded {
    let net = totals.net();
    // An accepted underpayment is all that was due.
    let due = order.amount.minor.min(totals.gross);
    let cancelled = is_cancelled(order, &state.resolutions);
    // What ran out stays so by a clock that is behind: it was announced, and only money undoes it.
    let ran_out = order.is_late(now) || order.ran_out();
    let status = match totals.gross {
        _ if cancelled => OrderStatus::Cancelled,
        0 if ran_out => OrderStatus::Cancelled,
        0 => OrderStatus::Pending,
        _ if net >= due => OrderStatus::Paid,
        _ if net > 0 => OrderStatus::PartiallyRefunded,
        _ => OrderStatus::Refunded,
    };
    let stands = totals.gross > 0 && !cancelled;
    let fulfilment = match order.recorded.fulfilment {
        Fulfilment::None if !stands => Fulfilment::None,
        Fulfilment::None | Fulfilment::Active | Fulfilment::Revoked if net > 0 => {
            Fulfilment::Active
        }
        Fulfilment::None | Fulfilment::Active | Fulfilment::Revoked => Fulfilment::Revoked,
    };
    Recorded {
        status,
        paid_minor: totals.gross,
        refunded_minor: totals.back,
        fulfilment,
        paid_at: totals.paid_at,
    }
}

impl Fulfilment {
    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Active => "active",
            Self::Revoked => "revoked",
        }
    }
}

impl Order {
    /// An order as the shop just wrote it.
    pub fn new(order_no: String, amount: Money, account: Option<String>) -> Self {
        let recorded = Recorded {
            status: OrderStatus::Pending,
            paid_minor: 0,
            refunded_minor: 0,
            fulfilment: Fulfilment::None,
            paid_at: None,
        };
        let mode = Mode::default();
        Self {
            order_no,
            amount,
            account,
            cancelled: false,
            expires_at: None,
            mode,
            subscription_no: None,
            period: None,
            recorded,
        }
    }

    /// Is this instant behind its end? What was paid at the very end is in time.
    pub(super) fn is_late(&self, at: OffsetDateTime) -> bool {
        self.expires_at.is_some_and(|end| at > end)
    }

    /// Has it run out once? Clocks differ, and may jump back.
    fn ran_out(&self) -> bool {
        self.expires_at.is_some()
            && !self.cancelled
            && self.recorded.status == OrderStatus::Cancelled
    }
}
