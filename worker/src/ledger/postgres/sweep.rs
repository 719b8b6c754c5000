//! What time and the shop bring about: orders that appear, deadlines that pass, cancels by SQL.

use std::collections::BTreeSet;

use diesel::sql_types::{BigInt, Text, Timestamptz};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;

use super::{events, load, write};
use crate::decide::fold::refold;
use crate::ledger::{LedgerError, Swept};

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
    write::changes(conn, &changes, now).await?;
    events::append(conn, &changes.announcements, now).await?;
    Ok(Swept { subjects: changes.states.len() })
}
