//! Tombstones: hashes of what was erased, and which notifications lie under them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};
use shared::notification::{Fact, Notification};

use crate::decide::fold::{Changes, Reading, Verdict};
use crate::decide::subscription::AgreementKey;

/// A hash of a shop's number, or of an account's transaction or agreement.
pub type Hash = [u8; 32];

/// What a tombstone is a hash of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Order,
    Transaction,
    Agreement,
    Subscription,
}

/// One notification of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Part {
    pub account: String,
    pub order_number: Option<String>,
    pub transaction: Option<String>,
    pub agreement: Option<String>,
    /// The shop's number that a change of an agreement repeats, unless the agreement is another's.
    pub subscription_no: Option<String>,
    /// The subscription that a payment extends, by its agreement or by its order.
    pub extends: Option<String>,
}

pub fn order_hash(number: &str) -> Hash {
    hash("order", &[number])
}

pub fn transaction_hash(account: &str, transaction: &str) -> Hash {
    hash("transaction", &[account, transaction])
}

pub fn agreement_hash(account: &str, agreement: &str) -> Hash {
    hash("agreement", &[account, agreement])
}

pub fn subscription_hash(number: &str) -> Hash {
    hash("subscription", &[number])
}

/// No number has a zero byte, so no two lists of them are hashed alike.
fn hash(what: &str, numbers: &[&str]) -> Hash {
    let mut hash = Sha256::new_with_prefix(format!("quittance {what} 1"));
    for number in numbers {
        hash.update(b"\0");
        hash.update(number);
    }
    hash.finalize().into()
}

impl Kind {
    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Transaction => "transaction",
            Self::Agreement => "agreement",
            Self::Subscription => "subscription",
        }
    }
}

impl Part {
    /// What a notification is about, by its own words.
    pub fn of(account: &str, fact: Option<&Fact>) -> Self {
        let named = |number: fn(&Fact) -> Option<&str>| fact.and_then(number).map(str::to_owned);
        Self {
            account: account.to_owned(),
            order_number: named(Fact::order_number),
            transaction: named(Fact::transaction),
            agreement: named(Fact::agreement),
            subscription_no: named(Fact::subscription_no),
            extends: None,
        }
    }

    /// The tombstones under which it is erased.
    pub fn hashes(&self) -> impl Iterator<Item = Hash> {
        let order = self.order_number.as_deref().map(order_hash);
        let subscriptions = self.subscription_no.iter().chain(&self.extends);
        order
            .into_iter()
            .chain(self.transaction_hash())
            .chain(self.agreement_hash())
            .chain(subscriptions.map(|number| subscription_hash(number)))
    }

    fn transaction_hash(&self) -> Option<Hash> {
        self.transaction.as_deref().map(|one| transaction_hash(&self.account, one))
    }

    fn agreement_key(&self) -> Option<AgreementKey> {
        let agreement = self.agreement.clone()?;
        Some(AgreementKey { account: self.account.clone(), agreement })
    }

    fn agreement_hash(&self) -> Option<Hash> {
        self.agreement.as_deref().map(|one| agreement_hash(&self.account, one))
    }

    fn is_under(&self, tombstones: &BTreeSet<Hash>) -> bool {
        self.hashes().any(|hash| tombstones.contains(&hash))
    }

    /// What it hands its tombstones on to. An order that is erased does not take the agreement with it under
    /// which it was paid: that is a subscription's. Nor does a subscription take one under which an order paid
    /// for it.
    fn heirs(&self, tombstones: &BTreeSet<Hash>) -> impl Iterator<Item = (Hash, Kind)> {
        let transaction = self.transaction_hash().filter(|_| self.is_under(tombstones));
        let signed_for = self.subscription_no.as_deref().map(subscription_hash);
        let is_erased = signed_for.is_some_and(|hash| tombstones.contains(&hash));
        let agreement = self.agreement_hash().filter(|_| is_erased);
        let transaction = transaction.map(|hash| (hash, Kind::Transaction));
        transaction.into_iter().chain(agreement.map(|hash| (hash, Kind::Agreement)))
    }
}

/// The parts of each reading, as they are recorded: of an agreement's only what settling believes too. A
/// duplicate needs no more than its own keys: what was recorded before has handed its tombstones on to them.
pub fn parts_of(readings: &[&Reading], changes: &Changes) -> Vec<Vec<Part>> {
    let (_, contracts) = &changes.contracts;
    let of = |(reading, verdicts): (&&Reading, &Vec<Verdict>)| {
        let part = |(told, verdict): (&Notification, &Verdict)| {
            let part = Part::of(&reading.message.account, told.fact.as_ref());
            let key = part.agreement_key();
            let is_believed =
                |number: &String| key.as_ref().is_some_and(|key| contracts.may_be(key, number));
            let charge = verdict.payment.as_ref().and_then(|key| contracts.charges.get(key));
            Part {
                order_number: verdict.order_number.clone(),
                transaction: verdict.payment.as_ref().map(|key| key.transaction.clone()),
                subscription_no: part.subscription_no.clone().filter(is_believed),
                extends: charge.and_then(|charge| charge.subscription_no.clone()),
                ..part
            }
        };
        reading.notifications.iter().zip(verdicts).map(part).collect()
    };
    readings.iter().zip(&changes.verdicts).map(of).collect()
}

/// Which of these parts lie under a tombstone.
pub fn erased(parts: &[Part], tombstones: &BTreeSet<Hash>) -> BTreeSet<usize> {
    let under = parts.iter().enumerate().filter(|(_, part)| part.is_under(tombstones));
    under.map(|(place, _)| place).collect()
}

/// The tombstones that come to lie beside these: of transactions and agreements that were not known when
/// somebody erased what they are about. Later words name them alone, such as a refund of a later charge.
pub fn spread(parts: &[&Part], tombstones: &mut BTreeSet<Hash>) -> BTreeMap<Hash, Kind> {
    let mut new = BTreeMap::new();
    // Each round reaches one step further: from a subscription to its agreement, to a charge under that.
    while !tombstones.is_empty() {
        let known = &*tombstones;
        let heirs = parts.iter().flat_map(|part| part.heirs(known));
        let heirs: BTreeMap<Hash, Kind> = heirs.filter(|(hash, _)| !known.contains(hash)).collect();
        if heirs.is_empty() {
            break;
        }
        tombstones.extend(heirs.keys());
        new.extend(heirs);
    }
    new
}
