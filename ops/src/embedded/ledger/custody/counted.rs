//! Counted receipts: those of windows that were complete for long are counted once, and go.

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::upsert::excluded;
use time::OffsetDateTime;
use worker::ledger::Bucket;
use worker::ledger::custody::{COMPACTED_AFTER, LANE_KEPT};

use super::Row;
use crate::embedded::ledger::fault::Result;
use crate::embedded::ledger::tries;
use crate::embedded::schema::{compacted, fences, lanes, receipts, statements};
use crate::embedded::values::micros;

/// The next closed window of each epoch.
const NEXT: &str = "
    select s.epoch, s.from_seq, s.to_seq
    from statements s left join compacted c on c.epoch = s.epoch
    where s.recorded_at < ? and s.closed_to = s.to_seq and s.from_seq = coalesce(c.through, 0)
    limit ?";

pub(super) fn compact(
    connection: &mut SqliteConnection,
    now: OffsetDateTime,
    limit: i64,
) -> Result<usize> {
    let kept = micros(now - LANE_KEPT);
    diesel::delete(lanes::table.filter(lanes::beat_at.lt(kept))).execute(connection)?;
    diesel::delete(fences::table.filter(fences::passed_at.lt(kept))).execute(connection)?;
    tries::forget(connection, now)?;
    let next = diesel::sql_query(NEXT)
        .bind::<BigInt, _>(micros(now - COMPACTED_AFTER))
        .bind::<BigInt, _>(limit);
    let rows: Vec<Row> = next.load(connection)?;
    for row in &rows {
        compact_window(connection, row)?;
    }
    Ok(rows.len())
}

fn compact_window(connection: &mut SqliteConnection, row: &Row) -> Result<()> {
    let mut counts = vec![];
    for bucket in [Bucket::Settled, Bucket::Duplicate, Bucket::NoOp, Bucket::Case] {
        let of = receipts::table
            .filter(receipts::epoch.eq(&row.epoch))
            .filter(receipts::seq.gt(row.from_seq).and(receipts::seq.le(row.to_seq)))
            .filter(receipts::bucket.eq(bucket.as_str()));
        counts.push(i64::try_from(diesel::delete(of).execute(connection)?).unwrap_or(i64::MAX));
    }
    diesel::insert_into(compacted::table)
        .values((
            compacted::epoch.eq(&row.epoch),
            compacted::through.eq(row.to_seq),
            compacted::settled.eq(counts[0]),
            compacted::duplicate.eq(counts[1]),
            compacted::no_op.eq(counts[2]),
            compacted::cases.eq(counts[3]),
        ))
        .on_conflict(compacted::epoch)
        .do_update()
        .set((
            compacted::through.eq(excluded(compacted::through)),
            compacted::settled.eq(compacted::settled + excluded(compacted::settled)),
            compacted::duplicate.eq(compacted::duplicate + excluded(compacted::duplicate)),
            compacted::no_op.eq(compacted::no_op + excluded(compacted::no_op)),
            compacted::cases.eq(compacted::cases + excluded(compacted::cases)),
        ))
        .execute(connection)?;
    diesel::delete(statements::table.find((&row.epoch, row.from_seq))).execute(connection)?;
    Ok(())
}
