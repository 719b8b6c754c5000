//! Disputes: one may be about several payments, each of which is disputed by itself.

use super::super::super::Unreadable;
use super::super::super::json::Json;
use super::{Event, NONE, is_number};
use crate::notification::{DisputeFact, DisputeStatus, Fact, Notification};

/// Payments that one dispute may be about.
const TRANSACTIONS_MAX: usize = 32;

/// The payments that a dispute is about, by the seller's numbers.
pub(super) fn transactions(json: &Json) -> impl Iterator<Item = &str> {
    let disputed = json.at(&["resource", "disputed_transactions"]).list().iter();
    disputed.filter_map(|transaction| transaction.at(&["seller_transaction_id"]).text())
}

impl Event<'_> {
    /// One notification for each payment.
    pub(super) fn disputes(
        &self,
        identity: &str,
        kind: &str,
    ) -> Result<Vec<Notification>, Unreadable> {
        let Some(status) = self.dispute_status(kind) else {
            let (identity, kind) = (identity.to_owned(), kind.to_owned());
            return Ok(vec![Notification { identity, kind, fact: None }]);
        };
        let list = self.json.at(&["resource", "disputed_transactions"]).list();
        if list.is_empty() || list.len() > TRANSACTIONS_MAX {
            return Err(Unreadable::Malformed("a dispute of no payment, or of too many"));
        }
        let dispute = self.required(&["resource", "dispute_id"])?;
        let occurred_at = self.time(&[
            &["resource", "update_time"],
            &["resource", "create_time"],
            &["create_time"],
        ])?;
        let mut notifications = vec![];
        for disputed in list {
            let number = disputed.at(&["seller_transaction_id"]).text();
            let transaction = number
                .filter(|number| is_number(number))
                .ok_or(Unreadable::Malformed("a field is missing"))?
                .to_owned();
            // The dispute's amount is that of all its payments together.
            let own = disputed.at(&["gross_amount"]);
            let amount = match own {
                own if list.len() > 1 && !own.is_null() => own,
                _ => self.json.at(&["resource", "dispute_amount"]),
            };
            notifications.push(Notification {
                identity: format!("{identity}/{transaction}"),
                kind: kind.to_owned(),
                fact: Some(Fact::Dispute(DisputeFact {
                    transaction,
                    dispute: dispute.clone(),
                    order_number: None,
                    status,
                    amount: self.money(amount, NONE)?,
                    occurred_at,
                })),
            });
        }
        Ok(notifications)
    }

    /// How the dispute stands; nothing for an event that we do not know.
    fn dispute_status(&self, kind: &str) -> Option<DisputeStatus> {
        match kind {
            "CUSTOMER.DISPUTE.CREATED" => Some(DisputeStatus::Opened),
            "CUSTOMER.DISPUTE.UPDATED" | "CUSTOMER.DISPUTE.RESOLVED" => Some(self.outcome()),
            _ => None,
        }
    }

    /// Where the outcome leaves open who has the money, the dispute stays open, for a person to see.
    fn outcome(&self) -> DisputeStatus {
        match self.json.at(&["resource", "dispute_outcome", "outcome_code"]).text() {
            Some("RESOLVED_BUYER_FAVOUR" | "ACCEPTED") => DisputeStatus::Lost,
            Some(
                "RESOLVED_SELLER_FAVOUR" | "RESOLVED_WITH_PAYOUT" | "CANCELED_BY_BUYER" | "DENIED",
            ) => DisputeStatus::Won,
            Some(_) | None => DisputeStatus::Opened,
        }
    }
}
