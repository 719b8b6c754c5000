//! What a notification of WeChat's API v2 says.

use time::format_description::BorrowedFormatItem;
use time::macros::{format_description, offset};
use time::{OffsetDateTime, PrimitiveDateTime};

use super::super::protocol::check_number;
use super::super::xml::Elements;
use super::super::{Genuine, Unreadable};
use super::{ROOT, Reader, req_info};
use crate::money::{Currency, Money};
use crate::notification::{
    AgreementChange, AgreementFact, Evidence, Fact, Notification, PaymentFact, PaymentStatus,
    RefundFact, RefundStatus, Revival,
};

const COMPACT_TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day][hour][minute][second]");
const SPACED_TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
const SUCCESS: &str = "SUCCESS";
/// Digits of an amount that 64 bits hold in any case.
const DIGITS_MAX: usize = 18;

/// The three notifications that there are. The API key signs more than these: answers to requests,
/// requests, and what a payer's own telephone shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Payment,
    Refund,
    Agreement,
}

impl Shape {
    /// Nothing: it is none of them.
    pub(super) fn of(elements: &Elements) -> Option<Self> {
        let has = |name| elements.get(name).is_some();
        if elements.get("return_code") != Some(SUCCESS) {
            return None;
        }
        if has("req_info") {
            return Some(Self::Refund);
        }
        if has("change_type") && has("contract_id") {
            return Some(Self::Agreement);
        }
        let succeeded = elements.get("result_code") == Some(SUCCESS);
        let is_payment = has("result_code") && has("out_trade_no") && !has("out_refund_no");
        (is_payment && (!succeeded || has("transaction_id"))).then_some(Self::Payment)
    }

    /// What it is about, as far as it shows.
    pub(super) fn subject(self, elements: &Elements) -> &str {
        let name = match self {
            Self::Payment => "out_trade_no",
            Self::Refund => "nonce_str",
            Self::Agreement => "contract_id",
        };
        elements.get(name).unwrap_or_default()
    }
}

/// Reads one notification.
pub(super) fn read(reader: &Reader, genuine: &Genuine<'_>) -> Result<Notification, Unreadable> {
    let elements = Elements::parse(genuine.body, ROOT).map_err(Unreadable::Malformed)?;
    let shape = Shape::of(&elements).ok_or(Unreadable::Malformed("no notification"))?;
    let received_at = genuine.received_at;
    match shape {
        Shape::Payment => Fields { elements, received_at }.payment(),
        Shape::Agreement => Fields { elements, received_at }.agreement(),
        Shape::Refund => {
            let sealed = elements.get("req_info").unwrap_or_default();
            let opened = reader.api_keys.iter().find_map(|key| refund(key.reveal(), sealed));
            let elements = opened.ok_or(Unreadable::Undecryptable)?;
            Fields { elements, received_at }.refund()
        }
    }
}

/// A refund in clear, if the key opens it and it names what a refund must.
pub(super) fn refund(api_key: &str, sealed: &str) -> Option<Elements> {
    const NAMED: [&str; 6] = [
        "out_refund_no",
        "out_trade_no",
        "refund_fee",
        "refund_id",
        "refund_status",
        "transaction_id",
    ];
    let elements = req_info::open(sealed, api_key)?;
    NAMED.iter().all(|name| elements.get(name).is_some()).then_some(elements)
}

struct Fields {
    elements: Elements,
    received_at: OffsetDateTime,
}

impl Fields {
    fn optional(&self, name: &str) -> Result<Option<String>, Unreadable> {
        self.elements.get(name).map(check_number).transpose()
    }

    fn required(&self, name: &str) -> Result<String, Unreadable> {
        self.optional(name)?.ok_or(Unreadable::Malformed("an element is missing"))
    }

    /// Whole minor units; where no currency is named, fen.
    fn money(&self, name: &str) -> Result<Money, Unreadable> {
        let text = self.required(name)?;
        let is_whole = text.len() <= DIGITS_MAX && text.bytes().all(|byte| byte.is_ascii_digit());
        let minor = is_whole.then(|| text.parse().ok()).flatten();
        let minor = minor.ok_or(Unreadable::Malformed("an amount is not whole"))?;
        let currency = match self.optional("fee_type")? {
            Some(letters) => {
                letters.parse().map_err(|_| Unreadable::Malformed("an unknown currency"))?
            }
            None => Currency::CNY,
        };
        Ok(Money { minor, currency })
    }

    /// A time of Beijing, in either of the two forms.
    fn time(&self, name: &str) -> Result<Option<OffsetDateTime>, Unreadable> {
        let Some(text) = self.optional(name)? else { return Ok(None) };
        let local = PrimitiveDateTime::parse(&text, COMPACT_TIME)
            .or_else(|_| PrimitiveDateTime::parse(&text, SPACED_TIME))
            .map_err(|_| Unreadable::Malformed("a time is not in the provider's form"))?;
        Ok(Some(local.assume_offset(offset!(+8))))
    }

