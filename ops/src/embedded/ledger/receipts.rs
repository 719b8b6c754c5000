//! Receipts: which message stands in which bucket. And what the ingresses stated.

use diesel::prelude::*;
use diesel::query_dsl::methods::FilterDsl as _;
use diesel::upsert::excluded;
use shared::message::Number;
use shared::message::statement::Statement;
use time::OffsetDateTime;
use worker::ledger::{Bucket, Work};

use super::fault::Result;
use super::{custody, dead_letters};
use crate::embedded::schema::{compacted, receipts, statements};
use crate::embedded::values::{micros, to_json};

/// Records every message of the batch, and every statement.
pub(super) fn record(
    connection: &mut SqliteConnection,
    batch: &[Work],
    buckets: &[Bucket],
    now: OffsetDateTime,
) -> Result<()> {
    for (work, bucket) in batch.iter().zip(buckets) {
        let (number, due_at) = match work {
            Work::Reading(reading) => (reading.message.number, None),
            Work::Deferred { number: Some(number), due_at, .. } => (*number, Some(*due_at)),
            Work::Buried { number: Some(number), .. } => (*number, None),
            Work::Statement(statement) => {
                state(connection, statement, now)?;
                continue;
            }
            Work::Fence(fence) => {
                custody::pass(connection, fence, now)?;
                continue;
            }
            // What bears no number of ours was never accepted by an ingress of ours.
            Work::Deferred { number: None, .. } | Work::Buried { number: None, .. } => continue,
        };
        receive(connection, number, (*bucket, due_at), now)?;
    }
    Ok(())
}

/// The message whose letter the morgue recorded: while that stands open it counts as dead, whatever
/// became of a copy of it.
pub(super) fn bury(
    connection: &mut SqliteConnection,
    number: Number,
    now: OffsetDateTime,
) -> Result<()> {
    write(connection, number, (Bucket::Dead, None), now, &Bucket::ALL)
}

/// A message that was settled stays so; one that was retried moves to its outcome, and so does a dead one
/// whose letter somebody has ended.
fn receive(
    connection: &mut SqliteConnection,
    number: Number,
    outcome: (Bucket, Option<OffsetDateTime>),
    now: OffsetDateTime,
) -> Result<()> {
    let movable = match dead_letters::stands(connection, number)? {
        true => &[Bucket::Retrying][..],
        false => &[Bucket::Retrying, Bucket::Dead],
    };
    write(connection, number, outcome, now, movable)
}

/// Moves a receipt out of these buckets. What was counted and compacted is not counted again.
fn write(
    connection: &mut SqliteConnection,
    number: Number,
    (bucket, due_at): (Bucket, Option<OffsetDateTime>),
    now: OffsetDateTime,
    movable: &[Bucket],
) -> Result<()> {
    let epoch = number.epoch.to_string();
    if is_counted(connection, &epoch, number.seq)? {
        return Ok(());
    }
    let movable = movable.iter().copied().map(Bucket::as_str);
    diesel::insert_into(receipts::table)
        .values((
            receipts::epoch.eq(&epoch),
            receipts::seq.eq(number.seq),
            receipts::bucket.eq(bucket.as_str()),
            receipts::recorded_at.eq(micros(now)),
            receipts::due_at.eq(due_at.map(micros)),
        ))
        .on_conflict((receipts::epoch, receipts::seq))
        .do_update()
        .set((
            receipts::bucket.eq(excluded(receipts::bucket)),
            receipts::recorded_at.eq(excluded(receipts::recorded_at)),
            receipts::due_at.eq(excluded(receipts::due_at)),
            receipts::lost_at.eq(None::<i64>),
        ))
        .filter(receipts::bucket.eq_any(movable))
        .execute(connection)?;
    Ok(())
}

/// Was its receipt counted, and is it gone?
fn is_counted(connection: &mut SqliteConnection, epoch: &str, seq: i64) -> Result<bool> {
    if counted_through(connection, epoch)? < seq {
        return Ok(false);
    }
    let known = receipts::table.find((epoch, seq)).count();
    Ok(known.get_result::<i64>(connection)? == 0)
}

/// Up to which number an epoch's receipts were counted; 0 at first.
fn counted_through(connection: &mut SqliteConnection, epoch: &str) -> Result<i64> {
    let through = compacted::table.find(epoch).select(compacted::through);
    Ok(through.get_result(connection).optional()?.unwrap_or(0))
}

/// A statement that is repeated with a longer window replaces the shorter one; what was assumed about any
/// of it gives way. Of one that comes again after its window was counted, only what lies behind that is news.
fn state(
    connection: &mut SqliteConnection,
    statement: &Statement,
    now: OffsetDateTime,
) -> Result<()> {
    let epoch = statement.epoch.to_string();
    let through = counted_through(connection, &epoch)?;
    if statement.to <= through {
        return Ok(());
    }
    let holes: Vec<i64> = statement.holes.iter().copied().filter(|hole| *hole > through).collect();
    let assumed = statements::epoch
        .eq(&epoch)
        .and(statements::assumed)
        .and(statements::from_seq.lt(statement.to))
        .and(statements::to_seq.gt(statement.from));
    diesel::delete(statements::table).filter(assumed).execute(connection)?;
    diesel::insert_into(statements::table)
        .values((
            statements::epoch.eq(epoch),
            statements::from_seq.eq(statement.from.max(through)),
            statements::to_seq.eq(statement.to),
            statements::holes.eq(to_json(&holes)?),
            statements::recorded_at.eq(micros(now)),
        ))
        .on_conflict((statements::epoch, statements::from_seq))
        .do_update()
        .set((
            statements::to_seq.eq(excluded(statements::to_seq)),
            statements::holes.eq(excluded(statements::holes)),
            statements::recorded_at.eq(excluded(statements::recorded_at)),
        ))
        .filter(statements::to_seq.lt(excluded(statements::to_seq)))
        .execute(connection)?;
    Ok(())
}
