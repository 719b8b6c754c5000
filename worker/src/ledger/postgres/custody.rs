//! Who has what: lanes, fences, what may be missing, and the receipts of old windows.

use diesel::sql_types::{Array, BigInt, Bool, Integer, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use shared::message::fence::Fence;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{PostgresSession, replays, tries};
use crate::ledger::LedgerError;
use crate::ledger::custody::{
    COMPACTED_AFTER, Custody, LANE_KEPT, LaneBeat, LaneCount, LoneTry, OVERDUE, Suspects, Window,
};

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
    ForgetLanes { until: Timestamptz = OffsetDateTime } -> () = "
    delete from lanes where beat_at < ?"
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
    ForgetFences { until: Timestamptz = OffsetDateTime } -> () = "
    delete from fences where passed_at < ?"
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
    /// As if everything in a gap had been stated: which of it were holes is not known.
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
    on conflict do nothing"
);

statement!(
    Lose { now: Timestamptz = OffsetDateTime, before: Timestamptz = OffsetDateTime } -> () = "
    update receipts set lost_at = ?
    where bucket = 'retrying' and due_at < ? and lost_at is null"
);

statement!(
    /// The next closed window of each epoch, in their order.
    Compact { until: Timestamptz = OffsetDateTime, limit: BigInt = i64 } -> (BigInt) = "
    with next as (
        select s.epoch, s.from_seq, s.to_seq
        from statements s left join compacted c on c.epoch = s.epoch
        where s.recorded_at < ? and s.closed_to = s.to_seq
          and s.from_seq = coalesce(c.through, 0)
        limit ? for update of s skip locked
    ), gone as (
        delete from receipts r using next n
        where r.epoch = n.epoch and r.seq > n.from_seq and r.seq <= n.to_seq
          and r.bucket in ('settled', 'duplicate', 'no_op', 'case')
        returning r.epoch, r.bucket
    ), counts as (
        select epoch, count(*) filter (where bucket = 'settled') as settled,
               count(*) filter (where bucket = 'duplicate') as duplicate,
               count(*) filter (where bucket = 'no_op') as no_op,
               count(*) filter (where bucket = 'case') as cases
        from gone group by epoch
    ), counted as (
        insert into compacted as c (epoch, through, settled, duplicate, no_op, cases)
        select n.epoch, n.to_seq, coalesce(g.settled, 0), coalesce(g.duplicate, 0),
               coalesce(g.no_op, 0), coalesce(g.cases, 0)
        from next n left join counts g on g.epoch = n.epoch
        on conflict (epoch) do update
        set through = excluded.through, settled = c.settled + excluded.settled,
            duplicate = c.duplicate + excluded.duplicate, no_op = c.no_op + excluded.no_op,
            cases = c.cases + excluded.cases
    )
    delete from statements s using next n
    where s.epoch = n.epoch and s.from_seq = n.from_seq
    returning s.to_seq"
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
        self.line.bounded(compact(&mut self.conn, (now - COMPACTED_AFTER, now), limit)).await
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
    let replayed = replays::in_flight(conn, limit).await?;
    Ok(Suspects { windows: of(windows), gaps: of(gaps), overdue_before, replayed })
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
        Ok(lost)
    })
    .await
}

fn columns(windows: &[Window]) -> (Vec<Uuid>, Vec<i64>, Vec<i64>) {
    let epochs = windows.iter().map(|window| window.epoch).collect();
    let from = windows.iter().map(|window| window.from).collect();
    (epochs, from, windows.iter().map(|window| window.to).collect())
}

async fn compact(
    conn: &mut AsyncPgConnection,
    (until, now): (OffsetDateTime, OffsetDateTime),
    limit: i64,
) -> Result<usize, LedgerError> {
    let kept = now - LANE_KEPT;
    ForgetLanes { until: &kept }.execute(conn).await?;
    ForgetFences { until: &kept }.execute(conn).await?;
    tries::forget(conn, now).await?;
    let windows: Vec<i64> = Compact { until: &until, limit: &limit }.load(conn).await?;
    Ok(windows.len())
}
