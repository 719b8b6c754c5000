//! Who has what: lanes, fences, what may be missing, and the receipts of old windows.

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::upsert::excluded;
use shared::message::fence::Fence;
use time::OffsetDateTime;
use uuid::Uuid;
use worker::ledger::custody::{
    Custody, LANE_KEPT, LaneBeat, LaneCount, LoneTry, OVERDUE, Suspects, Window,
};
use worker::ledger::{Bucket, LedgerError};

use super::fault::Result;
use super::{SqliteSession, replays, tries};
use crate::embedded::schema::{compacted, fences, lanes, receipts, statements};
use crate::embedded::values::{micros, uuid};

mod counted;
mod unburied;

/// How many of a window's numbers lack a receipt.
macro_rules! lacking {
    () => {
        "(w.to_seq - w.from_seq - json_array_length(w.holes) - (
            select count(*) from receipts r
            where r.epoch = w.epoch and r.seq > w.from_seq and r.seq <= w.to_seq
              and not exists (select 1 from json_each(w.holes) h where h.value = r.seq)))"
    };
}
pub(super) use lacking;

/// Windows that are complete, and follow one that was stated too. A longer repeat opens one again.
const CLOSE: &str = concat!(
    "update statements as w set closed_to = to_seq
     where closed_to is not to_seq and ",
    lacking!(),
    " = 0 and (
        from_seq = 0
        or exists (select 1 from statements p where p.epoch = w.epoch and p.to_seq = w.from_seq)
        or exists (select 1 from compacted c where c.epoch = w.epoch and c.through = w.from_seq))"
);

const LACKING: &str = "
    select epoch, from_seq, to_seq from statements
    where closed_to is not to_seq and fenced_to is not to_seq
    order by epoch, from_seq limit ?";

/// What lies before a window that follows no other.
const GAPS: &str = "
    select w.epoch, max(
            coalesce((select max(p.to_seq) from statements p
                      where p.epoch = w.epoch and p.to_seq <= w.from_seq), 0),
            coalesce((select c.through from compacted c where c.epoch = w.epoch), 0)) as from_seq,
        w.from_seq as to_seq
    from statements w
    where w.closed_to is not w.to_seq and w.from_seq > 0
      and not exists (
        select 1 from statements p where p.epoch = w.epoch and p.to_seq = w.from_seq)
      and not exists (
        select 1 from compacted c where c.epoch = w.epoch and c.through >= w.from_seq)
    limit ?";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    epoch: String,
    #[diesel(sql_type = BigInt)]
    from_seq: i64,
    #[diesel(sql_type = BigInt)]
    to_seq: i64,
}

/// Records that a marker passed through the queue.
pub(super) fn pass(
    connection: &mut SqliteConnection,
    fence: &Fence,
    now: OffsetDateTime,
) -> Result<()> {
    diesel::insert_into(fences::table)
        .values((
            fences::fence.eq(fence.id.to_string()),
            fences::shard.eq(i32::from(fence.shard)),
            fences::passed_at.eq(micros(now)),
        ))
        .on_conflict_do_nothing()
        .execute(connection)?;
    Ok(())
}

/// As the port answers.
type Told<T> = std::result::Result<T, LedgerError>;

impl Custody for SqliteSession {
    async fn lane_beat(&mut self, beat: LaneBeat, now: OffsetDateTime) -> Told<()> {
        self.write(move |connection| lane_beat(connection, beat, now)).await
    }

    async fn lanes(&mut self, now: OffsetDateTime) -> Told<Vec<LaneCount>> {
        self.read(move |connection| list(connection, now)).await
    }

    async fn suspects(&mut self, now: OffsetDateTime, limit: i64) -> Told<Suspects> {
        self.write(move |connection| suspects(connection, now, limit)).await
    }

    async fn passed(&mut self, fence: Uuid) -> Told<Vec<u16>> {
        self.read(move |connection| {
            let of = fences::table.filter(fences::fence.eq(fence.to_string()));
            let shards: Vec<i32> = of.select(fences::shard).load(connection)?;
            Ok(shards.into_iter().filter_map(|shard| u16::try_from(shard).ok()).collect())
        })
        .await
    }

    async fn convict(&mut self, suspects: &Suspects, now: OffsetDateTime) -> Told<usize> {
        let suspects = suspects.clone();
        self.write(move |connection| convict(connection, &suspects, now)).await
    }

    async fn compact(&mut self, now: OffsetDateTime, limit: i64) -> Told<usize> {
        self.write(move |connection| counted::compact(connection, now, limit)).await
    }

    async fn try_alone(&mut self, lone: &LoneTry, now: OffsetDateTime) -> Told<u32> {
        let lone = lone.clone();
        self.write(move |connection| tries::begin(connection, &lone, now)).await
    }

