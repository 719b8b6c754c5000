//! Reading orders, with everything about them.

use diesel::prelude::*;
use shared::order::{Mode, OrderStatus};
use worker::decide::payment::Pays;
use worker::ledger::records::{
    EventLine, FulfilmentRecord, OrderFilter, OrderRecord, OrderSummary, PaymentRecord,
};

use super::cases;
use super::fault::Result;
use crate::embedded::schema::{events, fulfilments, order_numbers, orders, payments};
use crate::embedded::values::{self, currency, instant, instant_or_none, micros, uuid, word};

mod accepted;
mod refunds;

#[derive(Queryable, Selectable)]
#[diesel(table_name = orders, check_for_backend(diesel::sqlite::Sqlite))]
struct Row {
    order_no: String,
    amount: i64,
    currency: String,
    account: Option<String>,
    status: String,
    paid_amount: i64,
    refunded_amount: i64,
    paid_at: Option<i64>,
    cancelled_at: Option<i64>,
    expires_at: Option<i64>,
    mode: String,
    subscription_no: Option<String>,
    period: Option<String>,
    created_at: i64,
}

pub(super) fn orders(
    connection: &mut SqliteConnection,
    filter: &OrderFilter,
) -> Result<Vec<OrderSummary>> {
    let mut query = orders::table.into_boxed();
    if let Some(status) = filter.status {
        query = query.filter(orders::status.eq(status.as_str()));
    }
    if let Some(account) = &filter.account {
        query = query.filter(orders::account.eq(account));
    }
    if let Some(since) = filter.since {
        query = query.filter(orders::created_at.ge(micros(since)));
    }
    if let Some((until, after)) = &filter.after {
        let (until, at) = (micros(*until), orders::created_at);
        query = query.filter(at.lt(until).or(at.eq(until).and(orders::order_no.gt(after))));
    }
    let rows: Vec<Row> = query
        .order((orders::created_at.desc(), orders::order_no))
        .limit(filter.limit)
        .select(Row::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(summary).collect::<values::Result<_>>()?)
}

/// The order that any of its numbers names.
pub(super) fn order(
    connection: &mut SqliteConnection,
    number: &str,
) -> Result<Option<OrderRecord>> {
    let order_no = order_numbers::table.find(number).select(order_numbers::order_no);
    let row: Option<Row> = orders::table
        .filter(orders::order_no.eq_any(order_no))
        .select(Row::as_select())
        .first(connection)
        .optional()?;
    let Some(summary) = row.map(summary).transpose()? else { return Ok(None) };
    let order_no = summary.order_no.as_str();
    let numbers: Vec<String> = order_numbers::table
        .filter(order_numbers::order_no.eq(order_no))
        .order(order_numbers::number)
        .select(order_numbers::number)
        .load(connection)?;
    let payments = payments_of(connection, &numbers)?;
    let mut names = numbers.clone();
    names.extend(payments.iter().map(|payment| payment.transaction.clone()));
    let mut cases = cases::of_numbers(connection, &names)?;
    cases.retain(|case| case.belongs(&numbers, &payments));
    Ok(Some(OrderRecord {
        fulfilments: fulfilments_of(connection, order_no)?,
        refunds: refunds::refunds(connection, &numbers)?,
        disputes: refunds::disputes(connection, &numbers)?,
        accepted: accepted::accepted(connection, order_no, &payments)?,
        cases,
        events: events_of(connection, &format!("order/{order_no}"))?,
        payments,
        numbers,
        summary,
    }))
}

fn fulfilments_of(
    connection: &mut SqliteConnection,
    order_no: &str,
) -> Result<Vec<FulfilmentRecord>> {
    type Row = (bool, i64, Option<i64>);
    let rows: Vec<Row> = fulfilments::table
        .find(order_no)
        .select((fulfilments::active, fulfilments::created_at, fulfilments::revoked_at))
        .load(connection)?;
    let record = |(active, created_at, revoked_at): Row| {
        let (created_at, revoked_at) = (instant(created_at)?, instant_or_none(revoked_at)?);
        Ok(FulfilmentRecord { active, created_at, revoked_at })
    };
    Ok(rows.into_iter().map(record).collect::<values::Result<_>>()?)
}

fn payments_of(
    connection: &mut SqliteConnection,
    numbers: &[String],
) -> Result<Vec<PaymentRecord>> {
    type Row = (String, String, String, String, i64, String, i64, String, bool);
    let rows: Vec<Row> = payments::table
        .filter(payments::order_number.eq_any(numbers))
        .filter(diesel::dsl::not(payments::absent))
        .order((payments::occurred_at, payments::transaction))
        .select((
            payments::account,
            payments::transaction,
            payments::order_number,
            payments::status,
            payments::amount,
            payments::currency,
            payments::occurred_at,
            payments::mode,
            payments::named_only,
        ))
        .load(connection)?;
    let record = |row: Row| {
        let (account, transaction, order_number, status, amount, letters, at, mode, named_only) =
            row;
        let (currency, occurred_at) = (currency(&letters)?, instant(at)?);
        Ok(PaymentRecord {
            account,
            transaction,
            order_number,
            status,
            amount,
            currency,
            occurred_at,
            mode: word("mode", &mode, Mode::from_word)?,
            pays: if named_only { Pays::NamedOrders } else { Pays::AnyOrder },
        })
    };
    Ok(rows.into_iter().map(record).collect::<values::Result<_>>()?)
}

pub(super) fn events_of(
    connection: &mut SqliteConnection,
    subject: &str,
) -> Result<Vec<EventLine>> {
    type Row = (String, i64, String, Option<i64>);
    let rows: Vec<Row> = events::table
        .filter(events::subject.eq(subject))
        .order(events::sequence)
        .select((events::kind, events::sequence, events::id, events::position))
        .load(connection)?;
    let line = |(r#type, sequence, id, position): Row| {
        Ok(EventLine { r#type, sequence, id: uuid(&id)?, published: position.is_some() })
    };
    Ok(rows.into_iter().map(line).collect::<values::Result<_>>()?)
}

fn summary(row: Row) -> values::Result<OrderSummary> {
    Ok(OrderSummary {
        status: word("status", &row.status, OrderStatus::from_word)?,
        order_no: row.order_no,
        amount: row.amount,
        currency: currency(&row.currency)?,
        account: row.account,
        paid_amount: row.paid_amount,
        refunded_amount: row.refunded_amount,
        paid_at: instant_or_none(row.paid_at)?,
        cancelled_at: instant_or_none(row.cancelled_at)?,
        expires_at: instant_or_none(row.expires_at)?,
        mode: word("mode", &row.mode, Mode::from_word)?,
        subscription_no: row.subscription_no,
        period: row.period,
        created_at: instant(row.created_at)?,
    })
}
