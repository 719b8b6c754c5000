//! The balance: everything that ingresses accepted, and where it stands.

use diesel::sql_types::{BigInt, Bool, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::ledger::LedgerError;
use crate::ledger::records::Balance;

/// A lane that has not told of itself for this long is gone.
const LANE_GONE: Duration = Duration::seconds(30);
/// How long after its due time a retried message may still be on its way.
const OVERDUE: Duration = Duration::seconds(60);
/// How long every lane must have been idle after a statement before what it names is missed.
const FENCE: Duration = Duration::seconds(2);

statement!(
    LaneBeat { lane: SqlUuid = Uuid, now: Timestamptz = OffsetDateTime, idle: Bool = bool } -> () = "
    insert into lanes (lane, beat_at, idle_at)
    select lane, at, case when idle then at end
    from (select ?::uuid, ?::timestamptz, ?::boolean) as t (lane, at, idle)
    on conflict (lane) do update
    set beat_at = excluded.beat_at, idle_at = coalesce(excluded.idle_at, lanes.idle_at)"
);

statement!(
    Buckets { overdue: Timestamptz = OffsetDateTime }
    -> (BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt) = "
    select count(*),
           count(*) filter (where bucket = 'settled'),
           count(*) filter (where bucket = 'duplicate'),
           count(*) filter (where bucket = 'no_op'),
           count(*) filter (where bucket = 'case'),
           count(*) filter (where bucket = 'dead'),
           count(*) filter (where bucket in ('waiting', 'retrying')),
           count(*) filter (where bucket = 'retrying' and due_at < clock.overdue)
    from receipts, (select ?::timestamptz) as clock (overdue)"
);

statement!(
    /// For each window: how many were stated, how many of those bear a receipt.
    Windows {} -> (BigInt, BigInt, Nullable<Timestamptz>) = "
    select coalesce(sum(w.stated), 0)::bigint, coalesce(sum(w.received), 0)::bigint,
           max(w.recorded_at) filter (where w.stated > w.received)
    from (
        select s.recorded_at, s.to_seq - s.from_seq - cardinality(s.holes) as stated, (
            select count(*) from receipts r
            where r.epoch = s.epoch and r.seq > s.from_seq and r.seq <= s.to_seq
              and not r.seq = any(s.holes)
        ) as received
        from statements s
    ) as w"
);

statement!(
    Unproven {} -> (BigInt) = "
    select count(*) from receipts r
    where r.seq > coalesce((select max(s.to_seq) from statements s where s.epoch = r.epoch), 0)"
);

statement!(
    IdleSince { alive: Timestamptz = OffsetDateTime } -> (BigInt, Nullable<Timestamptz>) = "
    select count(*), min(coalesce(idle_at, '-infinity')) from lanes where beat_at > ?"
);

pub(super) async fn lane_beat(
    conn: &mut AsyncPgConnection,
    lane: Uuid,
    idle: bool,
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    LaneBeat { lane: &lane, idle: &idle, now: &now }.execute(conn).await?;
    Ok(())
}

pub(super) async fn balance(
    conn: &mut AsyncPgConnection,
    now: OffsetDateTime,
) -> Result<Balance, LedgerError> {
    let (stated, received, missing_since): (i64, i64, Option<OffsetDateTime>) =
        Windows.get_result(conn).await?;
    let buckets = Buckets { overdue: &(now - OVERDUE) };
    let (receipts, settled, duplicate, no_op, case, dead, flying, overdue): (
        i64,
        i64,
        i64,
        i64,
        i64,
        i64,
        i64,
        i64,
    ) = buckets.get_result(conn).await?;
    let unproven: i64 = Unproven.get_result(conn).await?;
    let idle: (i64, Option<OffsetDateTime>) =
        IdleSince { alive: &(now - LANE_GONE) }.get_result(conn).await?;

    // A statement read after its receipts were counted would look like a loss, so it is read first.
    let never_received = (stated - received).max(0);
    let fenced = missing_since.is_none_or(|stated_at| passed(stated_at, idle));
    let lost = if fenced { never_received } else { 0 };
    Ok(Balance {
        accepted: receipts + never_received,
        settled,
        duplicate,
        no_op,
        case,
        dead,
        in_flight: flying - overdue + never_received - lost,
        unaccounted: overdue + lost,
        unproven,
    })
}

/// Was every lane idle some time after the statement, so that nothing stated before it is in hand?
fn passed(stated_at: OffsetDateTime, idle: (i64, Option<OffsetDateTime>)) -> bool {
    let (lanes, idle_since) = idle;
    lanes > 0 && idle_since.is_some_and(|idle_since| idle_since > stated_at + FENCE)
}
