//! Refunds and disputes as people read them.

use std::collections::BTreeMap;

use serde::Serialize;
use shared::money::Currency;
use shared::notification::{Evidence, RefundStatus};
use time::OffsetDateTime;
use uuid::Uuid;

/// One refund: named by the provider, or the difference between two totals that it stated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefundRecord {
    pub account: String,
    pub transaction: String,
    /// The provider's number; none where it only states totals.
    pub refund: Option<String>,
    pub refund_no: Option<String>,
    /// `pending`, `failed`, `closed`, `succeeded`, `reversed`.
    pub status: String,
    /// `signed`; `hint`: no signature covers it, so it does not count.
    pub evidence: String,
    pub amount: i64,
    pub currency: Currency,
    /// The transaction's total after it, where the provider stated it.
    pub total: Option<i64>,
    #[serde(with = "time::serde::rfc3339")]
    pub occurred_at: OffsetDateTime,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DisputeRecord {
    pub account: String,
    pub transaction: String,
    pub dispute: String,
    /// `opened`, `won`, `lost`.
    pub status: String,
    pub amount: i64,
    pub currency: Currency,
    #[serde(with = "time::serde::rfc3339")]
    pub occurred_at: OffsetDateTime,
}

/// All that was refunded of a transaction up to a moment, in the transaction's currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedTotal {
    pub account: String,
    pub transaction: String,
    pub refund_no: Option<String>,
    pub total: i64,
    pub currency: Currency,
    pub occurred_at: OffsetDateTime,
}

/// A transaction's totals, and the refunds that are named of it.
#[derive(Default)]
struct Of {
    totals: Vec<StatedTotal>,
    named: Vec<RefundRecord>,
}

impl RefundRecord {
    /// Is it what somebody said of an unconfirmed refund when they ended its case?
    pub fn is_by_a_persons_word(&self) -> bool {
        let case = self.refund_no.as_ref().and_then(|number| number.strip_prefix("case/"));
        self.refund.is_none() && case.is_some_and(|id| id.parse::<Uuid>().is_ok())
    }

    /// Lists named refunds as they are, and totals as the differences between them, each sorted.
    /// Where both tell of one transaction, of the totals only what no named refund explains.
    pub fn list(totals: Vec<StatedTotal>, named: Vec<Self>) -> Vec<Self> {
        let mut transactions: BTreeMap<(String, String), Of> = BTreeMap::new();
        for total in totals {
            let key = (total.account.clone(), total.transaction.clone());
            transactions.entry(key).or_default().totals.push(total);
        }
        for refund in named {
            let key = (refund.account.clone(), refund.transaction.clone());
            transactions.entry(key).or_default().named.push(refund);
        }
        transactions.into_values().flat_map(Of::list).collect()
    }

    /// What a total adds to `before`.
    fn stated(total: StatedTotal, before: i64) -> Self {
        Self {
            account: total.account,
            transaction: total.transaction,
            refund: None,
            refund_no: total.refund_no,
            status: RefundStatus::Succeeded.as_str().to_owned(),
            evidence: Evidence::Signed.as_str().to_owned(),
            amount: total.total - before,
            currency: total.currency,
            total: Some(total.total),
            occurred_at: total.occurred_at,
        }
    }
}

impl Of {
    fn list(mut self) -> Vec<RefundRecord> {
        self.totals.sort_by_key(|total| total.total);
        self.named.sort_by(|a, b| (a.occurred_at, &a.refund).cmp(&(b.occurred_at, &b.refund)));
        if self.named.is_empty() {
            let mut before = 0;
            let difference = |total: StatedTotal| {
                let after = total.total;
                RefundRecord::stated(total, std::mem::replace(&mut before, after))
            };
            return self.totals.into_iter().map(difference).collect();
        }
        if let Some(largest) = self.totals.pop() {
            let explained = self.named_minor(RefundStatus::Succeeded, largest.currency)
                + self.named_minor(RefundStatus::Reversed, largest.currency);
            if largest.total > explained {
                self.named.push(RefundRecord::stated(largest, explained));
            }
        }
        self.named
    }

    fn named_minor(&self, status: RefundStatus, currency: Currency) -> i64 {
        let counts = |refund: &&RefundRecord| {
            refund.status == status.as_str()
                && refund.evidence == Evidence::Signed.as_str()
                && refund.currency == currency
        };
        self.named.iter().filter(counts).map(|refund| refund.amount).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const AT: OffsetDateTime = datetime!(2026-01-02 03:04:05 UTC);

    fn total(total: i64) -> StatedTotal {
        StatedTotal {
            account: "shop".into(),
            transaction: "T1".into(),
            refund_no: None,
            total,
            currency: Currency::CNY,
            occurred_at: AT,
        }
    }

    fn named(refund: &str, status: RefundStatus, amount: i64) -> RefundRecord {
        let stated = RefundRecord::stated(total(amount), 0);
        let (refund, status) = (Some(refund.to_owned()), status.as_str().to_owned());
        RefundRecord { refund, status, total: None, ..stated }
    }

    fn amounts(refunds: &[RefundRecord]) -> Vec<i64> {
        refunds.iter().map(|refund| refund.amount).collect()
    }

    #[test]
    fn totals_alone_are_shown_as_their_differences() {
        let refunds = RefundRecord::list(vec![total(10), total(3), total(7)], vec![]);
        assert_eq!(amounts(&refunds), [3, 4, 3]);
    }

    #[test]
    fn of_a_total_only_what_no_named_refund_explains_is_shown() {
        let succeeded = named("R1", RefundStatus::Succeeded, 4);
        let reversed = named("R2", RefundStatus::Reversed, 3);
        let both = vec![succeeded, reversed];
        assert_eq!(amounts(&RefundRecord::list(vec![total(7)], both.clone())), [4, 3]);
        assert_eq!(amounts(&RefundRecord::list(vec![total(4), total(9)], both)), [4, 3, 2]);
    }
}
