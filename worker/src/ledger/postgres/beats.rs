//! Leases: a row with a holder and a beat for what one process at a time does.

use diesel::sql_types::{BigInt, Integer, Nullable, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use uuid::Uuid;

use crate::ledger::{Beat, Duty, LedgerError};

statement!(
    AddBeat { part: Integer = i32, holder: SqlUuid = Uuid } -> (BigInt) = "
    insert into relays (part, holder, beat) values (?, ?, 1)
    on conflict (part) do update set beat = relays.beat + 1 where relays.holder = excluded.holder
    returning beat"
);

statement!(
    TakeOver { holder: SqlUuid = Uuid, part: Integer = i32, stale: Nullable<BigInt> = Option<i64> } -> (BigInt) = "
    update relays set holder = ?, beat = beat + 1 where part = ? and beat = ? returning beat"
);

statement!(BeatOf { part: Integer = i32 } -> (BigInt) = "select beat from relays where part = ?");

statement!(Release { holder: SqlUuid = Uuid } -> () = "delete from relays where holder = ?");

/// Adds one for the holder; takes over a beat that still stands.
pub(super) async fn beat(
    conn: &mut AsyncPgConnection,
    duty: Duty,
    holder: Uuid,
    stale: Option<i64>,
) -> Result<Beat, LedgerError> {
    let part = &duty.part();
    let mut held: Vec<i64> = AddBeat { part, holder: &holder }.load(conn).await?;
    if held.is_empty() && stale.is_some() {
        held = TakeOver { holder: &holder, part, stale: &stale }.load(conn).await?;
    }
    if !held.is_empty() {
        return Ok(Beat::Held);
    }
    let beat: Vec<i64> = BeatOf { part }.load(conn).await?;
    Ok(Beat::Other(beat.into_iter().next().unwrap_or(0)))
}

/// The lease is nobody's until the next beat.
pub(super) async fn release(conn: &mut AsyncPgConnection, holder: Uuid) -> Result<(), LedgerError> {
    Release { holder: &holder }.execute(conn).await?;
    Ok(())
}
