//! The notifications about an order or a transaction: those that are filed under its numbers, and those
//! that are found by a transaction alone.

use std::cmp::Reverse;

use diesel::prelude::*;
use worker::decide::PaymentKey;

use crate::embedded::ledger::fault::Result;
use crate::embedded::schema::{loose_notifications, notifications, payments};

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = notifications, check_for_backend(diesel::sqlite::Sqlite))]
pub(in crate::embedded::ledger) struct Row {
    pub message_id: String,
    pub part: i64,
    pub account: String,
    pub provider: String,
    pub identity: String,
    pub kind: String,
    pub transaction: Option<String>,
    pub received_at: i64,
    pub outcome: String,
}

/// The newest, newest first: of all that is about the order with these numbers, or of one transaction.
pub(in crate::embedded::ledger) fn about(
    connection: &mut SqliteConnection,
    numbers: &[String],
    of: Option<&PaymentKey>,
    limit: i64,
) -> Result<Vec<Row>> {
    let mut filed =
        notifications::table.filter(notifications::order_number.eq_any(numbers)).into_boxed();
    if let Some(key) = of {
        filed = filed
            .filter(notifications::account.eq(&key.account))
            .filter(notifications::transaction.eq(&key.transaction));
    }
    let newest =
        (notifications::received_at.desc(), notifications::message_id, notifications::part);
    let mut rows: Vec<Row> =
        filed.order(newest).limit(limit).select(Row::as_select()).load(connection)?;
    let transactions = match of {
        Some(key) => vec![key.clone()],
        None => paid_under(connection, numbers)?,
    };
    for key in loose(connection, &transactions)? {
        let found = notifications::table.find(key).select(Row::as_select());
        rows.extend(found.first(connection).optional()?);
    }
    let place = |row: &Row| (Reverse(row.received_at), row.message_id.clone(), row.part);
    rows.sort_by_key(place);
    rows.dedup();
    rows.truncate(usize::try_from(limit).unwrap_or_default());
    Ok(rows)
}

/// The messages and parts that are found by these transactions alone.
pub(in crate::embedded::ledger) fn loose(
    connection: &mut SqliteConnection,
    transactions: &[PaymentKey],
) -> Result<Vec<(String, i64)>> {
    let mut found = vec![];
    for key in transactions {
        let of_key: Vec<_> = loose_notifications::table
            .filter(loose_notifications::account.eq(&key.account))
            .filter(loose_notifications::transaction.eq(&key.transaction))
            .select((loose_notifications::message_id, loose_notifications::part))
            .load(connection)?;
        found.extend(of_key);
    }
    Ok(found)
}

/// The transactions under these numbers.
pub(in crate::embedded::ledger) fn paid_under(
    connection: &mut SqliteConnection,
    numbers: &[String],
) -> Result<Vec<PaymentKey>> {
    let rows: Vec<(String, String)> = payments::table
        .filter(payments::order_number.eq_any(numbers))
        .select((payments::account, payments::transaction))
        .load(connection)?;
    let key = |(account, transaction)| PaymentKey { account, transaction };
    Ok(rows.into_iter().map(key).collect())
}
