//! Payments and their refunds: one row for each provider transaction.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use shared::notification::{PaymentStatus, RefundTotal};
use time::OffsetDateTime;
use worker::decide::{Link, Order, Payment, PaymentKey, State};

use super::fault::{Fault, Result};
use crate::embedded::schema::{payments, refunds};
use crate::embedded::values::{self, instant, instant_or_none, micros, money, word};

#[derive(Queryable, Selectable)]
#[diesel(table_name = payments, check_for_backend(diesel::sqlite::Sqlite))]
struct Row {
    account: String,
    transaction: String,
    order_number: String,
    order_no: Option<String>,
    status: String,
    amount: i64,
    currency: String,
    occurred_at: i64,
    closed_at: Option<i64>,
    deadline: Option<i64>,
}

/// What may change of a payment.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = payments, treat_none_as_null = true)]
struct Changed<'a> {
    order_no: Option<&'a str>,
    status: &'static str,
    amount: i64,
    currency: &'a str,
    occurred_at: i64,
    closed_at: Option<i64>,
    deadline: Option<i64>,
}

/// All payments under these numbers.
pub(super) fn of_numbers(
    connection: &mut SqliteConnection,
    numbers: &BTreeSet<String>,
) -> Result<Vec<(PaymentKey, Payment)>> {
    let rows: Vec<Row> = payments::table
        .filter(payments::order_number.eq_any(numbers))
        .select(Row::as_select())
        .load(connection)?;
    let mut refunds = BTreeMap::new();
    for (key, refund) in refunds_of(connection, &rows)? {
        refunds.entry(key).or_insert_with(BTreeSet::new).insert(refund);
    }
    let payment = |row: Row| {
        let key = PaymentKey { account: row.account.clone(), transaction: row.transaction.clone() };
        let refunds = refunds.remove(&key).unwrap_or_default();
        Ok((key, payment(row, refunds)?))
    };
    Ok(rows.into_iter().map(payment).collect::<values::Result<_>>()?)
}

/// Writes the payments and refunds in which the states differ.
pub(super) fn write(
    connection: &mut SqliteConnection,
    changes: &[(State, State)],
    now: OffsetDateTime,
) -> Result<()> {
    for (before, after) in changes {
        for (key, payment) in &after.payments {
            let known = before.payments.get(key);
            match known {
                None => insert(connection, key, (payment, after.order.as_ref()), now)?,
                Some(known) if known == payment => continue,
                Some(_) => update(connection, key, payment, after.order.as_ref())?,
            }
            let is_new = |refund| known.is_none_or(|known| !known.refunds.contains(refund));
            for refund in payment.refunds.iter().filter(|refund| is_new(*refund)) {
                insert_refund(connection, key, refund)?;
            }
        }
    }
    Ok(())
}

fn insert(
    connection: &mut SqliteConnection,
    key: &PaymentKey,
    (payment, order): (&Payment, Option<&Order>),
    now: OffsetDateTime,
) -> Result<()> {
    let inserted = diesel::insert_into(payments::table)
        .values((
            payments::account.eq(&key.account),
            payments::transaction.eq(&key.transaction),
            payments::order_number.eq(&payment.order_number),
            payments::created_at.eq(micros(now)),
            changed(payment, order),
        ))
        .on_conflict_do_nothing()
        .execute(connection)?;
    // The books hold every payment of their numbers, so this one stands under another.
    if inserted == 0 {
        let moved = "moved: the provider names another order for a recorded transaction";
        return Err(Fault::Refused(moved));
    }
    Ok(())
}

fn update(
    connection: &mut SqliteConnection,
    key: &PaymentKey,
    payment: &Payment,
    order: Option<&Order>,
) -> Result<()> {
    diesel::update(payments::table.find((&key.account, &key.transaction)))
        .set(changed(payment, order))
        .execute(connection)?;
    Ok(())
}

fn changed<'a>(payment: &'a Payment, order: Option<&'a Order>) -> Changed<'a> {
    let (order_no, deadline) = match payment.link {
        Link::Order => (order.map(|order| order.order_no.as_str()), None),
        Link::Waiting { deadline } => (None, Some(micros(deadline))),
        Link::Unknown => (None, None),
    };
    Changed {
        order_no,
        status: payment.status.as_str(),
        amount: payment.amount.minor,
        currency: payment.amount.currency.as_str(),
        occurred_at: micros(payment.occurred_at),
        closed_at: payment.closed_at.map(micros),
        deadline,
    }
}

fn insert_refund(
    connection: &mut SqliteConnection,
    key: &PaymentKey,
    refund: &RefundTotal,
) -> Result<()> {
    diesel::insert_into(refunds::table)
        .values((
            refunds::account.eq(&key.account),
            refunds::transaction.eq(&key.transaction),
            refunds::total.eq(refund.total_minor),
            refunds::refund_no.eq(refund.refund_no.as_deref().unwrap_or_default()),
            refunds::occurred_at.eq(micros(refund.occurred_at)),
        ))
        .on_conflict_do_nothing()
        .execute(connection)?;
    Ok(())
}

fn refunds_of(
    connection: &mut SqliteConnection,
    payments: &[Row],
) -> Result<Vec<(PaymentKey, RefundTotal)>> {
    let mut found = vec![];
    for payment in payments {
        let rows: Vec<(i64, String, i64)> = refunds::table
            .filter(refunds::account.eq(&payment.account))
            .filter(refunds::transaction.eq(&payment.transaction))
            .select((refunds::total, refunds::refund_no, refunds::occurred_at))
            .load(connection)?;
        for (total_minor, refund_no, occurred_at) in rows {
            let key = PaymentKey {
                account: payment.account.clone(),
                transaction: payment.transaction.clone(),
            };
            let refund_no = Some(refund_no).filter(|number| !number.is_empty());
            let occurred_at = instant(occurred_at)?;
            found.push((key, RefundTotal { total_minor, refund_no, occurred_at }));
        }
    }
    Ok(found)
}

fn payment(row: Row, refunds: BTreeSet<RefundTotal>) -> values::Result<Payment> {
    let link = match (&row.order_no, row.deadline) {
        (Some(_), _) => Link::Order,
        (None, Some(deadline)) => Link::Waiting { deadline: instant(deadline)? },
        (None, None) => Link::Unknown,
    };
    Ok(Payment {
        order_number: row.order_number,
        status: word("payment status", &row.status, PaymentStatus::from_word)?,
        amount: money(row.amount, &row.currency)?,
        occurred_at: instant(row.occurred_at)?,
        closed_at: instant_or_none(row.closed_at)?,
        refunds,
        link,
    })
}
