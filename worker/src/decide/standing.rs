//! What follows from the facts: an order's status, its fulfilment, and the cases that are open.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use shared::money::{Currency, Money};
use shared::order::OrderStatus;
use uuid::Uuid;

use super::{Fulfilment, Link, Order, Payment, PaymentKey, Recorded, State};

/// Everything that is derived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Nothing while there is no order.
    pub recorded: Option<Recorded>,
    pub cases: BTreeMap<CaseKey, Case>,
}

/// Money that cannot be settled by rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CaseKind {
    AmountMismatch,
    WrongPayee,
    DuplicatePayment,
    PaidAfterCancel,
    OverRefund,
    RefundUnconfirmed,
    UnknownOrder,
}

/// A case's identity: its kind and what it is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaseKey {
    pub kind: CaseKind,
    pub about: About,
}

/// What a case is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum About {
    Order(String),
    Payment(PaymentKey),
}

/// An open case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The number under which the order was offered.
    pub order_number: String,
    /// Money at stake, in minor units.
    pub amount_minor: i64,
    pub currency: Currency,
}

/// Derives everything from the facts.
pub fn standing(state: &State) -> Standing {
    let mut cases = BTreeMap::new();
    for (key, payment) in &state.payments {
        for (kind, amount_minor) in payment_cases(state.order.as_ref(), key, payment) {
            let about = About::Payment(key.clone());
            let order_number = payment.order_number.clone();
            let currency = payment.amount.currency;
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

fn payment_cases(
    order: Option<&Order>,
    key: &PaymentKey,
    payment: &Payment,
) -> Vec<(CaseKind, i64)> {
    if !payment.status.proves_payment() {
        return vec![];
    }
    let left = payment.left_minor();
    let beyond = payment.refunded_minor() - payment.amount.minor;
    let closed_later = payment.closed_at.is_some_and(|at| at > payment.occurred_at);
    let mut cases = vec![];
    match order {
        Some(order) if left > 0 && !right_payee(order, key) => {
            cases.push((CaseKind::WrongPayee, left));
        }
        Some(order) if left > 0 && payment.amount != order.amount => {
            cases.push((CaseKind::AmountMismatch, left));
        }
        None if payment.link == Link::Unknown => cases.push((CaseKind::UnknownOrder, left)),
        Some(_) | None => (),
    }
    if beyond > 0 {
        cases.push((CaseKind::OverRefund, beyond));
    }
    // Closed after success means refunded; the money that no total accounts for is unconfirmed.
    if closed_later && left > 0 {
        cases.push((CaseKind::RefundUnconfirmed, left));
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

impl CaseKind {
    pub const ALL: [Self; 7] = [
        Self::AmountMismatch,
        Self::WrongPayee,
        Self::DuplicatePayment,
        Self::PaidAfterCancel,
        Self::OverRefund,
        Self::RefundUnconfirmed,
        Self::UnknownOrder,
    ];

    /// The word in tables, events and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AmountMismatch => "amount_mismatch",
            Self::WrongPayee => "wrong_payee",
            Self::DuplicatePayment => "duplicate_payment",
            Self::PaidAfterCancel => "paid_after_cancel",
            Self::OverRefund => "over_refund",
            Self::RefundUnconfirmed => "refund_unconfirmed",
            Self::UnknownOrder => "unknown_order",
        }
    }

    /// The kind that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl CaseKey {
    /// The same for the same case on every engine: a UUIDv8 over kind and subject.
    pub fn id(&self) -> Uuid {
        let mut hash = Sha256::new();
        let mut field = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        };
        field(self.kind.as_str());
        match &self.about {
            About::Order(order_no) => field(order_no),
            About::Payment(key) => {
                field(&key.account);
                field(&key.transaction);
            }
        }
        let digest = hash.finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
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
        Self { order_no, amount, account, cancelled: false, recorded }
    }
}
