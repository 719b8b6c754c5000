//! What a provider told us, in our words: facts about a transaction.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::money::Money;

/// One genuine notification, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The provider's own identity of this notification together with its result code: the same on
    /// every repeat, unique within an account.
    pub identity: String,
    /// The provider's words for what happened, such as `trade_status_sync/TRADE_SUCCESS`.
    pub kind: String,
    /// What it says about money. Nothing: a type that changes nothing here.
    pub fact: Option<TransactionFact>,
}

/// What one notification says about one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionFact {
    /// The provider's canonical transaction number (Alipay `trade_no`).
    pub transaction: String,
    /// The number under which the shop offered the order (Alipay `out_trade_no`).
    pub order_number: String,
    pub status: PaymentStatus,
    /// The transaction's whole amount.
    pub amount: Money,
    /// When the provider says it happened.
    pub occurred_at: OffsetDateTime,
    pub refund_total: Option<RefundTotal>,
}

/// All that has been refunded of a transaction so far (Alipay's cumulative `refund_fee`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RefundTotal {
    /// In the transaction's currency.
    pub total_minor: i64,
    /// The shop's refund request number, where the provider repeats it.
    pub refund_no: Option<String>,
    pub occurred_at: OffsetDateTime,
}

/// How far a transaction is proven to have come. The order is the lattice by which facts merge:
/// the stronger wins, whichever arrives first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    Pending,
    Authorised,
    Failed,
    Closed,
    Succeeded,
    Finished,
}

impl PaymentStatus {
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Authorised,
        Self::Failed,
        Self::Closed,
        Self::Succeeded,
        Self::Finished,
    ];

    /// The word in tables and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Authorised => "authorised",
            Self::Failed => "failed",
            Self::Closed => "closed",
            Self::Succeeded => "succeeded",
            Self::Finished => "finished",
        }
    }

    /// The status that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Has money moved?
    pub fn proves_payment(self) -> bool {
        match self {
            Self::Succeeded | Self::Finished => true,
            Self::Pending | Self::Authorised | Self::Failed | Self::Closed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_stronger_than_money_that_moved() {
        for status in PaymentStatus::ALL {
            assert_eq!(PaymentStatus::from_word(status.as_str()), Some(status));
            assert_eq!(status.proves_payment(), status >= PaymentStatus::Succeeded);
        }
    }
}
