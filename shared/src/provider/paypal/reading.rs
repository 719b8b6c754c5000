//! What a PayPal event says: developer.paypal.com, Webhooks › Event names, and its samples.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::Unreadable;
use super::super::json::Json;
use crate::money::{Currency, Money};
use crate::notification::{
    AgreementChange, AgreementFact, Evidence, Fact, Notification, PaymentFact, PaymentStatus,
    RefundFact, RefundStatus, Revival,
};

mod dispute;

/// Fields that tell of the payer, or that the shop fills as it likes.
pub(super) const PERSONAL: [&str; 19] = [
    "payer",
    "payer_id",
    "subscriber",
    "buyer",
    "shipping",
    "shipping_address",
    "name",
    "email",
    "email_address",
    "phone",
    "phone_number",
    "address",
    "payment_source",
    "custom",
    "custom_id",
    "note_to_payer",
    "description",
    "note",
    "links",
];
/// PayPal's numbers have at most 64 characters.
const NUMBER_MAX_BYTES: usize = 128;
/// The sign that an amount may bear: the first version writes what went back as less than nothing.
const NONE: &str = "";
const MINUS: &str = "-";

/// Reads one event. Only a dispute of several payments says several things.
pub(super) fn read(body: &[u8]) -> Result<Vec<Notification>, Unreadable> {
    let json = Json::parse(body).ok_or(Unreadable::Malformed("no JSON, or a repeated key"))?;
    let event = Event { json: &json };
    let kind = event.required(&["event_type"])?;
    let identity = format!("{}/{kind}", event.required(&["id"])?);
    if kind.starts_with("CUSTOMER.DISPUTE.") {
        return event.disputes(&identity, &kind);
    }
    let fact = event.fact(&kind)?;
    Ok(vec![Notification { identity, kind, fact }])
}

/// Every merchant that the event says is paid, or disputed with.
pub(super) fn merchants(json: &Json) -> impl Iterator<Item = &str> {
    let units = json.at(&["resource", "purchase_units"]).list().iter();
    let disputed = json.at(&["resource", "disputed_transactions"]).list().iter();
    let payee = json.at(&["resource", "payee", "merchant_id"]);
    std::iter::once(payee)
        .chain(units.map(|unit| unit.at(&["payee", "merchant_id"])))
        .chain(disputed.map(|transaction| transaction.at(&["seller", "merchant_id"])))
        .filter_map(Json::text)
}

/// What the event is about: a payment, whatever happens to it.
pub(super) fn subject(json: &Json) -> String {
    let event = Event { json };
    let disputed = || dispute::transactions(json).next().map(ToOwned::to_owned);
    let own = || json.at(&["resource", "id"]).text().map(ToOwned::to_owned);
    event.refunded().or_else(disputed).or_else(own).unwrap_or_default()
}

struct Event<'a> {
    json: &'a Json,
}

