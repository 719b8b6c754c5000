//! The money policy as one pure function over recorded facts.
//!
//! **Invariant**: facts only merge, and everything else is derived from them, so at rest the state
//! does not depend on the order in which notifications came, nor on how often.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use shared::case::CaseVerdict;
use shared::money::Money;
use shared::notification::{Fact, Notification};
use shared::order::{Mode, OrderStatus};
use shared::rules::Rules;
use time::OffsetDateTime;

pub mod refund;
pub mod payment;
pub mod case;
pub mod resolution;
pub mod standing;
pub mod resolve;
pub mod announce;
pub mod subscription;
pub mod docket;
pub mod fold;
#[cfg(test)]
mod table;
#[cfg(test)]
mod properties;

use self::case::{Case, CaseKey};
use self::payment::Pays;
pub use self::payment::{Link, Payment, PaymentKey};
use self::resolution::Resolutions;
use self::resolve::by_policy;
use self::subscription::AgreementKey;

/// All that is recorded about one order, or about a number that no order bears yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    pub order: Option<Order>,
    pub payments: BTreeMap<PaymentKey, Payment>,
    /// The cases that are open.
    pub cases: BTreeMap<CaseKey, Case>,
    /// Cases that were ended by somebody's word.
    pub resolutions: Resolutions,
    /// The subscriptions that the agreements of its payments are bound to.
    pub bound: BTreeMap<AgreementKey, Bound>,
}

/// A subscription, as far as its charges depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    pub subscription_no: String,
    /// What one period costs.
    pub amount: Money,
}

/// The shop's terms and acts, and what was derived last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub order_no: String,
    pub amount: Money,
    /// Only this account may be paid.
    pub account: Option<String>,
    /// By the shop.
    pub cancelled: bool,
    /// What is paid later does not pay for it.
    pub expires_at: Option<OffsetDateTime>,
    /// Only an account of the same mode may be paid.
    pub mode: Mode,
    /// Paying it extends this subscription.
    pub subscription_no: Option<String>,
    /// By so much, where it is not the subscription's own period.
    pub period: Option<String>,
    pub recorded: Recorded,
}

/// What the ledger says of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    pub status: OrderStatus,
    pub paid_minor: i64,
    pub refunded_minor: i64,
    pub fulfilment: Fulfilment,
    pub paid_at: Option<OffsetDateTime>,
}

/// May the goods go out? One fulfilment an order, never taken back to `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fulfilment {
    None,
    Active,
    Revoked,
}

/// What one notification meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// All that it says was known.
    Duplicate,
    /// Recorded; the order stays as it is.
    NoOp,
    /// The order moved.
    Settled,
    /// Money that fits no rule: a person decides.
    Case,
    /// Recorded; its order is not there yet.
    Waiting,
}

impl Decision {
    /// It also moved a subscription.
    fn moved(self) -> Self {
        match self {
            Self::NoOp => Self::Settled,
            Self::Duplicate | Self::Settled | Self::Case | Self::Waiting => self,
        }
    }
}

/// The whole policy: merges the fact, then derives everything anew.
pub fn decide(
    state: &State,
    account: &str,
    notification: &Notification,
    now: OffsetDateTime,
    rules: &Rules,
) -> (Decision, State) {
    let Some((key, fact)) = about_money(account, notification) else {
        return (Decision::NoOp, state.clone());
    };
    let mut next = state.clone();
    merge(next.payments.entry(key.clone()), &key, fact, &Moment { now, rules });
    let next = reconsider(&next, now, rules);
    (classify(state, &next, &key, fact), next)
}

/// Derives everything from the facts as they stand now: an order appeared, a deadline passed, the
/// shop cancelled.
pub fn reconsider(state: &State, now: OffsetDateTime, rules: &Rules) -> State {
    let mut next = state.clone();
    let order_is_there = next.order.is_some();
    for (key, payment) in &mut next.payments {
        let is_bound = payment.under(key).is_some_and(|key| next.bound.contains_key(&key));
        payment.link = linked(payment, order_is_there, is_bound, now);
    }
    by_policy(&mut next, now, rules);
    next
}

