//! What is signed of a payment's refunds.

use shared::money::Money;
use shared::notification::{Evidence, RefundStatus};

use super::super::refund::{Refund, RefundKey};
use super::Payment;

impl Payment {
    pub(super) fn signed_minor(&self, status: RefundStatus) -> i64 {
        let counts = |key: &RefundKey, refund: &Refund| {
            key.evidence == Evidence::Signed && refund.status == status
        };
        let refunds = self.refunds.iter().filter(|(key, refund)| counts(key, refund));
        self.in_its_currency(refunds.map(|(_, refund)| refund.amount))
    }

    pub(super) fn in_its_currency(&self, amounts: impl Iterator<Item = Money>) -> i64 {
        let amounts = amounts.filter(|amount| amount.currency == self.amount.currency);
        amounts.fold(0, |sum, amount| sum.saturating_add(amount.minor))
    }

    /// Is it signed that this refund succeeded, whatever became of it then? So a hint adds nothing.
    pub(super) fn is_signed(&self, refund: &str) -> bool {
        let key = RefundKey { refund: refund.to_owned(), evidence: Evidence::Signed };
        self.refunds.get(&key).is_some_and(|signed| signed.status >= RefundStatus::Succeeded)
    }
}
