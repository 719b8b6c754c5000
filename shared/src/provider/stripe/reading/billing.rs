//! What Stripe's billing says: invoices and subscriptions.

use super::super::super::Unreadable;
use super::super::super::json::Json;
use super::super::super::json::field::{optional, required, unix_time};
use super::Event;
use crate::notification::{
    AgreementChange, AgreementFact, Fact, PaymentFact, PaymentStatus, Revival,
};

impl Event<'_> {
    /// An invoice counts if it charges a subscription, or if the shop named an order on it. Others stand
    /// beside a payment that is told elsewhere, such as the receipt of a checkout.
    pub(super) fn invoice(
        &self,
        status: PaymentStatus,
        amount: &str,
    ) -> Result<Option<Fact>, Unreadable> {
        let (agreement, named) = (self.charged_subscription()?, self.named_order()?);
        let amount = self.money(amount)?;
        // A trial begins with an invoice over nothing.
        if (agreement.is_none() && named.is_none()) || amount.minor == 0 {
            return Ok(None);
        }
        let transaction = self.invoice_transaction()?;
        let paid_at = ["status_transitions", "paid_at"];
        let is_told = status.proves_payment() && !self.object.at(&paid_at).is_null();
        let occurred_at = if is_told { unix_time(self.object, &paid_at)? } else { self.at()? };
        Ok(Some(Fact::Payment(PaymentFact {
            order_number: named.unwrap_or_else(|| transaction.clone()),
            transaction,
            status,
            amount,
            occurred_at,
            refund_total: None,
            agreement,
        })))
    }

    pub(super) fn invoice_failed(&self) -> Result<Option<Fact>, Unreadable> {
        let Some(agreement) = self.charged_subscription()? else { return Ok(None) };
        let invoice = required(self.object, &["id"])?;
        let attempt = self.object.at(&["attempt_count"]).integer();
        let charge = attempt.map(|attempt| format!("{invoice}/{attempt}")).unwrap_or(invoice);
        let amount = Some(self.money("amount_due")?);
        let change = AgreementChange::ChargeFailed { charge, amount };
        self.agreement(agreement, None, change)
    }

    /// `past_due` and `incomplete` change nothing yet: Stripe goes on trying to charge.
    pub(super) fn subscription(&self) -> Result<Option<Fact>, Unreadable> {
        match required(self.object, &["status"])?.as_str() {
            "active" | "trialing" => {
                let end = ["cancel_at"];
                let valid_until = match self.object.at(&end) {
                    Json::Null => None,
                    _ => Some(unix_time(self.object, &end)?),
                };
                self.subscribed(AgreementChange::Signed { valid_until })
            }
            "canceled" | "incomplete_expired" | "paused" | "unpaid" => self.subscription_ended(),
            _ => Ok(None),
        }
    }

    pub(super) fn subscription_ended(&self) -> Result<Option<Fact>, Unreadable> {
        self.subscribed(AgreementChange::Ended)
    }

    fn subscribed(&self, change: AgreementChange) -> Result<Option<Fact>, Unreadable> {
        let number = optional(self.object, &["metadata", &self.reader.subscription_key])?;
        self.agreement(required(self.object, &["id"])?, number, change)
    }

    fn agreement(
        &self,
        agreement: String,
        subscription_no: Option<String>,
        change: AgreementChange,
    ) -> Result<Option<Fact>, Unreadable> {
        let (occurred_at, revival) = (self.at()?, Revival::ByLaterTime);
        let fact = AgreementFact { agreement, subscription_no, change, occurred_at, revival };
        Ok(Some(Fact::Agreement(fact)))
    }

    /// Since version 2025-03-31 the subscription stands below the invoice's parent.
    fn charged_subscription(&self) -> Result<Option<String>, Unreadable> {
        match optional(self.object, &["subscription"])? {
            Some(subscription) => Ok(Some(subscription)),
            None => optional(self.object, &["parent", "subscription_details", "subscription"]),
        }
    }

    /// The intent where the invoice shows it, because refunds and disputes name that; else itself.
    fn invoice_transaction(&self) -> Result<String, Unreadable> {
        if let Some(intent) = optional(self.object, &["payment_intent"])? {
            return Ok(intent);
        }
        if let [payment] = self.object.at(&["payments", "data"]).list()
            && let Some(intent) = optional(payment, &["payment", "payment_intent"])?
        {
            return Ok(intent);
        }
        required(self.object, &["id"])
    }
}
