//! Refunds and disputes that come before their payment, or before its order.

use time::Duration;

use super::super::super::{Link, State, decide, reconsider};
use super::super::scene::{Books, NOW, PATIENCE, PRICE, RULES, Word, ordered, says, tell};
use super::Back;
use shared::case::CaseKind;

#[test]
fn whichever_comes_first_the_end_is_the_same() {
    for first in Back::ALL {
        for second in Back::ALL {
            for word in Word::ALL.into_iter().filter(|word| *word != Word::UnknownType) {
                let paid = says("T1", word, PRICE);
                let (first, second) = (first.says(), second.says());
                let orders = [
                    [&paid, &first, &second],
                    [&paid, &second, &first],
                    [&first, &paid, &second],
                    [&second, &paid, &first],
                    [&first, &second, &paid],
                    [&second, &first, &paid],
                ];
                let ends = orders.map(|told| {
                    told.into_iter().fold(Books::Pending.state(), |state, one| tell(&state, one))
                });
                assert!(ends.iter().all(|end| *end == ends[0]), "{paid:?} {first:?} {second:?}");
            }
        }
    }
}

#[test]
fn what_moves_money_waits_for_its_payment_until_the_deadline_and_then_is_a_case() {
    for back in Back::ALL {
        let state = tell(&State::default(), &back.says());
        let waits = state.payments.values().any(|payment| payment.waits());
        let moves = match back {
            Back::RefundPending
            | Back::RefundFailed
            | Back::RefundClosed
            | Back::RefundReversed
            | Back::Won => vec![],
            Back::RefundSucceeded
            | Back::RefundOfAll
            | Back::RefundBeyond
            | Back::RefundInDollars
            | Back::Lost => {
                vec![CaseKind::UnprovenPayment]
            }
            Back::Hint => vec![CaseKind::RefundUnconfirmed],
            Back::Opened => vec![CaseKind::Dispute],
        };
        assert_eq!(waits, !moves.is_empty(), "{back:?}");
        assert!(state.cases.is_empty(), "{back:?}");
        let late = reconsider(&state, NOW + PATIENCE, &RULES);
        assert_eq!(late.cases.keys().map(|key| key.kind).collect::<Vec<_>>(), moves, "{back:?}");
        assert!(!late.payments.values().any(|payment| payment.waits()), "{back:?}");
    }
}

#[test]
fn a_repeat_of_a_refund_does_not_put_its_deadline_off() {
    let refund = Back::RefundSucceeded.says();
    let state = tell(&State::default(), &refund);
    let (_, again) = decide(&state, "shop", &refund, NOW + Duration::minutes(9), &RULES);
    assert_eq!(again, state);
    let deadline = Some(NOW + PATIENCE);
    assert!(again.payments.values().all(|payment| payment.link == Link::Absent { deadline }));
}

#[test]
fn a_refund_of_what_was_never_proven_is_a_case() {
    let asked = tell(&Books::Pending.state(), &says("T1", Word::Pending, PRICE));
    let state = tell(&asked, &Back::RefundSucceeded.says());
    let kinds: Vec<_> = state.cases.keys().map(|key| key.kind).collect();
    assert_eq!(kinds, [CaseKind::UnprovenPayment]);
    let paid = tell(&state, &says("T1", Word::Succeeded, PRICE));
    assert!(paid.cases.is_empty());
}

#[test]
fn an_order_that_appears_takes_refunds_and_payment_as_if_it_had_been_there() {
    for back in Back::ALL {
        let told =
            |state: State| tell(&tell(&state, &says("T1", Word::Succeeded, PRICE)), &back.says());
        let late = ordered(told(State::default()), None);
        assert_eq!(late, told(ordered(State::default(), None)), "{back:?}");
    }
}
