//! What is announced, in which order, and what each snapshot says.

use shared::case::CaseKind;
use shared::notification::Fact;
use shared::order::Mode;
use shared::rules::AccountRules;

use super::super::announce::{Announcement, announce};
use super::super::case::About;
use super::super::{Order, State, reconsider};
use super::back::Back;
use super::scene::{
    Amount, Books, NOW, PATIENCE, PRICE, RULES, Word, cancelled, ordered, says, tell, tell_by,
};

/// One line each: the event, and of the order in its snapshot what a shop acts on.
pub(super) fn lines(before: &State, after: &State) -> Vec<String> {
    announce(before, after).iter().map(line).collect()
}

fn line(announcement: &Announcement) -> String {
    let kind = announcement.kind.routing_key();
    let order = announcement.snapshot.order.as_ref().map_or("no order".to_owned(), |order| {
        let goods = if order.entitled { "goods may go" } else { "goods stay" };
        format!(
            "{} {}-{}, {goods}",
            order.status.as_str(),
            order.paid_amount,
            order.refunded_amount
        )
    });
    let case = announcement.snapshot.case.as_ref();
    let case = case
        .map_or(String::new(), |case| format!("; {} {} {}", case.kind, case.status, case.amount));
    format!("{} {kind}: {order}{case}", announcement.subject)
}

fn told(books: Books, word: Word) -> Vec<String> {
    let before = books.state();
    lines(&before, &tell(&before, &says("T1", word, PRICE)))
}

#[test]
fn a_payment_announces_the_order_once() {
    let paid = "order/A-1 order.paid.v1: paid 10000-0, goods may go";
    assert_eq!(told(Books::Pending, Word::Succeeded), [paid]);
    assert_eq!(told(Books::Paid, Word::Succeeded), [""; 0]);
    assert_eq!(told(Books::Paid, Word::Finished), [""; 0]);
}

#[test]
fn words_that_prove_nothing_announce_nothing() {
    for books in Books::ALL {
        for word in [Word::Pending, Word::Authorised, Word::Failed, Word::UnknownType] {
            assert_eq!(told(books, word), [""; 0], "{books:?} {word:?}");
        }
    }
}

#[test]
fn a_refund_announces_what_is_left() {
    let partly = "order/A-1 order.refunded.v1: partially_refunded 10000-5000, goods may go";
    assert_eq!(told(Books::Paid, Word::PartialRefund), [partly]);
    let fully = "order/A-1 order.refunded.v1: refunded 10000-10000, goods stay";
    assert_eq!(told(Books::Paid, Word::FullRefund), [fully]);
}

#[test]
fn a_full_refund_known_before_the_payment_keeps_the_goods_back() {
    let expected = [
        "order/A-1 order.paid.v1: refunded 10000-10000, goods stay",
        "order/A-1 order.refunded.v1: refunded 10000-10000, goods stay",
    ];
    assert_eq!(told(Books::Pending, Word::FullRefund), expected);
    let waiting = tell(&State::default(), &says("T1", Word::FullRefund, PRICE));
    assert_eq!(lines(&with_order(&waiting), &ordered(waiting, None)), expected);
}

/// The state as the sweep loads it: the order is there, nothing is derived yet.
fn with_order(state: &State) -> State {
    State { order: Some(Order::new("A-1".into(), PRICE, None)), ..state.clone() }
}

#[test]
fn an_order_that_is_paid_again_after_all_went_back_says_that_the_goods_may_go() {
    let again = "order/A-1 order.paid.v1: paid 20000-10000, goods may go";
    assert_eq!(told(Books::RefundedAnother, Word::Succeeded), [again]);
}

#[test]
fn cases_are_announced_when_they_open_and_when_they_close() {
    let paid = Books::Paid.state();
    let twice = tell(&paid, &says("T2", Word::Succeeded, PRICE));
    let opened =
        "order/A-1 case.opened.v1: paid 20000-0, goods may go; duplicate_payment open 10000";
    assert_eq!(lines(&paid, &twice), [opened]);
    let mended = tell(&twice, &says("T2", Word::FullRefund, PRICE));
    let expected = [
        "order/A-1 order.refunded.v1: paid 20000-10000, goods may go",
        "order/A-1 case.resolved.v1: paid 20000-10000, goods may go; duplicate_payment resolved 10000",
    ];
    assert_eq!(lines(&twice, &mended), expected);
}

