//! What went back of an order's payments, and what is disputed.

use diesel::prelude::*;
use worker::ledger::records::{DisputeRecord, RefundRecord, StatedTotal};

use super::super::fault::Result;
use crate::embedded::schema::{disputes, payments, refund_items, refunds};
use crate::embedded::values::{self, currency, instant};

pub(super) fn refunds(
    connection: &mut SqliteConnection,
    numbers: &[String],
) -> Result<Vec<RefundRecord>> {
    Ok(RefundRecord::list(totals(connection, numbers)?, named(connection, numbers)?))
}

pub(super) fn disputes(
    connection: &mut SqliteConnection,
    numbers: &[String],
) -> Result<Vec<DisputeRecord>> {
    type Row = (String, String, String, String, i64, String, i64);
    let of_payment = payments::account
        .eq(disputes::account)
        .and(payments::transaction.eq(disputes::transaction));
    let rows: Vec<Row> = disputes::table
        .inner_join(payments::table.on(of_payment))
        .filter(payments::order_number.eq_any(numbers))
        .filter(diesel::dsl::not(payments::absent))
        .order((disputes::occurred_at, disputes::account, disputes::transaction, disputes::dispute))
        .select(disputes::all_columns)
        .load(connection)?;
    let record = |(account, transaction, dispute, status, amount, letters, at): Row| {
        let (currency, occurred_at) = (currency(&letters)?, instant(at)?);
        Ok(DisputeRecord { account, transaction, dispute, status, amount, currency, occurred_at })
    };
    Ok(rows.into_iter().map(record).collect::<values::Result<_>>()?)
}

fn totals(connection: &mut SqliteConnection, numbers: &[String]) -> Result<Vec<StatedTotal>> {
    type Row = (String, String, Option<String>, i64, Option<String>, Option<i64>);
    let of_payment =
        payments::account.eq(refunds::account).and(payments::transaction.eq(refunds::transaction));
    // One total may be stated several times; it is one refund.
    let rows: Vec<Row> = refunds::table
        .inner_join(payments::table.on(of_payment))
        .filter(payments::order_number.eq_any(numbers))
        .group_by((refunds::account, refunds::transaction, refunds::total))
        .select((
            refunds::account,
            refunds::transaction,
            diesel::dsl::max(refunds::refund_no),
            refunds::total,
            diesel::dsl::max(payments::currency),
            diesel::dsl::min(refunds::occurred_at),
        ))
        .load(connection)?;
    let stated = |(account, transaction, refund_no, total, letters, at): Row| {
        let refund_no = refund_no.filter(|number| !number.is_empty());
        let currency = currency(&letters.unwrap_or_default())?;
        let occurred_at = instant(at.unwrap_or_default())?;
        Ok(StatedTotal { account, transaction, refund_no, total, currency, occurred_at })
    };
    Ok(rows.into_iter().map(stated).collect::<values::Result<_>>()?)
}

fn named(connection: &mut SqliteConnection, numbers: &[String]) -> Result<Vec<RefundRecord>> {
    type Row = (String, String, String, String, String, i64, String, String, i64);
    let of_payment = payments::account
        .eq(refund_items::account)
        .and(payments::transaction.eq(refund_items::transaction));
    let rows: Vec<Row> = refund_items::table
        .inner_join(payments::table.on(of_payment))
        .filter(payments::order_number.eq_any(numbers))
        .filter(diesel::dsl::not(payments::absent))
        .select(refund_items::all_columns)
        .load(connection)?;
    let record = |row: Row| {
        let (account, transaction, refund, evidence, status, amount, letters, number, at) = row;
        Ok(RefundRecord {
            account,
            transaction,
            refund: Some(refund),
            refund_no: Some(number).filter(|number| !number.is_empty()),
            status,
            evidence,
            amount,
            currency: currency(&letters)?,
            total: None,
            occurred_at: instant(at)?,
        })
    };
    Ok(rows.into_iter().map(record).collect::<values::Result<_>>()?)
}
