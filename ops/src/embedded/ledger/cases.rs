//! Cases: opened and resolved with the states, and as people read them.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::upsert::excluded;
use shared::case::{CaseKind, CasePolicy};
use time::OffsetDateTime;
use uuid::Uuid;
use worker::decide::case::{About, Case, CaseKey};
use worker::decide::docket::Docket;
use worker::decide::{PaymentKey, State};
use worker::ledger::records::{CaseFilter, CaseRecord};

use super::fault::Result;
use super::resolutions;
use crate::embedded::schema::{cases, order_numbers, payments};
use crate::embedded::values::{self, currency, instant, instant_or_none, micros, uuid, word};

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
    policy: String,
    owner: Option<String>,
    resolution: Option<String>,
    refund_by: Option<i64>,
}

/// All numbers of the order that bears this one.
pub(super) fn numbers_beside(
    connection: &mut SqliteConnection,
    number: &str,
) -> Result<Vec<String>> {
    let order_no: Option<String> = order_numbers::table
        .find(number)
        .select(order_numbers::order_no)
        .first(connection)
        .optional()?;
    let Some(order_no) = order_no else { return Ok(vec![]) };
    Ok(order_numbers::table
        .filter(order_numbers::order_no.eq(order_no))
        .select(order_numbers::number)
        .load(connection)?)
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
    let docket = Docket::of(changes);
    for (key, case) in &docket.open {
        upsert(connection, key, case, now)?;
    }
    for (key, resolution) in &docket.ended {
        diesel::update(cases::table.find(key.id().to_string()))
            .filter(cases::status.ne(RESOLVED))
            .set((
                cases::status.eq(RESOLVED),
                cases::resolved_at.eq(micros(now)),
                cases::resolution.eq(resolution),
            ))
            .execute(connection)?;
    }
    for (key, resolution) in &docket.resolutions {
        resolutions::add(connection, key, resolution)?;
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
    if let Some(kind) = &filter.kind {
        query = query.filter(cases::kind.eq(kind));
    }
    if let Some(owner) = &filter.owner {
        query = query.filter(cases::owner.eq(owner));
    }
    if let Some(number) = &filter.number {
        let mut numbers = numbers_beside(connection, number)?;
        numbers.push(number.clone());
        query = query.filter(cases::order_number.eq_any(numbers));
    }
    if let Some(account) = &filter.account {
        let paid = payments::table
            .filter(payments::order_number.eq(cases::order_number))
            .filter(payments::account.eq(account));
        let of_order = cases::account.is_null().and(diesel::dsl::exists(paid));
        query = query.filter(cases::account.eq(account).assume_not_null().or(of_order));
    }
    let rows: Vec<Row> = query
        .order((cases::status.eq(RESOLVED), cases::amount.desc(), cases::opened_at, cases::id))
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

/// A condition that comes back opens its case again; one that is open keeps the status that a person
/// gave it.
fn upsert(
    connection: &mut SqliteConnection,
    key: &CaseKey,
    case: &Case,
    now: OffsetDateTime,
) -> Result<()> {
    let payment = match &key.about {
        About::Order(_) => None,
        About::Payment(payment) => Some(payment),
    };
    let stands = diesel::update(cases::table.find(key.id().to_string()))
        .filter(cases::status.ne(RESOLVED))
        .set((
            cases::order_number.eq(&case.order_number),
            cases::amount.eq(case.amount_minor),
            cases::currency.eq(case.currency.as_str()),
            cases::policy.eq(case.policy.as_str()),
            cases::refund_by.eq(case.refund_by.map(micros)),
        ))
        .execute(connection)?;
    if stands > 0 {
        return Ok(());
    }
    diesel::insert_into(cases::table)
        .values((
            cases::id.eq(key.id().to_string()),
            cases::kind.eq(key.kind.as_str()),
            cases::status.eq(case.first_status()),
            cases::order_number.eq(&case.order_number),
            cases::account.eq(payment.map(|payment| &payment.account)),
            cases::transaction.eq(payment.map(|payment| &payment.transaction)),
            cases::amount.eq(case.amount_minor),
            cases::currency.eq(case.currency.as_str()),
            cases::opened_at.eq(micros(now)),
            cases::policy.eq(case.policy.as_str()),
            cases::refund_by.eq(case.refund_by.map(micros)),
        ))
        .on_conflict(cases::id)
        .do_update()
        .set((
            cases::status.eq(excluded(cases::status)),
            cases::order_number.eq(excluded(cases::order_number)),
            cases::amount.eq(excluded(cases::amount)),
            cases::currency.eq(excluded(cases::currency)),
            cases::opened_at.eq(excluded(cases::opened_at)),
            cases::policy.eq(excluded(cases::policy)),
            cases::refund_by.eq(excluded(cases::refund_by)),
            cases::resolved_at.eq(None::<i64>),
            cases::resolution.eq(None::<String>),
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
        policy: word("policy", &row.policy, CasePolicy::from_word)?,
        refund_by: instant_or_none(row.refund_by)?,
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
        policy: row.policy,
        owner: row.owner,
        resolution: row.resolution,
        refund_by: instant_or_none(row.refund_by)?,
        opened_at: instant(row.opened_at)?,
        resolved_at: instant_or_none(row.resolved_at)?,
    })
}
