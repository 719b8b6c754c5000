//! What Adyen's webhooks say: docs.adyen.com, "Webhook types", `eventCode`.
//!
//! **Invariant**: only what an item's signature covers decides about money. The time of an event is
//! not covered; it is kept as Adyen tells it, but never later than it was received.

use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use super::items::{Signed, items};
use super::{Capture, Json, Reader};
use crate::money::{Currency, Money};
use crate::notification::{
    AgreementChange, AgreementFact, DisputeFact, DisputeStatus, Evidence, Fact, Notification,
    PaymentFact, PaymentStatus, RefundFact, RefundStatus, Revival,
};
use crate::provider::json::field::{optional, required, rfc_3339};
use crate::provider::mac::to_hex;
use crate::provider::{Genuine, Unreadable};

/// Bytes of a body's hash that tell webhooks apart which bear no number of their own.
const DIGEST_BYTES: usize = 16;

/// Reads every item; a webhook that is no batch says nothing about a shop's money.
pub(super) fn read(
    reader: &Reader,
    genuine: &Genuine<'_>,
) -> Result<Vec<Notification>, Unreadable> {
    let json = Json::parse(genuine.body).ok_or(Unreadable::Malformed("no JSON"))?;
    match items(&json).map_err(Unreadable::Malformed)? {
        Some(items) => items
            .into_iter()
            .map(|item| {
                let signed = Signed::of(item).map_err(Unreadable::Malformed)?;
                Item { reader, signed, json: item, received_at: genuine.received_at }.read()
            })
            .collect(),
        None => {
            let kind = optional(&json, &["type"])?.unwrap_or_else(|| "untyped".to_owned());
            let digest = to_hex(&Sha256::digest(genuine.body)[..DIGEST_BYTES]);
            Ok(vec![Notification { identity: format!("{kind}/{digest}"), kind, fact: None }])
        }
    }
}

struct Item<'a> {
    reader: &'a Reader,
    signed: Signed<'a>,
    json: &'a Json,
    received_at: OffsetDateTime,
}

