//! What to announce: the difference between two states, as snapshots of the later one.

use std::collections::{BTreeMap, BTreeSet};

use shared::event::{CaseSnapshot, EventType, NUMBERS_MAX, OrderSnapshot, Snapshot};
use shared::order::{Mode, OrderStatus};

use super::case::{About, Case, CaseKey};
use super::resolution::Resolution;
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
    announcements.extend(of_cases(before, after));
    // A provider that contradicts what it proved may take a payment away, and no case need tell of it.
    if announcements.is_empty() && is_entitled(before) && !is_entitled(after) {
        announcements
            .extend(after.order.iter().map(|order| of_order(EventType::OrderRefunded, order)));
    }
    let numbers = further_numbers(after);
    for order in announcements.iter_mut().filter_map(|told| told.snapshot.order.as_mut()) {
        order.numbers = numbers.clone();
    }
    announcements
}

fn is_entitled(state: &State) -> bool {
    state.order.as_ref().is_some_and(|order| order.recorded.fulfilment == Fulfilment::Active)
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

/// Cases that opened, and those that ended: by somebody's word, or because their condition ceased.
fn of_cases(before: &State, after: &State) -> Vec<Announcement> {
    let mut announcements = vec![];
    for (key, case) in &after.cases {
        if !before.cases.contains_key(key) {
            announcements.push(of_case(after, (key, case), None));
        }
    }
    let mut spoken: BTreeMap<&CaseKey, &Resolution> = BTreeMap::new();
    for (key, resolution) in after.resolutions.since(&before.resolutions) {
        // What the account's policy closes at once has opened all the same.
        if !before.cases.contains_key(key) && !after.cases.contains_key(key) {
            let case = resolution.case();
            announcements.push(of_case(after, (key, &case), None));
            announcements.push(of_case(after, (key, &case), Some(Ended::Spoken(resolution))));
        }
        spoken.insert(key, resolution);
    }
    for (key, case) in &before.cases {
        if !after.cases.contains_key(key) {
            let ended = spoken.get(key).map_or(Ended::ByFacts, |spoken| Ended::Spoken(spoken));
            announcements.push(of_case(after, (key, case), Some(ended)));
        }
    }
    announcements
}

/// How a case ended.
enum Ended<'a> {
    Spoken(&'a Resolution),
    ByFacts,
}

impl Ended<'_> {
    /// How, and who did it; never a person's name.
    fn words(&self) -> (&'static str, &'static str) {
        match self {
            Ended::Spoken(resolution) if resolution.is_by_policy() => {
                (resolution.verdict.as_str(), "policy")
            }
            Ended::Spoken(resolution) => (resolution.verdict.as_str(), "person"),
            Ended::ByFacts => ("settled", "facts"),
        }
    }
}

/// A case is announced under its order, or under the number that no order bears.
fn of_case(
    state: &State,
    (key, case): (&CaseKey, &Case),
    ended: Option<Ended<'_>>,
) -> Announcement {
    let (kind, status) = match &ended {
        Some(_) => (EventType::CaseResolved, "resolved"),
        None => (EventType::CaseOpened, case.first_status()),
    };
    let words = ended.map(|ended| ended.words());
    let refund_by = case.refund_by.filter(|_| words.is_none());
    let snapshot = Snapshot {
        order: state.order.as_ref().map(snapshot),
        case: Some(CaseSnapshot {
            id: key.id(),
            mode: mode(state, key),
            kind: key.kind.as_str().to_owned(),
            status: status.to_owned(),
            order_number: case.order_number.clone(),
            amount: case.amount_minor,
            currency: case.currency,
            policy: case.policy.as_str().to_owned(),
            refund_by,
            resolution: words.map(|(resolution, _)| resolution.to_owned()),
            resolved_by: words.map(|(_, by)| by.to_owned()),
        }),
        subscription: None,
    };
    let order_no = state.order.as_ref().map_or(&case.order_number, |order| &order.order_no);
    Announcement { kind, subject: format!("order/{order_no}"), snapshot }
}

/// The mode of the money that a case is about.
fn mode(state: &State, key: &CaseKey) -> Mode {
    let of_order = state.order.as_ref().map(|order| order.mode);
    let of_money = match &key.about {
        About::Payment(payment) => state.payments.get(payment).map(|payment| payment.mode),
        About::Order(_) => None,
    };
    of_money.or(of_order).unwrap_or_default()
}

fn snapshot(order: &Order) -> OrderSnapshot {
    OrderSnapshot {
        order_no: order.order_no.clone(),
        mode: order.mode,
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
