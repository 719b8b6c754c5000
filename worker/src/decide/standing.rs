//! What follows from the facts: an order's status, its fulfilment, and the cases that are open.

use std::collections::BTreeMap;

use shared::case::CaseKind;
use shared::money::Money;
use shared::order::OrderStatus;

use super::case::{About, Case, CaseKey};
use super::subscription::by_terms;
use super::{Fulfilment, Link, Order, Payment, PaymentKey, Recorded, State};

/// Everything that is derived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Nothing while there is no order.
    pub recorded: Option<Recorded>,
    pub cases: BTreeMap<CaseKey, Case>,
}

/// Derives everything from the facts.
pub fn standing(state: &State) -> Standing {
    let mut cases = BTreeMap::new();
    for (key, payment) in &state.payments {
        for (kind, amount) in payment_cases(state, key, payment) {
            let about = About::Payment(key.clone());
            let order_number = payment.order_number.clone();
            let Money { minor: amount_minor, currency } = amount;
            cases.insert(CaseKey { kind, about }, Case { order_number, amount_minor, currency });
        }
    }
    let Some(order) = &state.order else { return Standing { recorded: None, cases } };
    let totals = Totals::of(order, &state.payments);
    for (kind, amount_minor) in order_cases(order, &totals) {
        let about = About::Order(order.order_no.clone());
        let order_number = order.order_no.clone();
        let currency = order.amount.currency;
        cases.insert(CaseKey { kind, about }, Case { order_number, amount_minor, currency });
    }
    Standing { recorded: Some(recorded(order, &state.payments, &totals)), cases }
}

struct Totals {
    gross: i64,
    back: i64,
}

impl Totals {
    fn of(order: &Order, payments: &BTreeMap<PaymentKey, Payment>) -> Self {
        let qualifying = payments.iter().filter(|(key, payment)| qualifies(order, key, payment));
        qualifying.fold(Self { gross: 0, back: 0 }, |totals, (_, payment)| Self {
            gross: totals.gross.saturating_add(payment.amount.minor),
            // Refunds beyond a payment are a case of their own, not a debt of the order.
            back: totals.back.saturating_add(payment.refunded_minor().min(payment.amount.minor)),
        })
    }

    fn net(&self) -> i64 {
        self.gross - self.back
    }
}

pub(super) fn qualifies(order: &Order, key: &PaymentKey, payment: &Payment) -> bool {
    payment.status.proves_payment() && right_payee(order, key) && payment.amount == order.amount
}

fn right_payee(order: &Order, key: &PaymentKey) -> bool {
    order.account.as_ref().is_none_or(|account| *account == key.account)
}

fn payment_cases(state: &State, key: &PaymentKey, payment: &Payment) -> Vec<(CaseKind, Money)> {
    let mut cases = vec![];
    // What waits for its payment is no case yet.
    if !(payment.is_absent() && payment.waits()) {
        cases.extend(payment.disputed().map(|amount| (CaseKind::Dispute, amount)));
    }
    if payment.status.proves_payment() {
        let money = |(kind, minor)| (kind, Money { minor, ..payment.amount });
        cases.extend(proven_cases(state, key, payment).into_iter().map(money));
    } else if !payment.waits() {
        cases.extend(payment.back().map(|amount| (CaseKind::UnprovenPayment, amount)));
        cases.extend(payment.hinted().map(|amount| (CaseKind::RefundUnconfirmed, amount)));
    }
    cases
}

/// The cases of a payment whose money moved.
fn proven_cases(state: &State, key: &PaymentKey, payment: &Payment) -> Vec<(CaseKind, i64)> {
    let left = payment.left_minor();
    let beyond = payment.refunded_minor() - payment.amount.minor;
    let closed_later = payment.closed_at.is_some_and(|at| at > payment.occurred_at);
    let mut cases = vec![];
    match &state.order {
        // A charge that a subscription's own terms explain needs no order to fit.
        _ if by_terms(state, key, payment) => (),
        Some(order) if left > 0 && !right_payee(order, key) => {
            cases.push((CaseKind::WrongPayee, left));
        }
        Some(order) if left > 0 && payment.amount != order.amount => {
            cases.push((CaseKind::AmountMismatch, left));
        }
        None if payment.link == Link::Unknown => cases.push((CaseKind::UnknownOrder, left)),
        None if left > 0 && payment.link == Link::Subscription => {
            cases.push((CaseKind::AmountMismatch, left));
        }
        Some(_) | None => (),
    }
    if beyond > 0 {
        cases.push((CaseKind::OverRefund, beyond));
    }
    // Closed after success means refunded; the money that no refund accounts for is unconfirmed.
    let unconfirmed = if closed_later { left } else { payment.unconfirmed_minor() };
    if unconfirmed > 0 {
        cases.push((CaseKind::RefundUnconfirmed, unconfirmed));
    }
    cases
}

fn order_cases(order: &Order, totals: &Totals) -> Vec<(CaseKind, i64)> {
    let mut cases = vec![];
    if totals.net() > order.amount.minor {
        cases.push((CaseKind::DuplicatePayment, totals.net() - order.amount.minor));
    }
    if order.cancelled && totals.net() > 0 {
        cases.push((CaseKind::PaidAfterCancel, totals.net()));
    }
    cases
}

fn recorded(order: &Order, payments: &BTreeMap<PaymentKey, Payment>, totals: &Totals) -> Recorded {
    let net = totals.net();
    let status = match totals.gross {
        _ if order.cancelled => OrderStatus::Cancelled,
        0 => OrderStatus::Pending,
        _ if net >= order.amount.minor => OrderStatus::Paid,
        _ if net > 0 => OrderStatus::PartiallyRefunded,
        _ => OrderStatus::Refunded,
    };
    let stands = totals.gross > 0 && !order.cancelled;
    let fulfilment = match order.recorded.fulfilment {
        Fulfilment::None if !stands => Fulfilment::None,
        _ if net > 0 => Fulfilment::Active,
        _ => Fulfilment::Revoked,
    };
    let qualifying = payments.iter().filter(|(key, payment)| qualifies(order, key, payment));
    let paid_at = qualifying.map(|(_, payment)| payment.occurred_at).min();
    Recorded { status, paid_minor: totals.gross, refunded_minor: totals.back, fulfilment, paid_at }
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
        Self {
            order_no,
            amount,
            account,
            cancelled: false,
            subscription_no: None,
            period: None,
            recorded,
        }
    }
}
