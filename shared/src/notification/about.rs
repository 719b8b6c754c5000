//! What a fact is about: the numbers that it names.

use super::Fact;

impl Fact {
    /// The provider's transaction that it is about; an agreement is about none.
    pub fn transaction(&self) -> Option<&str> {
        match self {
            Self::Payment(fact) => Some(&fact.transaction),
            Self::Refund(fact) => Some(&fact.transaction),
            Self::Dispute(fact) => Some(&fact.transaction),
            Self::Agreement(_) => None,
        }
    }

    /// The order's number, where it names one.
    pub fn order_number(&self) -> Option<&str> {
        match self {
            Self::Payment(fact) => Some(&fact.order_number),
            Self::Refund(fact) => fact.order_number.as_deref(),
            Self::Dispute(fact) => fact.order_number.as_deref(),
            Self::Agreement(_) => None,
        }
    }

    /// The provider's number of the agreement that it changes, or was charged under.
    pub fn agreement(&self) -> Option<&str> {
        let named = match self {
            Self::Payment(fact) => fact.agreement.as_deref(),
            Self::Agreement(fact) => Some(fact.agreement.as_str()),
            Self::Refund(_) | Self::Dispute(_) => None,
        };
        named.filter(|number| !number.is_empty())
    }

    /// The shop's own number of the agreement, where it is repeated.
    pub fn subscription_no(&self) -> Option<&str> {
        match self {
            Self::Agreement(fact) => fact.subscription_no.as_deref(),
            Self::Payment(_) | Self::Refund(_) | Self::Dispute(_) => None,
        }
    }
}
