//! What time and the shop bring about: orders that appear, deadlines that pass, cancels by SQL.

use std::collections::BTreeSet;

use diesel::sql_types::{Array, BigInt, Text, Timestamptz};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use shared::rules::Rules;
use time::OffsetDateTime;

use super::{events, load, write};
use crate::decide::fold::refold;
use crate::ledger::{LedgerError, Swept};

statement!(
    Due {
        now: Timestamptz = OffsetDateTime,
        over: Timestamptz = OffsetDateTime,
        limit: BigInt = i64,
    } -> (Text) = "
    select number from (
        select p.order_number as number from payments p
        where p.order_no is null
          and (not p.absent and exists (select from order_numbers n where n.number = p.order_number)
               or (p.deadline <= ? and (p.absent or p.status in ('succeeded', 'finished'))))
        union
        select c.order_no from cancellations c
        union
        select e.order_no from expirations e where e.expires_at < ?
    ) as due limit ?"
);

statement!(
    /// The order was derived anew, so its cancellation is announced, or refused by a payment.
    Announced { order_nos: Array<Text> = [String] } -> () = "
    delete from cancellations where order_no = any(?::text[])"
);

statement!(
    /// The order was derived anew after its end.
    Expired { order_nos: Array<Text> = [String], now: Timestamptz = OffsetDateTime } -> () = "
    delete from expirations where order_no = any(?::text[]) and expires_at < ?"
);

pub(super) async fn sweep(
    conn: &mut AsyncPgConnection,
    now: OffsetDateTime,
    limit: i64,
    rules: &Rules,
) -> Result<Swept, LedgerError> {
    let due: Vec<String> = Due { now: &now, over: &now, limit: &limit }.load(conn).await?;
    if due.is_empty() {
        return Ok(Swept::default());
    }
    let numbers: BTreeSet<String> = due.into_iter().collect();
    conn.transaction(async |conn| again(conn, numbers.clone(), now, rules).await).await
}

/// Derives the states of these numbers anew.
pub(super) async fn again(
    conn: &mut AsyncPgConnection,
    numbers: BTreeSet<String>,
    now: OffsetDateTime,
    rules: &Rules,
) -> Result<Swept, LedgerError> {
    let order_nos: Vec<String> = numbers.iter().cloned().collect();
    let books = load::states(conn, numbers).await?;
    let changes = refold(books, now, rules);
    write::changes(conn, &changes, now).await?;
    Announced { order_nos: &order_nos }.execute(conn).await?;
    Expired { order_nos: &order_nos, now: &now }.execute(conn).await?;
    events::append(conn, &changes.announcements, now).await?;
    Ok(Swept { subjects: changes.states.len() })
}
