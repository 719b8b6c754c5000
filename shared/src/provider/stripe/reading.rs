//! What a Stripe event says: docs.stripe.com/api/events/types.
//!
//! **Invariant**: one transaction is proven by objects of one family, and all of them name the same
//! order. So a payment intent that belongs to an invoice says nothing, because the invoice does; and a
//! charge says nothing of its own but how much of it went back.

use time::OffsetDateTime;

use super::super::Unreadable;
use super::super::json::Json;
use super::super::json::field::{count, optional, required, unix_time};
use super::{OrderFrom, Reader};
use crate::money::{Currency, Money};
use crate::notification::{
    DisputeFact, DisputeStatus, Evidence, Fact, Notification, PaymentFact, PaymentStatus,
    RefundFact, RefundStatus, RefundTotal,
};

mod billing;

/// Reads one event.
pub(super) fn read(reader: &Reader, body: &[u8]) -> Result<Notification, Unreadable> {
    let json = Json::parse(body).ok_or(Unreadable::Malformed("no JSON"))?;
    let (identity, kind) = (required(&json, &["id"])?, required(&json, &["type"])?);
    let event = Event { reader, json: &json, object: json.at(&["data", "object"]) };
    // A thin event says that something happened, and not what.
    let is_snapshot = json.at(&["object"]).text() == Some("event");
    let fact = if is_snapshot { event.fact(&kind)? } else { None };
    Ok(Notification { identity, kind, fact })
}

struct Event<'a> {
    reader: &'a Reader,
    json: &'a Json,
    /// What changed, as it stood after the change.
    object: &'a Json,
}

