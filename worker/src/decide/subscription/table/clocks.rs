//! A clock that goes back, or that of another worker: what ran out stays so.

use shared::notification::{AgreementChange, Revival};
use shared::subscription::SubscriptionStatus;

use super::super::super::{Order, State};
use super::super::Terms;
use super::scene::Says::{Charged, Failed, Signed, SignedUntil};
use super::scene::{Ledger, PRICE, agreement, day, terms};

/// A ledger of orders that were paid without an agreement: T1 paid for a month, which ran out with its grace.
fn paid_ahead() -> Ledger {
    let mut ledger = Ledger::subscribed(terms());
    for number in ["T1", "T2"] {
        let order =
            Order { subscription_no: Some("S-1".into()), ..Order::new(number.into(), PRICE, None) };
        let state = State { order: Some(order), ..State::default() };
        ledger.books.states.insert(number.into(), state);
    }
    ledger.pay("T1", 0);
    ledger
}

#[test]
fn an_agreement_that_ran_out_stays_so() {
    let mut ledger = Ledger::subscribed(terms());
    ledger.tell(SignedUntil(0, 60), Revival::Never);
    ledger.sweep(day(60));
    assert_eq!(ledger.shown(), "ended |  | ");
    let told = ledger.told.len();
    ledger.sweep(day(59));
    ledger.tell_at(Failed(58).fact(Revival::Never), day(59));
    ledger.tell_at(Signed(-3).fact(Revival::Never), day(59));
    assert_eq!(ledger.shown(), "ended |  | ");
    assert_eq!(ledger.told.len(), told);
    // One that is signed for longer goes on.
    ledger.tell_at(SignedUntil(1, 90).fact(Revival::Never), day(59));
    assert_eq!(ledger.shown(), "past_due |  | ");
}

#[test]
fn what_was_paid_ahead_and_ran_out_stays_so() {
    let mut ledger = paid_ahead();
    ledger.sweep(day(31));
    assert_eq!(ledger.shown(), "ended | T1 01-31 | 03-03");
    let told = ledger.told.len();
    ledger.sweep(day(30));
    assert_eq!((ledger.standing().status, ledger.told.len()), (SubscriptionStatus::Ended, told));
    // The shop may lengthen its grace, and an order may extend it.
    let mut longer = paid_ahead();
    longer.sweep(day(31));
    let one = longer.books.contracts.subscriptions.get_mut("S-1").unwrap();
    one.terms = Terms { grace: "P9D".into(), ..terms() };
    longer.sweep(day(30));
    assert_eq!(longer.standing().status, SubscriptionStatus::Active);
    ledger.pay("T2", 29);
    assert_eq!(ledger.standing().status, SubscriptionStatus::Active);
}

#[test]
fn an_agreement_that_is_named_later_goes_on() {
    let mut ledger = paid_ahead();
    ledger.sweep(day(31));
    let one = ledger.books.contracts.subscriptions.get_mut("S-1").unwrap();
    one.terms.agreement_no = Some("G-1".into());
    let signed = AgreementChange::Signed { valid_until: Some(day(90)) };
    ledger.tell_at(agreement(signed, 0, Revival::Never), day(30));
    ledger.sweep(day(30));
    assert_eq!(ledger.standing().status, SubscriptionStatus::Active);
}

#[test]
fn a_charge_by_a_clock_behind_pays_for_its_own_time() {
    let mut ledger = Ledger::subscribed(terms());
    ledger.tell(SignedUntil(0, 60), Revival::Never);
    ledger.sweep(day(60));
    ledger.tell_at(Charged("T1", 59).fact(Revival::Never), day(59));
    assert_eq!(ledger.shown(), "ended | T1 03-31 | 04-30");
}
