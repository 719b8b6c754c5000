//! Refunds that the provider names, and disputes: money taken back, or asked back, of a transaction.
//!
//! **Invariant**: both merge by their lattice; of two equal words the earlier instant counts.

use std::cmp::Reverse;

use shared::money::Money;
use shared::notification::{DisputeFact, DisputeStatus, Evidence, RefundFact, RefundStatus};
use time::OffsetDateTime;

/// A refund's identity within its transaction. What is only hinted at stands beside what is
/// signed, so that neither overwrites the other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefundKey {
    /// The provider's number.
    pub refund: String,
    pub evidence: Evidence,
}

/// What is known about one refund, from one kind of evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    pub status: RefundStatus,
    /// This refund alone.
    pub amount: Money,
    /// The shop's refund request number, where the provider repeats it.
    pub refund_no: Option<String>,
    pub occurred_at: OffsetDateTime,
}

/// What is known about one dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dispute {
    pub status: DisputeStatus,
    /// The money that is disputed.
    pub amount: Money,
    pub occurred_at: OffsetDateTime,
}

impl RefundKey {
    pub(super) fn of(fact: &RefundFact) -> Self {
        Self { refund: fact.refund.clone(), evidence: fact.evidence }
    }
}

impl Refund {
    pub(super) fn new(fact: &RefundFact) -> Self {
        Self {
            status: fact.status,
            amount: fact.amount,
            refund_no: fact.refund_no.clone(),
            occurred_at: fact.occurred_at,
        }
    }

    /// A join: commutative, associative, idempotent.
    pub(super) fn merge(&mut self, fact: &RefundFact) {
        let ours = (self.status, Reverse(self.occurred_at), self.amount);
        let theirs = (fact.status, Reverse(fact.occurred_at), fact.amount);
        if theirs > ours {
            (self.status, self.occurred_at, self.amount) =
                (fact.status, fact.occurred_at, fact.amount);
        }
        self.refund_no = self.refund_no.take().max(fact.refund_no.clone());
    }
}

impl Dispute {
    pub(super) fn new(fact: &DisputeFact) -> Self {
        Self { status: fact.status, amount: fact.amount, occurred_at: fact.occurred_at }
    }

    /// A join: commutative, associative, idempotent.
    pub(super) fn merge(&mut self, fact: &DisputeFact) {
        let ours = (self.status, Reverse(self.occurred_at), self.amount);
        let theirs = (fact.status, Reverse(fact.occurred_at), fact.amount);
        if theirs > ours {
            *self = Self::new(fact);
        }
    }
}

/// A sum in the currency of the first; the others of another currency are not in it.
pub(super) fn sum(amounts: impl IntoIterator<Item = Money>) -> Option<Money> {
    amounts.into_iter().fold(None, |sum, amount| match sum {
        None => Some(amount),
        Some(sum) if sum.currency == amount.currency => {
            Some(Money { minor: sum.minor.saturating_add(amount.minor), ..sum })
        }
        Some(sum) => Some(sum),
    })
}
