//! Writing changed states: each key once, each kind sorted.

use std::collections::BTreeSet;

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;
use uuid::Uuid;

use super::notifications;
use crate::decide::case::{About, Case, CaseKey};
use crate::decide::fold::Changes;
use crate::decide::{Fulfilment, Order, State};
use crate::ledger::LedgerError;

mod payments;
mod details;
mod contracts;

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

statement!(
    UpsertCases {
        ids: Array<SqlUuid> = [Uuid],
        kinds: Array<Text> = [String],
        numbers: Array<Text> = [String],
        accounts: Array<Nullable<Text>> = [Option<String>],
        transactions: Array<Nullable<Text>> = [Option<String>],
        amounts: Array<BigInt> = [i64],
        currencies: Array<Text> = [String],
        now: Timestamptz = OffsetDateTime,
    } -> () = "
    insert into cases (id, kind, order_number, account, transaction, amount, currency, status, opened_at)
    select t.*, 'open', at
    from unnest(?::uuid[], ?::text[], ?::text[], ?::text[], ?::text[], ?::bigint[], ?::text[])
         as t (i, k, n, a, x, m, c), (select ?::timestamptz) as clock (at) order by i
    on conflict (id) do update
    set order_number = excluded.order_number, amount = excluded.amount,
        currency = excluded.currency, status = 'open', resolved_at = null,
        opened_at = case when cases.status = 'resolved' then excluded.opened_at else cases.opened_at end"
);

statement!(
    ResolveCases { ids: Array<SqlUuid> = [Uuid], now: Timestamptz = OffsetDateTime } -> () = "
    update cases set status = 'resolved', resolved_at = clock.at
    from (select ?::uuid[], ?::timestamptz) as clock (ids, at)
    where id = any(clock.ids) and status <> 'resolved'"
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
    cases(conn, changes, now).await
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

async fn cases(
    conn: &mut AsyncPgConnection,
    changes: &[(State, State)],
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    let mut open: Vec<(&CaseKey, &Case)> = vec![];
    // A case moves with its payment, from the payment's own state to its order's.
    let mut resolved: BTreeSet<Uuid> = BTreeSet::new();
    for (before, after) in changes {
        open.extend(after.cases.iter().filter(|(key, case)| before.cases.get(key) != Some(case)));
        let gone = before.cases.keys().filter(|key| !after.cases.contains_key(key));
        resolved.extend(gone.map(CaseKey::id));
    }
    if !open.is_empty() {
        let payment = |key: &CaseKey| match &key.about {
            About::Order(_) => None,
            About::Payment(payment) => Some(payment.clone()),
        };
        let ids: Vec<_> = open.iter().map(|(key, _)| key.id()).collect();
        let kinds: Vec<_> = open.iter().map(|(key, _)| key.kind.as_str().to_owned()).collect();
        let numbers: Vec<_> = open.iter().map(|(_, case)| case.order_number.clone()).collect();
        let accounts: Vec<_> =
            open.iter().map(|(key, _)| payment(key).map(|p| p.account)).collect();
        let transactions: Vec<_> =
            open.iter().map(|(key, _)| payment(key).map(|p| p.transaction)).collect();
        let amounts: Vec<_> = open.iter().map(|(_, case)| case.amount_minor).collect();
        let currencies: Vec<_> =
            open.iter().map(|(_, case)| case.currency.as_str().to_owned()).collect();
        let upsert = UpsertCases {
            ids: &ids,
            kinds: &kinds,
            numbers: &numbers,
            accounts: &accounts,
            transactions: &transactions,
            amounts: &amounts,
            currencies: &currencies,
            now: &now,
        };
        upsert.execute(conn).await?;
    }
    if !resolved.is_empty() {
        for key in changes.iter().flat_map(|(_, after)| after.cases.keys()) {
            resolved.remove(&key.id());
        }
        let ids: Vec<Uuid> = resolved.into_iter().collect();
        ResolveCases { ids: &ids, now: &now }.execute(conn).await?;
    }
    Ok(())
}

/// Fewer rows than we hold locks on: the books and the ledger disagree.
fn expect_all(written: usize, expected: usize) -> Result<(), LedgerError> {
    if written == expected {
        return Ok(());
    }
    Err(LedgerError::Conflict(format!("{written} of {expected} rows written")))
}
