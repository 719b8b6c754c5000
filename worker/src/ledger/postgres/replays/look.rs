//! What the next step of a running job needs, ten times a second: each part by an index, and none counted further
//! than it matters.

use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use uuid::Uuid;

use crate::ledger::LedgerError;
use crate::ledger::replays::course::{IN_FLIGHT_MAX, Look, Tally, WINDOW};

statement!(
    /// The canary's outcomes are those of as many items as were decided first: nothing else was sent before.
    /// What is counted stands in an order that an index has, or it would be sought through the whole table.
    Running { most: BigInt = i64, window: BigInt = i64 } -> (
        SqlUuid, Integer, Integer, Nullable<Integer>, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, Bool
    ) = "
    with job as (
        select id, rate, canary, stop_percent, asked.most, asked.window_size,
               coalesce(judged_from, '-infinity') as judged_from
        from (select ?::bigint as most, ?::bigint as window_size) as asked, replay_jobs
        where state = 'running' order by started_at, id desc limit 1
    )
    select job.id, job.rate, job.canary, job.stop_percent,
           pending.items + begun.items, sent.items,
           first.decided, first.failed, last.decided, last.failed,
           exists (select from replay_items i
                   where i.job_id = job.id and i.new_cause and i.outcome = 'dead_again'
                     and i.decided_at > job.judged_from)
    from job, lateral (
        select count(*) as items from (
            select from replay_items i where i.job_id = job.id and i.state = 'pending'
            order by i.place limit job.most) as i
    ) as pending, lateral (
        select count(*) as items from (
            select from replay_items i where i.job_id = job.id and i.state = 'publishing'
            order by i.place limit job.most) as i
    ) as begun, lateral (
        select count(*) as items from (
            select from replay_items i where i.job_id = job.id and i.state = 'published'
            order by i.place limit job.most) as i
    ) as sent, lateral (
        select count(*) as decided,
               count(*) filter (where i.outcome in ('dead_again', 'lost')) as failed
        from (select i.outcome from replay_items i
              where i.job_id = job.id and i.outcome <> 'skipped' and i.decided_at > job.judged_from
              order by i.decided_at, i.place limit job.canary) as i
    ) as first, lateral (
        select count(*) as decided,
               count(*) filter (where i.outcome in ('dead_again', 'lost')) as failed
        from (select i.outcome from replay_items i
              where i.job_id = job.id and i.outcome <> 'skipped' and i.decided_at > job.judged_from
              order by i.decided_at desc, i.place desc limit job.window_size) as i
    ) as last"
);

type Row = (Uuid, i32, i32, Option<i32>, i64, i64, i64, i64, i64, i64, bool);

/// Of the job that was started first of those that run.
pub(super) async fn running(conn: &mut AsyncPgConnection) -> Result<Option<Look>, LedgerError> {
    let asked = Running { most: &IN_FLIGHT_MAX, window: &WINDOW };
    let rows: Vec<Row> = asked.load(conn).await?;
    Ok(rows.into_iter().next().map(look))
}

fn look(row: Row) -> Look {
    let (job, rate, canary, stop_percent, left, in_flight, ..) = row;
    let (.., first, first_failed, last, last_failed, is_new_cause) = row;
    Look {
        job,
        rate,
        canary,
        stop_percent,
        left,
        in_flight,
        first: Tally { decided: first, failed: first_failed },
        last: Tally { decided: last, failed: last_failed },
        is_new_cause,
    }
}
