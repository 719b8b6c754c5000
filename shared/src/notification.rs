//! What a provider told us, in our words: facts about payments, refunds, agreements and disputes.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::money::Money;

mod about;
mod recordable;

/// One genuine notification, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The provider's own identity of this notification together with its result code: the same on
    /// every repeat, unique within an account.
    pub identity: String,
    /// The provider's words for what happened, such as `trade_status_sync/TRADE_SUCCESS`.
    pub kind: String,
    /// What it says. Nothing: a type that changes nothing here.
    pub fact: Option<Fact>,
}

/// What one notification proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    Payment(PaymentFact),
    Refund(RefundFact),
    Agreement(AgreementFact),
    Dispute(DisputeFact),
}

/// How far one transaction has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentFact {
    /// The provider's canonical transaction number (Alipay `trade_no`).
    pub transaction: String,
    /// The number under which the shop offered the order (Alipay `out_trade_no`). A word that names
    /// none gives the transaction number, so that the money is found under something until one does.
    pub order_number: String,
    pub status: PaymentStatus,
    /// The transaction's whole amount.
    pub amount: Money,
    /// When the provider says it happened.
    pub occurred_at: OffsetDateTime,
    pub refund_total: Option<RefundTotal>,
    /// The provider's number of the agreement that it was charged under.
    pub agreement: Option<String>,
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

/// One refund of a transaction, from a provider that names each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundFact {
    /// The transaction that it takes money back from.
    pub transaction: String,
    /// The provider's number of this refund: unique within the transaction.
    pub refund: String,
    /// The order's number, where the provider repeats it.
    pub order_number: Option<String>,
    /// The shop's refund request number, where the provider repeats it.
    pub refund_no: Option<String>,
    pub status: RefundStatus,
    /// This refund alone.
    pub amount: Money,
    pub occurred_at: OffsetDateTime,
    pub evidence: Evidence,
}

/// A change of an agreement under which charges are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreementFact {
    /// The provider's number (Alipay `agreement_no`).
    pub agreement: String,
    /// The shop's own number for it (Alipay `external_agreement_no`).
    pub subscription_no: Option<String>,
    pub change: AgreementChange,
    pub occurred_at: OffsetDateTime,
    pub revival: Revival,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgreementChange {
    /// It may be charged; it runs out silently at `valid_until`.
    Signed {
        valid_until: Option<OffsetDateTime>,
    },
    /// A charge under it did not succeed; `charge` names the attempt.
    ChargeFailed {
        charge: String,
        amount: Option<Money>,
    },
    Ended,
}

/// Can an agreement that ended be signed again under the same number?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revival {
    /// Alipay, WeChat: ended is ended, whatever time a signing bears.
    Never,
    /// PayPal, Stripe: the later change wins.
    ByLaterTime,
}

/// A payer's objection at the bank or the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeFact {
    pub transaction: String,
    /// The provider's number of the dispute: unique within the transaction.
    pub dispute: String,
    pub order_number: Option<String>,
    pub status: DisputeStatus,
    /// The money that is disputed.
    pub amount: Money,
    pub occurred_at: OffsetDateTime,
}

/// Declares a status whose words stand in tables; the order of its variants is the lattice by which
/// facts merge: the stronger wins, whichever arrives first.
macro_rules! lattice {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word in tables and on the command line.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// The status that a word names.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|status| status.as_str() == word)
            }
        }
    };
}

lattice! {
    /// How far a transaction is proven to have come.
    PaymentStatus {
        Pending = "pending",
        Authorised = "authorised",
        Failed = "failed",
        Closed = "closed",
        Succeeded = "succeeded",
        Finished = "finished",
    }
}

lattice! {
    /// How far a refund is proven to have come.
    RefundStatus {
        Pending = "pending",
        /// It did not go through; it may be tried again under its number (WeChat `ABNORMAL`).
        Failed = "failed",
        Closed = "closed",
        Succeeded = "succeeded",
        /// It had succeeded, and the money came back to the shop (Adyen `REFUND_FAILED`).
        Reversed = "reversed",
    }
}

lattice! {
    /// How a dispute stands.
    DisputeStatus {
        Opened = "opened",
        Won = "won",
        Lost = "lost",
    }
}

lattice! {
    /// How well a fact is proven.
    Evidence {
        /// No signature covers it (WeChat v2 `req_info`): a person confirms it before it counts.
        Hint = "hint",
        Signed = "signed",
    }
}

impl Revival {
    pub const ALL: [Self; 2] = [Self::Never, Self::ByLaterTime];

    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::ByLaterTime => "by_later_time",
        }
    }

    /// The kind that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|revival| revival.as_str() == word)
    }
}

impl PaymentStatus {
    /// Has money moved?
    pub fn proves_payment(self) -> bool {
        match self {
            Self::Succeeded | Self::Finished => true,
            Self::Pending | Self::Authorised | Self::Failed | Self::Closed => false,
        }
    }
}

impl RefundStatus {
    /// Is the money back with the payer?
    pub fn is_effective(self) -> bool {
        match self {
            Self::Succeeded => true,
            Self::Pending | Self::Failed | Self::Closed | Self::Reversed => false,
        }
    }
}

impl PaymentFact {
    /// The order's number, if it names one.
    pub fn named(&self) -> Option<&str> {
        Some(self.order_number.as_str()).filter(|number| *number != self.transaction)
    }
}

impl Notification {
    /// The payment that it proves, if it is about one.
    pub fn payment(&self) -> Option<&PaymentFact> {
        match &self.fact {
            Some(Fact::Payment(fact)) => Some(fact),
            Some(Fact::Refund(_) | Fact::Agreement(_) | Fact::Dispute(_)) | None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_stronger_than_money_that_moved() {
        for status in PaymentStatus::ALL.iter().copied() {
            assert_eq!(PaymentStatus::from_word(status.as_str()), Some(status));
            assert_eq!(status.proves_payment(), status >= PaymentStatus::Succeeded);
        }
    }

    #[test]
    fn only_a_refund_that_succeeded_and_stayed_so_moves_money() {
        for status in RefundStatus::ALL.iter().copied() {
            assert_eq!(RefundStatus::from_word(status.as_str()), Some(status));
            assert_eq!(status.is_effective(), status == RefundStatus::Succeeded);
        }
        assert!(RefundStatus::Succeeded < RefundStatus::Reversed);
    }
}
