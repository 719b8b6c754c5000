//! Writing changed states: each key once, each kind sorted.

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;

use super::notifications;
use crate::decide::fold::Changes;
use crate::decide::{Fulfilment, Order, State};
use crate::ledger::LedgerError;

mod payments;
mod details;
mod contracts;
mod cases;

statement!(
    UpdateOrders {
        order_nos: Array<Text> = [String],
        statuses: Array<Text> = [String],
        paid: Array<BigInt> = [i64],
        refunded: Array<BigInt> = [i64],
        paid_at: Array<Nullable<Timestamptz>> = [Option<OffsetDateTime>],
    } -> () = "
    update orders o set status = t.s, paid_amount = t.p, refunded_amount = t.r, paid_at = t.at
    from unnest(?::text[], ?::text[], ?::bigint[], ?::bigint[], ?::timestamptz[])
         as t (n, s, p, r, at)
    where o.order_no = t.n"
);

statement!(
    UpsertFulfilments {
        order_nos: Array<Text> = [String],
        active: Array<Bool> = [bool],
        now: Timestamptz = OffsetDateTime,
    } -> () = "
    insert into fulfilments (order_no, active, created_at, revoked_at)
    select n, a, at, case when a then null else at end
    from unnest(?::text[], ?::bool[]) as t (n, a), (select ?::timestamptz) as clock (at) order by n
    on conflict (order_no) do update
    set active = excluded.active, revoked_at = excluded.revoked_at"
);

/// Writes the difference between the states before and after, and concludes what waited.
pub(super) async fn changes(
    conn: &mut AsyncPgConnection,
    changes: &Changes,
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    notifications::conclude(conn, changes).await?;
    payments::payments(conn, changes).await?;
    details::details(conn, changes).await?;
    contracts::contracts(conn, changes, now).await?;
    let changes = &changes.states;
    orders(conn, changes).await?;
    fulfilments(conn, changes, now).await?;
    cases::cases(conn, changes, now).await
}

async fn orders(
    conn: &mut AsyncPgConnection,
    changes: &[(State, State)],
) -> Result<(), LedgerError> {
    let recorded = |state: &State| state.order.as_ref().map(|order| order.recorded);
    let changed = changes.iter().filter(|(before, after)| recorded(before) != recorded(after));
    let orders: Vec<&Order> = changed.filter_map(|(_, after)| after.order.as_ref()).collect();
    if orders.is_empty() {
        return Ok(());
    }
    let order_nos: Vec<_> = orders.iter().map(|order| order.order_no.clone()).collect();
    let statuses: Vec<_> =
        orders.iter().map(|order| order.recorded.status.as_str().to_owned()).collect();
    let paid: Vec<_> = orders.iter().map(|order| order.recorded.paid_minor).collect();
    let refunded: Vec<_> = orders.iter().map(|order| order.recorded.refunded_minor).collect();
    let paid_at: Vec<_> = orders.iter().map(|order| order.recorded.paid_at).collect();
    let update = UpdateOrders {
        order_nos: &order_nos,
        statuses: &statuses,
        paid: &paid,
        refunded: &refunded,
        paid_at: &paid_at,
    };
    expect_all(update.execute(conn).await?, orders.len())
}

async fn fulfilments(
    conn: &mut AsyncPgConnection,
    changes: &[(State, State)],
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    let fulfilment = |state: &State| {
        state.order.as_ref().map_or(Fulfilment::None, |order| order.recorded.fulfilment)
    };
    let changed = changes.iter().filter(|(before, after)| fulfilment(before) != fulfilment(after));
    let orders: Vec<&Order> = changed.filter_map(|(_, after)| after.order.as_ref()).collect();
    if orders.is_empty() {
        return Ok(());
    }
    let order_nos: Vec<_> = orders.iter().map(|order| order.order_no.clone()).collect();
    let active: Vec<_> =
        orders.iter().map(|order| order.recorded.fulfilment == Fulfilment::Active).collect();
    UpsertFulfilments { order_nos: &order_nos, active: &active, now: &now }.execute(conn).await?;
    Ok(())
}

/// Fewer rows than we hold locks on: the books and the ledger disagree.
fn expect_all(written: usize, expected: usize) -> Result<(), LedgerError> {
    if written == expected {
        return Ok(());
    }
    Err(LedgerError::Conflict(format!("{written} of {expected} rows written")))
}
