//! Deliveries that are read alone, written down before: what is left of those whose reader died.

use diesel::sql_types::{BigInt, Integer, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ledger::LedgerError;
use crate::ledger::custody::{LoneTry, TRIES_KEPT};

statement!(
    Try {
        message: Text = str,
        lane: SqlUuid = Uuid,
        tag: BigInt = i64,
        now: Timestamptz = OffsetDateTime,
    } -> (Integer) = "
    insert into lone_tries as t (message_id, lane, tag, tries, tried_at) values (?, ?, ?, 1, ?)
    on conflict (message_id) do update
    set tries = t.tries + case when (t.lane, t.tag) = (excluded.lane, excluded.tag) then 0 else 1 end,
        lane = excluded.lane, tag = excluded.tag, tried_at = excluded.tried_at
    returning tries"
);

statement!(
    End { message: Text = str } -> () = "
    delete from lone_tries where message_id = ?"
);

statement!(
    Forget { until: Timestamptz = OffsetDateTime } -> () = "
    delete from lone_tries where tried_at < ?"
);

pub(super) async fn begin(
    conn: &mut AsyncPgConnection,
    lone: &LoneTry,
    now: OffsetDateTime,
) -> Result<u32, LedgerError> {
    let LoneTry { message, lane, tag } = lone;
    let tries: i32 = Try { message, lane, tag, now: &now }.get_result(conn).await?;
    Ok(u32::try_from(tries - 1).unwrap_or(0))
}

pub(super) async fn end(conn: &mut AsyncPgConnection, message: &str) -> Result<(), LedgerError> {
    End { message }.execute(conn).await?;
    Ok(())
}

/// Of messages that never came again.
pub(super) async fn forget(
    conn: &mut AsyncPgConnection,
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    Forget { until: &(now - TRIES_KEPT) }.execute(conn).await?;
    Ok(())
}
