//! What a UnionPay notification says: open.unionpay.com, 后台通知 and 应答码.

use encoding_rs::{GB18030, UTF_8};
use serde::Deserialize;
use time::format_description::BorrowedFormatItem;
use time::macros::{format_description, offset};
use time::{OffsetDateTime, PrimitiveDateTime};

use super::super::form::Form;
use super::super::{Rejection, Returned, Unreadable};
use crate::money::{Currency, Money};
use crate::notification::{
    Evidence, Fact, Notification, PaymentFact, PaymentStatus, RefundFact, RefundStatus,
};

/// What of a notification tells who paid.
pub(super) const PERSONAL: &[&str] = &[
    "accNo",
    "payCardNo",
    "customerInfo",
    "customerIp",
    "phoneNo",
    "cardTransData",
    "tokenPayData",
    "VPCTransData",
    "reqReserved",
];

/// `orderId` has at most 40 characters, `queryId` 21.
const NUMBER_MAX_BYTES: usize = 128;
/// Source: `txnAmt` is N1..12.
const AMOUNT_MAX_DIGITS: usize = 12;
const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day][hour][minute][second]");
/// `traceTime` has no year.
const TIME_WITHIN_YEAR_BYTES: usize = 10;

/// How the values are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    Gbk,
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Succeeded,
    /// The result is not known yet.
    Open,
    Failed,
}

/// Reads one notification.
pub(super) fn read(encoding: Encoding, body: &[u8]) -> Result<Notification, Unreadable> {
    let form = Form::parse(body).map_err(|_| Unreadable::Malformed("not a form"))?;
    let fields = Fields::new(form, encoding)?;
    let kind = fields.required("txnType")?;
    let answer = fields.required("respCode")?;
    let original = fields.optional("origRespCode")?;
    let number = match fields.optional("queryId")? {
        Some(number) => number,
        // What failed early has none; the merchant's own identity is as unique.
        None => format!("{}@{}", fields.required("orderId")?, fields.required("txnTime")?),
    };
    let codes = match &original {
        Some(original) => format!("{answer}/{original}"),
        None => answer.clone(),
    };
    let identity = format!("{number}/{kind}/{codes}");
    let fact = match result(&answer, original.as_deref()) {
        Some(outcome) => fields.fact(&kind, outcome)?,
        None => None,
    };
    Ok(Notification { identity, kind: format!("{kind}/{codes}"), fact })
}

/// What the payer's browser brought back.
pub(super) fn returned(form: Form) -> Result<Returned, Rejection> {
    let malformed = |_| Rejection::Malformed("a field of the return");
    let fields = Fields::new(form, Encoding::default()).map_err(malformed)?;
    let order_number = fields.required("orderId").map_err(malformed)?;
    let amount = fields.amount().map_err(malformed)?;
    Ok(Returned { order_number, amount })
}

/// An answer to a query says how the query went, and in `origRespCode` how the transaction went.
fn result(answer: &str, original: Option<&str>) -> Option<Outcome> {
    match original {
        None => Some(outcome(answer)),
        Some(original) if outcome(answer) == Outcome::Succeeded => Some(outcome(original)),
        Some(_) => None,
    }
}

/// 03, 04 and 05 mean that the result has to be asked for. `A6` is a success with a flaw.
fn outcome(code: &str) -> Outcome {
    match code {
        "00" | "A6" => Outcome::Succeeded,
        "03" | "04" | "05" => Outcome::Open,
        _ => Outcome::Failed,
    }
}

struct Fields {
    encoding: Encoding,
    form: Form,
}

impl Fields {
    fn new(form: Form, default: Encoding) -> Result<Self, Unreadable> {
        let encoding = match form.get("encoding") {
            None => default,
            Some(label) if label.eq_ignore_ascii_case(b"utf-8") => Encoding::Utf8,
            Some(label) if label.eq_ignore_ascii_case(b"gbk") => Encoding::Gbk,
            Some(_) => return Err(Unreadable::Malformed("unknown encoding")),
        };
        Ok(Self { encoding, form })
    }

    fn optional(&self, key: &'static str) -> Result<Option<String>, Unreadable> {
        let Some(bytes) = self.form.get(key) else { return Ok(None) };
        if bytes.len() > NUMBER_MAX_BYTES {
            return Err(Unreadable::Malformed("a field is too long"));
        }
        let charset = match self.encoding {
            Encoding::Utf8 => UTF_8,
            Encoding::Gbk => GB18030,
        };
        let text = charset
            .decode_without_bom_handling_and_without_replacement(bytes)
            .ok_or(Unreadable::Malformed("a field is not in the stated encoding"))?;
        if text.chars().any(char::is_control) {
            return Err(Unreadable::Malformed("a field has a control character"));
        }
        Ok(Some(text.into_owned()))
    }

    fn required(&self, key: &'static str) -> Result<String, Unreadable> {
        self.optional(key)?.ok_or(Unreadable::Malformed("a field is missing"))
    }