/// The transaction that a notification is about; one about an agreement is about none.
pub fn about_money<'a>(
    account: &str,
    notification: &'a Notification,
) -> Option<(PaymentKey, &'a Fact)> {
    let fact = notification.fact.as_ref()?;
    let transaction = fact.transaction()?.to_owned();
    Some((PaymentKey { account: account.to_owned(), transaction }, fact))
}

/// When a fact came, and what held then.
struct Moment<'a> {
    now: OffsetDateTime,
    rules: &'a Rules,
}

/// Adds the fact to what is known about its transaction.
fn merge(
    known: Entry<'_, PaymentKey, Payment>,
    key: &PaymentKey,
    fact: &Fact,
    moment: &Moment<'_>,
) {
    let deadline = moment.now + moment.rules.patience;
    let mode = moment.rules.mode(&key.account);
    let payment = known.or_insert_with(|| Payment { mode, ..Payment::absent(&key.transaction) });
    let (proven, moved) = (payment.status.proves_payment(), payment.moves_money());
    match fact {
        Fact::Payment(fact) if payment.is_absent() => {
            payment.appear(fact, Link::Waiting { deadline });
            // As it is when the payment comes: a later change of the configuration moves no money.
            payment.mode = mode;
            payment.pays =
                if moment.rules.account_required { Pays::NamedOrders } else { Pays::AnyOrder };
        }
        Fact::Payment(fact) => payment.merge(fact),
        Fact::Refund(fact) => payment.take_refund(fact),
        Fact::Dispute(fact) => payment.take_dispute(fact),
        Fact::Agreement(_) => (),
    }
    // Money waits from when it is known, not from when the buyer was first asked for it.
    payment.link = match payment.link {
        Link::Absent { .. } if !payment.moves_money() => Link::Absent { deadline: None },
        Link::Absent { .. } if !moved => Link::Absent { deadline: Some(deadline) },
        Link::Waiting { .. } if !proven && payment.status.proves_payment() => {
            Link::Waiting { deadline }
        }
        link => link,
    };
}

/// The link as it is now: an order is there or not, a deadline passed or not.
fn linked(payment: &Payment, order_is_there: bool, is_bound: bool, now: OffsetDateTime) -> Link {
    match payment.link {
        Link::Absent { deadline } => Link::Absent { deadline: deadline.filter(|at| *at > now) },
        _ if order_is_there => Link::Order,
        // It needs no order, and so it waits for none.
        _ if is_bound => Link::Subscription,
        Link::Subscription => Link::Unknown,
        Link::Waiting { deadline } if deadline <= now && payment.status.proves_payment() => {
            Link::Unknown
        }
        link => link,
    }
}

impl State {
    /// The subscription that a payment's agreement is bound to.
    fn bound_of(&self, key: &PaymentKey, payment: &Payment) -> Option<&Bound> {
        self.bound.get(&payment.under(key)?)
    }
}

fn classify(before: &State, after: &State, key: &PaymentKey, said: &Fact) -> Decision {
    let (known, payment) = (before.payments.get(key), after.payments.get(key));
    let Some(payment) = payment else { return Decision::NoOp };
    let facts = |payment: &Payment| Payment { link: Link::Order, ..payment.clone() };
    if known.map(facts) == Some(facts(payment)) {
        // A weaker word that was overtaken is late, not a repeat.
        let overtaken = payment.has_overtaken(said);
        return if overtaken { Decision::NoOp } else { Decision::Duplicate };
    }
    if payment.waits() {
        // What waits is in flight, whatever else is known of it: its case counts when it is joined.
        return Decision::Waiting;
    }
    let moved = |state: &State| state.order.as_ref().map(|order| order.recorded);
    if more_at_stake(before, after) || ignored(before, after) {
        Decision::Case
    } else if payment.link == Link::Order && moved(before) != moved(after) {
        Decision::Settled
    } else {
        Decision::NoOp
    }
}

/// Did a case open that the account's policy closed at once, so that no order moved?
fn ignored(before: &State, after: &State) -> bool {
    let mut new = after.resolutions.since(&before.resolutions);
    new.any(|(_, resolution)| resolution.verdict == CaseVerdict::Ignore)
}

/// Did a case open, or did one that is open come to be about more money?
fn more_at_stake(before: &State, after: &State) -> bool {
    let known = |key| before.cases.get(key).map(|case| case.amount_minor);
    after.cases.iter().any(|(key, case)| known(key).is_none_or(|known| known < case.amount_minor))
}
