//! The whole policy as tables, in words of payments: `table/payments.txt`, `table/refunds.txt`,
//! `table/verdicts.txt`, `table/charges.txt` and `table/subscriptions.txt` say what each means. To change
//! the policy, change them first.

pub(super) mod scene;
mod sweep;
mod events;
mod repeats;
mod back;
mod verdicts;
mod refunds;
mod refund_by;

use self::scene::{Books, NOW, PRICE, Word, says};
use super::{Decision, State, decide};

const TABLE: &str = include_str!("table/payments.txt");

#[test]
fn the_whole_policy() {
    let mut table = String::new();
    for books in Books::ALL {
        for word in Word::ALL {
            let amounts = if books.compares() { word.amounts() } else { &[] };
            if amounts.is_empty() {
                table += &line(books, word, word.name(), PRICE);
            }
            for amount in amounts {
                let said = format!("{} {}", word.name(), amount.name());
                table += &line(books, word, &said, amount.money());
            }
        }
    }
    is_as_written(&table, TABLE);
}

/// Every row, and no other.
pub(super) fn is_as_written(shown: &str, written: &str) {
    let rows = written.lines().filter(|line| !line.starts_with('#'));
    let rows: String = rows.map(|row| format!("{row}\n")).collect();
    for (ours, theirs) in shown.lines().zip(rows.lines()) {
        assert_eq!(ours, theirs, "\n{shown}");
    }
    assert_eq!(shown, rows, "\n{shown}");
}

fn line(books: Books, word: Word, said: &str, amount: shared::money::Money) -> String {
    let before = books.state();
    let (decision, after) = decide(&before, "shop", &says("T1", word, amount), NOW, books.rules());
    outcome(&format!("{:<18} + {said:<29}", books.name()), decision, &before, &after)
}

fn outcome(said: &str, decision: Decision, before: &State, after: &State) -> String {
    let status = after.order.as_ref().map_or("no order", |order| order.recorded.status.as_str());
    let decision = format!("{decision:?}");
    format!(
        "{said} = {decision:<9} → {status}{}{}\n",
        cases(", opens", before, after),
        cases(", closes", after, before),
    )
}

/// The cases that are open in the second state and not in the first.
fn cases(verb: &str, first: &State, second: &State) -> String {
    let new = second.cases.keys().filter(|key| !first.cases.contains_key(key));
    new.map(|key| format!("{verb} {}", key.kind.as_str())).collect()
}