impl Event<'_> {
    /// A number or a name; what is empty counts as absent.
    fn optional(&self, path: &[&str]) -> Result<Option<String>, Unreadable> {
        match self.json.at(path).text() {
            None => Ok(None),
            Some(text) if is_number(text) => Ok(Some(text.to_owned())),
            Some(_) => {
                Err(Unreadable::Malformed("a field is too long, or has a control character"))
            }
        }
    }

    fn required(&self, path: &[&str]) -> Result<String, Unreadable> {
        self.optional(path)?.ok_or(Unreadable::Malformed("a field is missing"))
    }

    /// The fact that an event of this type states; nothing for types that we do not know.
    fn fact(&self, kind: &str) -> Result<Option<Fact>, Unreadable> {
        match kind {
            "CHECKOUT.ORDER.APPROVED" => self.approval(&["resource", "id"], PaymentStatus::Pending),
            "CHECKOUT.PAYMENT-APPROVAL.REVERSED" => {
                self.approval(&["resource", "order_id"], PaymentStatus::Closed)
            }
            "PAYMENT.CAPTURE.COMPLETED" | "PAYMENT.SALE.COMPLETED" => {
                self.payment(PaymentStatus::Succeeded)
            }
            "PAYMENT.CAPTURE.PENDING" | "PAYMENT.SALE.PENDING" => {
                self.payment(PaymentStatus::Pending)
            }
            "PAYMENT.CAPTURE.DENIED" | "PAYMENT.CAPTURE.DECLINED" | "PAYMENT.SALE.DENIED" => {
                self.payment(PaymentStatus::Failed)
            }
            "PAYMENT.AUTHORIZATION.CREATED" => self.payment(PaymentStatus::Authorised),
            "PAYMENT.AUTHORIZATION.VOIDED" => self.payment(PaymentStatus::Closed),
            // A reversal takes the money back as a refund does; PayPal made it, not the shop.
            "PAYMENT.CAPTURE.REFUNDED"
            | "PAYMENT.SALE.REFUNDED"
            | "PAYMENT.CAPTURE.REVERSED"
            | "PAYMENT.SALE.REVERSED" => self.refund(RefundStatus::Succeeded),
            "PAYMENT.REFUND.PENDING" => self.refund(RefundStatus::Pending),
            "PAYMENT.REFUND.FAILED" => self.refund(RefundStatus::Failed),
            "BILLING.SUBSCRIPTION.ACTIVATED" | "BILLING.SUBSCRIPTION.RE-ACTIVATED" => {
                self.agreement(AgreementChange::Signed { valid_until: None })
            }
            // A suspended one may not be charged until it is activated again.
            "BILLING.SUBSCRIPTION.CANCELLED"
            | "BILLING.SUBSCRIPTION.EXPIRED"
            | "BILLING.SUBSCRIPTION.SUSPENDED" => self.agreement(AgreementChange::Ended),
            "BILLING.SUBSCRIPTION.PAYMENT.FAILED" => self.failed_charge(),
            _ => Ok(None),
        }
    }

    /// A capture, a sale or an authorisation: a transaction of its own.
    fn payment(&self, status: PaymentStatus) -> Result<Option<Fact>, Unreadable> {
        let transaction = self.required(&["resource", "id"])?;
        let agreement = self.optional(&["resource", "billing_agreement_id"])?;
        let order_number = self.order_number(agreement.is_some());
        Ok(Some(Fact::Payment(PaymentFact {
            order_number: order_number.unwrap_or_else(|| transaction.clone()),
            transaction,
            status,
            amount: self.money(self.json.at(&["resource", "amount"]), NONE)?,
            occurred_at: self.time(&[
                &["resource", "update_time"],
                &["resource", "create_time"],
                &["create_time"],
            ])?,
            refund_total: None,
            agreement,
        })))
    }

    /// What the buyer approved, before any money is captured: known by PayPal's order.
    fn approval(&self, number: &[&str], status: PaymentStatus) -> Result<Option<Fact>, Unreadable> {
        let transaction = self.required(number)?;
        // Of several units each has an order of its own, and none has a transaction yet.
        let [unit] = self.json.at(&["resource", "purchase_units"]).list() else {
            return Ok(None);
        };
        if unit.at(&["amount"]).is_null() {
            return Ok(None);
        }
        let named = ["custom_id", "invoice_id"].iter().find_map(|key| shown(unit.at(&[key])));
        Ok(Some(Fact::Payment(PaymentFact {
            order_number: named.unwrap_or_else(|| transaction.clone()),
            transaction,
            status,
            amount: self.money(unit.at(&["amount"]), NONE)?,
            occurred_at: self.time(&[
                &["resource", "update_time"],
                &["create_time"],
                &["resource", "create_time"],
            ])?,
            refund_total: None,
            agreement: None,
        })))
    }

    /// The number under which the shop offered the order: the shop's own where PayPal repeats one, else
    /// PayPal's. What all charges of an agreement share is no order's.
    fn order_number(&self, is_charge: bool) -> Option<String> {
        let resource = |key| shown(self.json.at(&["resource", key]));
        let own = || resource("custom_id").or_else(|| resource("custom"));
        let invoice = || resource("invoice_id").or_else(|| resource("invoice_number"));
        let related =
            || shown(self.json.at(&["resource", "supplementary_data", "related_ids", "order_id"]));
        let above = || self.linked("up", "/checkout/orders/");
        if is_charge {
            return invoice();
        }
        let named = own().or_else(invoice).or_else(related).or_else(above);
        named.or_else(|| resource("parent_payment"))
    }

    fn refund(&self, status: RefundStatus) -> Result<Option<Fact>, Unreadable> {
        Ok(Some(Fact::Refund(RefundFact {
            transaction: self.refunded().ok_or(Unreadable::Malformed("a field is missing"))?,
            refund: self.required(&["resource", "id"])?,
            order_number: None,
            refund_no: shown(self.json.at(&["resource", "invoice_id"])),
            status,
            amount: self.money(self.json.at(&["resource", "amount"]), MINUS)?,
            occurred_at: self.time(&[
                &["resource", "update_time"],
                &["resource", "create_time"],
                &["create_time"],
            ])?,
            evidence: Evidence::Signed,
        })))
    }

    /// The payment that a refund is about.
    fn refunded(&self) -> Option<String> {
        let stated = shown(self.json.at(&["resource", "sale_id"]));
        let linked =
            [("up", "/captures/"), ("sale", "/sale/"), ("self", "/sale/"), ("self", "/captures/")];
        stated.or_else(|| linked.iter().find_map(|(rel, folder)| self.linked(rel, folder)))
    }

    /// The last part of the resource's link of this relation, below this folder.
    fn linked(&self, relation: &str, folder: &str) -> Option<String> {
        let links = self.json.at(&["resource", "links"]).list().iter();
        let mut of = links.filter(|link| link.at(&["rel"]).text() == Some(relation));
        let (_, number) = of.find_map(|link| link.at(&["href"]).text()?.rsplit_once(folder))?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let is_one = !number.is_empty() && number.bytes().all(is_plain) && is_number(number);
        is_one.then(|| number.to_owned())
    }

    fn agreement(&self, change: AgreementChange) -> Result<Option<Fact>, Unreadable> {
        self.changed(
            change,
            &[&["resource", "status_update_time"], &["resource", "update_time"], &["create_time"]],
        )
    }

    fn failed_charge(&self) -> Result<Option<Fact>, Unreadable> {
        let failed = ["resource", "billing_info", "last_failed_payment"];
        let amount = match self.json.at(&failed).at(&["amount"]) {
            Json::Null => None,
            amount => Some(self.money(amount, NONE)?),
        };
        // PayPal numbers no attempt; each is an event of its own.
        let charge = self.required(&["id"])?;
        let time = ["resource", "billing_info", "last_failed_payment", "time"];
        self.changed(AgreementChange::ChargeFailed { charge, amount }, &[&time, &["create_time"]])
    }

    fn changed(
        &self,
        change: AgreementChange,
        times: &[&[&str]],
    ) -> Result<Option<Fact>, Unreadable> {
        Ok(Some(Fact::Agreement(AgreementFact {
            agreement: self.required(&["resource", "id"])?,
            subscription_no: shown(self.json.at(&["resource", "custom_id"])),
            change,
            occurred_at: self.time(times)?,
            revival: Revival::ByLaterTime,
        })))
    }

    /// An amount of the second or the first version of PayPal's resources, which may bear this sign.
    fn money(&self, amount: &Json, sign: &str) -> Result<Money, Unreadable> {
        let inexact = Unreadable::Malformed("an amount is missing, or not exact");
        let first = |keys: [&str; 2]| keys.iter().find_map(|key| amount.at(&[key]).text());
        let (Some(value), Some(letters)) =
            (first(["value", "total"]), first(["currency_code", "currency"]))
        else {
            return Err(inexact);
        };
        let currency: Currency = letters.parse().map_err(|_| inexact)?;
        let value = value.strip_prefix(sign).unwrap_or(value);
        // Zeros beyond the currency's decimals say nothing.
        let whole = value.trim_end_matches('0').strip_suffix('.');
        Money::from_decimal(whole.unwrap_or(value), currency).map_err(|_| inexact)
    }

    /// The first of these times that is given.
    fn time(&self, paths: &[&[&str]]) -> Result<OffsetDateTime, Unreadable> {
        let text = paths.iter().find_map(|path| self.json.at(path).text());
        let text = text.ok_or(Unreadable::Malformed("a time is missing"))?;
        OffsetDateTime::parse(text, &Rfc3339)
            .map_err(|_| Unreadable::Malformed("a time is not in the provider's form"))
    }
}

/// May this text be a number? What a merchant wrote may be anything.
fn is_number(text: &str) -> bool {
    text.len() <= NUMBER_MAX_BYTES && !text.chars().any(char::is_control)
}

/// The text, if it may be a number.
fn shown(json: &Json) -> Option<String> {
    json.text().filter(|text| is_number(text)).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests;