impl Item<'_> {
    fn read(&self) -> Result<Notification, Unreadable> {
        let event = required(self.json, &["eventCode"])?;
        let reference = required(self.json, &["pspReference"])?;
        // The same event may come again with the other result, so the result belongs to the identity.
        let kind = format!("{event}/{}", self.signed.success);
        let fact = self.fact(&kind)?;
        Ok(Notification { identity: format!("{reference}/{kind}"), kind, fact })
    }

    fn fact(&self, kind: &str) -> Result<Option<Fact>, Unreadable> {
        match (kind, self.reader.capture) {
            ("AUTHORISATION/true", Capture::Auto) | ("CAPTURE/true", Capture::Manual) => {
                self.payment(PaymentStatus::Succeeded)
            }
            ("AUTHORISATION/true", Capture::Manual) => self.payment(PaymentStatus::Authorised),
            ("AUTHORISATION/false", _) => self.payment(PaymentStatus::Failed),
            ("PENDING/true", _) => self.payment(PaymentStatus::Pending),
            // Whether it cancelled or refunded stands in a field that is not signed. On money that
            // was taken, a closing without refund data is a case.
            (
                "CANCELLATION/true"
                | "TECHNICAL_CANCEL/true"
                | "CANCEL_OR_REFUND/true"
                | "OFFER_CLOSED/true"
                | "EXPIRE/true",
                _,
            ) => self.payment(PaymentStatus::Closed),
            // The money that a capture was to bring never came, so it is with the payer.
            ("REFUND/true" | "CAPTURE_FAILED/true", _) => self.refund(RefundStatus::Succeeded),
            ("REFUND/false", _) => self.refund(RefundStatus::Failed),
            ("REFUND_FAILED/true" | "REFUNDED_REVERSED/true", _) => {
                self.refund(RefundStatus::Reversed)
            }
            (
                "REQUEST_FOR_INFORMATION/true"
                | "NOTIFICATION_OF_CHARGEBACK/true"
                | "CHARGEBACK/true",
                _,
            ) => self.dispute(DisputeStatus::Opened),
            ("CHARGEBACK_REVERSED/true" | "PREARBITRATION_WON/true", _) => {
                self.dispute(DisputeStatus::Won)
            }
            ("SECOND_CHARGEBACK/true" | "PREARBITRATION_LOST/true", _) => {
                self.dispute(DisputeStatus::Lost)
            }
            ("RECURRING_CONTRACT/true", _) => self.agreement(),
            _ => Ok(None),
        }
    }

    fn payment(&self, status: PaymentStatus) -> Result<Option<Fact>, Unreadable> {
        let transaction = self.transaction()?;
        // The reference of a modification is the modification's own, where the shop gave it one.
        let is_modification = !self.json.at(&["originalReference"]).is_null();
        let named = self.reference()?.filter(|_| !is_modification);
        let order_number = named.unwrap_or_else(|| transaction.clone());
        Ok(Some(Fact::Payment(PaymentFact {
            transaction,
            order_number,
            status,
            amount: self.money()?,
            occurred_at: self.at(),
            refund_total: None,
            agreement: None,
        })))
    }

    /// A refund's reference is the refund's, where the shop gave it one; else the order's.
    fn refund(&self, status: RefundStatus) -> Result<Option<Fact>, Unreadable> {
        Ok(Some(Fact::Refund(RefundFact {
            transaction: self.transaction()?,
            refund: required(self.json, &["pspReference"])?,
            order_number: None,
            refund_no: self.reference()?,
            status,
            amount: self.money()?,
            occurred_at: self.at(),
            evidence: Evidence::Signed,
        })))
    }

    fn dispute(&self, status: DisputeStatus) -> Result<Option<Fact>, Unreadable> {
        Ok(Some(Fact::Dispute(DisputeFact {
            transaction: self.transaction()?,
            dispute: required(self.json, &["pspReference"])?,
            order_number: None,
            status,
            amount: self.money()?,
            occurred_at: self.at(),
        })))
    }

    /// The stored token is what `pspReference` names here.
    fn agreement(&self) -> Result<Option<Fact>, Unreadable> {
        Ok(Some(Fact::Agreement(AgreementFact {
            agreement: required(self.json, &["pspReference"])?,
            subscription_no: self.reference()?,
            change: AgreementChange::Signed { valid_until: None },
            occurred_at: self.at(),
            // Times are not signed here, so none may decide.
            revival: Revival::Never,
        })))
    }

    fn transaction(&self) -> Result<String, Unreadable> {
        match optional(self.json, &["originalReference"])? {
            Some(original) => Ok(original),
            None => required(self.json, &["pspReference"]),
        }
    }

    fn reference(&self) -> Result<Option<String>, Unreadable> {
        optional(self.json, &["merchantReference"])
    }

    fn money(&self) -> Result<Money, Unreadable> {
        let currency: Currency = required(self.json, &["amount", "currency"])?
            .parse()
            .map_err(|_| Unreadable::Malformed("not a currency"))?;
        let value = self.signed.value.filter(|value| *value >= 0);
        let value = value.ok_or(Unreadable::Malformed("an amount is missing or negative"))?;
        Ok(Money::from_minor_at(value, decimals(currency), currency))
    }

    fn at(&self) -> OffsetDateTime {
        let told = self.json.at(&["eventDate"]).text().and_then(rfc_3339);
        told.map_or(self.received_at, |told| told.min(self.received_at))
    }
}

/// Source: docs.adyen.com/development-resources/currency-codes.
pub fn decimals(currency: Currency) -> u32 {
    match currency.as_str() {
        "CVE" | "IDR" => 0,
        "CLP" | "ISK" => 2,
        _ => currency.exponent(),
    }
}
