//! The table of verdicts: what a person's word about each kind of case does.

use std::collections::BTreeMap;

use shared::case::{CaseKind, CasePolicy, CaseVerdict};
use shared::money::Money;
use shared::rules::{AccountRules, Rules};

use super::super::announce::announce;
use super::super::case::CaseKey;
use super::super::resolve::{Refusal, Ruling, resolve};
use super::super::{Fulfilment, State, decide, reconsider};
use super::back::Back;
use super::is_as_written;
use super::scene::{Amount, Books, NOW, PATIENCE, PRICE, RULES, Word, cancelled, says, tell};

const TABLE: &str = include_str!("verdicts.txt");

/// The kinds of the table, each as it stands open alone.
fn open(kind: CaseKind) -> State {
    let other = Amount::Less.money();
    match kind {
        CaseKind::AmountMismatch => {
            tell(&Books::Pending.state(), &says("T1", Word::Succeeded, other))
        }
        CaseKind::WrongPayee => {
            tell(&Books::OtherAccount.state(), &says("T1", Word::Succeeded, PRICE))
        }
        CaseKind::DuplicatePayment => Books::PaidTwice.state(),
        CaseKind::PaidAfterCancel => {
            tell(&Books::Cancelled.state(), &says("T1", Word::Succeeded, PRICE))
        }
        CaseKind::OverRefund => {
            tell(&Books::Pending.state(), &says("T1", Word::RefundBeyond, PRICE))
        }
        CaseKind::RefundUnconfirmed => tell(&Books::Paid.state(), &Back::Hint.says()),
        CaseKind::UnknownOrder => Books::PastTheDeadline.state(),
        CaseKind::Dispute => tell(&Books::Paid.state(), &Back::Opened.says()),
        CaseKind::UnprovenPayment => {
            let asked = tell(&Books::Pending.state(), &says("T1", Word::Pending, PRICE));
            tell(&asked, &Back::RefundSucceeded.says())
        }
    }
}

fn key(state: &State) -> CaseKey {
    assert_eq!(state.cases.len(), 1, "{:?}", state.cases);
    state.cases.keys().next().unwrap().clone()
}

fn speak(state: &State, verdict: CaseVerdict) -> Result<State, Refusal> {
    let key = key(state);
    let saw_minor = state.cases[&key].amount_minor;
    let ruling = Ruling { verdict, saw_minor, actor: "cli:me".into(), reason: "because".into() };
    resolve(state, &key, &ruling, NOW + PATIENCE, &RULES)
}

fn shown(state: &State) -> String {
    let order = state.order.as_ref().map_or("no order".to_owned(), |order| {
        let recorded = order.recorded;
        format!(
            "{} {}-{}, {}",
            recorded.status.as_str(),
            recorded.paid_minor,
            recorded.refunded_minor,
            recorded.fulfilment.as_str()
        )
    });
    let left: Vec<_> = state.cases.keys().map(|key| key.kind.as_str()).collect();
    let left = if left.is_empty() { "nothing".to_owned() } else { left.join(", ") };
    format!("{order}; left: {left}")
}

#[test]
fn the_whole_policy_of_verdicts() {
    let mut table = String::new();
    for kind in CaseKind::ALL {
        let state = open(kind);
        assert_eq!(key(&state).kind, kind);
        for verdict in CaseVerdict::ALL {
            let said = match speak(&state, verdict) {
                Ok(after) => shown(&after),
                Err(Refusal::Impossible(_)) => "refused".to_owned(),
                Err(other) => format!("{other:?}"),
            };
            table += &format!("{:<18} + {} = {said}\n", kind.as_str(), verdict.as_str());
        }
    }
    is_as_written(&table, TABLE);
}

#[test]
fn a_case_that_is_accepted_pays_exactly_once() {
    for kind in [CaseKind::AmountMismatch, CaseKind::WrongPayee, CaseKind::PaidAfterCancel] {
        let before = open(kind);
        let after = speak(&before, CaseVerdict::Fulfil).unwrap();
        let told: Vec<_> =
            announce(&before, &after).iter().map(|told| told.kind.routing_key()).collect();
        assert_eq!(told, ["order.paid.v1", "case.resolved.v1"], "{kind:?}");
        assert_eq!(reconsider(&after, NOW + PATIENCE, &RULES), after);
        let again = resolve(&after, &key(&before), &ruling(1), NOW, &RULES);
        assert_eq!(again, Err(Refusal::Closed), "{kind:?}");
    }
}

#[test]
fn a_case_opens_again_when_more_money_comes_in_and_not_when_it_goes_back() {
    for verdict in [CaseVerdict::Refund, CaseVerdict::Ignore] {
        let closed = speak(&open(CaseKind::DuplicatePayment), verdict).unwrap();
        let back = tell(&closed, &says("T1", Word::FullRefund, PRICE));
        assert!(back.cases.is_empty());
        let third = tell(&back, &says("T2", Word::Succeeded, PRICE));
        assert_eq!(key(&third).kind, CaseKind::DuplicatePayment, "{verdict:?}");
    }
}

