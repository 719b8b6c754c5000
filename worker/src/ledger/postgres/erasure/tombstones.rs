//! The tombstones, and what never had a body here because of one.

use std::collections::{BTreeMap, BTreeSet};

use diesel::sql_types::{Array, Bytea, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ledger::LedgerError;
use crate::ledger::erasure::{Hash, Kind, Part, spread};

statement!(
    Found { hashes: Array<Bytea> = [Vec<u8>] } -> (Bytea) = "
    select hash from tombstones where hash = any(?::bytea[])"
);

statement!(
    Bury { hashes: Array<Bytea> = [Vec<u8>], kinds: Array<Text> = [String], now: Timestamptz = OffsetDateTime } -> () = "
    insert into tombstones (hash, kind, erased_at)
    select t.h, t.k, clock.at from unnest(?::bytea[], ?::text[]) as t (h, k),
        (select ?::timestamptz) as clock (at)
    order by h on conflict do nothing"
);

statement!(
    Strip { messages: Array<SqlUuid> = [Uuid], now: Timestamptz = OffsetDateTime } -> () = "
    insert into removed_bodies (message_id, removed_at, reason)
    select t.m, clock.at, 'erased'
    from unnest(?::uuid[]) as t (m), (select ?::timestamptz) as clock (at)
    order by m on conflict do nothing"
);

/// The tombstones over parts that arrive, and those that come to lie beside them. The caller passed the gate.
pub(in crate::ledger::postgres) async fn over(
    conn: &mut AsyncPgConnection,
    parts: &[&Part],
    now: OffsetDateTime,
) -> Result<BTreeSet<Hash>, LedgerError> {
    let mut found = found(conn, parts).await?;
    let new = spread(parts, &mut found);
    bury(conn, &new, now).await?;
    Ok(found)
}

/// The tombstones over these parts.
pub(super) async fn found(
    conn: &mut AsyncPgConnection,
    parts: &[&Part],
) -> Result<BTreeSet<Hash>, LedgerError> {
    let hashes = parts.iter().flat_map(|part| part.hashes());
    let hashes: BTreeSet<Vec<u8>> = hashes.map(Vec::from).collect();
    let hashes: Vec<Vec<u8>> = hashes.into_iter().collect();
    let found: Vec<Vec<u8>> = Found { hashes: &hashes }.load(conn).await?;
    Ok(found.into_iter().filter_map(|hash| hash.try_into().ok()).collect())
}

pub(super) async fn bury(
    conn: &mut AsyncPgConnection,
    hashes: &BTreeMap<Hash, Kind>,
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    if hashes.is_empty() {
        return Ok(());
    }
    let kinds: Vec<String> = hashes.values().map(|kind| kind.as_str().to_owned()).collect();
    let hashes: Vec<Vec<u8>> = hashes.keys().map(|hash| hash.to_vec()).collect();
    Bury { hashes: &hashes, kinds: &kinds, now: &now }.execute(conn).await?;
    Ok(())
}

/// Notes that these messages never had a body here.
pub(in crate::ledger::postgres) async fn strip(
    conn: &mut AsyncPgConnection,
    messages: &[Uuid],
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    if !messages.is_empty() {
        Strip { messages, now: &now }.execute(conn).await?;
    }
    Ok(())
}
