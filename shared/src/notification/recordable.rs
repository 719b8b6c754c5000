//! The instants of what was told, as ledgers keep them.

use time::OffsetDateTime;

use super::{AgreementChange, Fact, Notification};
use crate::units::recordable;

impl Notification {
    /// The same with its instants as ledgers keep them; nothing where one cannot be kept.
    pub fn recordable(mut self) -> Option<Self> {
        for at in self.fact.iter_mut().flat_map(Fact::instants) {
            *at = recordable(*at)?;
        }
        Some(self)
    }
}

impl Fact {
    /// Every instant in it.
    fn instants(&mut self) -> Vec<&mut OffsetDateTime> {
        match self {
            Self::Payment(fact) => {
                let refunded_at = fact.refund_total.as_mut().map(|total| &mut total.occurred_at);
                refunded_at.into_iter().chain([&mut fact.occurred_at]).collect()
            }
            Self::Refund(fact) => vec![&mut fact.occurred_at],
            Self::Dispute(fact) => vec![&mut fact.occurred_at],
            Self::Agreement(fact) => {
                let ends_at = match &mut fact.change {
                    AgreementChange::Signed { valid_until } => valid_until.as_mut(),
                    AgreementChange::ChargeFailed { .. } | AgreementChange::Ended => None,
                };
                ends_at.into_iter().chain([&mut fact.occurred_at]).collect()
            }
        }
    }
}
