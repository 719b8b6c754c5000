//! Charges that failed: which of them still count once one succeeded.

use shared::notification::{AgreementChange, Fact, PaymentFact, Revival};

use super::scene::Says::{Charged, Signed};
use super::scene::{Ledger, NOW, agreement, day};
use super::terms;

fn failed(charge: &str, at: i64) -> Fact {
    let change = AgreementChange::ChargeFailed { charge: charge.into(), amount: None };
    agreement(change, at, Revival::Never)
}

/// Transaction T1 of the second month, under the shop's number N-1.
fn charged() -> Fact {
    let Fact::Payment(fact) = Charged("T1", 28).fact(Revival::Never) else { unreachable!() };
    Fact::Payment(PaymentFact { order_number: "N-1".into(), ..fact })
}

/// Some providers state no time of a failure, so that it bears the one at which we heard of it.
#[test]
fn a_failure_of_what_was_paid_is_overtaken_whatever_its_time() {
    let said = |number: &str, at: i64| [failed(number, at), failed(number, at + 1), charged()];
    for number in ["T1", "N-1"] {
        for at in [28, 30] {
            let [first, repeat, paid] = said(number, at);
            for order in
                [[&first, &repeat, &paid], [&first, &paid, &repeat], [&paid, &first, &repeat]]
            {
                let mut ledger = Ledger::subscribed(terms());
                ledger.tell(Signed(0), Revival::Never);
                for fact in order {
                    ledger.tell_at(fact.clone(), NOW);
                }
                assert_eq!(ledger.shown(), "active | T1 02-28 | 03-31", "{number} {at}");
            }
        }
    }
}

#[test]
fn a_later_failure_of_another_number_counts() {
    let mut ledger = Ledger::subscribed(terms());
    ledger.tell(Signed(0), Revival::Never);
    for fact in [charged(), failed("N-2", 59), failed("T1", 60)] {
        ledger.tell_at(fact, NOW);
    }
    assert_eq!(ledger.standing().failed_at, Some(day(59)));
}
