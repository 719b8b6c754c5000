//! What the next step of a running job needs, ten times a second: each part by an index, and none counted further
//! than it matters.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use worker::ledger::replays::JobState;
use worker::ledger::replays::course::{IN_FLIGHT_MAX, Look, Tally, WINDOW};

use super::{PENDING, PUBLISHED, PUBLISHING};
use crate::embedded::ledger::fault::Result;
use crate::embedded::schema::replay_jobs;
use crate::embedded::values::uuid;

/// How many of the first in this order failed. The words of the index stand in it as they are: what is bound would
/// not find it.
macro_rules! tally {
    ($order:literal) => {
        concat!(
            "select count(*) as decided,
                    coalesce(sum(outcome in ('dead_again', 'lost')), 0) as failed
             from (select outcome from replay_items
                   where job_id = ? and outcome <> 'skipped' and decided_at > ? ",
            $order,
            " limit ?)"
        )
    };
}

const STANDING: &str = "select count(*) as items from (
    select 1 from replay_items where job_id = ? and state = ? limit ?)";

/// The canary's outcomes are those of as many items as were decided first: nothing else was sent before.
const FIRST: &str = tally!("order by decided_at, place");
const LAST: &str = tally!("order by decided_at desc, place desc");

const NEW_CAUSE: &str = "select exists (
    select 1 from replay_items
    where job_id = ? and new_cause and outcome = 'dead_again' and decided_at > ?) as is_there";

#[derive(QueryableByName)]
struct Standing {
    #[diesel(sql_type = BigInt)]
    items: i64,
}

#[derive(QueryableByName)]
struct Tallied {
    #[diesel(sql_type = BigInt)]
    decided: i64,
    #[diesel(sql_type = BigInt)]
    failed: i64,
}

#[derive(QueryableByName)]
struct IsThere {
    #[diesel(sql_type = Bool)]
    is_there: bool,
}

/// Its id, rate, canary and limit, and since when it is judged.
type JobRow = (String, i32, i32, Option<i32>, Option<i64>);

/// Of the job that was started first of those that run.
pub(super) fn running(connection: &mut SqliteConnection) -> Result<Option<Look>> {
    let found: Option<JobRow> = replay_jobs::table
        .filter(replay_jobs::state.eq(JobState::Running.as_str()))
        .order((replay_jobs::started_at, replay_jobs::id.desc()))
        .select((
            replay_jobs::id,
            replay_jobs::rate,
            replay_jobs::canary,
            replay_jobs::stop_percent,
            replay_jobs::judged_from,
        ))
        .first(connection)
        .optional()?;
    let Some((job, rate, canary, stop_percent, judged_from)) = found else { return Ok(None) };
    let since = judged_from.unwrap_or(i64::MIN);
    let new_cause: IsThere = diesel::sql_query(NEW_CAUSE)
        .bind::<Text, _>(&job)
        .bind::<BigInt, _>(since)
        .get_result(connection)?;
    Ok(Some(Look {
        job: uuid(&job)?,
        rate,
        canary,
        stop_percent,
        left: standing(connection, &job, PENDING)? + standing(connection, &job, PUBLISHING)?,
        in_flight: standing(connection, &job, PUBLISHED)?,
        first: tallied(connection, FIRST, (&job, since), i64::from(canary))?,
        last: tallied(connection, LAST, (&job, since), WINDOW)?,
        is_new_cause: new_cause.is_there,
    }))
}

fn standing(connection: &mut SqliteConnection, job: &str, state: &str) -> Result<i64> {
    let standing: Standing = diesel::sql_query(STANDING)
        .bind::<Text, _>(job)
        .bind::<Text, _>(state)
        .bind::<BigInt, _>(IN_FLIGHT_MAX)
        .get_result(connection)?;
    Ok(standing.items)
}

fn tallied(
    connection: &mut SqliteConnection,
    query: &str,
    (job, since): (&str, i64),
    limit: i64,
) -> Result<Tally> {
    let Tallied { decided, failed } = diesel::sql_query(query)
        .bind::<Text, _>(job)
        .bind::<BigInt, _>(since)
        .bind::<BigInt, _>(limit)
        .get_result(connection)?;
    Ok(Tally { decided, failed })
}
