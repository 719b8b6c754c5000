//! The subscription's policy as tables: what providers said, and where it stands. `decide/table/subscriptions.txt`
//! has every state and every word; here stand whole lives.

mod charges;
mod clocks;
mod every;
mod failures;
mod properties;
pub(super) mod scene;

use std::collections::BTreeSet;

use shared::notification::{Fact, PaymentFact, Revival};
use shared::order::Mode;
use shared::rules::{AccountRules, Rules};
use shared::subscription::SubscriptionStatus;
use time::Duration;
use time::macros::datetime;

use self::scene::Says::{Charged, Dearer, Ended, Failed, Refunded, Signed, SignedUntil};
use self::scene::{Ledger, NOW, PRICE, Says, terms};
use super::super::fold::fold;
use super::super::{Decision, Link, Order, State};
use super::Terms;

/// Plays it as listed, and answers where it stands and what was announced.
fn played(says: &[Says], revival: Revival) -> (String, String) {
    let mut ledger = Ledger::subscribed(terms());
    says.iter().for_each(|one| ledger.tell(*one, revival));
    ledger.sweep(NOW);
    (ledger.shown(), ledger.events().join(" "))
}

#[test]
fn the_whole_policy_of_a_subscription() {
    // What was said | status | periods: transaction and first day | entitled until | announced
    let table: &[(&[Says], &str, &str)] = &[
        (&[], "pending |  | ", ""),
        (&[Signed(0)], "active |  | ", "activated"),
        // Nobody said yet whose agreement that is.
        (&[Ended(5)], "pending |  | ", ""),
        (&[Ended(5), Signed(0)], "ended |  | ", "ended"),
        (&[Signed(0), Charged("T1", 0)], "active | T1 01-31 | 03-03", "activated renewed"),
        // The last day of the month comes back.
        (
            &[Signed(0), Charged("T1", 0), Charged("T2", 28), Charged("T3", 59)],
            "active | T1 01-31, T2 02-28, T3 03-31 | 05-03",
            "activated renewed renewed renewed",
        ),
        // Early ones pay ahead; late ones fill the period that holds them.
        (
            &[Signed(0), Charged("T1", 0), Charged("T2", 1)],
            "active | T1 01-31, T2 02-28 | 04-03",
            "activated renewed renewed",
        ),
        (
            &[Signed(0), Charged("T1", 0), Charged("T2", 60)],
            "active | T1 01-31, T2 03-31 | 05-03",
            "activated renewed renewed",
        ),
        // A charge that failed, and one that succeeds after it.
        (
            &[Signed(0), Charged("T1", 0), Failed(28)],
            "past_due | T1 01-31 | 03-03",
            "activated renewed charge_failed",
        ),
        (
            &[Signed(0), Charged("T1", 0), Failed(28), Charged("T2", 30)],
            "active | T1 01-31, T2 02-28 | 04-03",
            "activated renewed charge_failed renewed",
        ),
        (
            &[Signed(0), Charged("T1", 30), Failed(28)],
            "active | T1 03-02 | 04-05",
            "activated renewed",
        ),
        // Ended: what is paid stays paid, without grace.
        (
            &[Signed(0), Charged("T1", 0), Ended(3)],
            "ended | T1 01-31 | 02-28",
            "activated renewed ended",
        ),
        (&[SignedUntil(0, 60)], "ended |  | ", "ended"),
        (&[SignedUntil(0, 60), SignedUntil(50, 900)], "active |  | ", "ended activated"),
        // A refund takes its period back, and moves no other.
        (
            &[Signed(0), Charged("T1", 0), Charged("T2", 28), Refunded("T1", 0)],
            "active | T2 02-28 | 04-03",
            "activated renewed renewed refunded",
        ),
        // Money that neither an order nor the terms explain.
        (&[Signed(0), Dearer("T1", 0)], "active |  | ", "activated case.opened"),
    ];
    let rows = table.iter().map(|(says, standing, announced)| {
        let (shown, events) = played(says, Revival::Never);
        let row = format!("{says:?}: {shown} | {events}");
        (row, format!("{says:?}: {standing} | {announced}"))
    });
    let (shown, expected): (Vec<_>, Vec<_>) = rows.unzip();
    assert_eq!(shown.join("\n"), expected.join("\n"));
}

#[test]
fn an_agreement_may_be_signed_again_where_the_provider_says_so() {
    let again = [Signed(0), Ended(5), Signed(9)];
    assert_eq!(played(&again, Revival::ByLaterTime).0, "active |  | ");
    assert_eq!(played(&again, Revival::Never).0, "ended |  | ");
    let reversed = [Ended(5), Signed(0)];
    assert_eq!(played(&reversed, Revival::ByLaterTime).0, "ended |  | ");
    assert_eq!(played(&reversed, Revival::Never).0, "ended |  | ");
}

#[test]
fn a_charge_waits_for_its_agreement_and_joins_it_even_after_its_deadline() {
    for late in [false, true] {
        let mut ledger = Ledger::subscribed(terms());
        ledger.tell(Charged("T1", 0), Revival::Never);
        assert_eq!(ledger.decisions, [Decision::Waiting]);
        if late {
            ledger.sweep(NOW + Duration::minutes(10));
            assert_eq!(ledger.events(), ["case.opened"]);
        }
        ledger.tell(Signed(0), Revival::Never);
        ledger.sweep(NOW);
        assert_eq!(ledger.shown(), "active | T1 01-31 | 03-03");
        let open: BTreeSet<_> =
            ledger.books.states.values().flat_map(|state| state.cases.keys()).collect();
        assert_eq!(open, BTreeSet::new());
    }
}

