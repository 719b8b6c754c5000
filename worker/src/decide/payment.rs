//! One provider transaction: what is proven about it, and how much of its money is left.
//!
//! **Invariant**: facts about it only merge, so what is known does not depend on their order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use shared::money::{Currency, Money};
use shared::notification::{
    DisputeFact, DisputeStatus, Evidence, Fact, PaymentFact, PaymentStatus, RefundFact,
    RefundStatus, RefundTotal,
};
use shared::order::Mode;
use time::OffsetDateTime;

use super::refund::{Dispute, Refund, RefundKey, sum};
use super::subscription::AgreementKey;

mod signed;

/// A payment's identity: one row for each provider transaction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaymentKey {
    pub account: String,
    pub transaction: String,
}

/// What is proven about one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    pub order_number: String,
    pub status: PaymentStatus,
    pub amount: Money,
    pub occurred_at: OffsetDateTime,
    /// When it was last said to be closed without refund data.
    pub closed_at: Option<OffsetDateTime>,
    /// Every cumulative total seen; the largest counts.
    pub totals: BTreeSet<RefundTotal>,
    /// The refunds that the provider names one by one.
    pub refunds: BTreeMap<RefundKey, Refund>,
    /// By the provider's number of each.
    pub disputes: BTreeMap<String, Dispute>,
    /// The provider's number of the agreement that it was charged under.
    pub agreement: Option<String>,
    pub link: Link,
    /// The mode of its account when the payment was first told.
    pub mode: Mode,
    pub pays: Pays,
}

/// Which orders a payment may pay, as the installation had it when the payment was first told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pays {
    /// Also those that name no account.
    #[default]
    AnyOrder,
    /// Only those that name its account.
    NamedOrders,
}

/// How a payment stands to its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Only refunds or disputes of it are known. They wait for the payment until the deadline, if
    /// money moved by them.
    Absent {
        deadline: Option<OffsetDateTime>,
    },
    /// The order is not there yet; money that still waits at the deadline is a case.
    Waiting {
        deadline: OffsetDateTime,
    },
    Unknown,
    Order,
    /// It needs no order: its agreement is a subscription's.
    Subscription,
}

impl Payment {
    pub(super) fn new(fact: &PaymentFact, link: Link) -> Self {
        let mut payment = Self {
            order_number: fact.order_number.clone(),
            status: fact.status,
            amount: fact.amount,
            occurred_at: fact.occurred_at,
            closed_at: None,
            totals: BTreeSet::new(),
            refunds: BTreeMap::new(),
            disputes: BTreeMap::new(),
            agreement: None,
            link,
            mode: Mode::default(),
            pays: Pays::default(),
        };
        payment.merge(fact);
        payment
    }

    /// A transaction of which nothing is proven: it stands under its own number, without money.
    pub fn absent(transaction: &str) -> Self {
        Self {
            order_number: transaction.to_owned(),
            status: PaymentStatus::Pending,
            amount: Money { minor: 0, currency: Currency::XXX },
            occurred_at: OffsetDateTime::UNIX_EPOCH,
            closed_at: None,
            totals: BTreeSet::new(),
            refunds: BTreeMap::new(),
            disputes: BTreeMap::new(),
            agreement: None,
            link: Link::Absent { deadline: None },
            mode: Mode::default(),
            pays: Pays::default(),
        }
    }

    /// A join: commutative, associative, idempotent. Of two proofs the earlier instant counts.
    pub(super) fn merge(&mut self, fact: &PaymentFact) {
        let ours = (strength(self.status), Reverse(self.occurred_at), self.amount);
        let theirs = (strength(fact.status), Reverse(fact.occurred_at), fact.amount);
        if theirs > ours {
            self.occurred_at = fact.occurred_at;
            self.amount = fact.amount;
        }
        self.status = self.status.max(fact.status);
        if fact.status == PaymentStatus::Closed {
            self.closed_at = self.closed_at.max(Some(fact.occurred_at));
        }
        self.totals.extend(fact.refund_total.clone());
        self.agreement = self.agreement.take().max(fact.agreement.clone());
    }

    /// The payment itself is told after its refunds or disputes: they are its own from now on.
    pub(super) fn appear(&mut self, fact: &PaymentFact, link: Link) {
        let refunds = std::mem::take(&mut self.refunds);
        let disputes = std::mem::take(&mut self.disputes);
        *self = Self { refunds, disputes, ..Self::new(fact, link) };
    }

    pub(super) fn take_refund(&mut self, fact: &RefundFact) {
        let refund = self.refunds.entry(RefundKey::of(fact));
        refund.and_modify(|known| known.merge(fact)).or_insert_with(|| Refund::new(fact));
    }

    pub(super) fn take_dispute(&mut self, fact: &DisputeFact) {
        let dispute = self.disputes.entry(fact.dispute.clone());
        dispute.and_modify(|known| known.merge(fact)).or_insert_with(|| Dispute::new(fact));
    }

    /// All that went back of it, in minor units: refunds, and disputes that were lost.
    ///
    /// A provider may name each refund, or state totals, or both. The larger account of the two
    /// counts, so whichever message is late, no refund is overlooked. A refund that was reversed may
    /// stand in a total that was stated before, so totals count without it.
    pub fn refunded_minor(&self) -> i64 {
        let lost = self.disputes.values().filter(|dispute| dispute.status == DisputeStatus::Lost);
        let lost = self.in_its_currency(lost.map(|dispute| dispute.amount));
        self.given_back_minor().saturating_add(lost)
    }

