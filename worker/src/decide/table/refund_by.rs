//! The table of refunds' ends: until when a provider takes back what each case is about.

use std::collections::BTreeMap;

use shared::rules::{AccountRules, Rules};
use time::Duration;
use time::macros::datetime;

use super::super::announce::announce;
use super::super::{State, decide};
use super::scene::{Amount, Books, NOW, PRICE, RULES, Word, says};

const WITHIN: Duration = Duration::days(180);

fn rules() -> Rules {
    let account = AccountRules { refund_within: Some(WITHIN), ..AccountRules::default() };
    Rules { accounts: BTreeMap::from([("shop".to_owned(), account)]), ..RULES.clone() }
}

/// Each open case's kind, and until when it says that a refund is taken.
fn ends(state: &State) -> Vec<(&str, Option<String>)> {
    let cases = state.cases.iter();
    cases.map(|(key, case)| (key.kind.as_str(), case.refund_by.map(|at| at.to_string()))).collect()
}

#[test]
fn a_case_tells_until_when_its_money_can_be_given_back() {
    let until = Some((datetime!(2026-01-02 11:59 UTC) + WITHIN).to_string());
    let other = Amount::Less.money();
    for (books, word, amount, expected) in [
        (Books::Pending, Word::Succeeded, other, ("amount_mismatch", until.clone())),
        (Books::PaidByAnother, Word::Succeeded, PRICE, ("duplicate_payment", until.clone())),
        (Books::Cancelled, Word::Succeeded, PRICE, ("paid_after_cancel", until.clone())),
        // Nothing is left of it that could be given back.
        (Books::Pending, Word::RefundBeyond, PRICE, ("over_refund", None)),
    ] {
        let said = says("T1", word, amount);
        let (_, after) = decide(&books.state(), "shop", &said, NOW, &rules());
        assert_eq!(ends(&after), [expected], "{books:?}");
        let opened = announce(&books.state(), &after).pop().and_then(|told| told.snapshot.case);
        let told = opened.and_then(|case| case.refund_by).map(|at| at.to_string());
        assert_eq!(told, ends(&after)[0].1, "{books:?}");
        let (_, unknown) = decide(&books.state(), "shop", &said, NOW, &RULES);
        assert_eq!(ends(&unknown)[0].1, None, "what nobody knows stays out");
    }
}
