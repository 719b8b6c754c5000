//! What time and the shop bring about: orders that appear, deadlines that pass, cancels by SQL.

use std::collections::BTreeSet;

use diesel::sql_types::{Array, BigInt, Text, Timestamptz};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;

use super::{events, load, write};
use crate::decide::fold::{Changes, refold};
use crate::ledger::{Bucket, LedgerError, Swept};

statement!(
    Due { now: Timestamptz = OffsetDateTime, limit: BigInt = i64 } -> (Text) = "
    select number from (
        select p.order_number as number from payments p
        where p.order_no is null
          and (exists (select from order_numbers n where n.number = p.order_number)
               or (p.deadline <= ? and p.status in ('succeeded', 'finished')))
        union
        select o.order_no from orders o where o.cancelled_at is not null and o.status <> 'cancelled'
    ) as due limit ?"
);

statement!(
    /// What waited is decided now; its receipt moves with it.
    Conclude {
        accounts: Array<Text> = [String],
        transactions: Array<Text> = [String],
        outcomes: Array<Text> = [String],
    } -> () = "
    with concluded as (
        update notifications n set outcome = t.o
        from unnest(?::text[], ?::text[], ?::text[]) as t (a, x, o)
        where n.account = t.a and n.transaction = t.x and n.outcome = 'waiting'
        returning n.epoch, n.seq, n.outcome
    )
    update receipts r set bucket = c.outcome from concluded c
    where r.epoch = c.epoch and r.seq = c.seq and r.bucket = 'waiting'"
);

pub(super) async fn sweep(
    conn: &mut AsyncPgConnection,
    now: OffsetDateTime,
    limit: i64,
) -> Result<Swept, LedgerError> {
    let due: Vec<String> = Due { now: &now, limit: &limit }.load(conn).await?;
    if due.is_empty() {
        return Ok(Swept::default());
    }
    let numbers: BTreeSet<String> = due.into_iter().collect();
    conn.transaction(async |conn| again(conn, numbers.clone(), now).await).await
}

/// Derives the states of these numbers anew.
pub(super) async fn again(
    conn: &mut AsyncPgConnection,
    numbers: BTreeSet<String>,
    now: OffsetDateTime,
) -> Result<Swept, LedgerError> {
    let books = load::states(conn, numbers).await?;
    let changes = refold(books, now);
    write::states(conn, &changes.states, now).await?;
    conclude(conn, &changes).await?;
    events::append(conn, &changes.announcements, now).await?;
    Ok(Swept { subjects: changes.states.len() })
}

async fn conclude(conn: &mut AsyncPgConnection, changes: &Changes) -> Result<(), LedgerError> {
    let concluded = changes.concluded();
    if concluded.is_empty() {
        return Ok(());
    }
    let accounts: Vec<_> = concluded.iter().map(|(key, _)| key.account.clone()).collect();
    let transactions: Vec<_> = concluded.iter().map(|(key, _)| key.transaction.clone()).collect();
    let outcomes: Vec<_> =
        concluded.iter().map(|(_, decision)| Bucket::from(*decision).as_str().to_owned()).collect();
    let conclude =
        Conclude { accounts: &accounts, transactions: &transactions, outcomes: &outcomes };
    conclude.execute(conn).await?;
    Ok(())
}
