//! Where a payment of which money moved belongs.

use shared::case::CaseKind;

use super::super::case::About;
use super::super::payment::Pays;
use super::super::resolution::Resolutions;
use super::super::subscription::by_terms;
use super::super::{Order, Payment, PaymentKey, State};

/// How a payment whose money moved stands to its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Qualifies,
    /// The order does not take it, and the terms of a subscription explain it.
    Charge,
    /// It was paid after the order had expired.
    Late,
    WrongPayee,
    Mismatch,
}

/// Whether a payment of which money moved counts for its order, and what stands or stood against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It counts by itself.
    Fits,
    /// It counts because somebody accepted it, although this stands against it.
    Accepted(Obstacle),
    /// It does not count.
    Against(Obstacle),
}

/// What stands against a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    WrongPayee,
    Mismatch,
    /// It was paid after the order had expired.
    Late,
    /// The order is cancelled.
    Cancelled,
    /// The order does not take it, and it pays for a period of a subscription.
    Charge,
}

/// The same judgement as the order's own, for whoever has to tell it.
pub fn why(state: &State, key: &PaymentKey) -> Option<Why> {
    let (order, payment) = (state.order.as_ref()?, state.payments.get(key)?);
    let obstacle = |state: &State| match place(order, state, key, payment) {
        Place::Qualifies if is_cancelled(order, &state.resolutions) => Some(Obstacle::Cancelled),
        Place::Qualifies => None,
        Place::Charge => Some(Obstacle::Charge),
        Place::Late => Some(Obstacle::Late),
        Place::WrongPayee => Some(Obstacle::WrongPayee),
        Place::Mismatch => Some(Obstacle::Mismatch),
    };
    let unspoken = State { resolutions: Resolutions::default(), ..state.clone() };
    Some(match (obstacle(state), obstacle(&unspoken)) {
        (Some(against), _) => Why::Against(against),
        (None, Some(against)) => Why::Accepted(against),
        (None, None) => Why::Fits,
    })
}

/// Does this payment pay for the state's order?
pub(in super::super) fn qualifies(state: &State, key: &PaymentKey, payment: &Payment) -> bool {
    let place = state.order.as_ref().map(|order| place(order, state, key, payment));
    payment.status.proves_payment() && place == Some(Place::Qualifies)
}

/// Did the shop cancel it, and nobody accept what was paid all the same?
pub(in super::super) fn is_cancelled(order: &Order, resolutions: &Resolutions) -> bool {
    order.cancelled && !accepted_late(order, resolutions)
}

/// Money is either its order's or its subscription's, so that none of it counts twice.
pub(super) fn place(order: &Order, state: &State, key: &PaymentKey, payment: &Payment) -> Place {
    let place = by_order(order, &state.resolutions, key, payment);
    let taken = place == Place::Qualifies && !is_cancelled(order, &state.resolutions);
    if !taken && by_terms(state, key, payment) { Place::Charge } else { place }
}

/// What the order says of it: each line asks only those that passed the one before.
fn by_order(
    order: &Order,
    resolutions: &Resolutions,
    key: &PaymentKey,
    payment: &Payment,
) -> Place {
    let accepted = |kind| resolutions.accepted(kind, &About::Payment(key.clone()));
    if payment.mode != order.mode {
        return Place::WrongPayee;
    }
    if !right_payee(order, key, payment) && !accepted(CaseKind::WrongPayee) {
        return Place::WrongPayee;
    }
    let same_currency = payment.amount.currency == order.amount.currency;
    if payment.amount != order.amount && !(same_currency && accepted(CaseKind::AmountMismatch)) {
        return Place::Mismatch;
    }
    if order.is_late(payment.occurred_at) && !accepted_late(order, resolutions) {
        return Place::Late;
    }
    Place::Qualifies
}

fn right_payee(order: &Order, key: &PaymentKey, payment: &Payment) -> bool {
    match (&order.account, payment.pays) {
        (Some(account), Pays::AnyOrder | Pays::NamedOrders) => *account == key.account,
        (None, Pays::AnyOrder) => true,
        (None, Pays::NamedOrders) => false,
    }
}

/// Did somebody accept what was paid after the order was cancelled or had expired?
fn accepted_late(order: &Order, resolutions: &Resolutions) -> bool {
    resolutions.accepted(CaseKind::PaidAfterCancel, &About::Order(order.order_no.clone()))
}
