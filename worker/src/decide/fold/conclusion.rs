//! What notifications count as, and what those that waited count as when they wait no longer.

use std::collections::HashMap;

use super::super::case::About;
use super::super::standing::qualifies;
use super::super::subscription::by_terms;
use super::super::{Decision, Payment, PaymentKey, State, more_at_stake};
use super::Changes;

/// What became of one notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub decision: Decision,
    /// Which transaction it was about.
    pub payment: Option<PaymentKey>,
    pub order_number: Option<String>,
    /// Is it about a transaction of which it does not say under which number it was paid? Then it is
    /// found by the transaction.
    pub is_loose: bool,
}

impl Changes {
    /// How many orders, numbers without one, and subscriptions changed.
    pub fn subjects(&self) -> usize {
        let (before, after) = &self.contracts;
        let moved = after.subscriptions.iter().filter(|(number, one)| {
            before.subscriptions.get(*number).is_none_or(|known| known != *one)
        });
        self.states.len() + moved.count()
    }

    /// Payments that no longer wait for their order, refunds and disputes that no longer wait for
    /// their payment, and what their notifications count as now.
    pub fn concluded(&self) -> Vec<(PaymentKey, Decision)> {
        let known = Known::before(self);
        let mut concluded = vec![];
        for (before, after) in &self.states {
            for (key, payment) in &after.payments {
                let waited = known.payment(before, key).is_some_and(Payment::waits);
                if waited && !payment.waits() {
                    concluded.push((key.clone(), conclusion(before, after, key, payment)));
                }
            }
        }
        concluded
    }

    /// What waited for a later message of the same batch does not wait at its end.
    pub(super) fn conclude_verdicts(&mut self) {
        let waiting = |verdict: &&mut Verdict| verdict.decision == Decision::Waiting;
        let mut verdicts =
            self.verdicts.iter_mut().flatten().filter(waiting).collect::<Vec<_>>().into_iter();
        let Some(first) = verdicts.next() else { return };
        let states = self.states.iter().flat_map(|(before, after)| {
            after.payments.iter().map(move |(key, payment)| (key, (before, after, payment)))
        });
        let states: HashMap<_, _> = states.collect();
        for verdict in std::iter::once(first).chain(verdicts) {
            let Some((key, (before, after, payment))) =
                verdict.payment.as_ref().and_then(|key| states.get_key_value(key))
            else {
                continue;
            };
            if !payment.waits() {
                verdict.decision = conclusion(before, after, key, payment);
            }
        }
    }
}

/// What was recorded before the changes.
pub struct Known<'a> {
    /// Those that went to another state.
    left: HashMap<&'a PaymentKey, &'a Payment>,
}

impl<'a> Known<'a> {
    pub fn before(changes: &'a Changes) -> Self {
        let left = changes.states.iter().flat_map(|(before, after)| {
            before.payments.iter().filter(|(key, _)| !after.payments.contains_key(*key))
        });
        Self { left: left.collect() }
    }

    /// The payment, which stood in another state while nobody had named an order for it.
    pub fn payment(&self, before: &'a State, key: &PaymentKey) -> Option<&'a Payment> {
        before.payments.get(key).or_else(|| self.left.get(key).copied())
    }
}

/// What a notification about a payment counts as when it no longer waits.
fn conclusion(before: &State, after: &State, key: &PaymentKey, payment: &Payment) -> Decision {
    let about = About::Payment(key.clone());
    let of_payment = after.cases.keys().any(|case| case.about == about);
    if of_payment || more_at_stake(before, after) {
        Decision::Case
    } else if qualifies(after, key, payment) || by_terms(after, key, payment) {
        Decision::Settled
    } else {
        Decision::NoOp
    }
}
