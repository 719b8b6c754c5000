//! What becomes of an order's refunds, and what its events say: partial, full, several, reversed after success,
//! before their payment, and beyond what was paid.

use shared::notification::{Notification, RefundStatus};

use super::super::State;
use super::back::refund_of;
use super::events::lines;
use super::scene::{Books, PRICE, Word, refunded, says, tell};

/// The events of each notification, told one after the other.
fn told(first: State, notifications: &[Notification]) -> Vec<String> {
    let mut state = first;
    let mut events = vec![];
    for notification in notifications {
        let next = tell(&state, notification);
        events.extend(lines(&state, &next));
        state = next;
    }
    events
}

/// As a provider that states totals says it, and as one that names each refund.
fn both(minor: i64) -> [Notification; 2] {
    [refunded("T1", minor, "R1"), refund_of(minor, RefundStatus::Succeeded)]
}

fn another(minor: i64) -> Notification {
    let mut second = refund_of(minor, RefundStatus::Succeeded);
    if let Some(shared::notification::Fact::Refund(fact)) = &mut second.fact {
        fact.refund = "R2".into();
    }
    second.identity = format!("R2/{minor}");
    second
}

const PART: &str = "order/A-1 order.refunded.v1: partially_refunded 10000-3000, goods may go";
const ALL: &str = "order/A-1 order.refunded.v1: refunded 10000-10000, goods stay";

#[test]
fn a_partial_refund_leaves_the_goods_out() {
    for refund in both(3_000) {
        assert_eq!(told(Books::Paid.state(), &[refund]), [PART]);
    }
}

#[test]
fn a_full_refund_revokes_the_goods() {
    for refund in both(PRICE.minor) {
        assert_eq!(told(Books::Paid.state(), &[refund]), [ALL]);
    }
}

#[test]
fn several_refunds_add_up_however_the_provider_tells_of_them() {
    let totals = [refunded("T1", 3_000, "R1"), refunded("T1", PRICE.minor, "R2")];
    assert_eq!(told(Books::Paid.state(), &totals), [PART, ALL]);
    let named = [refund_of(3_000, RefundStatus::Succeeded), another(7_000)];
    assert_eq!(told(Books::Paid.state(), &named), [PART, ALL]);
    // Both tell of the same money.
    let mixed = [refund_of(3_000, RefundStatus::Succeeded), refunded("T1", 3_000, "R1")];
    assert_eq!(told(Books::Paid.state(), &mixed), [PART]);
}

#[test]
fn a_refund_that_is_reversed_after_its_success_gives_the_money_back() {
    let reversed = |minor| refund_of(minor, RefundStatus::Reversed);
    let part = [refund_of(3_000, RefundStatus::Succeeded), reversed(3_000)];
    let again = "order/A-1 order.refunded.v1: paid 10000-0, goods may go";
    assert_eq!(told(Books::Paid.state(), &part), [PART, again]);
    let all = [refund_of(PRICE.minor, RefundStatus::Succeeded), reversed(PRICE.minor)];
    let paid = "order/A-1 order.paid.v1: paid 10000-0, goods may go";
    assert_eq!(told(Books::Paid.state(), &all), [ALL, paid]);
    // The late word of the success says nothing any more.
    let late = [reversed(3_000), refund_of(3_000, RefundStatus::Succeeded)];
    assert_eq!(told(Books::Paid.state(), &late), [""; 0]);
}

#[test]
fn a_refund_before_its_payment_takes_effect_with_it() {
    let paid = says("T1", Word::Succeeded, PRICE);
    let first = "order/A-1 order.paid.v1: partially_refunded 10000-3000, goods may go";
    for refund in both(3_000) {
        let told = told(Books::Pending.state(), &[refund, paid.clone()]);
        assert_eq!(told, [first, PART]);
    }
    let all = refund_of(PRICE.minor, RefundStatus::Succeeded);
    let told = told(Books::Pending.state(), &[all, paid]);
    assert_eq!(told, ["order/A-1 order.paid.v1: refunded 10000-10000, goods stay", ALL]);
}

#[test]
fn what_went_back_beyond_the_payment_is_a_case_and_no_debt_of_the_order() {
    let opened =
        "order/A-1 case.opened.v1: refunded 10000-10000, goods stay; over_refund open 5000";
    for refund in both(15_000) {
        assert_eq!(told(Books::Paid.state(), &[refund]), [ALL, opened]);
    }
}

#[test]
fn a_payment_that_its_provider_takes_back_is_announced() {
    let more = shared::money::Money { minor: PRICE.minor + 1, ..PRICE };
    let taken_back = says("T1", Word::FullRefund, more);
    let gone = "order/A-1 order.refunded.v1: pending 0-0, goods stay";
    assert_eq!(told(Books::Paid.state(), &[taken_back]), [gone]);
}