    /// The fact that a transaction of this type states; nothing for types that we do not know.
    fn fact(&self, kind: &str, outcome: Outcome) -> Result<Option<Fact>, Unreadable> {
        match kind {
            // 11 is a deduction that the merchant asked for (代收).
            "01" | "03" | "11" => self.payment(outcome, PaymentStatus::Succeeded),
            "02" => self.payment(outcome, PaymentStatus::Authorised),
            "04" | "31" | "33" => self.refund(outcome),
            // 32 releases an authorisation: no money moved, and the order that was authorised is not
            // named, only the release's own.
            _ => Ok(None),
        }
    }

    fn payment(
        &self,
        outcome: Outcome,
        success: PaymentStatus,
    ) -> Result<Option<Fact>, Unreadable> {
        let status = match outcome {
            Outcome::Succeeded => success,
            Outcome::Open => PaymentStatus::Pending,
            Outcome::Failed => PaymentStatus::Failed,
        };
        // What failed before it had a number is no transaction.
        if outcome != Outcome::Succeeded && self.form.get("queryId").is_none() {
            return Ok(None);
        }
        Ok(Some(Fact::Payment(PaymentFact {
            transaction: self.required("queryId")?,
            order_number: self.required("orderId")?,
            status,
            amount: self.required_amount()?,
            occurred_at: self.occurred_at()?,
            refund_total: None,
            agreement: None,
        })))
    }

    fn refund(&self, outcome: Outcome) -> Result<Option<Fact>, Unreadable> {
        let status = match outcome {
            Outcome::Succeeded => RefundStatus::Succeeded,
            Outcome::Open => RefundStatus::Pending,
            Outcome::Failed => RefundStatus::Failed,
        };
        let numbers = ["queryId", "origQryId"];
        let has_numbers = numbers.iter().all(|key| self.form.get(key).is_some());
        if outcome != Outcome::Succeeded && !has_numbers {
            return Ok(None);
        }
        Ok(Some(Fact::Refund(RefundFact {
            transaction: self.required("origQryId")?,
            refund: self.required("queryId")?,
            order_number: None,
            // The refund's own order number, not that of what is refunded.
            refund_no: Some(self.required("orderId")?),
            status,
            amount: self.required_amount()?,
            occurred_at: self.occurred_at()?,
            evidence: Evidence::Signed,
        })))
    }

    fn required_amount(&self) -> Result<Money, Unreadable> {
        self.amount()?.ok_or(Unreadable::Malformed("an amount is missing"))
    }

    /// `txnAmt`, in the smallest unit of `currencyCode`, which is 156 where it is left out.
    fn amount(&self) -> Result<Option<Money>, Unreadable> {
        let Some(digits) = self.optional("txnAmt")? else { return Ok(None) };
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || digits.len() > AMOUNT_MAX_DIGITS {
            return Err(Unreadable::Malformed("an amount is not exact"));
        }
        let minor = digits.parse().map_err(|_| Unreadable::Malformed("an amount is not exact"))?;
        let code = self.optional("currencyCode")?;
        let currency = currency(code.as_deref().unwrap_or("156"))
            .ok_or(Unreadable::Malformed("a currency"))?;
        Ok(Some(Money { minor, currency }))
    }

    /// `traceTime`, else `txnTime`; both are Beijing's.
    fn occurred_at(&self) -> Result<OffsetDateTime, Unreadable> {
        let malformed = Unreadable::Malformed("a time is not in the provider's form");
        let asked_at = time(&self.required("txnTime")?).ok_or(malformed)?;
        let Some(within_year) = self.optional("traceTime")? else { return Ok(asked_at) };
        nearest_year(&within_year, asked_at).ok_or(malformed)
    }
}

/// The ISO 4217 letters of a numeric code. Of those listed a hundredth is the smallest unit; how
/// UnionPay counts others is not documented, so their figure is recorded without a currency (`XXX`),
/// and matches no order.
fn currency(code: &str) -> Option<Currency> {
    if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let letters = match code {
        "156" => "CNY",
        "036" => "AUD",
        "124" => "CAD",
        "344" => "HKD",
        "446" => "MOP",
        "458" => "MYR",
        "554" => "NZD",
        "702" => "SGD",
        "756" => "CHF",
        "764" => "THB",
        "826" => "GBP",
        "840" => "USD",
        "901" => "TWD",
        "978" => "EUR",
        _ => "XXX",
    };
    letters.parse().ok()
}

fn time(text: &str) -> Option<OffsetDateTime> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let local = PrimitiveDateTime::parse(text, TIME).ok().filter(|_| is_number)?;
    Some(local.assume_offset(offset!(+8)))
}

/// A `MMDDhhmmss` in the year in which it lies nearest to when the merchant asked.
fn nearest_year(text: &str, asked_at: OffsetDateTime) -> Option<OffsetDateTime> {
    if text.len() != TIME_WITHIN_YEAR_BYTES {
        return None;
    }
    let year = asked_at.year();
    // The 29th of February is none in most years.
    let candidates = (year - 1..=year + 1).filter_map(|year| time(&format!("{year:04}{text}")));
    candidates.min_by_key(|candidate| (*candidate - asked_at).abs())
}

#[cfg(test)]
mod tests;
