//! Who has what: lanes, fences, what may be missing, and the receipts of old windows.

use diesel::sql_types::{Array, BigInt, Bool, Integer, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use shared::message::Number;
use shared::message::fence::Fence;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{PostgresSession, replays, tries};
use crate::ledger::LedgerError;
use crate::ledger::custody::{
    Custody, LANE_KEPT, LaneBeat, LaneCount, LoneTry, OVERDUE, Suspects, Unburied, Window,
};

pub(super) mod counted;

statement!(
    Beat { lane: SqlUuid = Uuid, shard: Integer = i32, now: Timestamptz = OffsetDateTime, idle: Bool = bool } -> () = "
    insert into lanes (lane, shard, beats, idles, beat_at)
    select lane, shard, 1, case when idle then 1 else 0 end, at
    from (select ?::uuid, ?::integer, ?::timestamptz, ?::boolean) as t (lane, shard, at, idle)
    on conflict (lane) do update
    set beats = lanes.beats + 1, idles = lanes.idles + excluded.idles, beat_at = excluded.beat_at"
);

statement!(
    Lanes { since: Timestamptz = OffsetDateTime } -> (SqlUuid, Integer, BigInt, BigInt) = "
    select lane, shard, beats, idles from lanes where beat_at > ? and shard is not null"
);

statement!(
    Pass { fence: SqlUuid = Uuid, shard: Integer = i32, now: Timestamptz = OffsetDateTime } -> () = "
    insert into fences (fence, shard, passed_at) values (?, ?, ?) on conflict do nothing"
);

statement!(
    Passed { fence: SqlUuid = Uuid } -> (Integer) = "
    select shard from fences where fence = ?"
);

statement!(
    /// Windows that are complete, and follow one that was stated too. A longer repeat opens one again.
    Close { limit: BigInt = i64 } -> () = "
    update statements s set closed_to = s.to_seq
    from (
        select epoch, from_seq from statements w
        where closed_to is distinct from to_seq and (
            from_seq = 0
            or exists (select from statements p where p.epoch = w.epoch and p.to_seq = w.from_seq)
            or exists (select from compacted c where c.epoch = w.epoch and c.through = w.from_seq)
        ) and to_seq - from_seq - cardinality(holes) = (
            select count(*) from receipts r
            where r.epoch = w.epoch and r.seq > w.from_seq and r.seq <= w.to_seq
              and not r.seq = any(w.holes)
        )
        limit ? for update skip locked
    ) as done
    where s.epoch = done.epoch and s.from_seq = done.from_seq"
);

statement!(
    /// Windows that lack receipts and are not fenced.
    Lacking { limit: BigInt = i64 } -> (SqlUuid, BigInt, BigInt) = "
    select epoch, from_seq, to_seq from statements
    where closed_to is distinct from to_seq and fenced_to is distinct from to_seq
    order by epoch, from_seq limit ?"
);

statement!(
    /// What lies before a window that follows no other.
    Gaps { limit: BigInt = i64 } -> (SqlUuid, BigInt, BigInt) = "
    select w.epoch, greatest(
               (select max(p.to_seq) from statements p
                where p.epoch = w.epoch and p.to_seq <= w.from_seq),
               (select c.through from compacted c where c.epoch = w.epoch), 0), w.from_seq
    from statements w
    where w.closed_to is distinct from w.to_seq and w.from_seq > 0
      and not exists (
        select from statements p where p.epoch = w.epoch and p.to_seq = w.from_seq)
      and not exists (
        select from compacted c where c.epoch = w.epoch and c.through >= w.from_seq)
    limit ?"
);

statement!(
    Overdue { before: Timestamptz = OffsetDateTime } -> (BigInt) = "
    select count(*) from receipts
    where bucket = 'retrying' and due_at < ? and lost_at is null"
);

statement!(
    /// Dead, and no letter of it is kept.
    UnburiedAre { limit: BigInt = i64 } -> (SqlUuid, BigInt, Timestamptz) = "
    select r.epoch, r.seq, r.recorded_at from receipts r
    where r.bucket = 'dead' and r.lost_at is null and not exists (
        select from dead_letters d where d.epoch = r.epoch and d.seq = r.seq)
    order by r.epoch, r.seq limit ?"
);

statement!(
    /// A window that was repeated longer in the meantime is not proven.
    FenceIn {
        epochs: Array<SqlUuid> = [Uuid],
        from: Array<BigInt> = [i64],
        to: Array<BigInt> = [i64],
    } -> () = "
    update statements s set fenced_to = s.to_seq
    from unnest(?::uuid[], ?::bigint[], ?::bigint[]) as t (e, f, u)
    where s.epoch = t.e and s.from_seq = t.f and s.to_seq = t.u"
);

statement!(
    /// As if everything in a gap had been stated: which of it were holes is not known. One that was filled
    /// and counted in the meantime is none.
    Assume {
        epochs: Array<SqlUuid> = [Uuid],
        from: Array<BigInt> = [i64],
        to: Array<BigInt> = [i64],
        now: Timestamptz = OffsetDateTime,
    } -> () = "
    insert into statements (epoch, from_seq, to_seq, holes, recorded_at, fenced_to, assumed)
    select t.e, t.f, t.u, '{}', clock.at, t.u, true
    from unnest(?::uuid[], ?::bigint[], ?::bigint[]) as t (e, f, u),
         (select ?::timestamptz) as clock (at)
    where not exists (select from compacted c where c.epoch = t.e and c.through > t.f)
    on conflict do nothing"
);

statement!(
    Lose { now: Timestamptz = OffsetDateTime, before: Timestamptz = OffsetDateTime } -> () = "
    update receipts set lost_at = ?
    where bucket = 'retrying' and due_at < ? and lost_at is null"
);

statement!(
    Miss {
        epochs: Array<SqlUuid> = [Uuid],
        seqs: Array<BigInt> = [i64],
        recorded: Array<Timestamptz> = [OffsetDateTime],
        now: Timestamptz = OffsetDateTime,
    } -> () = "
    update receipts r set lost_at = clock.at
    from unnest(?::uuid[], ?::bigint[], ?::timestamptz[]) as t (e, s, a),
         (select ?::timestamptz) as clock (at)
    where r.epoch = t.e and r.seq = t.s and r.recorded_at = t.a
      and r.bucket = 'dead' and not exists (
        select from dead_letters d where d.epoch = r.epoch and d.seq = r.seq)"
);

/// Records that a marker passed through its shard's queue.
pub(super) async fn pass(
    conn: &mut AsyncPgConnection,
    fence: &Fence,
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    Pass { fence: &fence.id, shard: &i32::from(fence.shard), now: &now }.execute(conn).await?;
    Ok(())
}

impl Custody for PostgresSession {
    async fn lane_beat(&mut self, beat: LaneBeat, now: OffsetDateTime) -> Result<(), LedgerError> {
        let LaneBeat { lane, shard, idle } = beat;
        let shard = i32::from(shard);
        let beat = Beat { lane: &lane, shard: &shard, now: &now, idle: &idle };
        self.line.bounded(async { Ok(beat.execute(&mut self.conn).await.map(drop)?) }).await
    }

    async fn lanes(&mut self, now: OffsetDateTime) -> Result<Vec<LaneCount>, LedgerError> {
        let since = now - LANE_KEPT;
        let lanes = Lanes { since: &since };
        let rows: Vec<(Uuid, i32, i64, i64)> =
            self.line.bounded(async { Ok(lanes.load(&mut self.conn).await?) }).await?;
        let count = |(lane, shard, beats, idles)| {
            let shard = u16::try_from(shard).ok()?;
            Some(LaneCount { lane, shard, beats, idles })
        };
        Ok(rows.into_iter().filter_map(count).collect())
    }

    async fn suspects(&mut self, now: OffsetDateTime, limit: i64) -> Result<Suspects, LedgerError> {
        self.line.bounded(suspects(&mut self.conn, now, limit)).await
    }

    async fn passed(&mut self, fence: Uuid) -> Result<Vec<u16>, LedgerError> {
        let passed = Passed { fence: &fence };
        let shards: Vec<i32> =
            self.line.bounded(async { Ok(passed.load(&mut self.conn).await?) }).await?;
        Ok(shards.into_iter().filter_map(|shard| u16::try_from(shard).ok()).collect())
    }

    async fn convict(
        &mut self,
        suspects: &Suspects,
        now: OffsetDateTime,
    ) -> Result<usize, LedgerError> {
        self.line.bounded(convict(&mut self.conn, suspects, now)).await
    }

    async fn compact(&mut self, now: OffsetDateTime, limit: i64) -> Result<usize, LedgerError> {
        self.line.bounded(counted::compact(&mut self.conn, now, limit)).await
    }

    async fn try_alone(&mut self, lone: &LoneTry, now: OffsetDateTime) -> Result<u32, LedgerError> {
        self.line.bounded(tries::begin(&mut self.conn, lone, now)).await
    }

    async fn end_try(&mut self, message: &str) -> Result<(), LedgerError> {
        self.line.bounded(tries::end(&mut self.conn, message)).await
    }
}

async fn suspects(
    conn: &mut AsyncPgConnection,
    now: OffsetDateTime,
    limit: i64,
) -> Result<Suspects, LedgerError> {
    Close { limit: &limit }.execute(conn).await?;
    let windows = Lacking { limit: &limit }.load(conn).await?;
    let gaps = Gaps { limit: &limit }.load(conn).await?;
    let before = now - OVERDUE;
    let overdue: i64 = Overdue { before: &before }.get_result(conn).await?;
    let overdue_before = (overdue > 0).then_some(before);
    let rows: Vec<(Uuid, i64, OffsetDateTime)> = UnburiedAre { limit: &limit }.load(conn).await?;
    let unburied = rows
        .into_iter()
        .map(|(epoch, seq, recorded_at)| Unburied { number: Number { epoch, seq }, recorded_at });
    let (windows, gaps) = (of(windows), of(gaps));
    let replayed = replays::in_flight(conn, limit).await?;
    Ok(Suspects { windows, gaps, overdue_before, replayed, unburied: unburied.collect() })
}

fn of(rows: Vec<(Uuid, i64, i64)>) -> Vec<Window> {
    rows.into_iter().map(|(epoch, from, to)| Window { epoch, from, to }).collect()
}

async fn convict(
    conn: &mut AsyncPgConnection,
    suspects: &Suspects,
    now: OffsetDateTime,
) -> Result<usize, LedgerError> {
    conn.transaction(async |conn| {
        let lost = replays::lose(conn, &suspects.replayed, now).await?;
        let (epochs, from, to) = columns(&suspects.windows);
        FenceIn { epochs: &epochs, from: &from, to: &to }.execute(conn).await?;
        let (epochs, from, to) = columns(&suspects.gaps);
        Assume { epochs: &epochs, from: &from, to: &to, now: &now }.execute(conn).await?;
        if let Some(before) = &suspects.overdue_before {
            Lose { now: &now, before }.execute(conn).await?;
        }
        let unburied = &suspects.unburied;
        let epochs: Vec<Uuid> = unburied.iter().map(|one| one.number.epoch).collect();
        let seqs: Vec<i64> = unburied.iter().map(|one| one.number.seq).collect();
        let recorded: Vec<OffsetDateTime> = unburied.iter().map(|one| one.recorded_at).collect();
        Miss { epochs: &epochs, seqs: &seqs, recorded: &recorded, now: &now }.execute(conn).await?;
        Ok(lost)
    })
    .await
}

fn columns(windows: &[Window]) -> (Vec<Uuid>, Vec<i64>, Vec<i64>) {
    let epochs = windows.iter().map(|window| window.epoch).collect();
    let from = windows.iter().map(|window| window.from).collect();
    (epochs, from, windows.iter().map(|window| window.to).collect())
}
