//! Bodies whose time is over. They are removed, and when and why is kept.

use diesel::sql_types::{Array, BigInt, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ledger::LedgerError;
use crate::ledger::postgres::dead_letters::end;

statement!(
    Old { oldest: SqlUuid = Uuid, limit: BigInt = i64 } -> (SqlUuid) = "
    select message_id from bodies where message_id < ?
    order by message_id limit ? for update skip locked"
);

statement!(
    /// In the words of the index over them.
    OldIgnored { oldest: SqlUuid = Uuid, limit: BigInt = i64 } -> (SqlUuid) = "
    select message_id from bodies where ignored and message_id < ?
    order by message_id limit ? for update skip locked"
);

statement!(
    /// Locked by whoever found them.
    Expire { messages: Array<SqlUuid> = [Uuid], now: Timestamptz = OffsetDateTime } -> () = "
    with gone as (
        delete from bodies where message_id = any(?::uuid[]) returning message_id
    )
    insert into removed_bodies (message_id, removed_at, reason)
    select message_id, ?, 'expired' from gone
    on conflict (message_id) do update set removed_at = excluded.removed_at"
);

/// Bodies with an end of their own.
#[derive(Debug, Clone, Copy)]
pub(super) enum Class {
    All,
    Ignored,
}

/// Answers how many there were, at most `limit`: a transaction.
pub(super) async fn expire_some(
    conn: &mut AsyncPgConnection,
    (class, oldest): (Class, Uuid),
    now: OffsetDateTime,
    limit: i64,
) -> Result<usize, LedgerError> {
    conn.transaction(async |conn| {
        let (oldest, limit) = (&oldest, &limit);
        let old: Vec<Uuid> = match class {
            Class::All => Old { oldest, limit }.load(conn).await?,
            Class::Ignored => OldIgnored { oldest, limit }.load(conn).await?,
        };
        if !old.is_empty() {
            Expire { messages: &old, now: &now }.execute(conn).await?;
            end::bare(conn, &old).await?;
        }
        Ok(old.len())
    })
    .await
}
