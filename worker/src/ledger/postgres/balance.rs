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
    -> (BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, Nullable<Timestamptz>) = "
    select count(*),
           count(*) filter (where bucket = 'settled'),
           count(*) filter (where bucket = 'duplicate'),
           count(*) filter (where bucket = 'no_op'),
           count(*) filter (where bucket = 'case'),
           count(*) filter (where bucket = 'dead'),
           count(*) filter (where bucket in ('waiting', 'retrying')),
           count(*) filter (where bucket = 'retrying' and due_at < clock.overdue),
           max(due_at) filter (where bucket = 'retrying' and due_at < clock.overdue)
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
    select coalesce(sum((
        select count(*) from receipts r where r.epoch = e.epoch and r.seq > e.stated)), 0)::bigint
    from (
        select r.epoch, coalesce(max(s.to_seq), 0) as stated
        from (select distinct epoch from receipts) r left join statements s using (epoch)
        group by r.epoch
    ) as e"
);

statement!(
    /// Since when every living lane was idle at least once; nothing when one was not, or none lives.
    IdleSince { alive: Timestamptz = OffsetDateTime } -> (Nullable<Timestamptz>) = "
    select case when count(*) = count(idle_at) then min(idle_at) end from lanes where beat_at > ?"
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
    // Read before the receipts: one that is recorded in between must not look like a loss.
    let (stated, received, missing_since): (i64, i64, Option<OffsetDateTime>) =
        Windows.get_result(conn).await?;
    let row: BucketRow = Buckets { overdue: &(now - OVERDUE) }.get_result(conn).await?;
    let (receipts, settled, duplicate, no_op, case, dead, flying, overdue, due_at) = row;
    let unproven: i64 = Unproven.get_result(conn).await?;
    let idle_since: Option<OffsetDateTime> =
        IdleSince { alive: &(now - LANE_GONE) }.get_result(conn).await?;

    let never_received = stated - received;
    let unaccounted: i64 = [(never_received, missing_since), (overdue, due_at)]
        .into_iter()
        .filter(|(_, since)| fenced(*since, idle_since))
        .map(|(missing, _)| missing)
        .sum();
    Ok(Balance {
        accepted: receipts + never_received,
        settled,
        duplicate,
        no_op,
        case,
        dead,
        in_flight: flying + never_received - unaccounted,
        unaccounted,
        unproven,
    })
}

type BucketRow = (i64, i64, i64, i64, i64, i64, i64, i64, Option<OffsetDateTime>);

/// Was every lane idle some time after this instant, so that nothing from before it is in hand?
fn fenced(since: Option<OffsetDateTime>, idle_since: Option<OffsetDateTime>) -> bool {
    match (since, idle_since) {
        (Some(since), Some(idle_since)) => idle_since > since + FENCE,
        (None, _) | (_, None) => false,
    }
}
