//! One purchase in the events that PayPal would send of it.

use serde_json::{Value, json};
use shared::money::Money;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::simulate::Scenario;
use crate::simulate::purchase::{Purchase, another_if};

const API: &str = "https://api.paypal.com";
/// The merchant of an account that names none.
const MERCHANT_ID: &str = "7KNGBPH2U58GQ";

/// A scenario's event type, when it happened, and what it is about.
pub(super) type Story =
    (Scenario, &'static str, fn(&Purchase) -> OffsetDateTime, fn(&Event) -> Value);

pub(super) const STORIES: &[Story] = &[
    (Scenario::Paid, "PAYMENT.CAPTURE.COMPLETED", Purchase::paid_at, |event| {
        event.capture("COMPLETED")
    }),
    (Scenario::RefundPartial, "PAYMENT.CAPTURE.REFUNDED", Purchase::refunded_at, |event| {
        event.refund("COMPLETED")
    }),
    (Scenario::RefundFull, "PAYMENT.CAPTURE.REFUNDED", Purchase::refunded_at, |event| {
        event.refund("COMPLETED")
    }),
    (Scenario::RefundFailed, "PAYMENT.REFUND.FAILED", Purchase::refunded_at, |event| {
        event.refund("FAILED")
    }),
    (Scenario::Closed, "PAYMENT.AUTHORIZATION.VOIDED", Purchase::closed_at, |event| {
        event.authorization("VOIDED")
    }),
    (Scenario::Failed, "PAYMENT.CAPTURE.DENIED", Purchase::paid_at, |event| {
        event.capture("DECLINED")
    }),
    (Scenario::Pending, "PAYMENT.CAPTURE.PENDING", Purchase::created_at, |event| {
        event.capture("PENDING")
    }),
    (Scenario::Authorised, "PAYMENT.AUTHORIZATION.CREATED", Purchase::created_at, |event| {
        event.authorization("CREATED")
    }),
    (Scenario::UnknownType, "CATALOG.PRODUCT.CREATED", Purchase::created_at, |event| {
        event.product()
    }),
    (Scenario::AgreementSigned, "BILLING.SUBSCRIPTION.ACTIVATED", Purchase::created_at, |event| {
        event.subscription("ACTIVE")
    }),
    (Scenario::AgreementCharged, "PAYMENT.SALE.COMPLETED", Purchase::paid_at, |event| event.sale()),
    (Scenario::ChargeFailed, "BILLING.SUBSCRIPTION.PAYMENT.FAILED", Purchase::paid_at, |event| {
        event.failed_charge()
    }),
    (Scenario::AgreementEnded, "BILLING.SUBSCRIPTION.CANCELLED", Purchase::ended_at, |event| {
        event.subscription("CANCELLED")
    }),
    (Scenario::DisputeOpened, "CUSTOMER.DISPUTE.CREATED", Purchase::disputed_at, |event| {
        event.dispute(None)
    }),
    (Scenario::DisputeWon, "CUSTOMER.DISPUTE.RESOLVED", Purchase::judged_at, |event| {
        event.dispute(Some("RESOLVED_SELLER_FAVOUR"))
    }),
    (Scenario::DisputeLost, "CUSTOMER.DISPUTE.RESOLVED", Purchase::judged_at, |event| {
        event.dispute(Some("RESOLVED_BUYER_FAVOUR"))
    }),
];

/// The numbers of one purchase with PayPal.
pub(super) struct Event {
    pub(super) purchase: Purchase,
    pub(super) id: String,
    merchant_id: String,
    capture: String,
    order: String,
    subscription: String,
}

impl Event {
    pub(super) fn new(purchase: Purchase, merchant_id: Option<&str>) -> Self {
        let (mut of_transaction, mut of_notification) =
            (purchase.of_transaction(), purchase.of_notification());
        let is_wrong = purchase.scenario == Scenario::WrongSeller;
        Self {
            id: format!("WH-{}-{}", of_notification.capitals(17), of_notification.capitals(17)),
            merchant_id: another_if(is_wrong, merchant_id.unwrap_or(MERCHANT_ID)),
            capture: of_transaction.capitals(17),
            order: of_transaction.capitals(17),
            subscription: format!("I-{}", purchase.of_agreement().capitals(12)),
            purchase,
        }
    }

    /// The whole event.
    pub(super) fn body(&self, (_, kind, at, resource): &Story) -> String {
        let event = json!({
            "id": self.id,
            "create_time": stamp(at(&self.purchase)),
            "event_type": kind,
            "event_version": "1.0",
            "resource_version": "2.0",
            "resource": resource(self),
            "summary": "Gift \u{2013} 50% off",
            "links": [link("self", &format!("/v1/notifications/webhooks-events/{}", self.id))],
        });
        event.to_string()
    }

    fn capture(&self, status: &str) -> Value {
        json!({
            "id": self.capture,
            "status": status,
            "amount": amount(self.purchase.amount),
            "custom_id": self.purchase.order_no,
            "payee": { "merchant_id": self.merchant_id },
            "supplementary_data": { "related_ids": { "order_id": self.order } },
            "create_time": stamp(self.purchase.created_at()),
            "update_time": stamp(self.purchase.paid_at()),
            "links": [
                link("self", &format!("/v2/payments/captures/{}", self.capture)),
                link("up", &format!("/v2/checkout/orders/{}", self.order)),
            ],
        })
    }

    /// It is a transaction of its own: what is captured of it has another number.
    fn authorization(&self, status: &str) -> Value {
        let mut authorization = self.capture(status);
        let number = self.purchase.of_invoice().capitals(17);
        authorization["links"] = json!([
            link("self", &format!("/v2/payments/authorizations/{number}")),
            link("up", &format!("/v2/checkout/orders/{}", self.order)),
        ]);
        authorization["id"] = number.into();
        authorization
    }

    fn refund(&self, status: &str) -> Value {
        let number = self.purchase.of_refund().capitals(17);
        json!({
            "id": number,
            "status": status,
            "amount": amount(self.purchase.refund()),
            "invoice_id": self.purchase.refund_no(),
            "create_time": stamp(self.purchase.refunded_at()),
            "update_time": stamp(self.purchase.refunded_at()),
            "links": [
                link("self", &format!("/v2/payments/refunds/{number}")),
                link("up", &format!("/v2/payments/captures/{}", self.capture)),
            ],
        })
    }

    /// The first version of PayPal's resources, which subscriptions are charged in.
    fn sale(&self) -> Value {
        let paid = self.purchase.amount;
        json!({
            "id": self.capture,
            "state": "completed",
            "amount": { "total": paid.to_decimal(), "currency": paid.currency.as_str() },
            "billing_agreement_id": self.subscription,
            "custom": self.purchase.agreement,
            "invoice_number": self.purchase.order_no,
            "create_time": stamp(self.purchase.paid_at()),
            "update_time": stamp(self.purchase.paid_at()),
            "links": [link("self", &format!("/v1/payments/sale/{}", self.capture))],
        })
    }

    fn subscription(&self, status: &str) -> Value {
        let ended = status == "CANCELLED";
        let at = if ended { self.purchase.ended_at() } else { self.purchase.created_at() };
        json!({
            "id": self.subscription,
            "plan_id": "P-5ML4271244454362WXNWU5NQ",
            "status": status,
            "custom_id": self.purchase.agreement,
            "create_time": stamp(self.purchase.created_at()),
            "status_update_time": stamp(at),
        })
    }

    fn failed_charge(&self) -> Value {
        let mut subscription = self.subscription("ACTIVE");
        subscription["billing_info"] = json!({
            "failed_payments_count": 1,
            "last_failed_payment": {
                "amount": amount(self.purchase.amount),
                "time": stamp(self.purchase.paid_at()),
            },
        });
        subscription
    }

    fn dispute(&self, outcome: Option<&str>) -> Value {
        let at =
            if outcome.is_some() { self.purchase.judged_at() } else { self.purchase.disputed_at() };
        let mut dispute = json!({
            "dispute_id": format!("PP-D-{}", self.purchase.of_dispute().digits(5)),
            "create_time": stamp(self.purchase.disputed_at()),
            "update_time": stamp(at),
            "disputed_transactions": [{
                "seller_transaction_id": self.capture,
                "seller": { "merchant_id": self.merchant_id },
            }],
            "reason": "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
            "status": if outcome.is_some() { "RESOLVED" } else { "OPEN" },
            "dispute_amount": amount(self.purchase.amount),
        });
        if let Some(outcome) = outcome {
            dispute["dispute_outcome"] = json!({ "outcome_code": outcome });
        }
        dispute
    }

    fn product(&self) -> Value {
        json!({ "id": format!("PROD-{}", self.purchase.of_invoice().capitals(17)), "name": "Gift" })
    }
}

fn amount(money: Money) -> Value {
    json!({ "currency_code": money.currency.as_str(), "value": money.to_decimal() })
}

fn link(relation: &str, path: &str) -> Value {
    json!({ "rel": relation, "href": format!("{API}{path}"), "method": "GET" })
}

fn stamp(at: OffsetDateTime) -> String {
    // Years of four digits always format.
    at.format(&Rfc3339).unwrap_or_default()
}
