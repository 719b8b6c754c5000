//! Receipts: which message stands in which bucket. And what the ingresses stated.

use std::collections::BTreeMap;

use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use shared::message::Number;
use shared::message::statement::Statement;
use time::OffsetDateTime;
use uuid::Uuid;

use super::custody;
use crate::ledger::{Bucket, LedgerError, Work};

statement!(
    /// A message that was settled stays so; one that was retried moves to its outcome, and so does a dead
    /// one whose letter somebody has ended. What was counted and compacted is not counted again.
    Insert {
        epochs: Array<SqlUuid> = [Uuid],
        seqs: Array<BigInt> = [i64],
        buckets: Array<Text> = [String],
        due: Array<Nullable<Timestamptz>> = [Option<OffsetDateTime>],
        now: Timestamptz = OffsetDateTime,
    } -> () = "
    insert into receipts (epoch, seq, bucket, due_at, recorded_at)
    select t.*, clock.at
    from unnest(?::uuid[], ?::bigint[], ?::text[], ?::timestamptz[]) as t (e, s, b, d),
         (select ?::timestamptz) as clock (at)
    where exists (select from receipts r where r.epoch = e and r.seq = s)
       or not exists (select from compacted c where c.epoch = e and c.through >= s)
    order by e, s
    on conflict (epoch, seq) do update
    set bucket = excluded.bucket, due_at = excluded.due_at, recorded_at = excluded.recorded_at,
        lost_at = null
    where receipts.bucket = 'retrying'
       or receipts.bucket = 'dead' and not exists (
              select from dead_letters d
              where d.epoch = receipts.epoch and d.seq = receipts.seq
                and d.state in ('open', 'replaying'))"
);

statement!(
    /// While a letter stands open, its message counts as dead, whatever became of a copy of it, and is
    /// missing no more.
    Bury {
        epochs: Array<SqlUuid> = [Uuid],
        seqs: Array<BigInt> = [i64],
        now: Timestamptz = OffsetDateTime,
    } -> () = "
    insert into receipts (epoch, seq, bucket, recorded_at)
    select distinct t.e, t.s, 'dead', clock.at
    from unnest(?::uuid[], ?::bigint[]) as t (e, s), (select ?::timestamptz) as clock (at)
    where exists (select from receipts r where r.epoch = e and r.seq = s)
       or not exists (select from compacted c where c.epoch = e and c.through >= s)
    order by 1, 2
    on conflict (epoch, seq) do update
    set bucket = 'dead', due_at = null, recorded_at = excluded.recorded_at, lost_at = null"
);

statement!(
    /// What was assumed about any of it gives way.
    Unassume { epoch: SqlUuid = Uuid, from: BigInt = i64, to: BigInt = i64 } -> () = "
    delete from statements
    where epoch = ? and assumed and to_seq > ? and from_seq < ?"
);

statement!(
    /// A statement that is repeated with a longer window replaces the shorter one.
    State {
        epoch: SqlUuid = Uuid,
        from: BigInt = i64,
        to: BigInt = i64,
        holes: Array<BigInt> = [i64],
        now: Timestamptz = OffsetDateTime,
    } -> () = "
    insert into statements (epoch, from_seq, to_seq, holes, recorded_at)
    values (?, ?, ?, ?::bigint[], ?)
    on conflict (epoch, from_seq) do update
    set to_seq = excluded.to_seq, holes = excluded.holes, recorded_at = excluded.recorded_at
    where statements.to_seq < excluded.to_seq"
);

/// Records every message of the batch, and every statement.
pub(super) async fn record(
    conn: &mut AsyncPgConnection,
    batch: &[Work],
    buckets: &[Bucket],
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    let mut receipts: BTreeMap<Number, (Bucket, Option<OffsetDateTime>)> = BTreeMap::new();
    for (work, bucket) in batch.iter().zip(buckets) {
        match work {
            Work::Reading(reading) => {
                receipts.entry(reading.message.number).or_insert((*bucket, None));
            }
            Work::Deferred { number: Some(number), due_at, .. } => {
                receipts.insert(*number, (*bucket, Some(*due_at)));
            }
            Work::Buried { number: Some(number), .. } => {
                receipts.insert(*number, (*bucket, None));
            }
            Work::Statement(statement) => state(conn, statement, now).await?,
            Work::Fence(fence) => custody::pass(conn, fence, now).await?,
            // What bears no number of ours was never accepted by an ingress of ours.
            Work::Deferred { number: None, .. } | Work::Buried { number: None, .. } => (),
        }
    }
    if receipts.is_empty() {
        return Ok(());
    }
    let epochs: Vec<_> = receipts.keys().map(|number| number.epoch).collect();
    let seqs: Vec<_> = receipts.keys().map(|number| number.seq).collect();
    let buckets: Vec<_> = receipts.values().map(|(bucket, _)| bucket.as_str().to_owned()).collect();
    let due: Vec<_> = receipts.values().map(|(_, due)| *due).collect();
    let insert = Insert { epochs: &epochs, seqs: &seqs, buckets: &buckets, due: &due, now: &now };
    insert.execute(conn).await?;
    Ok(())
}

/// The messages whose letters the morgue recorded.
pub(super) async fn bury(
    conn: &mut AsyncPgConnection,
    numbers: impl Iterator<Item = Number>,
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    let (epochs, seqs): (Vec<Uuid>, Vec<i64>) =
        numbers.map(|number| (number.epoch, number.seq)).unzip();
    if !epochs.is_empty() {
        Bury { epochs: &epochs, seqs: &seqs, now: &now }.execute(conn).await?;
    }
    Ok(())
}

async fn state(
    conn: &mut AsyncPgConnection,
    statement: &Statement,
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    let Statement { epoch, from, to, .. } = statement;
    Unassume { epoch, from, to }.execute(conn).await?;
    let state = State {
        epoch: &statement.epoch,
        from: &statement.from,
        to: &statement.to,
        holes: &statement.holes,
        now: &now,
    };
    state.execute(conn).await?;
    // After it: where its window was being counted meanwhile, the insert has waited for that.
    custody::counted::cut(conn, &statement.epoch).await
}
