//! What comes about without a new notification: an order appears, a deadline passes, the shop
//! cancels.

use shared::order::OrderStatus;
use time::Duration;

use super::super::{Fulfilment, Link, State, decide, reconsider};
use super::scene::{Books, NOW, PATIENCE, PRICE, RULES, Word, cancelled, ordered, says, tell};
use shared::case::CaseKind;

fn kinds(state: &State) -> Vec<CaseKind> {
    state.cases.keys().map(|key| key.kind).collect()
}

fn status(state: &State) -> Option<OrderStatus> {
    state.order.as_ref().map(|order| order.recorded.status)
}

#[test]
fn a_payment_waits_until_its_deadline_and_not_a_moment_longer() {
    let waiting = tell(&State::default(), &says("T1", Word::Succeeded, PRICE));
    let deadline = NOW + PATIENCE;
    let before = reconsider(&waiting, deadline - Duration::nanoseconds(1), &RULES);
    assert_eq!(kinds(&before), []);
    assert!(before.payments.values().all(|payment| payment.waits()));
    assert_eq!(kinds(&reconsider(&waiting, deadline, &RULES)), [CaseKind::UnknownOrder]);
}

#[test]
fn what_never_was_paid_has_no_deadline() {
    let mut state = State::default();
    for word in [Word::Pending, Word::Authorised, Word::Failed, Word::Closed] {
        state = tell(&state, &says("T1", word, PRICE));
    }
    let much_later = reconsider(&state, NOW + PATIENCE * 1000, &RULES);
    assert_eq!(much_later, state);
}

#[test]
fn money_waits_from_when_it_is_known_not_from_when_it_was_asked_for() {
    let asked = tell(&State::default(), &says("T1", Word::Pending, PRICE));
    let later = NOW + PATIENCE * 2;
    let (_, paid) = decide(&asked, "shop", &says("T1", Word::Succeeded, PRICE), later, &RULES);
    let links: Vec<Link> = paid.payments.values().map(|payment| payment.link).collect();
    assert_eq!(links, [Link::Waiting { deadline: later + PATIENCE }]);
}

#[test]
fn a_repeat_does_not_put_the_deadline_off() {
    let success = says("T1", Word::Succeeded, PRICE);
    let waiting = tell(&State::default(), &success);
    let (_, again) = decide(&waiting, "shop", &success, NOW + Duration::minutes(9), &RULES);
    assert_eq!(again, waiting);
}

#[test]
fn an_order_that_appears_takes_what_waits_for_it() {
    let waiting = tell(&State::default(), &says("T1", Word::Succeeded, PRICE));
    let state = ordered(waiting, None);
    assert_eq!((status(&state), kinds(&state)), (Some(OrderStatus::Paid), vec![]));
    assert!(state.payments.values().all(|payment| payment.link == Link::Order));
}

#[test]
fn an_order_that_appears_after_the_deadline_settles_the_case() {
    let late = Books::PastTheDeadline.state();
    assert_eq!(kinds(&late), [CaseKind::UnknownOrder]);
    let state = ordered(late, None);
    assert_eq!((status(&state), kinds(&state)), (Some(OrderStatus::Paid), vec![]));
}

#[test]
fn an_order_that_appears_judges_what_waits_as_if_it_had_been_there() {
    for word in Word::ALL {
        for amount in super::scene::Amount::ALL {
            for account in [None, Some("shop"), Some("other-shop")] {
                let told = says("T1", word, amount.money());
                let late = ordered(tell(&State::default(), &told), account);
                let in_time = tell(&ordered(State::default(), account), &told);
                assert_eq!(late, in_time, "{word:?} {amount:?} {account:?}");
            }
        }
    }
}

#[test]
fn a_cancel_by_sql_shows_at_the_next_sweep() {
    let state = cancelled(Books::Pending.state());
    assert_eq!(status(&state), Some(OrderStatus::Cancelled));
    assert_eq!(reconsider(&state, NOW, &RULES), state);
}

#[test]
fn a_cancelled_order_never_hands_the_goods_out() {
    for word in Word::ALL {
        let state = tell(&Books::Cancelled.state(), &says("T1", word, PRICE));
        let fulfilment = state.order.map(|order| order.recorded.fulfilment);
        assert_eq!(fulfilment, Some(Fulfilment::None), "{word:?}");
    }
}

#[test]
fn an_order_that_ran_out_stays_so_when_the_clock_jumps_back() {
    for books in [Books::ExpiredBefore, Books::ExpiredAfter] {
        let state = books.state();
        assert_eq!(status(&state), Some(OrderStatus::Cancelled));
        let back = NOW - Duration::days(3);
        assert_eq!(reconsider(&state, back, &RULES), state);
        for word in [Word::Pending, Word::Failed, Word::UnknownType] {
            let (_, after) = decide(&state, "shop", &says("T1", word, PRICE), back, &RULES);
            assert_eq!(status(&after), Some(OrderStatus::Cancelled), "{word:?}");
        }
        // What was paid in time pays it all the same.
        let (_, paid) = decide(&state, "shop", &says("T1", Word::Succeeded, PRICE), back, &RULES);
        let pays = books == Books::ExpiredAfter;
        assert_eq!(status(&paid) == Some(OrderStatus::Paid), pays, "{books:?}");
    }
}
