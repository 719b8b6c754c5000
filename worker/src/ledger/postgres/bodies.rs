//! Stored bodies: moved, sealed, wrapped anew, and removed when their time is over.
//!
//! **Invariant**: a row of `bodies` is locked last, and by whoever tends it without waiting; only the dead letter
//! whose body it was is locked after it, by nobody who then asks for a body. So whoever ends letters locks their
//! bodies first.

use std::collections::BTreeSet;

use diesel::sql_types::{Array, BigInt, Bool, Bytea, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use shared::secret::bodies::{AtRest, Bodies, Kept};
use shared::secret::envelope::{BodyKeys, WrappedKey};
use time::OffsetDateTime;
use uuid::Uuid;

use self::expiry::{Class, expire_some};
use super::{erasure, metadata};
use crate::decide::fold::{Changes, Reading};
use crate::ledger::LedgerError;
use crate::ledger::bodies::{Tended, oldest_kept};
use crate::ledger::erasure::{Fate, Hash, Part, erased, fate, parts_of};

mod expiry;
pub(super) mod former;

statement!(
    /// A message that was recorded before keeps what it has, even if that is no body any more.
    Insert {
        messages: Array<SqlUuid> = [Uuid],
        keys: Array<Nullable<Text>> = [Option<String>],
        wrapped: Array<Nullable<Bytea>> = [Option<Vec<u8>>],
        bodies: Array<Bytea> = [Vec<u8>],
        redacted: Array<Nullable<Timestamptz>> = [Option<OffsetDateTime>],
        ignored: Array<Bool> = [bool],
    } -> () = "
    insert into bodies (message_id, key_id, wrapped, body, redacted_at, ignored)
    select t.* from unnest(?::uuid[], ?::text[], ?::bytea[], ?::bytea[], ?::timestamptz[], ?::bool[])
        as t (m, k, w, b, r, i)
    where not exists (select from notifications n where n.message_id = t.m and n.part = 0)
    order by m
    on conflict do nothing"
);

statement!(
    Clear { limit: BigInt = i64 } -> (SqlUuid, Bytea) = "
    select message_id, body from bodies where key_id is null
    limit ? for update skip locked"
);

statement!(
    Former { keys: Array<Text> = [String], limit: BigInt = i64 } -> (SqlUuid, Text, Bytea) = "
    select message_id, key_id, wrapped from bodies
    where key_id = any(?::text[]) and unopened_at is null
    limit ? for update skip locked"
);

statement!(
    /// They are not tried again, so that they hold up no other.
    SetAside { messages: Array<SqlUuid> = [Uuid], now: Timestamptz = OffsetDateTime } -> () = "
    update bodies b set unopened_at = clock.at
    from unnest(?::uuid[]) as t (m), (select ?::timestamptz) as clock (at)
    where b.message_id = t.m"
);

statement!(
    /// A body that is null stays as it is.
    Seal {
        messages: Array<SqlUuid> = [Uuid],
        keys: Array<Text> = [String],
        wrapped: Array<Bytea> = [Vec<u8>],
        bodies: Array<Nullable<Bytea>> = [Option<Vec<u8>>],
    } -> () = "
    update bodies b set key_id = t.k, wrapped = t.w, body = coalesce(t.b, b.body)
    from unnest(?::uuid[], ?::text[], ?::bytea[], ?::bytea[]) as t (m, k, w, b)
    where b.message_id = t.m"
);

/// A body that arrives: its key, its provider, its bytes and what they are about.
pub(super) type Arrival<'a> = (Uuid, &'a str, &'a [u8], &'a [Part]);

/// Those that state no fact.
type Ignored = BTreeSet<Uuid>;

/// Keeps the bodies of messages that have notifications, before those are recorded.
pub(super) async fn record(
    conn: &mut AsyncPgConnection,
    readings: &[&Reading],
    changes: &Changes,
    kept: &Bodies,
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    let parts: Vec<Vec<Part>> = parts_of(readings, changes);
    let all: Vec<&Part> = parts.iter().flatten().collect();
    let tombstones = erasure::tombstones::over(conn, &all, now).await?;
    let arrivals: Vec<Arrival<'_>> = readings
        .iter()
        .zip(&parts)
        .filter(|(_, parts)| !parts.is_empty())
        .map(|(reading, parts)| {
            let message = &reading.message;
            (message.id, message.kind.as_str(), &message.body[..], &parts[..])
        })
        .collect();
    let ignored = readings.iter().filter(|reading| reading.is_ignored());
    let ignored: Ignored = ignored.map(|reading| reading.message.id).collect();
    keep_each(conn, (&arrivals, &ignored), (&tombstones, kept), now).await
}

