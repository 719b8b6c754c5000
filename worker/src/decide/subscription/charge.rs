//! Which payments extend a subscription.

use std::collections::BTreeMap;

use super::super::standing::{is_cancelled, qualifies};
use super::super::{Payment, PaymentKey, State};
use super::Charge;

/// The payments of a state that are charges, or that may become charges once their agreement is bound.
pub(in super::super) fn charges(state: &State) -> BTreeMap<PaymentKey, Charge> {
    let chosen = chosen(state);
    let charge = |(key, payment): (&PaymentKey, &Payment)| {
        let subscription_no = extended(state, key, payment, chosen);
        if subscription_no.is_none() && payment.agreement.is_none() {
            return None;
        }
        let of_order = chosen == Some(key) && subscription_no.is_some();
        let order = state.order.as_ref().filter(|_| of_order);
        let charge = Charge {
            subscription_no,
            agreement: payment.agreement.clone(),
            order_number: payment.order_number.clone(),
            period: order.and_then(|order| order.period.clone()),
            occurred_at: payment.occurred_at,
            stands: payment.left_minor() > 0,
            mode: payment.mode,
        };
        Some((key.clone(), charge))
    };
    state.payments.iter().filter_map(charge).collect()
}

impl State {
    /// The payments that have anything to do with a subscription.
    pub fn charged(&self) -> impl Iterator<Item = &PaymentKey> {
        let named = self.order.as_ref().is_some_and(|order| order.subscription_no.is_some());
        let payments = self.payments.iter();
        payments.filter(move |(_, one)| named || one.agreement.is_some()).map(|(key, _)| key)
    }
}

/// Is it a charge by the subscription's own terms, whatever an order says?
pub(in super::super) fn by_terms(state: &State, key: &PaymentKey, payment: &Payment) -> bool {
    state.bound_of(key, payment).is_some_and(|bound| bound.amount == payment.amount)
}

/// The subscription that a payment extends. One that pays for an order does so once for the order; any other
/// does by the terms that its agreement is bound to.
fn extended(
    state: &State,
    key: &PaymentKey,
    payment: &Payment,
    chosen: Option<&PaymentKey>,
) -> Option<String> {
    if !payment.status.proves_payment() {
        return None;
    }
    let bound = state.bound_of(key, payment);
    let bound_to = bound.map(|bound| bound.subscription_no.clone());
    match &state.order {
        Some(order) if qualifies(state, key, payment) => {
            let named = order.subscription_no.clone().or(bound_to);
            named.filter(|_| chosen == Some(key))
        }
        Some(_) | None => bound_to.filter(|_| by_terms(state, key, payment)),
    }
}

/// The payment that an order counts as its own: the earliest with money left, else the earliest.
fn chosen(state: &State) -> Option<&PaymentKey> {
    if state.order.as_ref().is_none_or(|order| is_cancelled(order, &state.resolutions)) {
        return None;
    }
    let qualifying = state.payments.iter().filter(|(key, payment)| qualifies(state, key, payment));
    let first = |(key, payment): &(&PaymentKey, &Payment)| {
        (payment.left_minor() == 0, payment.occurred_at, (*key).clone())
    };
    qualifying.min_by_key(first).map(|(key, _)| key)
}
