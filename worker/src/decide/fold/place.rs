//! In which state a transaction belongs. Some words about a payment name no order, and some come before it: it
//! stands under its own number until one names an order, and then goes there with all that is known of it.

use std::collections::BTreeMap;

use shared::notification::Fact;

use super::super::case::About;
use super::super::{Decision, PaymentKey, State};
use super::{Desk, name_without_payment};

impl Desk {
    /// The state that a fact belongs to, and whether what is known of its transaction went there by it. A
    /// payment goes to the order that it names, with what was known before; all else goes where its payment is.
    pub(super) fn place(&mut self, key: &PaymentKey, fact: &Fact) -> (String, bool) {
        let stands = self.places.get(key).cloned();
        let Fact::Payment(fact) = fact else {
            return (stands.unwrap_or_else(|| name_without_payment(key)), false);
        };
        let named = self.books.name_of(&fact.order_number);
        let Some(stands) = stands.filter(|stands| *stands != named) else { return (named, false) };
        let Some(state) = self.books.states.get(&stands) else { return (named, false) };
        let Some(payment) = state.payments.get(key) else { return (named, false) };
        let is_found = payment.order_number == key.transaction;
        if payment.is_absent() {
            self.bring(key, &stands, &named);
            (named, false)
        } else if fact.named().is_none() || (is_found && state.order.is_some()) {
            // Nothing better is named; or an order bears the transaction's own number, and took it.
            (stands, false)
        } else if is_found {
            self.bring(key, &stands, &named);
            self.rename(key, &named, &fact.order_number);
            (named, true)
        } else {
            // It was named for another: the ledger refuses it.
            (named, false)
        }
    }

    fn rename(&mut self, key: &PaymentKey, state: &str, number: &str) {
        let payment =
            self.books.states.get_mut(state).and_then(|state| state.payments.get_mut(key));
        if let Some(payment) = payment {
            number.clone_into(&mut payment.order_number);
        }
    }

    /// Moves a transaction that nobody named an order for, with its cases.
    fn bring(&mut self, key: &PaymentKey, from: &str, to: &str) {
        let Some(old) = self.books.states.get_mut(from) else { return };
        let payment = old.payments.remove(key);
        let under = payment.as_ref().and_then(|payment| payment.under(key));
        let bound = under.and_then(|under| Some((under.clone(), old.bound.get(&under)?.clone())));
        let about = About::Payment(key.clone());
        let (cases, others) =
            std::mem::take(&mut old.cases).into_iter().partition(|(case, _)| case.about == about);
        old.cases = others;
        let cases: BTreeMap<_, _> = cases;
        let resolutions = old.resolutions.take(key);
        let new = self.books.states.entry(to.to_owned()).or_default();
        new.payments.extend(payment.map(|payment| (key.clone(), payment)));
        new.cases.extend(cases);
        new.bound.extend(bound);
        new.resolutions.extend(resolutions);
    }
}

/// What a word counts as that named the order of a payment which was known without one.
pub(super) fn arrived(before: &State, after: &State) -> Decision {
    let recorded = |state: &State| state.order.as_ref().map(|order| order.recorded);
    if recorded(before) == recorded(after) { Decision::NoOp } else { Decision::Settled }
}

/// Does it say which order was paid?
pub(super) fn names_order(fact: &Fact) -> bool {
    match fact {
        Fact::Payment(fact) => fact.named().is_some(),
        Fact::Refund(_) | Fact::Dispute(_) | Fact::Agreement(_) => false,
    }
}
