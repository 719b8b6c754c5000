//! Jobs and their items as people read them.

use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ledger::LedgerError;
use crate::ledger::replays::{Counts, ItemRecord, JobRecord, JobState, Outcome};

statement!(
    Jobs { only: Nullable<SqlUuid> = Option<Uuid>, limit: BigInt = i64 } -> (
        SqlUuid, Text, Text, Timestamptz, Text, Nullable<Timestamptz>, Nullable<Text>, Nullable<Text>,
        Integer, Integer, Nullable<Integer>, Nullable<Timestamptz>, Nullable<Text>, BigInt
    ) = "
    select j.id, j.state, j.selection, j.planned_at, j.planned_by, j.started_at, j.started_by, j.reason,
           j.rate, j.canary, j.stop_percent, j.ended_at, j.halted, (
               select count(*) from replay_items i
               where i.job_id = j.id and i.new_cause and i.outcome = 'dead_again')
    from (select ?::uuid as only) as asked, replay_jobs j
    where asked.only is null or j.id = asked.only
    order by j.id desc limit ?"
);

statement!(
    CountItems { job: SqlUuid = Uuid } -> (Text, Nullable<Text>, BigInt, BigInt) = "
    select state, outcome, count(*), sum(publishes) from replay_items where job_id = ?
    group by state, outcome"
);

statement!(
    Items { job: SqlUuid = Uuid, outcome: Nullable<Text> = Option<String>, limit: BigInt = i64 } -> (
        SqlUuid, SqlUuid, Nullable<Text>, Text, Text, Integer, Nullable<Text>, Nullable<Timestamptz>
    ) = "
    select i.id, i.letter_id, d.order_number, i.forecast, i.state, i.publishes, i.outcome, i.decided_at
    from (select ?::uuid as job, ?::text as outcome) as asked
        join replay_items i on i.job_id = asked.job join dead_letters d on d.id = i.letter_id
    where asked.outcome is null or i.outcome = asked.outcome
    order by i.place limit ?"
);

type Row = (
    Uuid,
    String,
    String,
    OffsetDateTime,
    String,
    Option<OffsetDateTime>,
    Option<String>,
    Option<String>,
    i32,
    i32,
    Option<i32>,
    Option<OffsetDateTime>,
    Option<String>,
    i64,
);

type ItemRow =
    (Uuid, Uuid, Option<String>, String, String, i32, Option<String>, Option<OffsetDateTime>);

/// The newest first.
pub(super) async fn jobs(
    conn: &mut AsyncPgConnection,
    only: Option<Uuid>,
    limit: i64,
) -> Result<Vec<JobRecord>, LedgerError> {
    let rows: Vec<Row> = Jobs { only: &only, limit: &limit }.load(conn).await?;
    let mut jobs = vec![];
    for row in rows {
        let counted: Vec<(String, Option<String>, i64, i64)> =
            CountItems { job: &row.0 }.load(conn).await?;
        jobs.push(record(row, Counts::of(counted.into_iter()))?);
    }
    Ok(jobs)
}

pub(super) async fn items(
    conn: &mut AsyncPgConnection,
    job: Uuid,
    outcome: Option<Outcome>,
    limit: i64,
) -> Result<Vec<ItemRecord>, LedgerError> {
    let outcome = outcome.map(|outcome| outcome.as_str().to_owned());
    let rows: Vec<ItemRow> =
        Items { job: &job, outcome: &outcome, limit: &limit }.load(conn).await?;
    let item = |(id, letter_id, order_number, forecast, state, publishes, outcome, decided_at)| {
        ItemRecord { id, letter_id, order_number, forecast, state, publishes, outcome, decided_at }
    };
    Ok(rows.into_iter().map(item).collect())
}

fn record(row: Row, counts: Counts) -> Result<JobRecord, LedgerError> {
    let (id, state, selection, planned_at, planned_by, started_at, started_by, ..) = row;
    let (.., reason, rate, canary, stop_percent, ended_at, halted, new_causes) = row;
    let state = JobState::from_word(&state)
        .ok_or_else(|| LedgerError::Fault("an unknown state".to_owned()))?;
    Ok(JobRecord {
        id,
        state,
        selection,
        planned_at,
        planned_by,
        started_at,
        started_by,
        reason,
        rate,
        canary,
        stop_percent,
        ended_at,
        halted,
        counts,
        new_causes,
    })
}
