//! Payments: one row for each provider transaction.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use shared::notification::PaymentStatus;
use shared::order::Mode;
use time::OffsetDateTime;
use worker::decide::fold::{Changes, Known};
use worker::decide::payment::Pays;
use worker::decide::{Link, Order, Payment, PaymentKey};

use super::details;
use super::fault::{Fault, Result};
use crate::embedded::schema::payments;
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
    absent: bool,
    agreement: Option<String>,
    without_order: bool,
    mode: String,
    named_only: bool,
}

/// What may change of a payment.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = payments, treat_none_as_null = true)]
struct Changed<'a> {
    order_number: &'a str,
    order_no: Option<&'a str>,
    status: &'static str,
    amount: i64,
    currency: &'a str,
    occurred_at: i64,
    closed_at: Option<i64>,
    deadline: Option<i64>,
    absent: bool,
    agreement: Option<&'a str>,
    without_order: bool,
    mode: &'static str,
    named_only: bool,
}

/// All payments under these numbers; those with these keys, of which only refunds or disputes are
/// known, because they stand under no order's number.
pub(super) fn of(
    connection: &mut SqliteConnection,
    numbers: &BTreeSet<String>,
    keys: &BTreeSet<PaymentKey>,
) -> Result<Vec<(PaymentKey, Payment)>> {
    let mut rows: Vec<Row> = payments::table
        .filter(payments::order_number.eq_any(numbers))
        .select(Row::as_select())
        .load(connection)?;
    for key in keys {
        let absent =
            payments::table.find((&key.account, &key.transaction)).filter(payments::absent);
        let row: Option<Row> = absent.select(Row::as_select()).first(connection).optional()?;
        rows.extend(row.filter(|row| !numbers.contains(&row.order_number)));
    }
    let mut found = vec![];
    for row in rows {
        let key = PaymentKey { account: row.account.clone(), transaction: row.transaction.clone() };
        let mut payment = payment(row)?;
        details::read(connection, &key, &mut payment)?;
        found.push((key, payment));
    }
    Ok(found)
}

/// The number under which a payment stands.
pub(super) fn number_of(
    connection: &mut SqliteConnection,
    key: &PaymentKey,
) -> Result<Option<String>> {
    let payment = payments::table.find((&key.account, &key.transaction));
    Ok(payment.select(payments::order_number).first(connection).optional()?)
}

/// Writes the payments in which the states differ, and what stands beneath them.
pub(super) fn write(
    connection: &mut SqliteConnection,
    changes: &Changes,
    now: OffsetDateTime,
) -> Result<()> {
    let recorded = Known::before(changes);
    for (before, after) in &changes.states {
        for (key, payment) in &after.payments {
            let known = recorded.payment(before, key);
            match known {
                None => insert(connection, key, (payment, after.order.as_ref()), now)?,
                Some(known) if known == payment => continue,
                Some(_) => update(connection, key, payment, after.order.as_ref())?,
            }
            details::write(connection, key, known, payment)?;
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
        Link::Absent { deadline } => (None, deadline.map(micros)),
        Link::Order => (order.map(|order| order.order_no.as_str()), None),
        Link::Waiting { deadline } => (None, Some(micros(deadline))),
        Link::Unknown | Link::Subscription => (None, None),
    };
    Changed {
        order_number: &payment.order_number,
        order_no,
        status: payment.status.as_str(),
        amount: payment.amount.minor,
        currency: payment.amount.currency.as_str(),
        occurred_at: micros(payment.occurred_at),
        closed_at: payment.closed_at.map(micros),
        deadline,
        absent: payment.is_absent(),
        agreement: payment.agreement.as_deref(),
        without_order: payment.link == Link::Subscription,
        mode: payment.mode.as_str(),
        named_only: payment.pays == Pays::NamedOrders,
    }
}

/// The payment without what stands beneath it.
fn payment(row: Row) -> values::Result<Payment> {
    let link = match (&row.order_no, row.deadline) {
        (_, deadline) if row.absent => Link::Absent { deadline: instant_or_none(deadline)? },
        (Some(_), _) => Link::Order,
        (None, _) if row.without_order => Link::Subscription,
        (None, Some(deadline)) => Link::Waiting { deadline: instant(deadline)? },
        (None, None) => Link::Unknown,
    };
    Ok(Payment {
        order_number: row.order_number,
        status: word("payment status", &row.status, PaymentStatus::from_word)?,
        amount: money(row.amount, &row.currency)?,
        occurred_at: instant(row.occurred_at)?,
        closed_at: instant_or_none(row.closed_at)?,
        totals: BTreeSet::new(),
        refunds: BTreeMap::new(),
        disputes: BTreeMap::new(),
        agreement: row.agreement,
        link,
        mode: word("mode", &row.mode, Mode::from_word)?,
        pays: if row.named_only { Pays::NamedOrders } else { Pays::AnyOrder },
    })
}
