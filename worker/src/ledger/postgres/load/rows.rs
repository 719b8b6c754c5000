//! Rows as the policy's words.

use shared::case::{CaseKind, CasePolicy};
use shared::money::{Currency, Money};
use shared::notification::PaymentStatus;
use shared::order::{Mode, OrderStatus};
use time::OffsetDateTime;

use super::details::{Detail, Details};
use crate::decide::case::{About, Case, CaseKey};
use crate::decide::payment::Pays;
use crate::decide::{Fulfilment, Link, Order, Payment, PaymentKey, Recorded};
use crate::ledger::LedgerError;

pub(super) type OrderRow = (
    Vec<String>,
    String,
    i64,
    String,
    Option<String>,
    bool,
    String,
    i64,
    i64,
    Option<OffsetDateTime>,
    Option<OffsetDateTime>,
    String,
    Option<String>,
    Option<String>,
);
pub(super) type PaymentRow = (
    String,
    String,
    String,
    String,
    i64,
    String,
    OffsetDateTime,
    Option<OffsetDateTime>,
    Option<OffsetDateTime>,
    Option<String>,
    bool,
    String,
    bool,
    Option<String>,
);

pub(super) fn order(row: OrderRow) -> Result<Order, LedgerError> {
    let (.., paid, refunded, paid_at, expires_at, mode, subscription_no, period) = row;
    let (_, order_no, minor, currency, account, cancelled, status, ..) = row;
    let status = OrderStatus::from_word(&status).ok_or_else(|| unknown("status"))?;
    let fulfilment = match status {
        OrderStatus::Pending | OrderStatus::Cancelled => Fulfilment::None,
        OrderStatus::Paid | OrderStatus::PartiallyRefunded => Fulfilment::Active,
        OrderStatus::Refunded => Fulfilment::Revoked,
    };
    let recorded =
        Recorded { status, paid_minor: paid, refunded_minor: refunded, fulfilment, paid_at };
    let amount = Money { minor, currency: parse_currency(&currency)? };
    let mode = Mode::from_word(&mode).ok_or_else(|| unknown("mode"))?;
    Ok(Order {
        order_no,
        amount,
        account,
        cancelled,
        expires_at,
        mode,
        subscription_no,
        period,
        recorded,
    })
}

pub(super) fn payment(
    row: PaymentRow,
    details: &mut Details,
) -> Result<(PaymentKey, Payment), LedgerError> {
    let (
        account,
        transaction,
        order_number,
        status,
        minor,
        currency,
        at,
        closed,
        due,
        order,
        absent,
        mode,
        named_only,
        agreement,
    ) = row;
    let key = PaymentKey { account, transaction };
    let Detail { totals, refunds, disputes } = details.remove(&key).unwrap_or_default();
    let link = match (order, due) {
        _ if absent => Link::Absent { deadline: due },
        (Some(none), _) if none.is_empty() => Link::Subscription,
        (Some(_), _) => Link::Order,
        (None, Some(deadline)) => Link::Waiting { deadline },
        (None, None) => Link::Unknown,
    };
    let payment = Payment {
        order_number,
        status: PaymentStatus::from_word(&status).ok_or_else(|| unknown("status"))?,
        amount: Money { minor, currency: parse_currency(&currency)? },
        occurred_at: at,
        closed_at: closed,
        totals,
        refunds,
        disputes,
        agreement,
        link,
        mode: Mode::from_word(&mode).ok_or_else(|| unknown("mode"))?,
        pays: if named_only { Pays::NamedOrders } else { Pays::AnyOrder },
    };
    Ok((key, payment))
}

pub(super) type CaseRow =
    (String, String, Option<String>, Option<String>, i64, String, String, Option<OffsetDateTime>);

pub(super) fn case(row: CaseRow) -> Result<(CaseKey, Case), LedgerError> {
    let (kind, order_number, account, transaction, amount_minor, currency, policy, refund_by) = row;
    let kind = CaseKind::from_word(&kind).ok_or_else(|| unknown("case"))?;
    let about = match (account, transaction) {
        (Some(account), Some(transaction)) => About::Payment(PaymentKey { account, transaction }),
        (_, None) | (None, Some(_)) => About::Order(order_number.clone()),
    };
    let currency = parse_currency(&currency)?;
    let policy = CasePolicy::from_word(&policy).ok_or_else(|| unknown("policy"))?;
    let case = Case { order_number, amount_minor, currency, policy, refund_by };
    Ok((CaseKey { kind, about }, case))
}

pub(super) fn parse_currency(text: &str) -> Result<Currency, LedgerError> {
    text.parse().map_err(|_| unknown("currency"))
}

/// A newer version wrote a word that this one does not know.
pub(super) fn unknown(what: &str) -> LedgerError {
    LedgerError::Fault(format!("an unknown {what} in the ledger: is this version older than it?"))
}
