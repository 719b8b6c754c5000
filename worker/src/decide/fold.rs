//! A batch folded over what the ledger holds: what to write, and nothing written yet.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use shared::message::Message;
use shared::notification::{AgreementFact, Fact, Notification, PaymentFact};
use shared::rules::Rules;
use time::OffsetDateTime;
use uuid::Uuid;

use super::announce::{Announcement, announce};
use super::subscription::{AgreementKey, Contracts};
use super::{Decision, PaymentKey, State, about_money, decide, reconsider};

mod conclusion;
mod place;

pub use self::conclusion::{Known, Verdict};
use self::place::{arrived, names_order};

/// What the ledger holds about everything that a batch touches.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// Which state a number belongs to. A number that no order bears has a state of its own name;
    /// so has a transaction whose payment is not known ([`name_without_payment`]).
    pub numbers: HashMap<String, String>,
    pub states: BTreeMap<String, State>,
    pub contracts: Contracts,
    /// Identities (account, identity) that another message has claimed.
    pub seen: BTreeSet<(String, String)>,
}

/// One message with what was read from it.
#[derive(Debug, Clone)]
pub struct Reading {
    pub message: Message,
    /// Which item of a replay it is: that its identity was claimed before does not end it.
    pub replay: Option<Uuid>,
    pub notifications: Vec<Notification>,
}

impl Reading {
    /// Does none of its notifications state a fact? Then nothing in the ledger rests on it.
    pub fn is_ignored(&self) -> bool {
        self.notifications.iter().all(|told| told.fact.is_none())
    }
}

/// What a batch changes. States are whole: the ledger writes each key once.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// For each reading, for each of its notifications.
    pub verdicts: Vec<Vec<Verdict>>,
    /// Those states that changed: before and after.
    pub states: Vec<(State, State)>,
    /// All that was loaded of subscriptions: before and after.
    pub contracts: (Contracts, Contracts),
    /// Subscriptions to which an agreement was bound: what waited for it is to be joined.
    pub joined: BTreeSet<String>,
    /// In the order to number them.
    pub announcements: Vec<Announcement>,
}

/// Folds the policy over readings in delivery order.
pub fn fold(
    mut books: Books,
    readings: &[&Reading],
    now: OffsetDateTime,
    rules: &Rules,
) -> Changes {
    books.attach(rules);
    let contracts = books.contracts.clone();
    let before = books.states.clone();
    let mut desk = Desk::new(books);
    let mut changes = Changes::default();
    for reading in readings {
        let mut verdicts = vec![];
        for notification in &reading.notifications {
            let (verdict, announcements) = desk.take(reading, notification, now, rules);
            verdicts.push(verdict);
            changes.announcements.extend(announcements);
        }
        changes.verdicts.push(verdicts);
    }
    changes.states = changed(before, desk.books.states);
    changes.contracts = (contracts, desk.books.contracts);
    changes.joined = desk.joined;
    changes.conclude_verdicts();
    changes
}

/// Derives every state anew, without a new fact.
pub fn refold(mut books: Books, now: OffsetDateTime, rules: &Rules) -> Changes {
    books.attach(rules);
    let before = books.states.clone();
    let mut contracts = books.contracts.clone();
    let mut changes = Changes::default();
    let mut after = BTreeMap::new();
    for (key, state) in books.states {
        let next = reconsider(&state, now, rules);
        changes.announcements.extend(announce(&state, &next));
        contracts.take_charges(&next);
        after.insert(key, next);
    }
    for number in books.contracts.subscriptions.keys() {
        changes.announcements.extend(contracts.derive(number, now).1);
    }
    changes.states = changed(before, after);
    changes.contracts = (books.contracts, contracts);
    changes
}

impl Books {
    /// The state that a number belongs to.
    pub fn name_of(&self, number: &str) -> String {
        self.numbers.get(number).map_or(number, String::as_str).to_owned()
    }

    /// Tells each subscription its mode, and each state whose charges its payments are.
    pub fn attach(&mut self, rules: &Rules) {
        self.contracts.govern(rules);
        for state in self.states.values_mut() {
            self.contracts.attach(state);
        }
    }
}

/// The books while a batch is folded over them.
struct Desk {
    books: Books,
    /// In which state each transaction stands.
    places: HashMap<PaymentKey, String>,
    joined: BTreeSet<String>,
}

impl Desk {
    fn new(books: Books) -> Self {
        let standing = books.states.iter().flat_map(|(name, state)| {
            state.payments.keys().map(move |key| (key.clone(), name.clone()))
        });
        let places = standing.collect();
        Self { books, places, joined: BTreeSet::new() }
    }

