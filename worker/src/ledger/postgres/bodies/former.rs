//! Bodies where a former version put them, with their notifications: they move.

use diesel::sql_types::{Array, BigInt, Uuid as SqlUuid};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use uuid::Uuid;

use crate::ledger::LedgerError;

statement!(
    /// Rows of a former version, in the order of their ids; whoever moves them holds the mark.
    Unmoved { limit: BigInt = i64 } -> (SqlUuid) = "
    with mark as (select message_id from body_moves for update)
    select n.message_id from mark, lateral (
        select message_id from notifications
        where (message_id, part) > (mark.message_id, 0) and part = 0
        order by message_id, part limit ?
    ) as n order by n.message_id"
);

statement!(
    /// Each of them, with its body where it still has one.
    Move { messages: Array<SqlUuid> = [Uuid] } -> () = "
    with held as (
        select n.message_id, n.body
        from unnest(?::uuid[]) as t (m) join notifications n on n.message_id = t.m and n.part = 0
        where n.body is not null order by n.message_id for update of n
    ), emptied as (
        update notifications n set body = null from held
        where n.message_id = held.message_id and n.part = 0
    )
    insert into bodies (message_id, body) select message_id, body from held
    on conflict do nothing"
);

statement!(
    Moved { last: SqlUuid = Uuid } -> () = "
    update body_moves set message_id = ? where singleton"
);

/// Moves these bodies from where a former version put them.
pub(in crate::ledger::postgres) async fn adopt(
    conn: &mut AsyncPgConnection,
    messages: &[Uuid],
) -> Result<(), LedgerError> {
    Move { messages }.execute(conn).await?;
    Ok(())
}

/// How many rows were looked through, at most `limit`.
pub(super) async fn move_some(
    conn: &mut AsyncPgConnection,
    limit: i64,
) -> Result<usize, LedgerError> {
    conn.transaction(async |conn| {
        let messages: Vec<Uuid> = Unmoved { limit: &limit }.load(conn).await?;
        let Some(last) = messages.last() else { return Ok(0) };
        adopt(conn, &messages).await?;
        Moved { last }.execute(conn).await?;
        Ok(messages.len())
    })
    .await
}
