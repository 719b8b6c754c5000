//! What a sender's body says, by the account's mapping.

use time::OffsetDateTime;

use super::mapping::{AmountForm, Mapping, Meaning, Path};
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
    let kind = match mapping.kind.of(&json) {
        Json::Text(_) => optional(&json, &mapping.kind.keys())?,
        _ => None,
    };
    let fact = match kind.as_ref().and_then(|kind| mapping.meaning(kind)) {
        Some(meaning) => Some(Body { mapping, id, json: &json }.fact(meaning)?),
        None => None,
    };
    let kind = kind.unwrap_or_else(|| "untyped".to_owned());
    Ok(Notification { identity: id.to_owned(), kind, fact })
}

struct Body<'a> {
    mapping: &'a Mapping,
    id: &'a str,
    json: &'a Json,
}

impl Body<'_> {
    fn fact(&self, meaning: Meaning) -> Result<Fact, Unreadable> {
        let mapping = self.mapping;
        match meaning {
            Meaning::Payment(status) => self.payment(status, self.optional(&mapping.agreement)?),
            Meaning::Charged => {
                let agreement = self.required(&mapping.agreement)?;
                self.payment(PaymentStatus::Succeeded, Some(agreement))
            }
            Meaning::Refund(status) => Ok(Fact::Refund(RefundFact {
                transaction: self.required(&mapping.transaction)?,
                refund: self.required(&mapping.refund)?,
                order_number: self.optional(&mapping.order_number)?,
                refund_no: self.optional(&mapping.refund_no)?,
                status,
                amount: self.money(&mapping.refund_amount)?,
                occurred_at: self.time(&mapping.occurred_at)?,
                evidence: Evidence::Signed,
            })),
            Meaning::Dispute(status) => Ok(Fact::Dispute(DisputeFact {
                transaction: self.required(&mapping.transaction)?,
                dispute: self.required(&mapping.dispute)?,
                order_number: self.optional(&mapping.order_number)?,
                status,
                amount: self.money(&mapping.amount)?,
                occurred_at: self.time(&mapping.occurred_at)?,
            })),
            Meaning::Signed => {
                let valid_until = match mapping.valid_until.of(self.json) {
                    Json::Null => None,
                    _ => Some(self.time(&mapping.valid_until)?),
                };
                self.agreement(AgreementChange::Signed { valid_until })
            }
            Meaning::ChargeFailed => {
                let charge = self.optional(&mapping.transaction)?;
                let amount = match mapping.amount.of(self.json) {
                    Json::Null => None,
                    _ => Some(self.money(&mapping.amount)?),
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
        let transaction = self.required(&self.mapping.transaction)?;
        let order_number = self.optional(&self.mapping.order_number)?;
        Ok(Fact::Payment(PaymentFact {
            order_number: order_number.unwrap_or_else(|| transaction.clone()),
            transaction,
            status,
            amount: self.money(&self.mapping.amount)?,
            occurred_at: self.time(&self.mapping.occurred_at)?,
            refund_total: None,
            agreement,
        }))
    }

    fn agreement(&self, change: AgreementChange) -> Result<Fact, Unreadable> {
        Ok(Fact::Agreement(AgreementFact {
            agreement: self.required(&self.mapping.agreement)?,
            subscription_no: self.optional(&self.mapping.subscription_no)?,
            change,
            occurred_at: self.time(&self.mapping.occurred_at)?,
            revival: Revival::ByLaterTime,
        }))
    }

    /// Which of both forms it is, the account says, never the message: `1000` may be either.
    fn money(&self, path: &Path) -> Result<Money, Unreadable> {
        let currency = self.currency()?;
        match self.mapping.amount_form {
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
        let stated = self.optional(&self.mapping.currency)?;
        let stated = stated.map(|letters| letters.to_ascii_uppercase().parse());
        match (stated, self.mapping.fixed_currency) {
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