    /// Decides one notification and keeps the new state.
    fn take(
        &mut self,
        reading: &Reading,
        notification: &Notification,
        now: OffsetDateTime,
        rules: &Rules,
    ) -> (Verdict, Vec<Announcement>) {
        let account = reading.message.account.as_str();
        let about = about_money(account, notification);
        let named = notification.fact.as_ref().and_then(Fact::order_number);
        let is_told = about.as_ref().is_some_and(|(_, fact)| names_order(fact));
        // What a refund or a dispute names counts for less than where its payment stands.
        let verdict = |decision, recorded: Option<&str>| Verdict {
            decision,
            payment: about.as_ref().map(|(key, _)| key.clone()),
            order_number: recorded.or(named).map(ToOwned::to_owned),
            is_loose: !is_told
                && about.as_ref().is_some_and(|(key, _)| {
                    recorded.is_none_or(|number| number == key.transaction)
                }),
        };
        let identity = (account.to_owned(), notification.identity.clone());
        if !self.books.seen.insert(identity) && reading.replay.is_none() {
            return (verdict(Decision::Duplicate, None), vec![]);
        }
        if let Some(Fact::Agreement(fact)) = &notification.fact {
            let (decision, announcements) = self.agree(account, fact, now);
            return (verdict(decision, None), announcements);
        }
        let Some((key, fact)) = &about else { return (verdict(Decision::NoOp, None), vec![]) };
        let (place, moved) = self.place(key, fact);
        let mut state = self.books.states.remove(&place).unwrap_or_default();
        self.bind(&mut state, key, fact);
        let (decision, next) = decide(&state, account, notification, now, rules);
        let mut announcements = announce(&state, &next);
        let touched = self.books.contracts.take_charges(&next);
        let (renewed, told) = self.renew(touched, now);
        announcements.extend(told);
        let decision = if moved { decision.max(arrived(&state, &next)) } else { decision };
        let decision = if renewed { decision.moved() } else { decision };
        let recorded = next.payments.get(key).filter(|payment| !payment.is_absent() && !is_told);
        let verdict = verdict(decision, recorded.map(|payment| payment.order_number.as_str()));
        self.places.insert(key.clone(), place.clone());
        self.books.states.insert(place, next);
        (verdict, announcements)
    }

    /// Records a change of an agreement.
    fn agree(
        &mut self,
        account: &str,
        fact: &AgreementFact,
        now: OffsetDateTime,
    ) -> (Decision, Vec<Announcement>) {
        let key = AgreementKey::of(account, fact);
        let contracts = &mut self.books.contracts;
        let before = contracts.bound_to(&key);
        if !contracts.record(account, fact) {
            return (Decision::Duplicate, vec![]);
        }
        let after = contracts.bound_to(&key);
        if before != after {
            self.joined.extend(before.iter().chain(&after).cloned());
        }
        // Its subscription may be on its way.
        self.joined.extend(fact.subscription_no.clone().filter(|_| after.is_none()));
        let (moved, told) = self.renew(before.into_iter().chain(after).collect(), now);
        (if moved { Decision::Settled } else { Decision::NoOp }, told)
    }

    /// Tells a state whose charge the payment is that it gets.
    fn bind(&self, state: &mut State, key: &PaymentKey, fact: &Fact) {
        let Fact::Payment(PaymentFact { agreement: Some(agreement), .. }) = fact else { return };
        let under = AgreementKey { account: key.account.clone(), agreement: agreement.clone() };
        if let Some(bound) = self.books.contracts.bound(&under) {
            state.bound.insert(under, bound);
        }
    }

    /// Derives these subscriptions anew.
    fn renew(
        &mut self,
        touched: BTreeSet<String>,
        now: OffsetDateTime,
    ) -> (bool, Vec<Announcement>) {
        let (mut any, mut announcements) = (false, vec![]);
        for number in touched {
            let (moved, told) = self.books.contracts.derive(&number, now);
            any |= moved;
            announcements.extend(told);
        }
        (any, announcements)
    }
}

/// The name of the state of a transaction whose payment is not known. No number has control characters.
pub fn name_without_payment(key: &PaymentKey) -> String {
    format!("\0{}\0{}", key.account, key.transaction)
}

impl Changes {
    /// What a person did to one state.
    pub fn of_act(
        mut contracts: Contracts,
        before: State,
        after: State,
        now: OffsetDateTime,
    ) -> Self {
        let known = contracts.clone();
        let mut announcements = announce(&before, &after);
        for number in contracts.take_charges(&after) {
            announcements.extend(contracts.derive(&number, now).1);
        }
        let states = vec![(before, after)];
        Self { states, contracts: (known, contracts), announcements, ..Self::default() }
    }

    /// The strongest verdict of each reading, by [`Decision`]'s order.
    pub fn strongest(&self) -> Vec<Decision> {
        let strongest =
            |verdicts: &Vec<Verdict>| verdicts.iter().map(|verdict| verdict.decision).max();
        self.verdicts.iter().map(|verdicts| strongest(verdicts).unwrap_or(Decision::NoOp)).collect()
    }
}

fn changed(before: BTreeMap<String, State>, after: BTreeMap<String, State>) -> Vec<(State, State)> {
    let mut before = before;
    let pairs =
        after.into_iter().map(|(key, state)| (before.remove(&key).unwrap_or_default(), state));
    pairs.filter(|(before, after)| before != after).collect()
}
