//! The balance: everything that ingresses accepted, and where it stands.

use diesel::sql_types::{Array, BigInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use uuid::Uuid;

use crate::ledger::LedgerError;
use crate::ledger::custody::{NAMED_MAX, WINDOWS_NAMED_MAX};
use crate::ledger::records::{Balance, Missing};

statement!(
    Buckets {} -> (BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt) = "
    select count(*) filter (where bucket = 'settled'),
           count(*) filter (where bucket = 'duplicate'),
           count(*) filter (where bucket = 'no_op'),
           count(*) filter (where bucket = 'case'),
           count(*) filter (where bucket = 'dead' and lost_at is null),
           count(*) filter (where bucket in ('waiting', 'retrying') and lost_at is null),
           count(*) filter (where lost_at is not null)
    from receipts"
);

statement!(
    Compacted {} -> (BigInt, BigInt, BigInt, BigInt) = "
    select coalesce(sum(settled), 0)::bigint, coalesce(sum(duplicate), 0)::bigint,
           coalesce(sum(no_op), 0)::bigint, coalesce(sum(cases), 0)::bigint
    from compacted"
);

statement!(
    /// What open windows lack: all of it, and what a fence has proven to be missing.
    Lacking {} -> (BigInt, BigInt) = "
    select coalesce(sum(w.lacking), 0)::bigint,
           coalesce(sum(w.lacking) filter (where w.fenced_to = w.to_seq), 0)::bigint
    from (
        select s.fenced_to, s.to_seq, s.to_seq - s.from_seq - cardinality(s.holes) - (
            select count(*) from receipts r
            where r.epoch = s.epoch and r.seq > s.from_seq and r.seq <= s.to_seq
              and not r.seq = any(s.holes)
        ) as lacking
        from statements s where s.closed_to is distinct from s.to_seq
    ) as w"
);

statement!(
    Unproven {} -> (BigInt) = "
    select coalesce(sum((
        select count(*) from receipts r where r.epoch = e.epoch and r.seq > e.stated)), 0)::bigint
    from (
        select r.epoch, greatest(
            (select max(s.to_seq) from statements s where s.epoch = r.epoch),
            (select c.through from compacted c where c.epoch = r.epoch), 0) as stated
        from (select distinct epoch from receipts) as r
    ) as e"
);

statement!(
    /// What is missing, by window; a retry that never came back, or a letter that never came to the morgue, is
    /// a window of its own.
    MissingFrom { named: BigInt = i64, windows: BigInt = i64 }
    -> (SqlUuid, BigInt, BigInt, BigInt, Array<BigInt>) = "
    select epoch, from_seq, to_seq, cardinality(numbers)::bigint, numbers[1:?::integer]
    from (
        select s.epoch, s.from_seq, s.to_seq, array(
            select n from generate_series(s.from_seq + 1, s.to_seq) as n
            where not n = any(s.holes) and not exists (
                select from receipts r where r.epoch = s.epoch and r.seq = n)
            order by n
        ) as numbers
        from statements s
        where s.closed_to is distinct from s.to_seq and s.fenced_to = s.to_seq
        union all
        select epoch, seq - 1, seq, array[seq] from receipts
        where lost_at is not null
    ) as w
    where cardinality(numbers) > 0
    order by epoch, from_seq
    limit ?"
);

/// All of it as of one moment: a receipt that is recorded in between must not look like a loss.
pub(super) async fn balance(conn: &mut AsyncPgConnection) -> Result<Balance, LedgerError> {
    conn.build_transaction().read_only().repeatable_read().run(async |conn| read(conn).await).await
}

async fn read(conn: &mut AsyncPgConnection) -> Result<Balance, LedgerError> {
    let (lacking, proven): (i64, i64) = Lacking.get_result(conn).await?;
    let row: (i64, i64, i64, i64, i64, i64, i64) = Buckets.get_result(conn).await?;
    let (settled, duplicate, no_op, case, dead, flying, lost) = row;
    let before: (i64, i64, i64, i64) = Compacted.get_result(conn).await?;
    let unaccounted = proven + lost;
    let mut balance = Balance {
        settled: settled + before.0,
        duplicate: duplicate + before.1,
        no_op: no_op + before.2,
        case: case + before.3,
        dead,
        in_flight: flying + lacking - proven,
        unaccounted,
        unproven: Unproven.get_result(conn).await?,
        ..Balance::default()
    };
    balance.accepted = balance.settled
        + balance.duplicate
        + balance.no_op
        + balance.case
        + balance.dead
        + balance.in_flight
        + unaccounted;
    if unaccounted > 0 {
        balance.missing = missing(conn).await?;
    }
    Ok(balance)
}

async fn missing(conn: &mut AsyncPgConnection) -> Result<Vec<Missing>, LedgerError> {
    let named = MissingFrom { named: &NAMED_MAX, windows: &WINDOWS_NAMED_MAX };
    let rows: Vec<(Uuid, i64, i64, i64, Vec<i64>)> = named.load(conn).await?;
    let missing = |(epoch, from, to, count, numbers)| Missing { epoch, from, to, count, numbers };
    Ok(rows.into_iter().map(missing).collect())
}
