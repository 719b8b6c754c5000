//! Every state of a subscription, and every word of a provider about it.

use shared::notification::Revival;

use super::super::super::table::is_as_written;
use super::scene::{
    Charged, Dearer, Ended, Failed, Ledger, NOW, Refunded, Says, Signed, SignedUntil, terms,
};

const TABLE: &str = include_str!("../../table/subscriptions.txt");

/// What the books hold, and what was told of it; without terms where the shop has written none.
const BOOKS: [(&str, bool, &[Says]); 8] = [
    ("no terms yet", false, &[]),
    ("pending", true, &[]),
    ("signed", true, &[Signed(0)]),
    ("paid", true, &[Signed(0), Charged("T1", 0)]),
    ("past due", true, &[Signed(0), Charged("T1", 0), Failed(28)]),
    ("unsigned", true, &[Signed(0), Charged("T1", 0), Ended(40)]),
    ("run out", true, &[SignedUntil(0, 45), Charged("T1", 0)]),
    ("refunded", true, &[Signed(0), Refunded("T1", 0)]),
];

/// Of the 50th day, but where it says so.
const SAID: [(&str, Says); 15] = [
    ("signed", Signed(50)),
    ("signed, told late", Signed(-1)),
    ("signed until day 90", SignedUntil(50, 90)),
    ("charge pending", Says::Begun("T2", 50)),
    ("charge exact", Charged("T2", 50)),
    ("charge less", Says::Cheaper("T2", 50)),
    ("charge more", Dearer("T2", 50)),
    ("charge other currency", Says::InDollars("T2", 50)),
    ("charge T1", Charged("T1", 0)),
    ("charge failed", Failed(50)),
    ("charge failed, told late", Failed(-5)),
    ("T1 partly refunded", Says::PartlyRefunded("T1", 0)),
    ("T1 refunded", Refunded("T1", 0)),
    ("ended", Ended(50)),
    ("ended, told late", Ended(-5)),
];

fn books(has_terms: bool, told: &[Says], revival: Revival) -> Ledger {
    let mut ledger = if has_terms { Ledger::subscribed(terms()) } else { Ledger::default() };
    told.iter().for_each(|one| ledger.tell(*one, revival));
    ledger.sweep(NOW);
    ledger
}

/// What it counts as, where the subscription stands then, and what was announced.
fn outcome(mut ledger: Ledger, says: Says, revival: Revival) -> String {
    let announced = ledger.told.len();
    ledger.tell(says, revival);
    ledger.sweep(NOW);
    let decision = format!("{:?}", ledger.decisions.last().expect("one at least"));
    let stands = ledger.books.contracts.subscriptions.get("S-1").map_or_else(
        || "no terms".to_owned(),
        |one| format!("{}, {} paid", one.standing.status.as_str(), one.standing.covers.len()),
    );
    let events: String =
        ledger.events()[announced..].iter().map(|event| format!(", {event}")).collect();
    format!("{decision:<9} → {stands}{events}")
}

#[test]
fn the_whole_policy_of_agreements_and_charges() {
    let mut table = String::new();
    for (name, has_terms, told) in BOOKS {
        for (said, says) in SAID {
            let of = |revival| outcome(books(has_terms, told, revival), says, revival);
            let (ends, later) = (of(Revival::Never), of(Revival::ByLaterTime));
            table += &format!("{name:<12} + {said:<24} = {ends}\n");
            if later != ends {
                table += &format!("{:<12}   {:<24} or {later}\n", "", "by the later time");
            }
        }
    }
    is_as_written(&table, TABLE);
}
