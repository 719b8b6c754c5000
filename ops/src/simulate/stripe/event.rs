//! One purchase in the events that Stripe would send of it.

use serde_json::{Value, json};
use shared::money::Money;
use shared::provider::stripe::{Section, decimals};
use time::OffsetDateTime;

use crate::simulate::Scenario;
use crate::simulate::purchase::{Purchase, another_if, minor_at};

const API_VERSION: &str = "2025-06-30.basil";
/// The connected account where the section names none.
const ANOTHER_ACCOUNT: &str = "acct_1Q0000000000000A";

/// A scenario's type, when it happened, and what changed by it.
pub(super) type Story =
    (Scenario, &'static str, fn(&Purchase) -> OffsetDateTime, fn(&Event<'_>) -> Value);

/// How a payment is told where intents prove it.
pub(super) const BY_INTENT: &[Story] = &[
    (Scenario::Paid, "payment_intent.succeeded", Purchase::paid_at, |event| {
        event.intent("succeeded")
    }),
    (Scenario::Closed, "payment_intent.canceled", Purchase::closed_at, |event| {
        event.intent("canceled")
    }),
    (Scenario::Failed, "payment_intent.payment_failed", Purchase::paid_at, |event| {
        event.intent("requires_payment_method")
    }),
    (Scenario::Pending, "payment_intent.processing", Purchase::created_at, |event| {
        event.intent("processing")
    }),
    (
        Scenario::Authorised,
        "payment_intent.amount_capturable_updated",
        Purchase::created_at,
        |event| event.intent("requires_capture"),
    ),
];
/// The same where checkout sessions do.
pub(super) const BY_SESSION: &[Story] = &[
    (Scenario::Paid, "checkout.session.completed", Purchase::paid_at, |event| {
        event.session("complete", "paid")
    }),
    (Scenario::Closed, "checkout.session.expired", Purchase::closed_at, |event| {
        event.session("expired", "unpaid")
    }),
    (Scenario::Failed, "checkout.session.async_payment_failed", Purchase::paid_at, |event| {
        event.session("complete", "unpaid")
    }),
    (Scenario::Pending, "checkout.session.completed", Purchase::created_at, |event| {
        event.session("complete", "unpaid")
    }),
];
pub(super) const ALWAYS: &[Story] = &[
    (Scenario::RefundPartial, "refund.updated", Purchase::refunded_at, |event| {
        event.refund("succeeded")
    }),
    (Scenario::RefundFull, "refund.updated", Purchase::refunded_at, |event| {
        event.refund("succeeded")
    }),
    (Scenario::RefundReversed, "refund.failed", Purchase::refunded_at, |event| {
        event.refund("failed")
    }),
    (Scenario::UnknownType, "customer.created", Purchase::created_at, |event| event.customer()),
    (Scenario::AgreementSigned, "customer.subscription.created", Purchase::created_at, |event| {
        event.subscription("active")
    }),
    (Scenario::AgreementCharged, "invoice.paid", Purchase::paid_at, |event| event.invoice(true)),
    (Scenario::ChargeFailed, "invoice.payment_failed", Purchase::paid_at, |event| {
        event.invoice(false)
    }),
    (Scenario::AgreementEnded, "customer.subscription.deleted", Purchase::ended_at, |event| {
        event.subscription("canceled")
    }),
    (Scenario::DisputeOpened, "charge.dispute.created", Purchase::disputed_at, |event| {
        event.dispute("needs_response")
    }),
    (Scenario::DisputeWon, "charge.dispute.closed", Purchase::judged_at, |event| {
        event.dispute("won")
    }),
    (Scenario::DisputeLost, "charge.dispute.closed", Purchase::judged_at, |event| {
        event.dispute("lost")
    }),
];

/// The numbers of one purchase with Stripe.
pub(super) struct Event<'a> {
    purchase: Purchase,
    section: &'a Section,
    pub(super) id: String,
    intent: String,
    charge: String,
    customer: String,
    subscription: String,
}

impl<'a> Event<'a> {
    pub(super) fn new(purchase: Purchase, section: &'a Section) -> Self {
        let mut of_transaction = purchase.of_transaction();
        Self {
            id: format!("evt_1Q{}", purchase.of_notification().letters(22)),
            intent: format!("pi_3Q{}", of_transaction.letters(22)),
            charge: format!("ch_3Q{}", of_transaction.letters(22)),
            customer: format!("cus_{}", purchase.of_payer().letters(14)),
            subscription: format!("sub_1Q{}", purchase.of_agreement().letters(22)),
            purchase,
            section,
        }
    }

    /// The whole event.
    pub(super) fn body(&self, (_, kind, at, object): &Story) -> String {
        let is_live = self.section.livemode != self.is(Scenario::WrongEnvironment);
        let mut event = json!({
            "id": self.id,
            "object": "event",
            "api_version": API_VERSION,
            "created": at(&self.purchase).unix_timestamp(),
            "type": kind,
            "livemode": is_live,
            "pending_webhooks": 1,
            "request": { "id": null, "idempotency_key": null },
            "data": { "object": object(self) },
        });
        if let (Some(account), Some(event)) = (self.account(), event.as_object_mut()) {
            event.insert("account".to_owned(), account.into());
        }
        event.to_string()
    }

