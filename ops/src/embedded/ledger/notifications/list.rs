//! Recorded notifications, and one with its body.

use std::cmp::Reverse;

use diesel::prelude::*;
use shared::secret::bodies::Bodies;
use uuid::Uuid;
use worker::decide::PaymentKey;
use worker::ledger::bodies::{NotificationFilter, NotificationRecord, StoredBody, StoredMessage};

use super::about::{loose, paid_under};
use crate::embedded::ledger::fault::Result;
use crate::embedded::schema::{bodies, notifications, order_numbers, payments, removed_bodies};
use crate::embedded::values::{instant, instant_or_none, uuid};

#[derive(Queryable, Selectable)]
#[diesel(table_name = notifications)]
struct Row {
    message_id: String,
    part: i64,
    account: String,
    provider: String,
    identity: String,
    kind: String,
    order_number: Option<String>,
    transaction: Option<String>,
    outcome: String,
    received_at: i64,
    recorded_at: i64,
}

/// As [`worker::ledger::bodies::BodyRow`], with its time as the file keeps it.
type Stored = (Option<String>, Option<Vec<u8>>, Vec<u8>, Option<i64>);

pub(in crate::embedded::ledger) fn list(
    connection: &mut SqliteConnection,
    filter: &NotificationFilter,
) -> Result<Vec<NotificationRecord>> {
    let asked = || {
        let mut query = notifications::table
            .select(Row::as_select())
            .order((notifications::message_id.desc(), notifications::part))
            .limit(filter.limit)
            .into_boxed();
        if let Some(account) = &filter.account {
            query = query.filter(notifications::account.eq(account));
        }
        if let Some(transaction) = &filter.transaction {
            query = query.filter(notifications::transaction.eq(transaction));
        }
        if let Some(kind) = &filter.kind {
            query = query.filter(notifications::kind.eq(kind));
        }
        query
    };
    if filter.order.is_none() && filter.transaction.is_none() {
        return asked().load(connection)?.into_iter().map(record).collect();
    }
    let numbers = numbers(connection, filter)?;
    let mut rows: Vec<Row> =
        asked().filter(notifications::order_number.eq_any(&numbers)).load(connection)?;
    let money = match (&filter.account, &filter.transaction) {
        (Some(account), Some(transaction)) => {
            vec![PaymentKey { account: account.clone(), transaction: transaction.clone() }]
        }
        _ => paid_under(connection, &numbers)?,
    };
    for (message, part) in loose(connection, &money)? {
        let one = asked()
            .filter(notifications::message_id.eq(message))
            .filter(notifications::part.eq(part));
        rows.extend(one.first::<Row>(connection).optional()?);
    }
    rows.sort_by_key(|row| (Reverse(row.message_id.clone()), row.part));
    rows.dedup_by_key(|row| (row.message_id.clone(), row.part));
    rows.truncate(usize::try_from(filter.limit).unwrap_or_default());
    rows.into_iter().map(record).collect()
}

pub(in crate::embedded::ledger) fn show(
    connection: &mut SqliteConnection,
    message: Uuid,
    kept: &Bodies,
) -> Result<Option<StoredMessage>> {
    let id = message.to_string();
    let parts: Vec<Row> = notifications::table
        .filter(notifications::message_id.eq(&id))
        .order(notifications::part)
        .select(Row::as_select())
        .load(connection)?;
    if parts.is_empty() {
        return Ok(None);
    }
    let body = body(connection, message, kept)?;
    let parts = parts.into_iter().map(record).collect::<Result<_>>()?;
    Ok(Some(StoredMessage { parts, body }))
}

/// What there is of a body.
pub(in crate::embedded::ledger) fn body(
    connection: &mut SqliteConnection,
    message: Uuid,
    kept: &Bodies,
) -> Result<StoredBody> {
    let id = message.to_string();
    let stored: Option<Stored> = bodies::table
        .find(&id)
        .select((bodies::key_id, bodies::wrapped, bodies::body, bodies::redacted_at))
        .first(connection)
        .optional()?;
    let former: Option<Option<Vec<u8>>> = notifications::table
        .find((&id, 0))
        .select(notifications::body)
        .first(connection)
        .optional()?;
    // Or where a former version put it.
    let stored = stored.or(former.flatten().map(|body| (None, None, body, None)));
    let removed: Option<(i64, String)> = removed_bodies::table
        .find(&id)
        .select((removed_bodies::removed_at, removed_bodies::reason))
        .first(connection)
        .optional()?;
    let stored = match stored {
        Some((key, wrapped, body, at)) => Some((key, wrapped, body, instant_or_none(at)?)),
        None => None,
    };
    let removed = match removed {
        Some((at, reason)) => Some((instant(at)?, reason)),
        None => None,
    };
    Ok(StoredBody::of(message, stored, removed, kept))
}

/// Of the order that is asked for, or of the transaction's.
fn numbers(connection: &mut SqliteConnection, filter: &NotificationFilter) -> Result<Vec<String>> {
    let mut numbers: Vec<String> = filter.order.iter().cloned().collect();
    if let (Some(account), Some(transaction)) = (&filter.account, &filter.transaction) {
        let of = payments::table.find((account, transaction)).select(payments::order_number);
        numbers.extend(of.first::<String>(connection).optional()?);
    }
    if let Some(order) = &filter.order {
        let order_no = order_numbers::table.find(order).select(order_numbers::order_no);
        let order_no: Option<String> = order_no.first(connection).optional()?;
        let others = order_numbers::table
            .filter(order_numbers::order_no.nullable().eq(order_no))
            .select(order_numbers::number);
        numbers.extend(others.load::<String>(connection)?);
    }
    Ok(numbers)
}

fn record(row: Row) -> Result<NotificationRecord> {
    Ok(NotificationRecord {
        message_id: uuid(&row.message_id)?,
        part: i32::try_from(row.part).unwrap_or(i32::MAX),
        account: row.account,
        provider: row.provider,
        identity: row.identity,
        kind: row.kind,
        order_number: row.order_number,
        transaction: row.transaction,
        outcome: row.outcome,
        received_at: instant(row.received_at)?,
        recorded_at: instant(row.recorded_at)?,
    })
}