#[test]
fn a_refund_that_is_signed_after_it_was_confirmed_is_not_counted_twice() {
    let confirmed = speak(&open(CaseKind::RefundUnconfirmed), CaseVerdict::Refund).unwrap();
    let signed = tell(&confirmed, &Back::RefundSucceeded.says());
    assert_eq!(shown(&signed), shown(&confirmed));
}

#[test]
fn whoever_saw_other_money_decides_nothing() {
    let state = open(CaseKind::AmountMismatch);
    let refused = resolve(&state, &key(&state), &ruling(1), NOW, &RULES);
    assert!(matches!(refused, Err(Refusal::Changed { .. })));
}

#[test]
fn another_currency_and_another_mode_are_never_accepted() {
    let dollars = Amount::OtherCurrency.money();
    let foreign = tell(&Books::Pending.state(), &says("T1", Word::Succeeded, dollars));
    let test = tell(&Books::TestOrder.state(), &says("T1", Word::Succeeded, PRICE));
    for state in [foreign, test] {
        assert!(matches!(speak(&state, CaseVerdict::Fulfil), Err(Refusal::Impossible(_))));
    }
}

#[test]
fn an_accepted_amount_is_the_price_for_its_refunds_too() {
    let more = Money { minor: 11_000, ..PRICE };
    let over = tell(&Books::Pending.state(), &says("T1", Word::Succeeded, more));
    let over = speak(&over, CaseVerdict::Fulfil).unwrap();
    assert_eq!(shown(&over), "paid 11000-0, active; left: nothing");
    let under = speak(&open(CaseKind::AmountMismatch), CaseVerdict::Fulfil).unwrap();
    let part = tell(&under, &says("T1", Word::PartialRefund, Amount::Less.money()));
    assert_eq!(shown(&part), "partially_refunded 9999-5000, active; left: nothing");
}

#[test]
fn a_policy_speaks_when_its_case_opens() {
    let told = |policy| {
        let rules = governed(CaseKind::AmountMismatch, policy);
        let other = says("T1", Word::Succeeded, Amount::Less.money());
        let before = Books::Pending.state();
        let (decision, after) = decide(&before, "shop", &other, NOW, &rules);
        let words = announce(&before, &after).into_iter().map(|told| {
            let case = told.snapshot.case;
            let case = case.map(|case| format!(" {} {:?}", case.status, case.resolution));
            format!("{}{}", told.kind.routing_key(), case.unwrap_or_default())
        });
        (format!("{decision:?}"), shown(&after), words.collect::<Vec<_>>().join(", "))
    };
    let (decision, state, words) = told(CasePolicy::Fulfil);
    assert_eq!(
        (decision.as_str(), state.as_str()),
        ("Settled", "paid 9999-0, active; left: nothing")
    );
    assert_eq!(
        words,
        "order.paid.v1, case.opened.v1 open None, case.resolved.v1 resolved Some(\"fulfil\")"
    );
    let (decision, state, words) = told(CasePolicy::Ignore);
    assert_eq!((decision.as_str(), state.as_str()), ("Case", "pending 0-0, none; left: nothing"));
    assert!(words.ends_with("case.resolved.v1 resolved Some(\"ignore\")"), "{words}");
    let (_, state, words) = told(CasePolicy::RefundRequested);
    assert_eq!(state, "pending 0-0, none; left: amount_mismatch");
    assert_eq!(words, "case.opened.v1 acknowledged None");
}

#[test]
fn a_policy_that_cannot_apply_holds_the_case() {
    let rules = governed(CaseKind::AmountMismatch, CasePolicy::Fulfil);
    let dollars = says("T1", Word::Succeeded, Amount::OtherCurrency.money());
    let (_, after) = decide(&Books::Pending.state(), "shop", &dollars, NOW, &rules);
    assert_eq!(after.cases[&key(&after)].policy, CasePolicy::Hold);
}

#[test]
fn a_cancel_after_a_late_payment_was_accepted_changes_nothing() {
    let late = tell(&Books::ExpiredBefore.state(), &says("T1", Word::Succeeded, PRICE));
    let accepted = speak(&late, CaseVerdict::Fulfil).unwrap();
    assert_eq!(shown(&accepted), "paid 10000-0, active; left: nothing");
    let after = cancelled(accepted);
    let fulfilment = after.order.map(|order| order.recorded.fulfilment);
    assert_eq!(fulfilment, Some(Fulfilment::Active));
}

fn ruling(saw_minor: i64) -> Ruling {
    let (actor, reason) = ("cli:me".into(), "because".into());
    Ruling { verdict: CaseVerdict::Ignore, saw_minor, actor, reason }
}

fn governed(kind: CaseKind, policy: CasePolicy) -> Rules {
    let cases = BTreeMap::from([(kind, policy)]);
    let account = AccountRules { cases, ..AccountRules::default() };
    Rules { accounts: BTreeMap::from([("shop".to_owned(), account)]), ..RULES.clone() }
}
