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

/// How a case ends by somebody's word, and not by facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseVerdict {
    /// The money pays for the order after all.
    Fulfil,
    /// The money is given back, or was.
    Refund,
    /// The case is closed, and nothing else changes.
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

    /// Why a verdict cannot end a case of this kind, with what can be done instead.
    pub fn refuses(self, verdict: CaseVerdict) -> Option<&'static str> {
        match verdict {
            CaseVerdict::Fulfil => self.refuses_to_fulfil(),
            CaseVerdict::Refund => self.refuses_to_refund(),
            CaseVerdict::Ignore => None,
        }
    }

    /// Why a policy can never apply to this kind.
    pub fn refuses_policy(self, policy: CasePolicy) -> Option<&'static str> {
        match policy {
            CasePolicy::Hold | CasePolicy::Ignore => None,
            CasePolicy::Fulfil => self.refuses_to_fulfil(),
            CasePolicy::RefundRequested => match self {
                Self::RefundUnconfirmed => {
                    Some("the money may be back already; take `hold` or `ignore`")
                }
                Self::AmountMismatch
                | Self::WrongPayee
                | Self::DuplicatePayment
                | Self::PaidAfterCancel
                | Self::OverRefund
                | Self::UnknownOrder
                | Self::Dispute
                | Self::UnprovenPayment => self.refuses_to_refund(),
            },
        }
    }

    fn refuses_to_fulfil(self) -> Option<&'static str> {
        match self {
            Self::AmountMismatch | Self::WrongPayee | Self::PaidAfterCancel => None,
            Self::DuplicatePayment => {
                Some("the order is paid already; give the second payment back, or ignore it")
            }
            Self::OverRefund => Some("the money is gone; ask the provider, then ignore it"),
            Self::RefundUnconfirmed => {
                Some("nothing is to be paid; confirm it as refund, or ignore it")
            }
            Self::UnknownOrder => Some("write the order: it settles by itself"),
            Self::Dispute => Some("the provider decides it; answer there, and wait or ignore it"),
            Self::UnprovenPayment => {
                Some("nobody proved the payment; look at the provider, then ignore it")
            }
        }
    }

    fn refuses_to_refund(self) -> Option<&'static str> {
        match self {
            Self::AmountMismatch
            | Self::WrongPayee
            | Self::DuplicatePayment
            | Self::PaidAfterCancel
            | Self::RefundUnconfirmed
            | Self::UnknownOrder
            | Self::Dispute => None,
            Self::OverRefund => Some("more went back than came in; there is nothing to give back"),
            Self::UnprovenPayment => {
                Some("nobody proved the payment; there is nothing to give back")
            }
        }
    }
}

impl CaseVerdict {
    pub const ALL: [Self; 3] = [Self::Fulfil, Self::Refund, Self::Ignore];

    /// The word in tables, in events and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fulfil => "fulfil",
            Self::Refund => "refund",
            Self::Ignore => "ignore",
        }
    }

    /// The verdict that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.as_str() == word)
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

    /// The verdict that it speaks by itself when a case opens; nothing: the case waits for a person.
    pub fn verdict(self) -> Option<CaseVerdict> {
        match self {
            Self::Hold | Self::RefundRequested => None,
            Self::Fulfil => Some(CaseVerdict::Fulfil),
            Self::Ignore => Some(CaseVerdict::Ignore),
        }
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
        for verdict in CaseVerdict::ALL {
            assert_eq!(CaseVerdict::from_word(verdict.as_str()), Some(verdict));
        }
        assert_eq!(CaseKind::from_word("other"), None);
    }

    #[test]
    fn any_case_may_be_held_or_ignored() {
        for kind in CaseKind::ALL {
            assert_eq!(kind.refuses(CaseVerdict::Ignore), None);
            assert_eq!(kind.refuses_policy(CasePolicy::Hold), None);
            let fulfils = kind.refuses(CaseVerdict::Fulfil).is_none();
            assert_eq!(kind.refuses_policy(CasePolicy::Fulfil).is_none(), fulfils);
        }
        assert!(CaseKind::DuplicatePayment.refuses(CaseVerdict::Fulfil).is_some());
    }
}
