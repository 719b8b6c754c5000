//! A batch folded over what the ledger holds: what to write, and nothing written yet.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use shared::message::Message;
use shared::notification::{Fact, Notification};
use shared::rules::Rules;
use time::OffsetDateTime;

use super::announce::{Announcement, announce};
use super::case::About;
use super::standing::qualifies;
use super::{Decision, Payment, PaymentKey, State, about_money, decide, more_at_stake, reconsider};

/// What the ledger holds about everything that a batch touches.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// Which state a number belongs to. A number that no order bears has a state of its own name;
    /// so has a transaction whose payment is not known ([`name_without_payment`]).
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
    /// Which transaction it was about.
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
pub fn fold(books: Books, readings: &[&Reading], now: OffsetDateTime, rules: &Rules) -> Changes {
    let before = books.states.clone();
    let mut desk = Desk::new(books);
    let mut changes = Changes::default();
    for reading in readings {
        let account = &reading.message.account;
        let mut verdicts = vec![];
        for notification in &reading.notifications {
            let (verdict, announcements) = desk.take(account, notification, now, rules);
            verdicts.push(verdict);
            changes.announcements.extend(announcements);
        }
        changes.verdicts.push(verdicts);
    }
    changes.states = changed(before, desk.books.states);
    changes.conclude_verdicts();
    changes
}

/// Derives every state anew, without a new fact.
pub fn refold(books: Books, now: OffsetDateTime, rules: &Rules) -> Changes {
    let before = books.states.clone();
    let mut changes = Changes::default();
    let mut after = BTreeMap::new();
    for (key, state) in books.states {
        let next = reconsider(&state, now, rules);
        changes.announcements.extend(announce(&state, &next));
        after.insert(key, next);
    }
    changes.states = changed(before, after);
    changes
}

impl Books {
    /// The state that a number belongs to.
    pub fn name_of(&self, number: &str) -> String {
        self.numbers.get(number).map_or(number, String::as_str).to_owned()
    }
}

/// The books while a batch is folded over them.
struct Desk {
    books: Books,
    /// In which state each transaction stands.
    places: HashMap<PaymentKey, String>,
}

impl Desk {
    fn new(books: Books) -> Self {
        let standing = books.states.iter().flat_map(|(name, state)| {
            state.payments.keys().map(move |key| (key.clone(), name.clone()))
        });
        let places = standing.collect();
        Self { books, places }
    }

    /// Decides one notification and keeps the new state.
    fn take(
        &mut self,
        account: &str,
        notification: &Notification,
        now: OffsetDateTime,
        rules: &Rules,
    ) -> (Verdict, Vec<Announcement>) {
        let about = about_money(account, notification);
        let named = notification.fact.as_ref().and_then(Fact::order_number);
        // What a refund or a dispute names counts for less than where its payment stands.
        let verdict = |decision, recorded: Option<&str>| Verdict {
            decision,
            payment: about.as_ref().map(|(key, _)| key.clone()),
            order_number: recorded.or(named).map(ToOwned::to_owned),
        };
        if !self.books.seen.insert((account.to_owned(), notification.identity.clone())) {
            return (verdict(Decision::Duplicate, None), vec![]);
        }
        let Some((key, fact)) = &about else { return (verdict(Decision::NoOp, None), vec![]) };
        let place = self.place(key, fact);
        let state = self.books.states.remove(&place).unwrap_or_default();
        let (decision, next) = decide(&state, account, notification, now, rules);
        let announcements = announce(&state, &next);
        let is_told = matches!(fact, Fact::Payment(_));
        let recorded = next.payments.get(key).filter(|payment| !payment.is_absent() && !is_told);
        let verdict = verdict(decision, recorded.map(|payment| payment.order_number.as_str()));
        self.places.insert(key.clone(), place.clone());
        self.books.states.insert(place, next);
        (verdict, announcements)
    }

    /// The state that a fact belongs to. A payment goes to the order that it names, and takes with
    /// it what was known of its transaction before; all else goes where its payment is.
    fn place(&mut self, key: &PaymentKey, fact: &Fact) -> String {
        let stands = self.places.get(key).cloned();
        let Fact::Payment(fact) = fact else {
            return stands.unwrap_or_else(|| name_without_payment(key));
        };
        let named = self.books.name_of(&fact.order_number);
        if let Some(stands) = stands.filter(|stands| *stands != named) {
            self.bring(key, &stands, &named);
        }
        named
    }

    /// Moves a transaction of which no payment was known, with its cases.
    fn bring(&mut self, key: &PaymentKey, from: &str, to: &str) {
        let Some(old) = self.books.states.get_mut(from) else { return };
        if !old.payments.get(key).is_some_and(Payment::is_absent) {
            return;
        }
        let payment = old.payments.remove(key);
        let about = About::Payment(key.clone());
        let (cases, others) =
            std::mem::take(&mut old.cases).into_iter().partition(|(case, _)| case.about == about);
        old.cases = others;
        let cases: BTreeMap<_, _> = cases;
        let resolutions = old.resolutions.take(key);
        let new = self.books.states.entry(to.to_owned()).or_default();
        new.payments.extend(payment.map(|payment| (key.clone(), payment)));
        new.cases.extend(cases);
        new.resolutions.extend(resolutions);
    }
}

/// The name of the state of a transaction whose payment is not known. No number has control characters.
pub fn name_without_payment(key: &PaymentKey) -> String {
    format!("\0{}\0{}", key.account, key.transaction)
}

impl Changes {
    /// The strongest verdict of each reading, by [`Decision`]'s order.
    pub fn strongest(&self) -> Vec<Decision> {
        let strongest =
            |verdicts: &Vec<Verdict>| verdicts.iter().map(|verdict| verdict.decision).max();
        self.verdicts.iter().map(|verdicts| strongest(verdicts).unwrap_or(Decision::NoOp)).collect()
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
    fn conclude_verdicts(&mut self) {
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
    absent: HashMap<&'a PaymentKey, &'a Payment>,
}

impl<'a> Known<'a> {
    pub fn before(changes: &'a Changes) -> Self {
        let payments = changes.states.iter().flat_map(|(before, _)| &before.payments);
        Self { absent: payments.filter(|(_, payment)| payment.is_absent()).collect() }
    }

    /// The payment, which stood in another state while only refunds or disputes of it were known.
    pub fn payment(&self, before: &'a State, key: &PaymentKey) -> Option<&'a Payment> {
        before.payments.get(key).or_else(|| self.absent.get(key).copied())
    }
}

/// What a notification about a payment counts as when it no longer waits.
fn conclusion(before: &State, after: &State, key: &PaymentKey, payment: &Payment) -> Decision {
    let about = About::Payment(key.clone());
    let of_payment = after.cases.keys().any(|case| case.about == about);
    if of_payment || more_at_stake(before, after) {
        Decision::Case
    } else if qualifies(after, key, payment) {
        Decision::Settled
    } else {
        Decision::NoOp
    }
}

fn changed(before: BTreeMap<String, State>, after: BTreeMap<String, State>) -> Vec<(State, State)> {
    let mut before = before;
    let pairs =
        after.into_iter().map(|(key, state)| (before.remove(&key).unwrap_or_default(), state));
    pairs.filter(|(before, after)| before != after).collect()
}