impl Event<'_> {
    fn fact(&self, kind: &str) -> Result<Option<Fact>, Unreadable> {
        match kind {
            "payment_intent.succeeded" => self.intent(PaymentStatus::Succeeded, "amount_received"),
            "payment_intent.canceled" => self.intent(PaymentStatus::Closed, "amount"),
            "payment_intent.payment_failed" => self.intent(PaymentStatus::Failed, "amount"),
            "payment_intent.amount_capturable_updated" => {
                self.intent(PaymentStatus::Authorised, "amount")
            }
            "payment_intent.processing" | "payment_intent.requires_action" => {
                self.intent(PaymentStatus::Pending, "amount")
            }
            "checkout.session.completed" => self.session(None),
            "checkout.session.async_payment_succeeded" => {
                self.session(Some(PaymentStatus::Succeeded))
            }
            "checkout.session.async_payment_failed" => self.session(Some(PaymentStatus::Failed)),
            "checkout.session.expired" => self.session(Some(PaymentStatus::Closed)),
            "charge.refunded" => self.charge_refunded(),
            "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
                self.refund()
            }
            "charge.dispute.created"
            | "charge.dispute.updated"
            | "charge.dispute.closed"
            | "charge.dispute.funds_withdrawn"
            | "charge.dispute.funds_reinstated" => self.dispute(),
            "invoice.paid" => self.invoice(PaymentStatus::Succeeded, "amount_paid"),
            "invoice.payment_action_required" => self.invoice(PaymentStatus::Pending, "amount_due"),
            "invoice.payment_failed" => self.invoice_failed(),
            "customer.subscription.created"
            | "customer.subscription.updated"
            | "customer.subscription.paused"
            | "customer.subscription.resumed" => self.subscription(),
            "customer.subscription.deleted" => self.subscription_ended(),
            _ => Ok(None),
        }
    }

    /// One attempt after another may fail on one intent; it is the transaction.
    fn intent(&self, status: PaymentStatus, amount: &str) -> Result<Option<Fact>, Unreadable> {
        if self.reader.order_from != OrderFrom::PaymentIntent || self.is_of_an_invoice()? {
            return Ok(None);
        }
        let transaction = required(self.object, &["id"])?;
        let order_number = self.named_order()?;
        self.payment(transaction, order_number, status, amount)
    }

    /// Without a status, the session's `payment_status` tells: a completed one may still be unpaid.
    fn session(&self, status: Option<PaymentStatus>) -> Result<Option<Fact>, Unreadable> {
        let is_purchase = self.object.at(&["mode"]).text() == Some("payment");
        if self.reader.order_from != OrderFrom::CheckoutSession || !is_purchase {
            return Ok(None);
        }
        let status = match (status, required(self.object, &["payment_status"])?.as_str()) {
            (Some(status), _) => status,
            (None, "paid" | "no_payment_required") => PaymentStatus::Succeeded,
            (None, "unpaid") => PaymentStatus::Pending,
            (None, _) => return Ok(None),
        };
        // Nothing was paid where none was required, so there is no intent.
        let transaction = match optional(self.object, &["payment_intent"])? {
            Some(intent) => intent,
            None => required(self.object, &["id"])?,
        };
        let named = match self.named_order()? {
            Some(number) => Some(number),
            None => optional(self.object, &["client_reference_id"])?,
        };
        self.payment(transaction, named, status, "amount_total")
    }

    /// Intents copy their metadata to their charges, so a charge that names an order names the same.
    fn charge_refunded(&self) -> Result<Option<Fact>, Unreadable> {
        let is_captured = self.object.at(&["captured"]).boolean() == Some(true);
        let (Some(transaction), Some(order_number)) =
            (optional(self.object, &["payment_intent"])?, self.named_order()?)
        else {
            return Ok(None);
        };
        let from_intents = self.reader.order_from == OrderFrom::PaymentIntent;
        if !from_intents || !is_captured || self.is_of_an_invoice()? {
            return Ok(None);
        }
        let (amount, back) =
            (count(self.object, &["amount"])?, count(self.object, &["amount_refunded"])?);
        let captured = count(self.object, &["amount_captured"])?;
        // What was authorised and not captured counts as refunded with Stripe, but was never paid.
        let back = back - (amount - captured).max(0);
        if back <= 0 {
            return Ok(None);
        }
        let currency = self.currency()?;
        let refund_total = RefundTotal {
            total_minor: money(back, currency).minor,
            refund_no: None,
            occurred_at: self.at()?,
        };
        Ok(Some(Fact::Payment(PaymentFact {
            transaction,
            order_number,
            status: PaymentStatus::Succeeded,
            amount: money(captured, currency),
            occurred_at: unix_time(self.object, &["created"])?,
            refund_total: Some(refund_total),
            agreement: None,
        })))
    }

    fn refund(&self) -> Result<Option<Fact>, Unreadable> {
        // An authorisation that ran out: nothing was captured, so nothing goes back.
        if self.object.at(&["reason"]).text() == Some("expired_uncaptured_charge") {
            return Ok(None);
        }
        let status = match required(self.object, &["status"])?.as_str() {
            "pending" | "requires_action" => RefundStatus::Pending,
            "succeeded" => RefundStatus::Succeeded,
            "canceled" => RefundStatus::Closed,
            // It may fail after it succeeded, and never succeeds after it failed.
            "failed" => RefundStatus::Reversed,
            _ => return Ok(None),
        };
        Ok(Some(Fact::Refund(RefundFact {
            transaction: self.paid_by()?,
            refund: required(self.object, &["id"])?,
            order_number: None,
            refund_no: None,
            status,
            amount: self.money("amount")?,
            occurred_at: self.at()?,
            evidence: Evidence::Signed,
        })))
    }

    fn dispute(&self) -> Result<Option<Fact>, Unreadable> {
        let status = match required(self.object, &["status"])?.as_str() {
            "warning_needs_response"
            | "warning_under_review"
            | "needs_response"
            | "under_review" => DisputeStatus::Opened,
            "won" | "warning_closed" | "prevented" => DisputeStatus::Won,
            "lost" => DisputeStatus::Lost,
            _ => return Ok(None),
        };
        Ok(Some(Fact::Dispute(DisputeFact {
            transaction: self.paid_by()?,
            dispute: required(self.object, &["id"])?,
            order_number: None,
            status,
            amount: self.money("amount")?,
            occurred_at: self.at()?,
        })))
    }

    fn payment(
        &self,
        transaction: String,
        order_number: Option<String>,
        status: PaymentStatus,
        amount: &str,
    ) -> Result<Option<Fact>, Unreadable> {
        Ok(Some(Fact::Payment(PaymentFact {
            order_number: order_number.unwrap_or_else(|| transaction.clone()),
            transaction,
            status,
            amount: self.money(amount)?,
            occurred_at: self.at()?,
            refund_total: None,
            agreement: None,
        })))
    }

    /// The transaction behind a refund or a dispute; old charges have no intent.
    fn paid_by(&self) -> Result<String, Unreadable> {
        match optional(self.object, &["payment_intent"])? {
            Some(intent) => Ok(intent),
            None => required(self.object, &["charge"]),
        }
    }

    fn named_order(&self) -> Result<Option<String>, Unreadable> {
        optional(self.object, &["metadata", &self.reader.order_key])
    }

    /// Until version 2025-03-31 an intent names its invoice; since then Stripe writes it here.
    fn is_of_an_invoice(&self) -> Result<bool, Unreadable> {
        let reference = optional(self.object, &["payment_details", "order_reference"])?;
        let named = optional(self.object, &["invoice"])?;
        Ok(named.is_some() || reference.is_some_and(|reference| reference.starts_with("in_")))
    }

    fn money(&self, key: &str) -> Result<Money, Unreadable> {
        Ok(money(count(self.object, &[key])?, self.currency()?))
    }

    fn currency(&self) -> Result<Currency, Unreadable> {
        let letters = required(self.object, &["currency"])?.to_ascii_uppercase();
        letters.parse().map_err(|_| Unreadable::Malformed("not a currency"))
    }

    /// When it happened, which is when the event was made.
    fn at(&self) -> Result<OffsetDateTime, Unreadable> {
        unix_time(self.json, &["created"])
    }
}

fn money(value: i64, currency: Currency) -> Money {
    Money::from_minor_at(value, decimals(currency), currency)
}

/// Source: docs.stripe.com/currencies. ISK and UGX have no decimals any more, and Stripe goes on to
/// count both in hundredths.
pub fn decimals(currency: Currency) -> u32 {
    match currency.as_str() {
        "BIF" | "CLP" | "DJF" | "GNF" | "JPY" | "KMF" | "KRW" | "MGA" | "PYG" | "RWF" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "JOD" | "KWD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}
