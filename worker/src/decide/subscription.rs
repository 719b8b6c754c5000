//! Subscriptions: what the shop agreed on, what became of the agreement, and which charges stand.
//!
//! **Invariant**: one charge extends one subscription once. It is keyed by the provider's transaction, so an
//! order that appears for it later adds nothing.

use std::collections::{BTreeMap, BTreeSet};

use shared::money::Money;
use shared::notification::{AgreementChange, AgreementFact, Revival};
use shared::order::Mode;
use shared::rules::Rules;
use shared::subscription::{EndReason, SubscriptionStatus};
use time::OffsetDateTime;

use super::announce::Announcement;
use super::{Bound, PaymentKey, State};

pub mod calendar;
mod agreement;
mod charge;
mod periods;
mod derive;
mod announce;
#[cfg(test)]
mod table;

pub(super) use self::charge::{by_terms, charges};
use self::derive::{derive, reached};

/// An agreement's identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgreementKey {
    pub account: String,
    /// The provider's number.
    pub agreement: String,
}

/// What happened to an agreement, as the tables name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    Signed,
    ChargeFailed,
    Ended,
}

/// One recorded change of an agreement. The same one again is no other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeKey {
    pub what: What,
    pub occurred_at: OffsetDateTime,
    /// Which attempt failed; else empty.
    pub charge: String,
    /// The shop's number, as the provider repeats it; else empty.
    pub subscription_no: String,
}

/// What a change says beside its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// It may be charged until then; nothing: without end.
    pub valid_until: Option<OffsetDateTime>,
    pub revival: Revival,
}

/// All that is known about an agreement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Agreement {
    /// The subscription that the shop named it for.
    pub owner: Option<String>,
    pub changes: BTreeMap<ChangeKey, Change>,
}

/// What the shop wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub subscription_no: String,
    pub account: String,
    pub agreement_no: Option<String>,
    /// What one period costs.
    pub amount: Money,
    pub period: String,
    pub anchor: Option<OffsetDateTime>,
    pub time_zone: String,
    pub grace: String,
    /// Its account's, by the configuration of now.
    pub mode: Mode,
}

/// A subscription with what was derived of it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub terms: Terms,
    pub standing: Standing,
}

/// A payment that extends a subscription, or may do so once its agreement is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    pub subscription_no: Option<String>,
    pub agreement: Option<String>,
    /// The number under which it was paid.
    pub order_number: String,
    /// The order's own period, where it has one.
    pub period: Option<String>,
    pub occurred_at: OffsetDateTime,
    /// Is any of its money left?
    pub stands: bool,
    /// The mode of the account that was paid, when the payment was first told.
    pub mode: Mode,
}

/// The time that one charge pays for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cover {
    pub from: OffsetDateTime,
    pub until: OffsetDateTime,
}

/// What follows from the facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub status: SubscriptionStatus,
    /// Under which agreement it is charged.
    pub agreement_no: Option<String>,
    /// Each charge that stands, and what it covers.
    pub covers: BTreeMap<PaymentKey, Cover>,
    pub paid_through: Option<OffsetDateTime>,
    pub entitled_until: Option<OffsetDateTime>,
    /// When the newest charge failed, while it is past due.
    pub failed_at: Option<OffsetDateTime>,
    pub ended: Option<EndReason>,
    /// When time alone will change it.
    pub due_at: Option<OffsetDateTime>,
}

/// What the ledger holds about the subscriptions that a batch touches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contracts {
    pub agreements: BTreeMap<AgreementKey, Agreement>,
    pub subscriptions: BTreeMap<String, Subscription>,
    pub charges: BTreeMap<PaymentKey, Charge>,
    /// What a clock had reached when a subscription was recorded as run out: no slower clock revives it.
    reached: BTreeMap<String, OffsetDateTime>,
}

impl Contracts {
    /// Whose charges an agreement's are: the subscription's that the shop named it for, else the one whose
    /// number its signing repeats.
    fn owner(&self, key: &AgreementKey) -> Option<&Subscription> {
        let names = |one: &&Subscription| {
            one.terms.account == key.account
                && one.terms.agreement_no.as_ref() == Some(&key.agreement)
        };
        let agreement = self.agreements.get(key);
        let named = agreement.and_then(|agreement| agreement.owner.as_ref());
        let named = named.or_else(|| agreement.and_then(Agreement::repeated));
        let found = self.subscriptions.values().find(names);
        let found = found.or_else(|| self.subscriptions.get(named?));
        found.filter(|one| one.terms.account == key.account)
    }

