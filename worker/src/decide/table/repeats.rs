//! The first level against repeats: a notification that was seen is not even looked at.

use bytes::Bytes;
use shared::message::{Message, Number};
use shared::notification::{Fact, Notification};
use uuid::Uuid;

use super::super::Decision;
use super::super::fold::{Books, Changes, Reading, fold, refold};
use super::scene::{self, NOW, PATIENCE, PRICE, RULES, Word, says};

fn reading(account: &str, notifications: Vec<Notification>) -> Reading {
    let message = Message {
        id: Uuid::nil(),
        kind: "alipay".into(),
        account: account.into(),
        key: String::new(),
        attempt: 0,
        received_at: NOW,
        number: Number { epoch: Uuid::nil(), seq: 1 },
        content_type: None,
        http: vec![],
        traceparent: None,
        body: Bytes::new(),
    };
    Reading { message, replay: None, notifications }
}

/// The books with order A-1, also offered as A-1-again.
fn books() -> Books {
    let numbers = ["A-1", "A-1-again"].map(|number| (number.to_owned(), "A-1".to_owned()));
    let states = [("A-1".to_owned(), scene::Books::Pending.state())];
    Books { numbers: numbers.into(), states: states.into(), ..Books::default() }
}

fn folded(books: Books, readings: &[Reading]) -> Changes {
    let readings: Vec<&Reading> = readings.iter().collect();
    fold(books, &readings, NOW, &RULES)
}

fn success() -> Notification {
    says("T1", Word::Succeeded, PRICE)
}

#[test]
fn ten_at_once_settle_once() {
    let ten: Vec<Reading> = (0..10).map(|_| reading("shop", vec![success()])).collect();
    let changes = folded(books(), &ten);
    let mut expected = vec![Decision::Duplicate; 10];
    expected[0] = Decision::Settled;
    assert_eq!(changes.strongest(), expected);
    assert_eq!((changes.states.len(), changes.announcements.len()), (1, 1));
}

#[test]
fn what_another_message_claimed_changes_nothing() {
    let mut books = books();
    books.seen.insert(("shop".into(), success().identity));
    let changes = folded(books, &[reading("shop", vec![success()])]);
    assert_eq!(changes.strongest(), [Decision::Duplicate]);
    assert!(changes.states.is_empty() && changes.announcements.is_empty());
}

#[test]
fn the_same_identity_of_another_account_is_another_notification() {
    let mut books = books();
    books.seen.insert(("other-shop".into(), success().identity));
    let changes = folded(books, &[reading("shop", vec![success()])]);
    assert_eq!(changes.strongest(), [Decision::Settled]);
}

#[test]
fn a_new_identity_with_nothing_new_in_it_is_a_duplicate_all_the_same() {
    let again = Notification { identity: "resent by hand".into(), ..success() };
    let changes =
        folded(books(), &[reading("shop", vec![success()]), reading("shop", vec![again])]);
    assert_eq!(changes.strongest(), [Decision::Settled, Decision::Duplicate]);
    assert_eq!(changes.announcements.len(), 1);
}

#[test]
fn a_message_counts_as_its_strongest_part() {
    let parts = vec![says("T9", Word::UnknownType, PRICE), success(), success()];
    let changes = folded(books(), &[reading("shop", parts)]);
    assert_eq!(changes.strongest(), [Decision::Settled]);
    let decisions: Vec<_> = changes.verdicts[0].iter().map(|verdict| verdict.decision).collect();
    assert_eq!(decisions, [Decision::NoOp, Decision::Settled, Decision::Duplicate]);
}

#[test]
fn further_numbers_lead_to_the_same_order() {
    let mut again = says("T2", Word::Succeeded, PRICE);
    if let Some(Fact::Payment(fact)) = &mut again.fact {
        fact.order_number = "A-1-again".into();
    }
    let changes =
        folded(books(), &[reading("shop", vec![success()]), reading("shop", vec![again])]);
    assert_eq!(changes.strongest(), [Decision::Settled, Decision::Case]);
    assert_eq!(changes.states.len(), 1);
}

#[test]
fn a_third_payment_is_a_case_too_though_it_opens_none() {
    let payments =
        ["T1", "T2", "T3"].map(|t| reading("shop", vec![says(t, Word::Succeeded, PRICE)]));
    let changes = folded(books(), &payments);
    assert_eq!(changes.strongest(), [Decision::Settled, Decision::Case, Decision::Case]);
}

#[test]
fn what_waited_is_concluded_when_its_order_is_there() {
    for (word, decision) in [
        (Word::Succeeded, Decision::Settled),
        (Word::FullRefund, Decision::Settled),
        (Word::RefundBeyond, Decision::Case),
    ] {
        let waiting = scene::tell(&Default::default(), &says("T1", word, PRICE));
        let mut books = books();
        if let Some(state) = books.states.get_mut("A-1") {
            state.payments = waiting.payments;
        }
        let changes = refold(books, NOW, &RULES);
        let concluded: Vec<_> = changes.concluded().into_iter().map(|(_, how)| how).collect();
        assert_eq!(concluded, [decision], "{word:?}");
    }
}

#[test]
fn what_still_waits_at_its_deadline_is_concluded_as_a_case() {
    let mut books = Books::default();
    let waiting = scene::tell(&Default::default(), &success());
    books.states.insert("A-1".into(), waiting);
    let changes = refold(books, NOW + PATIENCE, &RULES);
    let concluded: Vec<_> = changes.concluded().into_iter().map(|(_, how)| how).collect();
    assert_eq!(concluded, [Decision::Case]);
    assert!(changes.states.iter().all(|(_, after)| after.order.is_none()));
}