#[test]
fn what_a_notification_counts_as() {
    let mut ledger = Ledger::subscribed(terms());
    for says in [Signed(0), Charged("T1", 0), Failed(28), Failed(-5), Ended(40), Signed(0)] {
        ledger.tell(says, Revival::Never);
    }
    use Decision::{Duplicate, NoOp, Settled};
    assert_eq!(ledger.decisions, [Settled, Settled, Settled, NoOp, Settled, Duplicate]);
}

#[test]
fn an_order_that_appears_later_adds_nothing() {
    let mut ledger = Ledger::subscribed(terms());
    ledger.tell(Signed(0), Revival::Never);
    ledger.tell(Charged("T1", 0), Revival::Never);
    let before = ledger.shown();
    let told = ledger.told.len();
    if let Some(state) = ledger.books.states.get_mut("T1") {
        state.order = Some(Order::new("T1".into(), PRICE, None));
    }
    ledger.sweep(NOW);
    assert_eq!(ledger.shown(), before);
    let types: Vec<_> = ledger.told[told..].iter().map(|told| told.kind.routing_key()).collect();
    assert_eq!(types, ["order.paid.v1"]);
    assert_eq!(ledger.books.states["T1"].payments.values().next().unwrap().link, Link::Order);
}

#[test]
fn an_order_may_extend_a_subscription_by_a_period_of_its_own() {
    let mut ledger = Ledger::subscribed(terms());
    for (number, period) in [("T1", Some("P1Y")), ("T2", None), ("T3", None)] {
        let order = Order {
            subscription_no: Some("S-1".into()),
            period: period.map(ToOwned::to_owned),
            ..Order::new(number.into(), PRICE, None)
        };
        let state = State { order: Some(order), ..State::default() };
        ledger.books.states.insert(number.into(), state);
        ledger.books.numbers.insert(number.into(), number.into());
    }
    ledger.tell(Charged("T1", 0), Revival::Never);
    ledger.tell(Charged("T2", 10), Revival::Never);
    assert_eq!(ledger.shown(), "active | T1 01-31, T2 01-31 | 03-03");
    assert_eq!(ledger.standing().paid_through, Some(datetime!(2027-02-28 8:00 UTC)));
    // Paid twice, it extends once; the rest is a case.
    let second = PaymentFact {
        transaction: "T4".into(),
        ..match Charged("T3", 11).fact(Revival::Never) {
            Fact::Payment(fact) => fact,
            Fact::Refund(_) | Fact::Agreement(_) | Fact::Dispute(_) => unreachable!(),
        }
    };
    ledger.tell(Charged("T3", 11), Revival::Never);
    let mut reading = Charged("T4", 12).reading(Revival::Never);
    reading.notifications[0].fact = Some(Fact::Payment(second));
    let changes = fold(ledger.books.clone(), &[&reading], NOW, &Rules::default());
    assert_eq!(changes.strongest(), [Decision::Case]);
    ledger.write(changes);
    assert_eq!(ledger.standing().covers.len(), 3);
}

#[test]
fn money_of_a_sandbox_extends_no_live_subscription_nor_the_other_way() {
    let sandboxes = |names: &[&str]| {
        let rules = AccountRules { mode: Mode::Test, ..AccountRules::default() };
        let accounts = names.iter().map(|name| ((*name).to_owned(), rules.clone()));
        Rules { accounts: accounts.collect(), ..Rules::default() }
    };
    // Which accounts are sandboxes, the subscription's being `shop` | the order's mode | periods paid.
    for (names, mode, periods) in [
        (&[][..], Mode::Live, 1),
        (&["other"], Mode::Test, 0),
        (&["shop"], Mode::Live, 0),
        (&["shop", "other"], Mode::Test, 1),
    ] {
        let rules = sandboxes(names);
        let mut ledger = Ledger::subscribed(terms());
        let order = Order {
            subscription_no: Some("S-1".into()),
            mode,
            ..Order::new("T1".into(), PRICE, None)
        };
        let state = State { order: Some(order), ..State::default() };
        ledger.books.states.insert("T1".into(), state);
        ledger.books.numbers.insert("T1".into(), "T1".into());
        let mut reading = Charged("T1", 0).reading(Revival::Never);
        reading.message.account = "other".into();
        let changes = fold(ledger.books.clone(), &[&reading], NOW, &rules);
        // The order itself is paid in any case.
        assert_eq!(changes.strongest(), [Decision::Settled], "{names:?}");
        ledger.write(changes);
        assert_eq!(ledger.standing().covers.len(), periods, "{names:?}");
    }
}

#[test]
fn what_cannot_be_read_is_invalid_and_stops_nothing() {
    for wrong in [
        Terms { period: "P1S".into(), ..terms() },
        Terms { time_zone: "Mars".into(), ..terms() },
        Terms { grace: "P".into(), ..terms() },
    ] {
        let mut ledger = Ledger::subscribed(wrong);
        ledger.tell(Signed(0), Revival::Never);
        ledger.tell(Charged("T1", 0), Revival::Never);
        assert_eq!(ledger.standing().status, SubscriptionStatus::Invalid);
        // The shop mends it.
        ledger.subscribe(terms());
        assert_eq!(ledger.shown(), "active | T1 01-31 | 03-03");
    }
}
