//! One purchase in the fields that UnionPay would tell of it.

use shared::money::Currency;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::{format_description, offset};

use crate::simulate::Scenario;
use crate::simulate::purchase::{Purchase, another_if};

const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day][hour][minute][second]");
const TIME_WITHIN_YEAR: &[BorrowedFormatItem<'_>] =
    format_description!("[month][day][hour][minute][second]");
const DAY_WITHIN_YEAR: &[BorrowedFormatItem<'_>] = format_description!("[month][day]");
const SUCCEEDED: &str = "00";

/// A scenario's `txnType` and `respCode`.
pub(super) type Story = (Scenario, &'static str, &'static str);

pub(super) const STORIES: &[Story] = &[
    (Scenario::Paid, "01", SUCCEEDED),
    (Scenario::RefundPartial, REFUND, SUCCEEDED),
    (Scenario::RefundFull, REFUND, SUCCEEDED),
    (Scenario::RefundFailed, REFUND, "51"),
    (Scenario::Failed, "01", "51"),
    (Scenario::Pending, "01", "05"),
    (Scenario::Authorised, "02", SUCCEEDED),
    // The opening of a card for payments without it.
    (Scenario::UnknownType, "79", SUCCEEDED),
];
const REFUND: &str = "04";

pub(super) struct Transaction {
    purchase: Purchase,
    mer_id: String,
    query_id: String,
}

impl Transaction {
    pub(super) fn new(purchase: Purchase, mer_id: &str) -> Self {
        Self {
            mer_id: another_if(purchase.scenario == Scenario::WrongApp, mer_id),
            query_id: numbered(purchase.created_at(), &purchase.of_transaction().digits(7)),
            purchase,
        }
    }

    /// Everything but what signing adds. Nothing: UnionPay has no number for the currency.
    pub(super) fn fields(&self, (_, kind, code): &Story) -> Option<Vec<(&'static str, String)>> {
        let is_refund = *kind == REFUND;
        let (amount, at) = if is_refund {
            (self.purchase.refund(), self.purchase.refunded_at())
        } else {
            (self.purchase.amount, self.purchase.created_at())
        };
        let traced_at = if is_refund { at } else { self.purchase.paid_at() };
        let mut of_refund = self.purchase.of_refund();
        let (order_no, query_id) = if is_refund {
            (self.purchase.refund_no(), numbered(at, &of_refund.digits(7)))
        } else {
            (self.purchase.order_no.clone(), self.query_id.clone())
        };
        let mut fields = vec![
            ("accNo", "6216***********0018".to_owned()),
            ("accessType", "0".to_owned()),
            ("bizType", "000201".to_owned()),
            ("currencyCode", number_of(amount.currency)?.to_owned()),
            ("encoding", "UTF-8".to_owned()),
            ("merId", self.mer_id.clone()),
            ("orderId", order_no),
            ("queryId", query_id),
            ("reqReserved", "礼物 50% off + gift".to_owned()),
            ("respCode", (*code).to_owned()),
            ("respMsg", if *code == SUCCEEDED { "成功[0000000]" } else { "失败" }.to_owned()),
            ("settleAmt", amount.minor.to_string()),
            ("settleCurrencyCode", number_of(amount.currency)?.to_owned()),
            ("settleDate", format(DAY_WITHIN_YEAR, at)),
            ("traceNo", self.purchase.of_notification().digits(6)),
            ("traceTime", format(TIME_WITHIN_YEAR, traced_at)),
            ("txnAmt", amount.minor.to_string()),
            ("txnSubType", if is_refund { "00" } else { "01" }.to_owned()),
            ("txnTime", format(TIME, at)),
            ("txnType", (*kind).to_owned()),
        ];
        if is_refund {
            fields.push(("origQryId", self.query_id.clone()));
        }
        Some(fields)
    }
}

/// A `queryId`: the time to the second, and seven digits.
fn numbered(at: OffsetDateTime, digits: &str) -> String {
    format(TIME, at) + digits
}

/// Source: ISO 4217, numeric codes.
pub(super) fn number_of(currency: Currency) -> Option<&'static str> {
    match currency {
        Currency::CNY => Some("156"),
        Currency::EUR => Some("978"),
        Currency::USD => Some("840"),
        _ => None,
    }
}

/// UnionPay's clock stands at +08:00.
fn format(form: &[BorrowedFormatItem<'_>], at: OffsetDateTime) -> String {
    // Years of four digits always format.
    at.to_offset(offset!(+8)).format(form).unwrap_or_default()
}
