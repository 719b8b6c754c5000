//! A batch folded over what the ledger holds: what to write, and nothing written yet.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use shared::message::Message;
use shared::notification::Notification;
use time::OffsetDateTime;

use super::announce::{Announcement, announce};
use super::standing::{About, qualifies};
use super::{Decision, Order, PaymentKey, State, decide, more_at_stake, reconsider};

/// What the ledger holds about everything that a batch touches.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// Which state a number belongs to. A number that no order bears has a state of its own name.
    pub numbers: HashMap<String, String>,
    pub states: BTreeMap<String, State>,
    /// Identities (account, identity) that another message has claimed.
    pub seen: BTreeSet<(String, String)>,
}

/// One message with what was read from it.
#[derive(Debug, Clone)]
pub struct Reading {
    pub message: Message,
    pub notifications: Vec<Notification>,
}

/// What became of one notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub decision: Decision,
    /// Which payment it was about.
    pub payment: Option<PaymentKey>,
    pub order_number: Option<String>,
}

/// What a batch changes. States are whole: the ledger writes each key once.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// For each reading, for each of its notifications.
    pub verdicts: Vec<Vec<Verdict>>,
    /// Those states that changed: before and after.
    pub states: Vec<(State, State)>,
    /// In the order to number them.
    pub announcements: Vec<Announcement>,
}

/// Folds the policy over readings in delivery order.
pub fn fold(
    mut books: Books,
    readings: &[&Reading],
    now: OffsetDateTime,
    patience: Duration,
) -> Changes {
    let before = books.states.clone();
    let mut changes = Changes::default();
    for reading in readings {
        let account = &reading.message.account;
        let mut verdicts = vec![];
        for notification in &reading.notifications {
            let (verdict, announcements) = books.take(account, notification, now, patience);
            verdicts.push(verdict);
            changes.announcements.extend(announcements);
        }
        changes.verdicts.push(verdicts);
    }
    changes.states = changed(before, books.states);
    changes
}

/// Derives every state anew, without a new fact.
pub fn refold(books: Books, now: OffsetDateTime) -> Changes {
    let before = books.states.clone();
    let mut changes = Changes::default();
    let mut after = BTreeMap::new();
    for (key, state) in books.states {
        let next = reconsider(&state, now);
        changes.announcements.extend(announce(&state, &next));
        after.insert(key, next);
    }
    changes.states = changed(before, after);
    changes
}

impl Books {
    /// Decides one notification and keeps the new state.
    fn take(
        &mut self,
        account: &str,
        notification: &Notification,
        now: OffsetDateTime,
        patience: Duration,
    ) -> (Verdict, Vec<Announcement>) {
        let fact = notification.payment();
        let order_number = fact.map(|fact| fact.order_number.clone());
        let payment = fact.map(|fact| PaymentKey {
            account: account.to_owned(),
            transaction: fact.transaction.clone(),
        });
        let verdict = |decision| Verdict { decision, payment, order_number };
        if !self.seen.insert((account.to_owned(), notification.identity.clone())) {
            return (verdict(Decision::Duplicate), vec![]);
        }
        let Some(fact) = fact else { return (verdict(Decision::NoOp), vec![]) };
        let number = &fact.order_number;
        let key = self.numbers.get(number).unwrap_or(number).clone();
        let state = self.states.remove(&key).unwrap_or_default();
        let (decision, next) = decide(&state, account, notification, now, patience);
        let announcements = announce(&state, &next);
        self.states.insert(key, next);
        (verdict(decision), announcements)
    }
}

impl Changes {
    /// The strongest verdict of each reading, by [`Decision`]'s order.
    pub fn strongest(&self) -> Vec<Decision> {
        let strongest =
            |verdicts: &Vec<Verdict>| verdicts.iter().map(|verdict| verdict.decision).max();
        self.verdicts.iter().map(|verdicts| strongest(verdicts).unwrap_or(Decision::NoOp)).collect()
    }

    /// Payments that no longer wait for their order, and what their notifications count as now.
    pub fn concluded(&self) -> Vec<(PaymentKey, Decision)> {
        let mut concluded = vec![];
        for (before, after) in &self.states {
            for (key, payment) in &after.payments {
                let waited = before.payments.get(key).is_some_and(|known| known.waits());
                if !waited || payment.waits() {
                    continue;
                }
                let about = About::Payment(key.clone());
                let of_payment = after.cases.keys().any(|case| case.about == about);
                let settles = |order: &Order| qualifies(order, key, payment);
                let decision = if of_payment || more_at_stake(before, after) {
                    Decision::Case
                } else if after.order.as_ref().is_some_and(settles) {
                    Decision::Settled
                } else {
                    Decision::NoOp
                };
                concluded.push((key.clone(), decision));
            }
        }
        concluded
    }
}

fn changed(before: BTreeMap<String, State>, after: BTreeMap<String, State>) -> Vec<(State, State)> {
    let mut before = before;
    let pairs =
        after.into_iter().map(|(key, state)| (before.remove(&key).unwrap_or_default(), state));
    pairs.filter(|(before, after)| before != after).collect()
}
