//! The whole policy as one table: what the books hold + what a notification says about transaction
//! T1 = what it counts as → where the order stands then, and which cases open or close by it.
//!
//! To change the policy, change this table first. "exact" and "other" compare T1's amount with the
//! order's, wherever that is still to be done; "closed" bears no refund data. "expired before" means before T1
//! was paid, "expired after" that T1 was in time; "no account named" means where every order must name one.

pub(super) mod scene;
mod sweep;
mod events;
mod repeats;
mod back;
mod verdicts;
mod refund_by;

use self::scene::{Books, NOW, PRICE, Word, says};
use super::{Decision, State, decide};

const TABLE: &str = "\
no order yet       + pending                     = NoOp      → no order
no order yet       + authorised                  = NoOp      → no order
no order yet       + failed                      = NoOp      → no order
no order yet       + closed                      = NoOp      → no order
no order yet       + succeeded                   = Waiting   → no order
no order yet       + finished                    = Waiting   → no order
no order yet       + partial refund              = Waiting   → no order
no order yet       + full refund                 = Waiting   → no order
no order yet       + refund beyond               = Waiting   → no order, opens over_refund
no order yet       + unknown type                = NoOp      → no order
past the deadline  + pending                     = NoOp      → no order
past the deadline  + authorised                  = NoOp      → no order
past the deadline  + failed                      = NoOp      → no order
past the deadline  + closed                      = Case      → no order, opens refund_unconfirmed
past the deadline  + succeeded                   = Duplicate → no order
past the deadline  + finished                    = NoOp      → no order
past the deadline  + partial refund              = NoOp      → no order
past the deadline  + full refund                 = NoOp      → no order, closes unknown_order
past the deadline  + refund beyond               = Case      → no order, opens over_refund, closes unknown_order
past the deadline  + unknown type                = NoOp      → no order
pending            + pending                     = NoOp      → pending
pending            + authorised                  = NoOp      → pending
pending            + failed                      = NoOp      → pending
pending            + closed                      = NoOp      → pending
pending            + succeeded exact             = Settled   → paid
pending            + succeeded other amount      = Case      → pending, opens amount_mismatch
pending            + succeeded other currency    = Case      → pending, opens amount_mismatch
pending            + finished exact              = Settled   → paid
pending            + partial refund exact        = Settled   → partially_refunded
pending            + partial refund other amount = Case      → pending, opens amount_mismatch
pending            + full refund exact           = Settled   → refunded
pending            + full refund other amount    = NoOp      → pending
pending            + refund beyond exact         = Case      → refunded, opens over_refund
pending            + unknown type                = NoOp      → pending
paid               + pending                     = NoOp      → paid
paid               + authorised                  = NoOp      → paid
paid               + failed                      = NoOp      → paid
paid               + closed                      = Case      → paid, opens refund_unconfirmed
paid               + succeeded                   = Duplicate → paid
paid               + finished                    = NoOp      → paid
paid               + partial refund              = Settled   → partially_refunded
paid               + full refund                 = Settled   → refunded
paid               + refund beyond               = Case      → refunded, opens over_refund
paid               + unknown type                = NoOp      → paid
paid by another    + pending                     = NoOp      → paid
paid by another    + authorised                  = NoOp      → paid
paid by another    + failed                      = NoOp      → paid
paid by another    + closed                      = NoOp      → paid
paid by another    + succeeded exact             = Case      → paid, opens duplicate_payment
paid by another    + succeeded other amount      = Case      → paid, opens amount_mismatch
paid by another    + succeeded other currency    = Case      → paid, opens amount_mismatch
paid by another    + finished exact              = Case      → paid, opens duplicate_payment
paid by another    + partial refund exact        = Case      → paid, opens duplicate_payment
paid by another    + partial refund other amount = Case      → paid, opens amount_mismatch
paid by another    + full refund exact           = Settled   → paid
paid by another    + full refund other amount    = NoOp      → paid
paid by another    + refund beyond exact         = Case      → paid, opens over_refund
paid by another    + unknown type                = NoOp      → paid
paid twice         + pending                     = NoOp      → paid
paid twice         + authorised                  = NoOp      → paid
paid twice         + failed                      = NoOp      → paid
paid twice         + closed                      = Case      → paid, opens refund_unconfirmed
paid twice         + succeeded                   = Duplicate → paid
paid twice         + finished                    = NoOp      → paid
paid twice         + partial refund              = Settled   → paid
paid twice         + full refund                 = Settled   → paid, closes duplicate_payment
paid twice         + refund beyond               = Case      → paid, opens over_refund, closes duplicate_payment
paid twice         + unknown type                = NoOp      → paid
partially refunded + pending                     = NoOp      → partially_refunded
partially refunded + authorised                  = NoOp      → partially_refunded
partially refunded + failed                      = NoOp      → partially_refunded
partially refunded + closed                      = Case      → partially_refunded, opens refund_unconfirmed
partially refunded + succeeded                   = Duplicate → partially_refunded
partially refunded + finished                    = NoOp      → partially_refunded
partially refunded + partial refund              = Settled   → partially_refunded
partially refunded + full refund                 = Settled   → refunded
partially refunded + refund beyond               = Case      → refunded, opens over_refund
partially refunded + unknown type                = NoOp      → partially_refunded
refunded           + pending                     = NoOp      → refunded
refunded           + authorised                  = NoOp      → refunded
refunded           + failed                      = NoOp      → refunded
refunded           + closed                      = NoOp      → refunded
refunded           + succeeded                   = Duplicate → refunded
refunded           + finished                    = NoOp      → refunded
refunded           + partial refund              = NoOp      → refunded
refunded           + full refund                 = Duplicate → refunded
refunded           + refund beyond               = Case      → refunded, opens over_refund
refunded           + unknown type                = NoOp      → refunded
refunded another   + pending                     = NoOp      → refunded
refunded another   + authorised                  = NoOp      → refunded
refunded another   + failed                      = NoOp      → refunded
refunded another   + closed                      = NoOp      → refunded
refunded another   + succeeded exact             = Settled   → paid
refunded another   + succeeded other amount      = Case      → refunded, opens amount_mismatch
refunded another   + succeeded other currency    = Case      → refunded, opens amount_mismatch
refunded another   + finished exact              = Settled   → paid
refunded another   + partial refund exact        = Settled   → partially_refunded
refunded another   + partial refund other amount = Case      → refunded, opens amount_mismatch
refunded another   + full refund exact           = Settled   → refunded
refunded another   + full refund other amount    = NoOp      → refunded
refunded another   + refund beyond exact         = Case      → refunded, opens over_refund
refunded another   + unknown type                = NoOp      → refunded
cancelled          + pending                     = NoOp      → cancelled
cancelled          + authorised                  = NoOp      → cancelled
cancelled          + failed                      = NoOp      → cancelled
cancelled          + closed                      = NoOp      → cancelled
cancelled          + succeeded exact             = Case      → cancelled, opens paid_after_cancel
cancelled          + succeeded other amount      = Case      → cancelled, opens amount_mismatch
cancelled          + succeeded other currency    = Case      → cancelled, opens amount_mismatch
cancelled          + finished exact              = Case      → cancelled, opens paid_after_cancel
cancelled          + partial refund exact        = Case      → cancelled, opens paid_after_cancel
cancelled          + partial refund other amount = Case      → cancelled, opens amount_mismatch
cancelled          + full refund exact           = Settled   → cancelled
cancelled          + full refund other amount    = NoOp      → cancelled
cancelled          + refund beyond exact         = Case      → cancelled, opens over_refund
cancelled          + unknown type                = NoOp      → cancelled
other account      + pending                     = NoOp      → pending
other account      + authorised                  = NoOp      → pending
other account      + failed                      = NoOp      → pending
other account      + closed                      = NoOp      → pending
other account      + succeeded exact             = Case      → pending, opens wrong_payee
other account      + succeeded other amount      = Case      → pending, opens wrong_payee
other account      + succeeded other currency    = Case      → pending, opens wrong_payee
other account      + finished exact              = Case      → pending, opens wrong_payee
other account      + partial refund exact        = Case      → pending, opens wrong_payee
other account      + partial refund other amount = Case      → pending, opens wrong_payee
other account      + full refund exact           = NoOp      → pending
other account      + full refund other amount    = NoOp      → pending
other account      + refund beyond exact         = Case      → pending, opens over_refund
other account      + unknown type                = NoOp      → pending
expired before     + pending                     = NoOp      → cancelled
expired before     + authorised                  = NoOp      → cancelled
expired before     + failed                      = NoOp      → cancelled
expired before     + closed                      = NoOp      → cancelled
expired before     + succeeded exact             = Case      → cancelled, opens paid_after_cancel
expired before     + succeeded other amount      = Case      → cancelled, opens amount_mismatch
expired before     + succeeded other currency    = Case      → cancelled, opens amount_mismatch
expired before     + finished exact              = Case      → cancelled, opens paid_after_cancel
expired before     + partial refund exact        = Case      → cancelled, opens paid_after_cancel
expired before     + partial refund other amount = Case      → cancelled, opens amount_mismatch
expired before     + full refund exact           = NoOp      → cancelled
expired before     + full refund other amount    = NoOp      → cancelled
expired before     + refund beyond exact         = Case      → cancelled, opens over_refund
expired before     + unknown type                = NoOp      → cancelled
expired after      + pending                     = NoOp      → cancelled
expired after      + authorised                  = NoOp      → cancelled
expired after      + failed                      = NoOp      → cancelled
expired after      + closed                      = NoOp      → cancelled
expired after      + succeeded exact             = Settled   → paid
expired after      + succeeded other amount      = Case      → cancelled, opens amount_mismatch
expired after      + succeeded other currency    = Case      → cancelled, opens amount_mismatch
expired after      + finished exact              = Settled   → paid
expired after      + partial refund exact        = Settled   → partially_refunded
expired after      + partial refund other amount = Case      → cancelled, opens amount_mismatch
expired after      + full refund exact           = Settled   → refunded
expired after      + full refund other amount    = NoOp      → cancelled
expired after      + refund beyond exact         = Case      → refunded, opens over_refund
expired after      + unknown type                = NoOp      → cancelled
test order         + pending                     = NoOp      → pending
test order         + authorised                  = NoOp      → pending
test order         + failed                      = NoOp      → pending
test order         + closed                      = NoOp      → pending
test order         + succeeded exact             = Case      → pending, opens wrong_payee
test order         + succeeded other amount      = Case      → pending, opens wrong_payee
test order         + succeeded other currency    = Case      → pending, opens wrong_payee
test order         + finished exact              = Case      → pending, opens wrong_payee
test order         + partial refund exact        = Case      → pending, opens wrong_payee
test order         + partial refund other amount = Case      → pending, opens wrong_payee
test order         + full refund exact           = NoOp      → pending
test order         + full refund other amount    = NoOp      → pending
test order         + refund beyond exact         = Case      → pending, opens over_refund
test order         + unknown type                = NoOp      → pending
no account named   + pending                     = NoOp      → pending
no account named   + authorised                  = NoOp      → pending
no account named   + failed                      = NoOp      → pending
no account named   + closed                      = NoOp      → pending
no account named   + succeeded exact             = Case      → pending, opens wrong_payee
no account named   + succeeded other amount      = Case      → pending, opens wrong_payee
no account named   + succeeded other currency    = Case      → pending, opens wrong_payee
no account named   + finished exact              = Case      → pending, opens wrong_payee
no account named   + partial refund exact        = Case      → pending, opens wrong_payee
no account named   + partial refund other amount = Case      → pending, opens wrong_payee
no account named   + full refund exact           = NoOp      → pending
no account named   + full refund other amount    = NoOp      → pending
no account named   + refund beyond exact         = Case      → pending, opens over_refund
no account named   + unknown type                = NoOp      → pending
";

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
    for (ours, theirs) in table.lines().zip(TABLE.lines()) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(table, TABLE);
}

fn line(books: Books, word: Word, said: &str, amount: shared::money::Money) -> String {
    let before = books.state();
    let (decision, after) = decide(&before, "shop", &says("T1", word, amount), NOW, books.rules());
    outcome(&format!("{:<18} + {said:<27}", books.name()), decision, &before, &after)
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
