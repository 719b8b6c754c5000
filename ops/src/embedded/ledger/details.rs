//! What stands beneath a payment: totals that were stated, refunds that were named, disputes.

use diesel::prelude::*;
use shared::notification::{DisputeStatus, Evidence, RefundStatus, RefundTotal};
use worker::decide::refund::{Dispute, Refund, RefundKey};
use worker::decide::{Payment, PaymentKey};

use super::fault::Result;
use crate::embedded::schema::{disputes, refund_items, refunds};
use crate::embedded::values::{instant, micros, money, word};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = refund_items, check_for_backend(diesel::sqlite::Sqlite))]
struct RefundRow {
    account: String,
    transaction: String,
    refund: String,
    evidence: String,
    status: String,
    amount: i64,
    currency: String,
    refund_no: String,
    occurred_at: i64,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = disputes, check_for_backend(diesel::sqlite::Sqlite))]
struct DisputeRow {
    account: String,
    transaction: String,
    dispute: String,
    status: String,
    amount: i64,
    currency: String,
    occurred_at: i64,
}

/// Adds to a payment what stands beneath it.
pub(super) fn read(
    connection: &mut SqliteConnection,
    key: &PaymentKey,
    payment: &mut Payment,
) -> Result<()> {
    let totals: Vec<(i64, String, i64)> = refunds::table
        .filter(refunds::account.eq(&key.account))
        .filter(refunds::transaction.eq(&key.transaction))
        .select((refunds::total, refunds::refund_no, refunds::occurred_at))
        .load(connection)?;
    for (total_minor, refund_no, at) in totals {
        let refund_no = Some(refund_no).filter(|number| !number.is_empty());
        let occurred_at = instant(at)?;
        payment.totals.insert(RefundTotal { total_minor, refund_no, occurred_at });
    }
    let rows: Vec<RefundRow> = refund_items::table
        .filter(refund_items::account.eq(&key.account))
        .filter(refund_items::transaction.eq(&key.transaction))
        .select(RefundRow::as_select())
        .load(connection)?;
    for row in rows {
        let evidence = word("kind of evidence", &row.evidence, Evidence::from_word)?;
        let refund = Refund {
            status: word("refund status", &row.status, RefundStatus::from_word)?,
            amount: money(row.amount, &row.currency)?,
            refund_no: Some(row.refund_no).filter(|number| !number.is_empty()),
            occurred_at: instant(row.occurred_at)?,
        };
        payment.refunds.insert(RefundKey { refund: row.refund, evidence }, refund);
    }
    let rows: Vec<DisputeRow> = disputes::table
        .filter(disputes::account.eq(&key.account))
        .filter(disputes::transaction.eq(&key.transaction))
        .select(DisputeRow::as_select())
        .load(connection)?;
    for row in rows {
        let dispute = Dispute {
            status: word("dispute status", &row.status, DisputeStatus::from_word)?,
            amount: money(row.amount, &row.currency)?,
            occurred_at: instant(row.occurred_at)?,
        };
        payment.disputes.insert(row.dispute, dispute);
    }
    Ok(())
}

/// Writes what is new beneath a payment.
pub(super) fn write(
    connection: &mut SqliteConnection,
    key: &PaymentKey,
    known: Option<&Payment>,
    payment: &Payment,
) -> Result<()> {
    for total in &payment.totals {
        if known.is_none_or(|known| !known.totals.contains(total)) {
            insert_total(connection, key, total)?;
        }
    }
    for (name, refund) in &payment.refunds {
        if known.and_then(|known| known.refunds.get(name)) != Some(refund) {
            let row = RefundRow {
                account: key.account.clone(),
                transaction: key.transaction.clone(),
                refund: name.refund.clone(),
                evidence: name.evidence.as_str().to_owned(),
                status: refund.status.as_str().to_owned(),
                amount: refund.amount.minor,
                currency: refund.amount.currency.as_str().to_owned(),
                refund_no: refund.refund_no.clone().unwrap_or_default(),
                occurred_at: micros(refund.occurred_at),
            };
            diesel::replace_into(refund_items::table).values(row).execute(connection)?;
        }
    }
    for (name, dispute) in &payment.disputes {
        if known.and_then(|known| known.disputes.get(name)) != Some(dispute) {
            let row = DisputeRow {
                account: key.account.clone(),
                transaction: key.transaction.clone(),
                dispute: name.clone(),
                status: dispute.status.as_str().to_owned(),
                amount: dispute.amount.minor,
                currency: dispute.amount.currency.as_str().to_owned(),
                occurred_at: micros(dispute.occurred_at),
            };
            diesel::replace_into(disputes::table).values(row).execute(connection)?;
        }
    }
    Ok(())
}

fn insert_total(
    connection: &mut SqliteConnection,
    key: &PaymentKey,
    total: &RefundTotal,
) -> Result<()> {
    diesel::insert_into(refunds::table)
        .values((
            refunds::account.eq(&key.account),
            refunds::transaction.eq(&key.transaction),
            refunds::total.eq(total.total_minor),
            refunds::refund_no.eq(total.refund_no.as_deref().unwrap_or_default()),
            refunds::occurred_at.eq(micros(total.occurred_at)),
        ))
        .on_conflict_do_nothing()
        .execute(connection)?;
    Ok(())
}
