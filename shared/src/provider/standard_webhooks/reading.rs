//! What a sender's body says, by the account's mapping.

use time::OffsetDateTime;

use super::mapping::{AmountForm, Fields, Mapping, Meaning, Path};
use crate::money::{Currency, Money};
use crate::notification::{
    AgreementChange, AgreementFact, DisputeFact, Evidence, Fact, Notification, PaymentFact,
    PaymentStatus, RefundFact, Revival,
};
use crate::provider::Unreadable;
use crate::provider::json::Json;
use crate::provider::json::field::{count, optional, required, rfc_3339, unix_time};

/// Reads one message. A body without a type says nothing to us.
pub(super) fn read(mapping: &Mapping, id: &str, body: &[u8]) -> Result<Notification, Unreadable> {
    let json = Json::parse(body).ok_or(Unreadable::Malformed("no JSON"))?;
    let fields = mapping.fields();
    let kind = match fields.kind.of(&json) {
        Json::Text(_) => optional(&json, &fields.kind.keys())?,
        _ => None,
    };
    let fact = match kind.as_ref().and_then(|kind| mapping.meaning(kind)) {
        Some(meaning) => Some(Body { fields, id, json: &json }.fact(meaning)?),
        None => None,
    };
    let kind = kind.unwrap_or_else(|| "untyped".to_owned());
    Ok(Notification { identity: id.to_owned(), kind, fact })
}

struct Body<'a> {
    fields: &'a Fields,
    id: &'a str,
    json: &'a Json,
}

impl Body<'_> {
    fn fact(&self, meaning: Meaning) -> Result<Fact, Unreadable> {
        let fields = self.fields;
        match meaning {
            Meaning::Payment(status) => self.payment(status, self.optional(&fields.agreement)?),
            Meaning::Charged => {
                let agreement = self.required(&fields.agreement)?;
                self.payment(PaymentStatus::Succeeded, Some(agreement))
            }
            Meaning::Refund(status) => Ok(Fact::Refund(RefundFact {
                transaction: self.required(&fields.transaction)?,
                refund: self.required(&fields.refund)?,
                order_number: self.optional(&fields.order_number)?,
                refund_no: self.optional(&fields.refund_no)?,
                status,
                amount: self.money(&fields.refund_amount)?,
                occurred_at: self.time(&fields.occurred_at)?,
                evidence: Evidence::Signed,
            })),
            Meaning::Dispute(status) => Ok(Fact::Dispute(DisputeFact {
                transaction: self.required(&fields.transaction)?,
                dispute: self.required(&fields.dispute)?,
                order_number: self.optional(&fields.order_number)?,
                status,
                amount: self.money(&fields.amount)?,
                occurred_at: self.time(&fields.occurred_at)?,
            })),
            Meaning::Signed => {
                let valid_until = match fields.valid_until.of(self.json) {
                    Json::Null => None,
                    _ => Some(self.time(&fields.valid_until)?),
                };
                self.agreement(AgreementChange::Signed { valid_until })
            }
            Meaning::ChargeFailed => {
                let charge = self.optional(&fields.transaction)?;
                let amount = match fields.amount.of(self.json) {
                    Json::Null => None,
                    _ => Some(self.money(&fields.amount)?),
                };
                let charge = charge.unwrap_or_else(|| self.id.to_owned());
                self.agreement(AgreementChange::ChargeFailed { charge, amount })
            }
            Meaning::Ended => self.agreement(AgreementChange::Ended),
        }
    }

    fn payment(
        &self,
        status: PaymentStatus,
        agreement: Option<String>,
    ) -> Result<Fact, Unreadable> {
        let transaction = self.required(&self.fields.transaction)?;
        let order_number = self.optional(&self.fields.order_number)?;
        Ok(Fact::Payment(PaymentFact {
            order_number: order_number.unwrap_or_else(|| transaction.clone()),
            transaction,
            status,
            amount: self.money(&self.fields.amount)?,
            occurred_at: self.time(&self.fields.occurred_at)?,
            refund_total: None,
            agreement,
        }))
    }

    fn agreement(&self, change: AgreementChange) -> Result<Fact, Unreadable> {
        Ok(Fact::Agreement(AgreementFact {
            agreement: self.required(&self.fields.agreement)?,
            subscription_no: self.optional(&self.fields.subscription_no)?,
            change,
            occurred_at: self.time(&self.fields.occurred_at)?,
            revival: Revival::ByLaterTime,
        }))
    }

    /// Which of both forms it is, the account says, never the message: `1000` may be either.
    fn money(&self, path: &Path) -> Result<Money, Unreadable> {
        let currency = self.currency()?;
        match self.fields.amount_form {
            AmountForm::Minor => Ok(Money { minor: count(self.json, &path.keys())?, currency }),
            AmountForm::Decimal => {
                let text = match path.of(self.json) {
                    Json::Integer(whole) => whole.to_string(),
                    _ => self.required(path)?,
                };
                let money = Money::from_decimal(&text, currency);
                money.map_err(|_| Unreadable::Malformed("an amount is not exact"))
            }
        }
    }

    fn currency(&self) -> Result<Currency, Unreadable> {
        let stated = self.optional(&self.fields.currency)?;
        let stated = stated.map(|letters| letters.to_ascii_uppercase().parse());
        match (stated, self.fields.fixed_currency) {
            (Some(Ok(stated)), None) => Ok(stated),
            (Some(Ok(stated)), Some(fixed)) if stated == fixed => Ok(fixed),
            (None, Some(fixed)) => Ok(fixed),
            (Some(_), _) | (None, None) => Err(Unreadable::Malformed("not the currency")),
        }
    }

    /// RFC 3339, or whole Unix seconds.
    fn time(&self, path: &Path) -> Result<OffsetDateTime, Unreadable> {
        match path.of(self.json) {
            Json::Integer(_) => unix_time(self.json, &path.keys()),
            _ => rfc_3339(&self.required(path)?)
                .ok_or(Unreadable::Malformed("a time is not as RFC 3339 writes it")),
        }
    }

    fn optional(&self, path: &Path) -> Result<Option<String>, Unreadable> {
        optional(self.json, &path.keys())
    }

    fn required(&self, path: &Path) -> Result<String, Unreadable> {
        required(self.json, &path.keys())
    }
}
