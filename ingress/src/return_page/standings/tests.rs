//! What is remembered, for how long, and who is woken.

use super::*;
use shared::money::Currency;
use shared::order::Mode;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:00 UTC);

fn news(order_no: &str, sequence: i64, status: OrderStatus, entitled: bool) -> OrderNews {
    let order = OrderSnapshot {
        order_no: order_no.to_owned(),
        mode: Mode::Live,
        status,
        amount: 10,
        currency: Currency::CNY,
        paid_amount: 10,
        refunded_amount: 0,
        entitled,
        numbers: vec![format!("{order_no}/2")],
        subscription_no: None,
    };
    OrderNews { sequence, order }
}

fn paid(order_no: &str) -> OrderNews {
    news(order_no, 1, OrderStatus::Paid, true)
}

#[test]
fn an_order_is_found_under_each_of_its_numbers_and_for_its_amount_alone() {
    let standings = Standings::default();
    standings.note(paid("A"), NOW);
    let yuan = |minor| Some(Money { minor, currency: Currency::CNY });
    for number in ["A", "A/2"] {
        assert_eq!(standings.of(number, yuan(10), NOW), Some(Standing::Confirmed));
        assert_eq!(standings.of(number, None, NOW), Some(Standing::Confirmed));
        assert_eq!(standings.of(number, yuan(11), NOW), None);
    }
    assert_eq!(standings.of("B", None, NOW), None);
}

#[test]
fn the_highest_sequence_is_believed_whichever_comes_last() {
    let standings = Standings::default();
    standings.note(news("A", 3, OrderStatus::Refunded, false), NOW);
    standings.note(paid("A"), NOW);
    assert_eq!(standings.of("A", None, NOW), Some(Standing::Refunded));
    standings.note(news("A", 4, OrderStatus::Paid, false), NOW);
    assert_eq!(standings.of("A", None, NOW), None);
    standings.note(news("A", 5, OrderStatus::Cancelled, false), NOW);
    assert_eq!(standings.of("A/2", None, NOW), Some(Standing::Cancelled));
}

#[test]
fn what_is_remembered_is_bounded_in_number_and_age() {
    let standings = Standings::default();
    for number in 0..=ORDERS_MAX {
        standings.note(paid(&number.to_string()), NOW);
    }
    let known = standings.lock();
    assert_eq!(
        (known.orders.len(), known.further.len(), known.ages.len()),
        (ORDERS_MAX, ORDERS_MAX, ORDERS_MAX)
    );
    drop(known);
    assert_eq!(standings.of("0", None, NOW), None);
    assert!(standings.of("1", None, NOW).is_some());
    assert!(standings.of("1", None, NOW + AGE_MAX + Duration::SECOND).is_none());
    standings.note(paid("later"), NOW + AGE_MAX + Duration::SECOND);
    assert_eq!(standings.lock().orders.len(), 1);
}

#[test]
fn an_order_that_is_told_again_and_again_takes_no_more_room() {
    let standings = Standings::default();
    for sequence in 1..=i64::try_from(ORDERS_MAX).unwrap() * 2 {
        standings.note(news("A", sequence, OrderStatus::Paid, true), NOW);
    }
    let known = standings.lock();
    assert_eq!((known.orders.len(), known.ages.len()), (1, ORDERS_MAX));
}

#[test]
fn seats_are_bounded_and_given_back() {
    let standings = Standings::default();
    let seats: Vec<_> = (0..STREAMS_EACH_MAX).filter_map(|_| standings.seat("A")).collect();
    assert_eq!(seats.len(), STREAMS_EACH_MAX);
    assert!(standings.seat("A").is_none() && standings.seat("B").is_some());
    drop(seats);
    let seats: Vec<_> =
        (0..=STREAMS_MAX).filter_map(|number| standings.seat(&number.to_string())).collect();
    assert_eq!(seats.len(), STREAMS_MAX);
    drop(seats);
    let known = standings.lock();
    assert_eq!((known.streams, known.waiting.len()), (0, 0));
}

#[tokio::test]
async fn whoever_waits_under_any_number_is_woken() {
    let standings = Standings::default();
    let seats = ["A", "A/2"].map(|number| standings.seat(number).unwrap());
    let changes = seats.each_ref().map(Seat::changed);
    standings.note(paid("A"), NOW);
    for change in changes {
        change.await;
    }
}
