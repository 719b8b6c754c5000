//! Cases: money that fits no rule, by kind, and what a merchant lets happen to each kind.

use serde::{Deserialize, Serialize};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseKind {
    AmountMismatch,
    WrongPayee,
    DuplicatePayment,
    PaidAfterCancel,
    OverRefund,
    RefundUnconfirmed,
    UnknownOrder,
    Dispute,
    UnprovenPayment,
}

/// What happens when a case of a kind opens, until a person says otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CasePolicy {
    /// It waits for a person.
    #[default]
    Hold,
    /// The money counts as paid, as if a person had accepted it.
    Fulfil,
    /// It is announced as money to give back, and waits until it went back.
    RefundRequested,
    /// It is recorded and closed.
    Ignore,
}

impl CaseKind {
    pub const ALL: [Self; 9] = [
        Self::AmountMismatch,
        Self::WrongPayee,
        Self::DuplicatePayment,
        Self::PaidAfterCancel,
        Self::OverRefund,
        Self::RefundUnconfirmed,
        Self::UnknownOrder,
        Self::Dispute,
        Self::UnprovenPayment,
    ];

    /// The word in tables, events and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AmountMismatch => "amount_mismatch",
            Self::WrongPayee => "wrong_payee",
            Self::DuplicatePayment => "duplicate_payment",
            Self::PaidAfterCancel => "paid_after_cancel",
            Self::OverRefund => "over_refund",
            Self::RefundUnconfirmed => "refund_unconfirmed",
            Self::UnknownOrder => "unknown_order",
            Self::Dispute => "dispute",
            Self::UnprovenPayment => "unproven_payment",
        }
    }

    /// The kind that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl CasePolicy {
    pub const ALL: [Self; 4] = [Self::Hold, Self::Fulfil, Self::RefundRequested, Self::Ignore];

    /// The word in the configuration, in tables and in events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Fulfil => "fulfil",
            Self::RefundRequested => "refund_requested",
            Self::Ignore => "ignore",
        }
    }

    /// The policy that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_again() {
        for kind in CaseKind::ALL {
            assert_eq!(CaseKind::from_word(kind.as_str()), Some(kind));
        }
        for policy in CasePolicy::ALL {
            assert_eq!(CasePolicy::from_word(policy.as_str()), Some(policy));
        }
        assert_eq!(CaseKind::from_word("other"), None);
    }
}
