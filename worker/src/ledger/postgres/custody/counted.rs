//! Counted receipts: those of windows that were complete for long are counted once, and go.

use diesel::sql_types::{BigInt, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ledger::LedgerError;
use crate::ledger::custody::{COMPACTED_AFTER, LANE_KEPT};
use crate::ledger::postgres::tries;

statement!(
    ForgetLanes { until: Timestamptz = OffsetDateTime } -> () = "
    delete from lanes where beat_at < ?"
);

statement!(
    ForgetFences { until: Timestamptz = OffsetDateTime } -> () = "
    delete from fences where passed_at < ?"
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

statement!(
    /// A statement may come again after its window was counted: only what lies behind that is news. Two that
    /// overlap with what was counted are one, the longer.
    Cut { epoch: SqlUuid = Uuid } -> () = "
    with cut as (
        delete from statements s using compacted c
        where c.epoch = s.epoch and s.from_seq < c.through and s.epoch = ?
        returning s.epoch, c.through, s.to_seq, s.holes, s.recorded_at, s.assumed
    )
    insert into statements (epoch, from_seq, to_seq, holes, recorded_at, assumed)
    select distinct on (epoch) epoch, through, to_seq,
           array(select h from unnest(holes) as h where h > through), recorded_at, assumed
    from cut where to_seq > through
    order by epoch, to_seq desc
    on conflict (epoch, from_seq) do update
    set to_seq = excluded.to_seq, holes = excluded.holes, recorded_at = excluded.recorded_at,
        assumed = excluded.assumed
    where statements.to_seq < excluded.to_seq"
);

pub(super) async fn compact(
    conn: &mut AsyncPgConnection,
    now: OffsetDateTime,
    limit: i64,
) -> Result<usize, LedgerError> {
    let kept = now - LANE_KEPT;
    ForgetLanes { until: &kept }.execute(conn).await?;
    ForgetFences { until: &kept }.execute(conn).await?;
    tries::forget(conn, now).await?;
    let until = now - COMPACTED_AFTER;
    let windows: Vec<i64> = Compact { until: &until, limit: &limit }.load(conn).await?;
    Ok(windows.len())
}

/// Takes from an epoch's statements what was counted already.
pub(in crate::ledger::postgres) async fn cut(
    conn: &mut AsyncPgConnection,
    epoch: &Uuid,
) -> Result<(), LedgerError> {
    Cut { epoch }.execute(conn).await?;
    Ok(())
}