#[test]
fn a_cancelled_order_and_its_late_payment_are_told_in_order() {
    let pending = Books::Pending.state();
    let after = cancelled(pending.clone());
    let gone = "order/A-1 order.cancelled.v1: cancelled 0-0, goods stay";
    assert_eq!(lines(&pending, &after), [gone]);
    assert_eq!(lines(&after, &reconsider(&after, NOW, &RULES)), [""; 0]);
    let partly = [
        "order/A-1 order.refunded.v1: cancelled 10000-5000, goods stay",
        "order/A-1 case.opened.v1: cancelled 10000-5000, goods stay; paid_after_cancel open 5000",
    ];
    assert_eq!(told(Books::Cancelled, Word::PartialRefund), partly);
}

#[test]
fn money_without_an_order_is_announced_under_its_number() {
    let waiting = tell(&State::default(), &says("T1", Word::Succeeded, PRICE));
    let given_up = reconsider(&waiting, NOW + PATIENCE, &RULES);
    let opened = "order/A-1 case.opened.v1: no order; unknown_order open 10000";
    assert_eq!(lines(&waiting, &given_up), [opened]);
    let expected = [
        "order/A-1 order.paid.v1: paid 10000-0, goods may go",
        "order/A-1 case.resolved.v1: paid 10000-0, goods may go; unknown_order resolved 10000",
    ];
    assert_eq!(lines(&with_order(&given_up), &ordered(given_up, None)), expected);
}

#[test]
fn a_case_under_a_further_number_is_told_under_the_orders_own() {
    let mut told = says("T1", Word::Succeeded, Amount::Less.money());
    if let Some(Fact::Payment(fact)) = &mut told.fact {
        fact.order_number = "A-1-again".into();
    }
    let before = Books::Pending.state();
    let after = tell(&before, &told);
    let opened = "order/A-1 case.opened.v1: pending 0-0, goods stay; amount_mismatch open 9999";
    assert_eq!(lines(&before, &after), [opened]);
}

#[test]
fn a_case_keeps_its_id_and_no_two_cases_share_one() {
    let mut ids = std::collections::BTreeSet::new();
    for kind in CaseKind::ALL {
        for about in ["A-1", "A-2"] {
            let about = About::Order(about.into());
            let key = super::super::case::CaseKey { kind, about };
            assert_eq!(key.id(), key.clone().id());
            assert!(ids.insert(key.id()), "{key:?}");
        }
    }
}

#[test]
fn a_snapshot_names_the_other_numbers_that_were_paid_under() {
    let before = Books::Pending.state();
    let mut under_another = says("T1", Word::Succeeded, PRICE);
    if let Some(Fact::Payment(fact)) = &mut under_another.fact {
        fact.order_number = "A-1-2".to_owned();
    }
    let numbers = |after: &State| -> Vec<String> {
        let told = announce(&before, after).remove(0).snapshot.order;
        told.map(|order| order.numbers).unwrap_or_default()
    };
    assert_eq!(numbers(&tell(&before, &under_another)), ["A-1-2"]);
    assert_eq!(numbers(&tell(&before, &says("T1", Word::Succeeded, PRICE))), [""; 0]);
}

#[test]
fn a_snapshot_says_whether_its_money_is_real() {
    let modes = |before: &State, after: &State| -> Vec<_> {
        let told = announce(before, after).into_iter().map(|told| told.snapshot);
        let modes =
            told.map(|told| (told.order.map(|one| one.mode), told.case.map(|one| one.mode)));
        modes.collect()
    };
    let mut sandbox = RULES.clone();
    let rules = AccountRules { mode: Mode::Test, ..AccountRules::default() };
    sandbox.accounts.insert("shop".to_owned(), rules);
    let paid = says("T1", Word::Succeeded, PRICE);
    // Its money pays an order of its own mode, and is a case of its own mode for any other.
    let order = Books::TestOrder.state();
    assert_eq!(modes(&order, &tell_by(&order, &paid, &sandbox)), [(Some(Mode::Test), None)]);
    let order = Books::Pending.state();
    let told = modes(&order, &tell_by(&order, &paid, &sandbox));
    assert_eq!(told, [(Some(Mode::Live), Some(Mode::Test))]);
    // So is what waited for its payment.
    let disputed = tell_by(&State::default(), &Back::Opened.says(), &sandbox);
    let given_up = reconsider(&disputed, NOW + PATIENCE, &sandbox);
    assert_eq!(modes(&disputed, &given_up), [(None, Some(Mode::Test))]);
}
