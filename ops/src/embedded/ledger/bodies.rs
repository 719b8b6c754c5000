//! Stored bodies: sealed when they are recorded, wrapped anew, and removed when their time is over.

use std::collections::BTreeSet;

use diesel::dsl::{exists, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel::sqlite::Sqlite;
use shared::secret::bodies::{AtRest, Bodies, Kept};
use shared::secret::envelope::{BodyKeys, WrappedKey};
use time::OffsetDateTime;
use uuid::Uuid;
use worker::decide::fold::{Changes, Reading};
use worker::ledger::bodies::{Tended, oldest_kept};
use worker::ledger::erasure::{Fate, Hash, Part, erased, fate, parts_of};

use super::fault::Result;
use super::{dead_letters, erasure, metadata};
use crate::embedded::schema::{bodies, body_moves, notifications, removed_bodies};
use crate::embedded::values::{micros, uuid};

/// Keeps the bodies of messages that have notifications, before those are recorded. A message that was
/// recorded before keeps what it has, even if that is no body any more.
pub(super) fn record(
    connection: &mut SqliteConnection,
    readings: &[&Reading],
    changes: &Changes,
    kept: &Bodies,
    now: OffsetDateTime,
) -> Result<()> {
    let all = parts_of(readings, changes);
    let tombstones = erasure::over(connection, all.iter().flatten(), now)?;
    for (reading, parts) in readings.iter().zip(&all).filter(|(_, parts)| !parts.is_empty()) {
        let message = &reading.message;
        let known = notifications::table.find((message.id.to_string(), 0));
        if diesel::select(exists(known)).get_result::<bool>(connection)? {
            continue;
        }
        let arrival = (message.id, &*message.kind, &message.body[..], &parts[..]);
        keep(connection, arrival, (&tombstones, kept), now)?;
        if reading.is_ignored() {
            diesel::update(bodies::table.find(message.id.to_string()))
                .set(bodies::ignored.eq(true))
                .execute(connection)?;
        }
    }
    Ok(())
}

/// Keeps a body, given its key, its provider, its bytes and what they are about; of what lies under a
/// tombstone nothing is kept.
pub(super) fn keep(
    connection: &mut SqliteConnection,
    (id, provider, body, parts): (Uuid, &str, &[u8], &[Part]),
    (tombstones, kept): (&BTreeSet<Hash>, &Bodies),
    now: OffsetDateTime,
) -> Result<()> {
    let erased = erased(parts, tombstones);
    match fate(provider, body, parts.len(), &erased) {
        Fate::Keep => insert(connection, id, kept.keep(id, body)?),
        Fate::Redact(left) => {
            insert(connection, id, kept.keep(id, &left)?)?;
            redact(connection, id, kept.keep(id, &left)?, now)
        }
        Fate::Destroy | Fate::Uncut => remove(connection, &[id.to_string()], "erased", now),
    }
}

/// What is left of a body stands in its place.
pub(super) fn redact(
    connection: &mut SqliteConnection,
    message: Uuid,
    kept: Kept,
    now: OffsetDateTime,
) -> Result<()> {
    let (key_id, wrapped) = kept.wrapped.map(|key| (key.key_id, key.bytes)).unzip();
    diesel::update(bodies::table.find(message.to_string()))
        .set((
            bodies::key_id.eq(key_id),
            bodies::wrapped.eq(wrapped),
            bodies::body.eq(kept.body),
            bodies::redacted_at.eq(micros(now)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Moves a body from where a former version put it.
pub(super) fn adopt(connection: &mut SqliteConnection, message: &str) -> Result<()> {
    let row = notifications::table.find((message, 0));
    let body: Option<Option<Vec<u8>>> =
        row.select(notifications::body).first(connection).optional()?;
    let Some(body) = body.flatten() else { return Ok(()) };
    insert(connection, uuid(message)?, Kept { wrapped: None, body })?;
    diesel::update(row).set(notifications::body.eq(None::<Vec<u8>>)).execute(connection)?;
    Ok(())
}

/// One round of everything, at most `limit` rows a step.
pub(super) fn tend(
    connection: &mut SqliteConnection,
    now: OffsetDateTime,
    limit: i64,
    kept: &Bodies,
) -> Result<Tended> {
    let mut tended = Tended { moved: move_some(connection, limit)?, ..Tended::default() };
    if let (AtRest::Sealed, Some(keys)) = (kept.at_rest, &kept.keys) {
        tended.sealed = seal_some(connection, limit, kept)?;
        (tended.rewrapped, tended.unopened) = rewrap_some(connection, limit, keys, now)?;
    }
    let all = bodies::table.into_boxed();
    tended.expired = expire_some(connection, (all, oldest_kept(now, kept.keep)), now, limit)?;
    // As the index says it.
    let ignored = bodies::table.filter(sql::<Bool>("ignored = 1")).into_boxed();
    let oldest = oldest_kept(now, kept.keep_ignored);
    tended.ignored = expire_some(connection, (ignored, oldest), now, limit)?;
    if let Some(keep) = kept.keep_metadata {
        tended.forgotten = metadata::forget_some(connection, now - keep, limit)?;
    }
    Ok(tended)
}

fn insert(connection: &mut SqliteConnection, message: Uuid, kept: Kept) -> Result<()> {
    let (key_id, wrapped) = kept.wrapped.map(|key| (key.key_id, key.bytes)).unzip();
    diesel::insert_into(bodies::table)
        .values((
            bodies::message_id.eq(message.to_string()),
            bodies::key_id.eq(key_id),
            bodies::wrapped.eq(wrapped),
            bodies::body.eq(kept.body),
        ))
        .on_conflict_do_nothing()
        .execute(connection)?;
    Ok(())
}

/// Rows of a former version, in the order of their ids.
fn move_some(connection: &mut SqliteConnection, limit: i64) -> Result<usize> {
    let mark: String = body_moves::table.select(body_moves::message_id).first(connection)?;
    let rows: Vec<String> = notifications::table
        .filter(notifications::message_id.gt(mark))
        .filter(notifications::part.eq(0))
        .order(notifications::message_id)
        .limit(limit)
        .select(notifications::message_id)
        .load(connection)?;
    let Some(last) = rows.last() else { return Ok(0) };
    diesel::update(body_moves::table).set(body_moves::message_id.eq(last)).execute(connection)?;
    for message in &rows {
        adopt(connection, message)?;
    }
    Ok(rows.len())
}

fn seal_some(connection: &mut SqliteConnection, limit: i64, kept: &Bodies) -> Result<usize> {
    let clear: Vec<(String, Vec<u8>)> = bodies::table
        .filter(bodies::key_id.is_null())
        .limit(limit)
        .select((bodies::message_id, bodies::body))
        .load(connection)?;
    for (message, body) in &clear {
        let Kept { wrapped, body } = kept.keep(uuid(message)?, body)?;
        let (key_id, wrapped) = wrapped.map(|key| (key.key_id, key.bytes)).unzip();
        diesel::update(bodies::table.find(message))
            .set((bodies::key_id.eq(key_id), bodies::wrapped.eq(wrapped), bodies::body.eq(body)))
            .execute(connection)?;
    }
    Ok(clear.len())
}

/// How many were wrapped anew, and how many did not open: those are not tried again, so that they hold up no
/// other.
fn rewrap_some(
    connection: &mut SqliteConnection,
    limit: i64,
    ring: &BodyKeys,
    now: OffsetDateTime,
) -> Result<(usize, usize)> {
    let former: Vec<(String, Option<String>, Option<Vec<u8>>)> = bodies::table
        .filter(bodies::key_id.eq_any(ring.former()))
        .filter(bodies::unopened_at.is_null())
        .limit(limit)
        .select((bodies::message_id, bodies::key_id, bodies::wrapped))
        .load(connection)?;
    let (mut rewrapped, found) = (0, former.len());
    for (message, key_id, wrapped) in former {
        let Some((key_id, bytes)) = key_id.zip(wrapped) else { continue };
        let row = bodies::table.find(&message);
        match ring.rewrap(uuid(&message)?, &WrappedKey { key_id, bytes }) {
            Ok(key) => {
                let key = (bodies::key_id.eq(key.key_id), bodies::wrapped.eq(key.bytes));
                diesel::update(row).set(key).execute(connection)?;
                rewrapped += 1;
            }
            Err(_) => {
                let aside = bodies::unopened_at.eq(micros(now));
                diesel::update(row).set(aside).execute(connection)?;
            }
        }
    }
    Ok((rewrapped, found - rewrapped))
}

fn expire_some(
    connection: &mut SqliteConnection,
    (of, oldest): (bodies::BoxedQuery<'_, Sqlite>, Uuid),
    now: OffsetDateTime,
    limit: i64,
) -> Result<usize> {
    let old: Vec<String> = of
        .filter(bodies::message_id.lt(oldest.to_string()))
        .order(bodies::message_id)
        .limit(limit)
        .select(bodies::message_id)
        .load(connection)?;
    remove(connection, &old, "expired", now)?;
    Ok(old.len())
}

/// Removes bodies, and leaves when and why.
pub(super) fn remove(
    connection: &mut SqliteConnection,
    messages: &[String],
    reason: &str,
    now: OffsetDateTime,
) -> Result<()> {
    for message in messages {
        diesel::delete(bodies::table.find(message)).execute(connection)?;
        dead_letters::bare(connection, message)?;
        diesel::replace_into(removed_bodies::table)
            .values((
                removed_bodies::message_id.eq(message),
                removed_bodies::removed_at.eq(micros(now)),
                removed_bodies::reason.eq(reason),
            ))
            .execute(connection)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