    /// One number serves a charge that failed and the same one when it succeeds, so the result stands in
    /// the identity.
    fn payment(&self) -> Result<Notification, Unreadable> {
        let result = self.required("result_code")?;
        let state = self.optional("trade_state")?.filter(|state| *state != result);
        let error = self.optional("err_code")?.filter(|_| result != SUCCESS);
        let result = [Some(result), state, error].into_iter().flatten().collect::<Vec<_>>();
        let order_number = self.required("out_trade_no")?;
        let transaction = self.optional("transaction_id")?;
        let identity = transaction.as_ref().unwrap_or(&order_number);
        let identity = format!("{identity}/{}", result.join("/"));
        let kind = format!("payment/{}", result.join("/"));
        let agreement = self.optional("contract_id")?;
        let fact = match result.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [SUCCESS] => Some(Fact::Payment(PaymentFact {
                transaction: self.required("transaction_id")?,
                order_number,
                status: PaymentStatus::Succeeded,
                amount: self.money("total_fee")?,
                occurred_at: self
                    .time("time_end")?
                    .ok_or(Unreadable::Malformed("a time is missing"))?,
                refund_total: None,
                agreement,
            })),
            ["FAIL", ..] | [SUCCESS, "PAY_FAIL" | "PAYERROR"] => {
                self.failure(transaction, order_number, agreement)?
            }
            _ => None,
        };
        Ok(Notification { identity, kind, fact })
    }

    /// What failed need not have got as far as a transaction or an amount.
    fn failure(
        &self,
        transaction: Option<String>,
        order_number: String,
        agreement: Option<String>,
    ) -> Result<Option<Fact>, Unreadable> {
        let amount = match self.elements.get("total_fee") {
            Some(_) => Some(self.money("total_fee")?),
            None => None,
        };
        let occurred_at = self.time("time_end")?.unwrap_or(self.received_at);
        Ok(match (agreement, transaction, amount) {
            (Some(agreement), transaction, amount) => Some(Fact::Agreement(AgreementFact {
                agreement,
                subscription_no: None,
                change: AgreementChange::ChargeFailed {
                    charge: transaction.unwrap_or(order_number),
                    amount,
                },
                occurred_at,
                revival: Revival::Never,
            })),
            (None, Some(transaction), Some(amount)) => Some(Fact::Payment(PaymentFact {
                transaction,
                order_number,
                status: PaymentStatus::Failed,
                amount,
                occurred_at,
                refund_total: None,
                agreement: None,
            })),
            (None, None, _) | (None, _, None) => None,
        })
    }

    fn agreement(&self) -> Result<Notification, Unreadable> {
        let (agreement, change_type) =
            (self.required("contract_id")?, self.required("change_type")?);
        let stated = self.optional("operate_time")?.unwrap_or_default();
        let result = self.optional("result_code")?.filter(|result| result != SUCCESS);
        let failed = result.map(|result| format!("/{result}")).unwrap_or_default();
        let identity = format!("{agreement}/{change_type}/{stated}{failed}");
        let kind = format!("contract/{change_type}{failed}");
        let change = match change_type.as_str() {
            _ if !failed.is_empty() => None,
            // An end that cannot be read is no reason to lose the signing.
            "ADD" => Some(AgreementChange::Signed {
                valid_until: self.time("contract_expired_time").ok().flatten(),
            }),
            "DELETE" => Some(AgreementChange::Ended),
            _ => None,
        };
        let Some(change) = change else { return Ok(Notification { identity, kind, fact: None }) };
        let fact = Fact::Agreement(AgreementFact {
            agreement,
            subscription_no: self.optional("contract_code")?,
            change,
            occurred_at: self.time("operate_time")?.unwrap_or(self.received_at),
            revival: Revival::Never,
        });
        Ok(Notification { identity, kind, fact: Some(fact) })
    }

    fn refund(&self) -> Result<Notification, Unreadable> {
        let (refund, stated) = (self.required("refund_id")?, self.required("refund_status")?);
        let identity = format!("{refund}/{stated}");
        let kind = format!("refund/{stated}");
        let status = match stated.as_str() {
            SUCCESS => RefundStatus::Succeeded,
            "CHANGE" => RefundStatus::Failed,
            "REFUNDCLOSE" => RefundStatus::Closed,
            _ => return Ok(Notification { identity, kind, fact: None }),
        };
        let fact = Fact::Refund(RefundFact {
            transaction: self.required("transaction_id")?,
            refund,
            order_number: self.optional("out_trade_no")?,
            refund_no: self.optional("out_refund_no")?,
            status,
            amount: self.money("refund_fee")?,
            occurred_at: self.time("success_time")?.unwrap_or(self.received_at),
            evidence: Evidence::Hint,
        });
        Ok(Notification { identity, kind, fact: Some(fact) })
    }
}