    pub(super) fn bound(&self, key: &AgreementKey) -> Option<Bound> {
        let Terms { subscription_no, amount, .. } = &self.owner(key)?.terms;
        Some(Bound { subscription_no: subscription_no.clone(), amount: *amount })
    }

    /// Tells each subscription the mode of its account, and what its clock had reached.
    pub(super) fn govern(&mut self, rules: &Rules) {
        for one in self.subscriptions.values_mut() {
            one.terms.mode = rules.mode(&one.terms.account);
        }
        let reached = self
            .subscriptions
            .iter()
            .filter_map(|(number, one)| Some((number.clone(), reached(self, one)?)));
        self.reached = reached.collect();
    }

    /// Tells a state whose charges its payments are.
    pub(super) fn attach(&self, state: &mut State) {
        let agreements = state.payments.iter().filter_map(|(key, payment)| payment.under(key));
        let bound = agreements.filter_map(|key| Some((self.bound(&key)?, key)));
        state.bound = bound.map(|(bound, key)| (key, bound)).collect();
    }

    /// Records a change; answers whether it is new.
    pub(super) fn record(&mut self, account: &str, fact: &AgreementFact) -> bool {
        let agreement = self.agreements.entry(AgreementKey::of(account, fact)).or_default();
        let (key, change) = change(fact);
        let known = agreement.changes.get(&key).copied();
        let merged = known.map_or(change, |known| Change {
            valid_until: known.valid_until.max(change.valid_until),
            ..known
        });
        agreement.changes.insert(key, merged);
        known != Some(merged)
    }

    /// Takes over which payments of a state are charges; answers the subscriptions that this may move.
    pub(super) fn take_charges(&mut self, state: &State) -> BTreeSet<String> {
        if self.charges.is_empty() && state.charged().next().is_none() {
            return BTreeSet::new();
        }
        let mut touched = BTreeSet::new();
        let mut charges = charges(state);
        for key in state.payments.keys() {
            let known = match charges.remove(key) {
                Some(charge) => {
                    touched.extend(charge.subscription_no.clone());
                    self.charges.insert(key.clone(), charge)
                }
                None => self.charges.remove(key),
            };
            touched.extend(known.and_then(|charge| charge.subscription_no));
        }
        touched
    }

    /// The subscription that an agreement is bound to.
    pub fn bound_to(&self, key: &AgreementKey) -> Option<String> {
        self.owner(key).map(|one| one.terms.subscription_no.clone())
    }

    /// Derives a subscription anew; answers what to announce, and whether it moved.
    pub(super) fn derive(
        &mut self,
        number: &str,
        now: OffsetDateTime,
    ) -> (bool, Vec<Announcement>) {
        let Some(known) = self.subscriptions.get(number) else { return (false, vec![]) };
        let now = self.reached.get(number).map_or(now, |at| now.max(*at));
        let standing = derive(self, &known.terms, now);
        let announcements = announce::announce(&known.terms, &known.standing, &standing, now);
        let moved = known.standing != standing;
        if let Some(known) = self.subscriptions.get_mut(number) {
            known.standing = standing;
        }
        (moved, announcements)
    }
}

impl AgreementKey {
    pub fn of(account: &str, fact: &AgreementFact) -> Self {
        Self { account: account.to_owned(), agreement: fact.agreement.clone() }
    }
}

impl What {
    pub const ALL: [Self; 3] = [Self::Signed, Self::ChargeFailed, Self::Ended];

    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::ChargeFailed => "charge_failed",
            Self::Ended => "ended",
        }
    }

    /// The change that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.as_str() == word)
    }
}

impl Standing {
    /// Of a subscription that the shop just wrote.
    pub fn pending() -> Self {
        Self {
            status: SubscriptionStatus::Pending,
            agreement_no: None,
            covers: BTreeMap::new(),
            paid_through: None,
            entitled_until: None,
            failed_at: None,
            ended: None,
            due_at: None,
        }
    }
}

fn change(fact: &AgreementFact) -> (ChangeKey, Change) {
    let (what, charge, valid_until) = match &fact.change {
        AgreementChange::Signed { valid_until } => (What::Signed, "", *valid_until),
        AgreementChange::ChargeFailed { charge, .. } => (What::ChargeFailed, charge.as_str(), None),
        AgreementChange::Ended => (What::Ended, "", None),
    };
    let key = ChangeKey {
        what,
        occurred_at: fact.occurred_at,
        charge: charge.to_owned(),
        subscription_no: fact.subscription_no.clone().unwrap_or_default(),
    };
    (key, Change { valid_until, revival: fact.revival })
}
