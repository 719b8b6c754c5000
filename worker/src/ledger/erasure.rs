//! Erasing what tells who paid: what is asked for, what it found, and what it did. Pure.
//!
//! **Invariant**: the money facts stay, also those that a dead letter alone has yet. A tombstone strips later bodies too.

use serde::Serialize;
use uuid::Uuid;

use crate::decide::PaymentKey;
use crate::decide::subscription::AgreementKey;
use crate::ledger::records::Act;

mod body;
mod tombstone;

pub use self::body::{Fate, Fates, Request, Requests, Shared, fate};
pub use self::tombstone::{
    Hash, Kind, Part, agreement_hash, erased, order_hash, parts_of, spread, subscription_hash,
    transaction_hash,
};

/// What is erased, by the number that the shop gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// Any of the order's numbers.
    Order(String),
    Subscription(String),
}

/// What may go although more is lost by it than who paid. Without it such bodies are in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowed {
    /// Bodies that tell of others too, and that cannot be cut.
    pub shared: bool,
    /// Letters whose money facts the ledger does not have yet: no replay tells them then.
    pub open_letters: bool,
}

/// An erasure as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    pub subject: Subject,
    pub allowed: Allowed,
    /// Who does it, and why; nothing: it is only said what it would do. Its subject is replaced by the
    /// number under which the ledger knows it.
    pub act: Option<Act>,
}

/// What an erasure is about, as the ledger found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// By the number under which the ledger knows it.
    pub subject: Subject,
    /// Did the shop write it? What providers told of it may be here without.
    pub is_written: bool,
    /// An order's numbers, or the one that was given where no order is known.
    pub numbers: Vec<String>,
    pub transactions: Vec<PaymentKey>,
    pub agreements: Vec<AgreementKey>,
    pub beside: Vec<Subject>,
    /// Has it metadata?
    pub has_metadata: bool,
    /// Cases about it, and the notes on them.
    pub cases: (i64, i64),
}

/// What an erasure did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Erased {
    #[serde(flatten)]
    pub subject: Subject,
    /// The order's numbers, or the one that was given where no order is known.
    pub numbers: Vec<String>,
    pub agreements: usize,
    pub transactions: usize,
    /// Bodies that are destroyed.
    pub destroyed: usize,
    /// Bodies that tell of others too: what was about this one is cut out.
    pub redacted: usize,
    /// Bodies that tell of others too, and that cannot be cut.
    pub shared: Shared,
    /// Letters about it that are open, or on their way by a replay.
    pub open_letters: Vec<Uuid>,
    /// Orders and subscriptions whose metadata is removed.
    pub metadata: usize,
    /// What has metadata and bodies of its own beside it: an order's subscriptions, a subscription's orders.
    pub beside: Vec<Subject>,
    /// Cases about it, which stay.
    pub cases: i64,
    /// What people wrote on them, which stays.
    pub notes: i64,
}

/// What came of asking for an erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// It is done, or would be.
    Done(Box<Erased>),
    /// Nothing was erased: what is in the way, and the ways out.
    InTheWay(String),
}

impl Subject {
    /// As the audit names it.
    pub fn path(&self) -> String {
        match self {
            Self::Order(number) => format!("order/{number}"),
            Self::Subscription(number) => format!("subscription/{number}"),
        }
    }
}

impl Scope {
    /// Is nothing of it here, once no request is about it either?
    pub fn is_unknown(&self) -> bool {
        !self.is_written && self.transactions.is_empty() && self.agreements.is_empty()
    }

    /// The tombstones that it leaves.
    pub fn tombstones(&self) -> Vec<(Hash, Kind)> {
        let orders = self.numbers.iter().map(|number| (order_hash(number), Kind::Order));
        let subscription = match &self.subject {
            Subject::Order(_) => None,
            Subject::Subscription(number) => Some((subscription_hash(number), Kind::Subscription)),
        };
        let agreements = self
            .agreements
            .iter()
            .map(|key| (agreement_hash(&key.account, &key.agreement), Kind::Agreement));
        let transactions = self
            .transactions
            .iter()
            .map(|key| (transaction_hash(&key.account, &key.transaction), Kind::Transaction));
        orders.chain(subscription).chain(agreements).chain(transactions).collect()
    }

    /// What is said of it.
    pub fn told(self, fates: &Fates) -> Erased {
        let (cases, notes) = self.cases;
        Erased {
            subject: self.subject,
            numbers: self.numbers,
            agreements: self.agreements.len(),
            transactions: self.transactions.len(),
            destroyed: fates.gone.len(),
            redacted: fates.redacted.len(),
            shared: fates.shared.clone(),
            open_letters: fates.open_letters.clone(),
            metadata: usize::from(self.has_metadata),
            beside: self.beside,
            cases,
            notes,
        }
    }
}

impl Erasure {
    /// The act under the number by which the ledger knows its subject.
    pub fn noted(&self, scope: &Scope) -> Option<Act> {
        let act = self.act.clone()?;
        Some(Act { subject: scope.subject.path(), ..act })
    }
}

#[cfg(test)]
mod tests;