/// Keeps the bodies of letters, whatever they state; of what lies under a tombstone nothing is kept.
pub(super) async fn keep(
    conn: &mut AsyncPgConnection,
    arrivals: &[Arrival<'_>],
    over: (&BTreeSet<Hash>, &Bodies),
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    keep_each(conn, (arrivals, &Ignored::new()), over, now).await
}

async fn keep_each(
    conn: &mut AsyncPgConnection,
    (arrivals, of_no_fact): (&[Arrival<'_>], &Ignored),
    (tombstones, kept): (&BTreeSet<Hash>, &Bodies),
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    let (mut stripped, mut messages, mut keys) = (vec![], vec![], vec![]);
    let (mut wrapped, mut bodies, mut redacted) = (vec![], vec![], vec![]);
    let mut ignored = vec![];
    for (id, provider, body, parts) in arrivals {
        let erased = erased(parts, tombstones);
        let stored = match fate(provider, body, parts.len(), &erased) {
            Fate::Keep => kept.keep(*id, body)?,
            Fate::Redact(left) => kept.keep(*id, &left)?,
            Fate::Destroy | Fate::Uncut => {
                stripped.push(*id);
                continue;
            }
        };
        let (key_id, key) = stored.wrapped.map(|key| (key.key_id, key.bytes)).unzip();
        messages.push(*id);
        keys.push(key_id);
        wrapped.push(key);
        bodies.push(stored.body);
        redacted.push((!erased.is_empty()).then_some(now));
        ignored.push(of_no_fact.contains(id));
    }
    erasure::tombstones::strip(conn, &stripped, now).await?;
    if !messages.is_empty() {
        let insert = Insert {
            messages: &messages,
            keys: &keys,
            wrapped: &wrapped,
            bodies: &bodies,
            redacted: &redacted,
            ignored: &ignored,
        };
        insert.execute(conn).await?;
    }
    Ok(())
}

#[derive(Default)]
struct Sealed {
    messages: Vec<Uuid>,
    keys: Vec<String>,
    wrapped: Vec<Vec<u8>>,
    bodies: Vec<Option<Vec<u8>>>,
}

/// One round of everything, at most `limit` rows a step, each step a transaction.
pub(super) async fn tend(
    conn: &mut AsyncPgConnection,
    now: OffsetDateTime,
    limit: i64,
    bodies: &Bodies,
) -> Result<Tended, LedgerError> {
    let mut tended = Tended { moved: former::move_some(conn, limit).await?, ..Tended::default() };
    if let (AtRest::Sealed, Some(keys)) = (bodies.at_rest, &bodies.keys) {
        tended.sealed = seal_some(conn, limit, bodies).await?;
        (tended.rewrapped, tended.unopened) = rewrap_some(conn, limit, keys, now).await?;
    }
    let (all, ignored) = (oldest_kept(now, bodies.keep), oldest_kept(now, bodies.keep_ignored));
    tended.expired = expire_some(conn, (Class::All, all), now, limit).await?;
    tended.ignored = expire_some(conn, (Class::Ignored, ignored), now, limit).await?;
    if let Some(keep) = bodies.keep_metadata {
        tended.forgotten = metadata::forget_some(conn, now - keep, limit).await?;
    }
    Ok(tended)
}

async fn seal_some(
    conn: &mut AsyncPgConnection,
    limit: i64,
    bodies: &Bodies,
) -> Result<usize, LedgerError> {
    conn.transaction(async |conn| {
        let clear: Vec<(Uuid, Vec<u8>)> = Clear { limit: &limit }.load(conn).await?;
        let mut sealed = Sealed::default();
        for (message, body) in clear {
            let Kept { wrapped, body } = bodies.keep(message, &body)?;
            sealed.extend(message, wrapped, Some(body));
        }
        sealed.write(conn).await
    })
    .await
}

/// How many were wrapped anew, and how many did not open.
async fn rewrap_some(
    conn: &mut AsyncPgConnection,
    limit: i64,
    ring: &BodyKeys,
    now: OffsetDateTime,
) -> Result<(usize, usize), LedgerError> {
    let keys = ring.former();
    if keys.is_empty() {
        return Ok((0, 0));
    }
    conn.transaction(async |conn| {
        let former: Vec<(Uuid, String, Vec<u8>)> =
            Former { keys: &keys, limit: &limit }.load(conn).await?;
        let (mut sealed, mut closed) = (Sealed::default(), vec![]);
        for (message, key_id, bytes) in former {
            match ring.rewrap(message, &WrappedKey { key_id, bytes }) {
                Ok(wrapped) => sealed.extend(message, Some(wrapped), None),
                Err(_) => closed.push(message),
            }
        }
        if !closed.is_empty() {
            SetAside { messages: &closed, now: &now }.execute(conn).await?;
        }
        Ok((sealed.write(conn).await?, closed.len()))
    })
    .await
}

impl Sealed {
    fn extend(&mut self, message: Uuid, wrapped: Option<WrappedKey>, body: Option<Vec<u8>>) {
        let Some(WrappedKey { key_id, bytes }) = wrapped else { return };
        self.messages.push(message);
        self.keys.push(key_id);
        self.wrapped.push(bytes);
        self.bodies.push(body);
    }

    async fn write(&self, conn: &mut AsyncPgConnection) -> Result<usize, LedgerError> {
        let Self { messages, keys, wrapped, bodies } = self;
        if !messages.is_empty() {
            Seal { messages, keys, wrapped, bodies }.execute(conn).await?;
        }
        Ok(messages.len())
    }
}
