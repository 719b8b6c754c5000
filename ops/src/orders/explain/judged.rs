//! A recorded order as the policy takes it.

use shared::case::{CaseKind, CaseVerdict};
use shared::money::Money;
use shared::notification::PaymentStatus;
use worker::decide::case::{About, CaseKey};
use worker::decide::resolution::{POLICY, Resolution, Resolutions};
use worker::decide::standing::Obstacle;
use worker::decide::{Order, Payment, PaymentKey, State};
use worker::ledger::records::{Accepted, OrderRecord, PaymentRecord};

pub(super) fn key(payment: &PaymentRecord) -> PaymentKey {
    PaymentKey { account: payment.account.clone(), transaction: payment.transaction.clone() }
}

/// As far as it decides which payments count.
pub(super) fn state(record: &OrderRecord) -> State {
    let summary = &record.summary;
    let amount = Money { minor: summary.amount, currency: summary.currency };
    let order = Order {
        cancelled: summary.cancelled_at.is_some(),
        expires_at: summary.expires_at,
        mode: summary.mode,
        ..Order::new(summary.order_no.clone(), amount, summary.account.clone())
    };
    let mut resolutions = Resolutions::default();
    for accepted in &record.accepted {
        resolutions.add(about(record, accepted), spoken(accepted, summary.created_at, amount));
    }
    let payments = record.payments.iter().map(|one| (key(one), payment(one)));
    State { order: Some(order), payments: payments.collect(), resolutions, ..State::default() }
}

/// Whose word let it count.
pub(super) fn whose(
    order: &OrderRecord,
    payment: &PaymentRecord,
    against: Obstacle,
) -> &'static str {
    let (kind, about) = match against {
        Obstacle::WrongPayee => (CaseKind::WrongPayee, Some(key(payment))),
        Obstacle::Mismatch => (CaseKind::AmountMismatch, Some(key(payment))),
        Obstacle::Cancelled | Obstacle::Late | Obstacle::Charge => {
            (CaseKind::PaidAfterCancel, None)
        }
    };
    let mut accepted = order.accepted.iter();
    let spoken = accepted.find(|one| one.kind == kind && one.payment == about);
    if spoken.is_some_and(|one| one.by_policy) { "the account's policy's" } else { "a person's" }
}

fn about(record: &OrderRecord, accepted: &Accepted) -> CaseKey {
    let about = match &accepted.payment {
        Some(key) => About::Payment(key.clone()),
        None => About::Order(record.summary.order_no.clone()),
    };
    CaseKey { kind: accepted.kind, about }
}

fn spoken(accepted: &Accepted, at: time::OffsetDateTime, amount: Money) -> Resolution {
    Resolution {
        verdict: CaseVerdict::Fulfil,
        order_number: String::new(),
        amount,
        up_to_minor: amount.minor,
        actor: if accepted.by_policy { POLICY.to_owned() } else { String::new() },
        reason: String::new(),
        at,
    }
}

fn payment(record: &PaymentRecord) -> Payment {
    Payment {
        status: PaymentStatus::from_word(&record.status).unwrap_or(PaymentStatus::Pending),
        amount: Money { minor: record.amount, currency: record.currency },
        occurred_at: record.occurred_at,
        mode: record.mode,
        pays: record.pays,
        ..Payment::absent(&record.transaction)
    }
}
