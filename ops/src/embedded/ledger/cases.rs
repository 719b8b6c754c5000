//! Cases: opened and resolved with the states, and as people read them.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::upsert::excluded;
use shared::case::CaseKind;
use time::OffsetDateTime;
use uuid::Uuid;
use worker::decide::case::{About, Case, CaseKey};
use worker::decide::{PaymentKey, State};
use worker::ledger::records::{CaseFilter, CaseRecord};

use super::fault::Result;
use crate::embedded::schema::cases;
use crate::embedded::values::{self, currency, instant, instant_or_none, micros, uuid, word};

const OPEN: &str = "open";
const RESOLVED: &str = "resolved";

#[derive(Queryable, Selectable)]
#[diesel(table_name = cases, check_for_backend(diesel::sqlite::Sqlite))]
struct Row {
    id: String,
    kind: String,
    status: String,
    order_number: String,
    account: Option<String>,
    transaction: Option<String>,
    amount: i64,
    currency: String,
    opened_at: i64,
    resolved_at: Option<i64>,
}

/// The cases that are open under these numbers.
pub(super) fn open(
    connection: &mut SqliteConnection,
    numbers: &BTreeSet<String>,
) -> Result<Vec<(CaseKey, Case)>> {
    let rows: Vec<Row> = cases::table
        .filter(cases::order_number.eq_any(numbers))
        .filter(cases::status.ne(RESOLVED))
        .select(Row::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(case).collect::<values::Result<_>>()?)
}

/// Opens, updates and resolves the cases in which the states differ.
pub(super) fn write(
    connection: &mut SqliteConnection,
    changes: &[(State, State)],
    now: OffsetDateTime,
) -> Result<()> {
    // A case moves with its payment, from the payment's own state to its order's.
    let open: BTreeSet<&CaseKey> =
        changes.iter().flat_map(|(_, after)| after.cases.keys()).collect();
    let known: BTreeMap<&CaseKey, &Case> =
        changes.iter().flat_map(|(before, _)| &before.cases).collect();
    for (before, after) in changes {
        for (key, case) in &after.cases {
            match known.get(key).copied() {
                None => insert(connection, key, case, now)?,
                Some(known) if known == case => (),
                Some(_) => {
                    diesel::update(cases::table.find(key.id().to_string()))
                        .set((
                            cases::order_number.eq(&case.order_number),
                            cases::amount.eq(case.amount_minor),
                            cases::currency.eq(case.currency.as_str()),
                        ))
                        .execute(connection)?;
                }
            }
        }
        for key in before.cases.keys().filter(|key| !open.contains(key)) {
            diesel::update(cases::table.find(key.id().to_string()))
                .set((cases::status.eq(RESOLVED), cases::resolved_at.eq(micros(now))))
                .execute(connection)?;
        }
    }
    Ok(())
}

pub(super) fn list(
    connection: &mut SqliteConnection,
    filter: &CaseFilter,
) -> Result<Vec<CaseRecord>> {
    let mut query = cases::table.into_boxed();
    if let Some(status) = &filter.status {
        query = query.filter(cases::status.eq(status));
    }
    let rows: Vec<Row> = query
        .order((cases::opened_at.desc(), cases::id))
        .limit(filter.limit)
        .select(Row::as_select())
        .load(connection)?;
    records(rows)
}

pub(super) fn one(connection: &mut SqliteConnection, id: Uuid) -> Result<Option<CaseRecord>> {
    let found = cases::table.find(id.to_string()).select(Row::as_select());
    let row: Option<Row> = found.first(connection).optional()?;
    Ok(row.map(record).transpose()?)
}

/// All cases, open or not, about an order's numbers.
pub(super) fn of_numbers(
    connection: &mut SqliteConnection,
    numbers: &[String],
) -> Result<Vec<CaseRecord>> {
    let rows: Vec<Row> = cases::table
        .filter(cases::order_number.eq_any(numbers))
        .order((cases::opened_at, cases::id))
        .select(Row::as_select())
        .load(connection)?;
    records(rows)
}

/// A condition that comes back opens its case again.
fn insert(
    connection: &mut SqliteConnection,
    key: &CaseKey,
    case: &Case,
    now: OffsetDateTime,
) -> Result<()> {
    let payment = match &key.about {
        About::Order(_) => None,
        About::Payment(payment) => Some(payment),
    };
    diesel::insert_into(cases::table)
        .values((
            cases::id.eq(key.id().to_string()),
            cases::kind.eq(key.kind.as_str()),
            cases::status.eq(OPEN),
            cases::order_number.eq(&case.order_number),
            cases::account.eq(payment.map(|payment| &payment.account)),
            cases::transaction.eq(payment.map(|payment| &payment.transaction)),
            cases::amount.eq(case.amount_minor),
            cases::currency.eq(case.currency.as_str()),
            cases::opened_at.eq(micros(now)),
        ))
        .on_conflict(cases::id)
        .do_update()
        .set((
            cases::status.eq(OPEN),
            cases::order_number.eq(excluded(cases::order_number)),
            cases::amount.eq(excluded(cases::amount)),
            cases::currency.eq(excluded(cases::currency)),
            cases::opened_at.eq(excluded(cases::opened_at)),
            cases::resolved_at.eq(None::<i64>),
        ))
        .execute(connection)?;
    Ok(())
}

fn case(row: Row) -> values::Result<(CaseKey, Case)> {
    let kind = word("case", &row.kind, CaseKind::from_word)?;
    let about = match (row.account, row.transaction) {
        (Some(account), Some(transaction)) => About::Payment(PaymentKey { account, transaction }),
        (_, None) | (None, Some(_)) => About::Order(row.order_number.clone()),
    };
    let case = Case {
        order_number: row.order_number,
        amount_minor: row.amount,
        currency: currency(&row.currency)?,
    };
    Ok((CaseKey { kind, about }, case))
}

fn records(rows: Vec<Row>) -> Result<Vec<CaseRecord>> {
    Ok(rows.into_iter().map(record).collect::<values::Result<_>>()?)
}

fn record(row: Row) -> values::Result<CaseRecord> {
    Ok(CaseRecord {
        id: uuid(&row.id)?,
        kind: row.kind,
        status: row.status,
        order_number: row.order_number,
        account: row.account,
        transaction: row.transaction,
        amount: row.amount,
        currency: currency(&row.currency)?,
        opened_at: instant(row.opened_at)?,
        resolved_at: instant_or_none(row.resolved_at)?,
    })
}