    fn account(&self) -> Option<String> {
        let is_wrong = self.is(Scenario::WrongSeller);
        match &self.section.account {
            Some(named) => Some(another_if(is_wrong, named)),
            None => is_wrong.then(|| ANOTHER_ACCOUNT.to_owned()),
        }
    }

    fn is(&self, scenario: Scenario) -> bool {
        self.purchase.scenario == scenario
    }

    fn intent(&self, status: &str) -> Value {
        let (amount, paid) = (self.amount(), status == "succeeded");
        json!({
            "id": self.intent,
            "object": "payment_intent",
            "amount": amount,
            "amount_capturable": if status == "requires_capture" { amount } else { 0 },
            "amount_received": if paid { amount } else { 0 },
            "capture_method": "automatic_async",
            "created": self.purchase.created_at().unix_timestamp(),
            "currency": self.currency(),
            "customer": self.customer,
            "description": "Gift \u{2013} 50% off",
            "latest_charge": self.charge,
            "livemode": self.section.livemode,
            "metadata": { (self.section.order_key.as_str()): self.purchase.order_no },
            "payment_method_types": ["card"],
            "status": status,
        })
    }

    fn session(&self, status: &str, payment_status: &str) -> Value {
        json!({
            "id": format!("cs_test_{}", self.purchase.of_payer().letters(58)),
            "object": "checkout.session",
            "amount_subtotal": self.amount(),
            "amount_total": self.amount(),
            "client_reference_id": self.purchase.order_no,
            "created": self.purchase.created_at().unix_timestamp(),
            "currency": self.currency(),
            "customer": self.customer,
            "livemode": self.section.livemode,
            "metadata": {},
            "mode": "payment",
            "payment_intent": self.intent,
            "payment_status": payment_status,
            "status": status,
        })
    }

    fn refund(&self, status: &str) -> Value {
        json!({
            "id": format!("re_3Q{}", self.purchase.of_refund().letters(22)),
            "object": "refund",
            "amount": minor(self.purchase.refund()),
            "charge": self.charge,
            "created": self.purchase.refunded_at().unix_timestamp(),
            "currency": self.currency(),
            "metadata": {},
            "payment_intent": self.intent,
            "reason": "requested_by_customer",
            "status": status,
        })
    }

    fn dispute(&self, status: &str) -> Value {
        json!({
            "id": format!("du_1Q{}", self.purchase.of_dispute().letters(22)),
            "object": "dispute",
            "amount": self.amount(),
            "charge": self.charge,
            "created": self.purchase.disputed_at().unix_timestamp(),
            "currency": self.currency(),
            "livemode": self.section.livemode,
            "metadata": {},
            "payment_intent": self.intent,
            "reason": "fraudulent",
            "status": status,
        })
    }

    fn subscription(&self, status: &str) -> Value {
        json!({
            "id": self.subscription,
            "object": "subscription",
            "cancel_at": null,
            "created": self.purchase.created_at().unix_timestamp(),
            "currency": self.currency(),
            "customer": self.customer,
            "livemode": self.section.livemode,
            "metadata": { (self.section.subscription_key.as_str()): self.purchase.agreement },
            "status": status,
        })
    }

    fn invoice(&self, is_paid: bool) -> Value {
        let amount = self.amount();
        let paid_at = is_paid.then(|| self.purchase.paid_at().unix_timestamp());
        json!({
            "id": format!("in_1Q{}", self.purchase.of_invoice().letters(22)),
            "object": "invoice",
            "amount_due": amount,
            "amount_paid": if is_paid { amount } else { 0 },
            "attempt_count": 1,
            "billing_reason": "subscription_cycle",
            "created": self.purchase.created_at().unix_timestamp(),
            "currency": self.currency(),
            "customer": self.customer,
            "livemode": self.section.livemode,
            "metadata": { (self.section.order_key.as_str()): self.purchase.order_no },
            "parent": {
                "type": "subscription_details",
                "subscription_details": { "subscription": self.subscription },
            },
            "payments": { "object": "list", "data": [
                { "payment": { "type": "payment_intent", "payment_intent": self.intent } },
            ] },
            "status": if is_paid { "paid" } else { "open" },
            "status_transitions": { "paid_at": paid_at },
        })
    }

    fn customer(&self) -> Value {
        json!({
            "id": self.customer,
            "object": "customer",
            "created": self.purchase.created_at().unix_timestamp(),
            "livemode": self.section.livemode,
            "metadata": {},
        })
    }

    fn amount(&self) -> i64 {
        minor(self.purchase.amount)
    }

    fn currency(&self) -> String {
        self.purchase.amount.currency.as_str().to_ascii_lowercase()
    }
}

fn minor(money: Money) -> i64 {
    minor_at(money, decimals(money.currency))
}
