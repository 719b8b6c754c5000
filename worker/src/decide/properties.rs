//! What holds of every history, however its notifications come: the policy as properties.

mod history;

use std::collections::BTreeMap;

use proptest::prelude::*;
use shared::event::{EventType, OrderSnapshot};
use shared::order::OrderStatus;
use uuid::Uuid;

use self::history::{Ledger, Play, histories};
use super::announce::Announcement;
use super::{Fulfilment, Order, State};
use shared::case::CaseKind;

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_end_is_the_same_in_any_order_repeated_and_in_any_batches(history in histories()) {
        let (listed, came) = (history.play(Play::AsListed), history.play(Play::AsItComes));
        prop_assert_eq!(at_rest(&listed), at_rest(&came));
        let (listed, came) =
            (history.play_late(Play::AsListed), history.play_late(Play::AsItComes));
        prop_assert_eq!(at_rest(&listed), at_rest(&came));
    }

    #[test]
    fn safety_does_not_rest_on_remembering_what_was_seen(history in histories()) {
        let listed = history.play(Play::AsListed);
        let came = history.play(Play::WithoutMemory);
        prop_assert_eq!(at_rest(&listed), at_rest(&came));
        prop_assert_eq!(entitled_at_last(&listed), entitled_at_last(&came));
    }

    #[test]
    fn an_order_is_announced_as_paid_once_unless_all_of_it_went_back(history in histories()) {
        for how in [Play::AsItComes, Play::WithoutMemory] {
            let ledger = history.play(how);
            for order in orders(&ledger) {
                paid_announcements(order, &ledger)?;
            }
        }
    }

    #[test]
    fn the_newest_snapshot_tells_the_truth(history in histories()) {
        let ledger = history.play(Play::AsItComes);
        for order in orders(&ledger) {
            let told = snapshots(order, &ledger).last().map(|told| (told.status, told.entitled));
            let recorded = order.recorded;
            let truth = (recorded.status, recorded.fulfilment == Fulfilment::Active);
            prop_assert_eq!(told.unwrap_or((OrderStatus::Pending, false)), truth);
        }
    }

    #[test]
    fn cases_open_and_close_in_turn_and_the_open_ones_were_announced(history in histories()) {
        let ledger = history.play_late(Play::AsItComes);
        let mut open: BTreeMap<Uuid, bool> = BTreeMap::new();
        for (kind, case) in ledger.announced.iter().filter_map(of_case) {
            let opens = kind == EventType::CaseOpened;
            prop_assert_ne!(open.insert(case, opens).unwrap_or(false), opens);
        }
        let mut announced: Vec<Uuid> =
            open.into_iter().filter(|(_, open)| *open).map(|(id, _)| id).collect();
        let mut recorded: Vec<Uuid> =
            ledger.states().values().flat_map(|state| state.cases.keys().map(|key| key.id())).collect();
        announced.sort();
        recorded.sort();
        prop_assert_eq!(announced, recorded);
    }

    #[test]
    fn status_and_amounts_agree_and_no_money_is_silent(history in histories()) {
        for state in history.play(Play::AsItComes).states().values() {
            let Some(order) = &state.order else { continue };
            let (gross, back) = (order.recorded.paid_minor, order.recorded.refunded_minor);
            prop_assert!(0 <= back && back <= gross);
            prop_assert_eq!(order.recorded.status, status_by_the_policy(order, gross, gross - back));
            let stands = gross > 0 && !order.cancelled;
            prop_assert_eq!(order.recorded.fulfilment, match (stands, gross - back) {
                (false, _) => Fulfilment::None,
                (true, 0) => Fulfilment::Revoked,
                (true, _) => Fulfilment::Active,
            });
            // What is left of all payments either pays for the order or stands in a case.
            let left: i64 = state.payments.values().map(|payment| payment.left_minor()).sum();
            let apart = at_stake(state, CaseKind::AmountMismatch) + at_stake(state, CaseKind::WrongPayee);
            prop_assert_eq!(left, gross - back + apart);
            let beyond = (gross - back - order.amount.minor).max(0);
            prop_assert_eq!(at_stake(state, CaseKind::DuplicatePayment), beyond);
            let late = if order.cancelled { gross - back } else { 0 };
            prop_assert_eq!(at_stake(state, CaseKind::PaidAfterCancel), late);
        }
    }
}

/// The status table of the policy, line by line.
fn status_by_the_policy(order: &Order, gross: i64, net: i64) -> OrderStatus {
    if order.cancelled {
        OrderStatus::Cancelled
    } else if gross == 0 {
        OrderStatus::Pending
    } else if net >= order.amount.minor {
        OrderStatus::Paid
    } else if net > 0 {
        OrderStatus::PartiallyRefunded
    } else {
        OrderStatus::Refunded
    }
}

fn paid_announcements(order: &Order, ledger: &Ledger) -> Result<(), TestCaseError> {
    let mut entitled = None;
    let mut times = 0;
    for announcement in about(order, ledger) {
        if announcement.kind == EventType::OrderPaid {
            prop_assert_ne!(entitled, Some(true), "announced as paid while it was");
            times += 1;
        }
        let now = announcement.snapshot.order.as_ref().map(|told| told.entitled);
        entitled = now.or(entitled);
    }
    let fulfilled = order.recorded.fulfilment != Fulfilment::None;
    prop_assert_eq!(times > 0, fulfilled, "paid if and only if it was announced");
    let went_back = snapshots(order, ledger).any(|told| told.refunded_amount >= order.amount.minor);
    prop_assert!(times <= 1 || went_back);
    Ok(())
}

/// The states that hold anything: a transaction leaves its own when its payment is told.
fn at_rest(ledger: &Ledger) -> BTreeMap<&String, &State> {
    ledger.states().iter().filter(|(_, state)| **state != State::default()).collect()
}

fn orders(ledger: &Ledger) -> impl Iterator<Item = &Order> {
    ledger.states().values().filter_map(|state| state.order.as_ref())
}

fn about<'a>(order: &Order, ledger: &'a Ledger) -> impl Iterator<Item = &'a Announcement> {
    let subject = format!("order/{}", order.order_no);
    ledger.announced.iter().filter(move |announcement| announcement.subject == subject)
}

fn snapshots<'a>(order: &Order, ledger: &'a Ledger) -> impl Iterator<Item = &'a OrderSnapshot> {
    about(order, ledger).filter_map(|announcement| announcement.snapshot.order.as_ref())
}

/// What a subscriber who applies the newest snapshot believes of each order.
fn entitled_at_last(ledger: &Ledger) -> Vec<bool> {
    let last = |order| snapshots(order, ledger).last().is_some_and(|told| told.entitled);
    orders(ledger).map(last).collect()
}

fn of_case(announcement: &Announcement) -> Option<(EventType, Uuid)> {
    announcement.snapshot.case.as_ref().map(|case| (announcement.kind, case.id))
}

fn at_stake(state: &State, kind: CaseKind) -> i64 {
    state.cases.iter().filter(|(key, _)| key.kind == kind).map(|(_, case)| case.amount_minor).sum()
}
