//! What to announce: the difference between two states, as snapshots of the later one.

use std::collections::BTreeSet;

use shared::event::{CaseSnapshot, EventType, NUMBERS_MAX, OrderSnapshot, Snapshot};
use shared::order::OrderStatus;

use super::case::{Case, CaseKey};
use super::{Fulfilment, Order, State};

/// An event that has no number yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    pub kind: EventType,
    /// `order/NO`.
    pub subject: String,
    pub snapshot: Snapshot,
}

/// The announcements that lead from one state to the next, in the order to make them.
pub fn announce(before: &State, after: &State) -> Vec<Announcement> {
    let mut announcements = vec![];
    if let Some(order) = &after.order {
        let earlier = before.order.as_ref().map(|order| order.recorded);
        let now = order.recorded;
        let fulfilled = earlier.map_or(Fulfilment::None, |recorded| recorded.fulfilment);
        let paid = was_paid(fulfilled, now.fulfilment);
        if paid {
            announcements.push(of_order(EventType::OrderPaid, order));
        }
        // Less was refunded than before: a refund was reversed. Being paid again says so already.
        let refunded = earlier.map_or(0, |recorded| recorded.refunded_minor);
        if now.refunded_minor > refunded || (now.refunded_minor < refunded && !paid) {
            announcements.push(of_order(EventType::OrderRefunded, order));
        }
        let cancelled = OrderStatus::Cancelled;
        if now.status == cancelled && earlier.is_none_or(|recorded| recorded.status != cancelled) {
            announcements.push(of_order(EventType::OrderCancelled, order));
        }
    }
    for (key, case) in &after.cases {
        if !before.cases.contains_key(key) {
            announcements.push(of_case(EventType::CaseOpened, after, key, case));
        }
    }
    for (key, case) in &before.cases {
        if !after.cases.contains_key(key) {
            announcements.push(of_case(EventType::CaseResolved, after, key, case));
        }
    }
    let numbers = further_numbers(after);
    for order in announcements.iter_mut().filter_map(|told| told.snapshot.order.as_mut()) {
        order.numbers = numbers.clone();
    }
    announcements
}

/// A payer comes back with the number that he paid under, which may be another than the order's own.
fn further_numbers(state: &State) -> Vec<String> {
    let Some(order) = &state.order else { return vec![] };
    let paid = state.payments.values().filter(|payment| payment.status.proves_payment());
    let numbers = paid.map(|payment| &payment.order_number);
    let others: BTreeSet<_> = numbers.filter(|number| **number != order.order_no).collect();
    others.into_iter().take(NUMBERS_MAX).cloned().collect()
}

/// An order is paid once; and once more only when all of it went back and it is paid again, because
/// else the newest snapshot would still say that the goods may not go out.
fn was_paid(before: Fulfilment, after: Fulfilment) -> bool {
    match (before, after) {
        (Fulfilment::None, Fulfilment::Active | Fulfilment::Revoked)
        | (Fulfilment::Revoked, Fulfilment::Active) => true,
        (Fulfilment::None | Fulfilment::Revoked, Fulfilment::None)
        | (Fulfilment::Revoked, Fulfilment::Revoked)
        | (Fulfilment::Active, Fulfilment::None | Fulfilment::Active | Fulfilment::Revoked) => {
            false
        }
    }
}

fn of_order(kind: EventType, order: &Order) -> Announcement {
    let snapshot = Snapshot { order: Some(snapshot(order)), ..Snapshot::default() };
    Announcement { kind, subject: format!("order/{}", order.order_no), snapshot }
}

/// A case is announced under its order, or under the number that no order bears.
fn of_case(kind: EventType, state: &State, key: &CaseKey, case: &Case) -> Announcement {
    let status = match kind {
        EventType::CaseResolved => "resolved",
        EventType::CaseOpened
        | EventType::OrderPaid
        | EventType::OrderRefunded
        | EventType::OrderCancelled
        | EventType::SubscriptionActivated
        | EventType::SubscriptionRenewed
        | EventType::SubscriptionChargeFailed
        | EventType::SubscriptionRefunded
        | EventType::SubscriptionEnded => "open",
    };
    let snapshot = Snapshot {
        order: state.order.as_ref().map(snapshot),
        case: Some(CaseSnapshot {
            id: key.id(),
            kind: key.kind.as_str().to_owned(),
            status: status.to_owned(),
            order_number: case.order_number.clone(),
            amount: case.amount_minor,
            currency: case.currency,
        }),
        subscription: None,
    };
    let order_no = state.order.as_ref().map_or(&case.order_number, |order| &order.order_no);
    Announcement { kind, subject: format!("order/{order_no}"), snapshot }
}

fn snapshot(order: &Order) -> OrderSnapshot {
    OrderSnapshot {
        order_no: order.order_no.clone(),
        status: order.recorded.status,
        amount: order.amount.minor,
        currency: order.amount.currency,
        paid_amount: order.recorded.paid_minor,
        refunded_amount: order.recorded.refunded_minor,
        entitled: order.recorded.fulfilment == Fulfilment::Active,
        numbers: vec![],
        subscription_no: order.subscription_no.clone(),
    }
}