    async fn end_try(&mut self, message: &str) -> Told<()> {
        let message = message.to_owned();
        self.write(move |connection| tries::end(connection, &message)).await
    }
}

fn lane_beat(connection: &mut SqliteConnection, beat: LaneBeat, now: OffsetDateTime) -> Result<()> {
    let idles = i64::from(beat.idle);
    diesel::insert_into(lanes::table)
        .values((
            lanes::lane.eq(beat.lane.to_string()),
            lanes::beat_at.eq(micros(now)),
            lanes::shard.eq(i32::from(beat.shard)),
            lanes::beats.eq(1),
            lanes::idles.eq(idles),
        ))
        .on_conflict(lanes::lane)
        .do_update()
        .set((
            lanes::beat_at.eq(excluded(lanes::beat_at)),
            lanes::beats.eq(lanes::beats + 1),
            lanes::idles.eq(lanes::idles + idles),
        ))
        .execute(connection)?;
    Ok(())
}

fn list(connection: &mut SqliteConnection, now: OffsetDateTime) -> Result<Vec<LaneCount>> {
    let rows: Vec<(String, Option<i32>, i64, i64)> = lanes::table
        .filter(lanes::beat_at.gt(micros(now - LANE_KEPT)))
        .select((lanes::lane, lanes::shard, lanes::beats, lanes::idles))
        .load(connection)?;
    let mut counts = vec![];
    for (lane, shard, beats, idles) in rows {
        if let Some(shard) = shard.and_then(|shard| u16::try_from(shard).ok()) {
            counts.push(LaneCount { lane: uuid(&lane)?, shard, beats, idles });
        }
    }
    Ok(counts)
}

fn suspects(
    connection: &mut SqliteConnection,
    now: OffsetDateTime,
    limit: i64,
) -> Result<Suspects> {
    diesel::sql_query(CLOSE).execute(connection)?;
    let windows = windows(diesel::sql_query(LACKING).bind::<BigInt, _>(limit).load(connection)?)?;
    let gaps = self::windows(diesel::sql_query(GAPS).bind::<BigInt, _>(limit).load(connection)?)?;
    let before = now - OVERDUE;
    let overdue: i64 = receipts::table
        .filter(receipts::bucket.eq(Bucket::Retrying.as_str()))
        .filter(receipts::due_at.lt(micros(before)))
        .filter(receipts::lost_at.is_null())
        .count()
        .get_result(connection)?;
    let overdue_before = (overdue > 0).then_some(before);
    let replayed = replays::in_flight(connection, limit)?;
    let unburied = unburied::list(connection, limit)?;
    Ok(Suspects { windows, gaps, overdue_before, replayed, unburied })
}

fn windows(rows: Vec<Row>) -> Result<Vec<Window>> {
    let window =
        |row: Row| Ok(Window { epoch: uuid(&row.epoch)?, from: row.from_seq, to: row.to_seq });
    rows.into_iter().map(window).collect()
}

fn convict(
    connection: &mut SqliteConnection,
    suspects: &Suspects,
    now: OffsetDateTime,
) -> Result<usize> {
    for window in &suspects.windows {
        // One that was repeated longer in the meantime is not proven.
        diesel::update(statements::table.find((window.epoch.to_string(), window.from)))
            .filter(statements::to_seq.eq(window.to))
            .set(statements::fenced_to.eq(window.to))
            .execute(connection)?;
    }
    for gap in &suspects.gaps {
        let counted = compacted::table
            .filter(compacted::epoch.eq(gap.epoch.to_string()))
            .filter(compacted::through.gt(gap.from));
        if diesel::select(exists(counted)).get_result(connection)? {
            // It was filled in the meantime.
            continue;
        }
        // As if everything in it had been stated: which of it were holes is not known.
        diesel::insert_into(statements::table)
            .values((
                statements::epoch.eq(gap.epoch.to_string()),
                statements::from_seq.eq(gap.from),
                statements::to_seq.eq(gap.to),
                statements::holes.eq("[]"),
                statements::recorded_at.eq(micros(now)),
                statements::fenced_to.eq(gap.to),
                statements::assumed.eq(true),
            ))
            .on_conflict_do_nothing()
            .execute(connection)?;
    }
    if let Some(before) = suspects.overdue_before {
        let overdue = receipts::table
            .filter(receipts::bucket.eq(Bucket::Retrying.as_str()))
            .filter(receipts::due_at.lt(micros(before)))
            .filter(receipts::lost_at.is_null());
        diesel::update(overdue).set(receipts::lost_at.eq(micros(now))).execute(connection)?;
    }
    unburied::miss(connection, &suspects.unburied, now)?;
    replays::lose(connection, &suspects.replayed, now)
}