    fn given_back_minor(&self) -> i64 {
        let total = self.totals.iter().map(|total| total.total_minor).max().unwrap_or(0);
        let named = self.signed_minor(RefundStatus::Succeeded);
        named.max(total.saturating_sub(self.signed_minor(RefundStatus::Reversed)))
    }

    /// A person confirms that this much more went back than is signed: a total, as a provider would
    /// state it, so that a signed refund of the same money which comes later adds nothing.
    pub(super) fn confirm(&mut self, more_minor: i64, refund_no: String, at: OffsetDateTime) {
        let reversed = self.signed_minor(RefundStatus::Reversed);
        let total_minor =
            self.given_back_minor().saturating_add(reversed).saturating_add(more_minor);
        self.totals.insert(RefundTotal {
            total_minor,
            refund_no: Some(refund_no),
            occurred_at: at,
        });
    }

    /// All the money that came in by it: the payment, and what was refunded and came back.
    pub(super) fn came_in_minor(&self) -> i64 {
        self.amount.minor.saturating_add(self.signed_minor(RefundStatus::Reversed))
    }

    /// All that was ever said to go back by refunds or to be disputed: it never becomes less.
    pub(super) fn said_back_minor(&self) -> i64 {
        let refunds = self.refunds.iter().filter(|(key, refund)| match key.evidence {
            Evidence::Hint => refund.status.is_effective() && !self.is_signed(&key.refund),
            Evidence::Signed => refund.status >= RefundStatus::Succeeded,
        });
        let disputes = self.disputes.values().map(|dispute| dispute.amount);
        let amounts = refunds.map(|(_, refund)| refund.amount).chain(disputes);
        amounts.fold(0, |sum, amount| sum.saturating_add(amount.minor))
    }

    /// Money that is still in it, in minor units.
    pub fn left_minor(&self) -> i64 {
        if !self.status.proves_payment() {
            return 0;
        }
        (self.amount.minor - self.refunded_minor()).max(0)
    }

    /// Money that may have gone back, in minor units: nobody signed that it did, or it is told in
    /// another currency than the payment's, so that nobody knows how much of this payment it is.
    pub(super) fn unconfirmed_minor(&self) -> i64 {
        let foreign = |amount: Money| amount.currency != self.amount.currency;
        if self.gone().chain(self.hinted()).any(foreign) {
            return self.left_minor();
        }
        let hinted = self.hinted().map_or(0, |hinted| hinted.minor);
        let said = self.signed_minor(RefundStatus::Succeeded).saturating_add(hinted);
        // A total explains a hint up to its amount.
        (said - self.given_back_minor()).clamp(0, self.left_minor())
    }

    /// What is only hinted to have gone back.
    pub(super) fn hinted(&self) -> Option<Money> {
        let hinted = self.refunds.iter().filter(|(key, refund)| match key.evidence {
            Evidence::Hint => refund.status.is_effective() && !self.is_signed(&key.refund),
            Evidence::Signed => false,
        });
        sum(hinted.map(|(_, refund)| refund.amount))
    }

    /// Every single amount that went back for certain.
    fn gone(&self) -> impl Iterator<Item = Money> {
        let refunds = self.refunds.iter().filter(|(key, refund)| {
            key.evidence == Evidence::Signed && refund.status.is_effective()
        });
        let lost = self.disputes.values().filter(|dispute| dispute.status == DisputeStatus::Lost);
        refunds.map(|(_, refund)| refund.amount).chain(lost.map(|dispute| dispute.amount))
    }

    /// What went back of it by itself, whatever the payment's own currency is.
    pub(super) fn back(&self) -> Option<Money> {
        sum(self.gone()).filter(|amount| amount.minor > 0)
    }

    /// The money that is disputed at this time.
    pub(super) fn disputed(&self) -> Option<Money> {
        let open = self.disputes.values().filter(|dispute| dispute.status == DisputeStatus::Opened);
        sum(open.map(|dispute| dispute.amount))
    }

    /// Do its refunds or disputes move money, or threaten to?
    pub(super) fn moves_money(&self) -> bool {
        self.hinted().is_some() || self.back().is_some() || self.disputed().is_some()
    }

    /// Was a stronger word known than what this fact says?
    pub(super) fn has_overtaken(&self, said: &Fact) -> bool {
        match said {
            Fact::Payment(fact) => strength(fact.status) < strength(self.status),
            Fact::Refund(fact) => {
                let known = self.refunds.get(&RefundKey::of(fact));
                known.is_some_and(|known| fact.status < known.status)
            }
            Fact::Dispute(fact) => {
                let known = self.disputes.get(&fact.dispute);
                known.is_some_and(|known| fact.status < known.status)
            }
            Fact::Agreement(_) => false,
        }
    }

    /// Is it in flight: money whose order, or whose payment, is not there yet?
    pub fn waits(&self) -> bool {
        match self.link {
            Link::Absent { deadline } => deadline.is_some(),
            Link::Waiting { .. } => self.status.proves_payment(),
            Link::Unknown | Link::Order | Link::Subscription => false,
        }
    }

    /// The agreement that it was charged under.
    pub fn under(&self, key: &PaymentKey) -> Option<AgreementKey> {
        let agreement = self.agreement.clone()?;
        Some(AgreementKey { account: key.account.clone(), agreement })
    }

    /// Is nothing but refunds or disputes of it known?
    pub fn is_absent(&self) -> bool {
        matches!(self.link, Link::Absent { .. })
    }
}

/// Two proofs that money moved are worth the same.
fn strength(status: PaymentStatus) -> PaymentStatus {
    status.min(PaymentStatus::Succeeded)
}
