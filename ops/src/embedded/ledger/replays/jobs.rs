//! Jobs and their items as people read them.

use diesel::dsl::{count_star, sum};
use diesel::prelude::*;
use uuid::Uuid;
use worker::ledger::replays::{Counts, ItemRecord, JobRecord, JobState, Outcome};

use crate::embedded::ledger::fault::Result;
use crate::embedded::schema::{dead_letters, replay_items, replay_jobs};
use crate::embedded::values::{self, instant, instant_or_none, uuid, word};

#[derive(Queryable, Selectable)]
#[diesel(table_name = replay_jobs, check_for_backend(diesel::sqlite::Sqlite))]
struct Row {
    id: String,
    state: String,
    selection: String,
    planned_at: i64,
    planned_by: String,
    started_at: Option<i64>,
    started_by: Option<String>,
    reason: Option<String>,
    rate: i32,
    canary: i32,
    stop_percent: Option<i32>,
    ended_at: Option<i64>,
    halted: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = replay_items, check_for_backend(diesel::sqlite::Sqlite))]
struct Item {
    id: String,
    letter_id: String,
    forecast: String,
    state: String,
    publishes: i32,
    outcome: Option<String>,
    decided_at: Option<i64>,
}

/// The newest first.
pub(super) fn jobs(
    connection: &mut SqliteConnection,
    only: Option<Uuid>,
    limit: i64,
) -> Result<Vec<JobRecord>> {
    let mut query = replay_jobs::table
        .select(Row::as_select())
        .order(replay_jobs::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(only) = only {
        query = query.filter(replay_jobs::id.eq(only.to_string()));
    }
    let rows: Vec<Row> = query.load(connection)?;
    rows.into_iter().map(|row| record(connection, row)).collect()
}

pub(super) fn items(
    connection: &mut SqliteConnection,
    job: Uuid,
    outcome: Option<Outcome>,
    limit: i64,
) -> Result<Vec<ItemRecord>> {
    let mut query = replay_items::table
        .inner_join(dead_letters::table.on(dead_letters::id.eq(replay_items::letter_id)))
        .filter(replay_items::job_id.eq(job.to_string()))
        .order(replay_items::place)
        .limit(limit)
        .select((Item::as_select(), dead_letters::order_number))
        .into_boxed();
    if let Some(outcome) = outcome {
        query = query.filter(replay_items::outcome.eq(outcome.as_str()));
    }
    let rows: Vec<(Item, Option<String>)> = query.load(connection)?;
    Ok(rows.into_iter().map(item).collect::<values::Result<_>>()?)
}

fn record(connection: &mut SqliteConnection, row: Row) -> Result<JobRecord> {
    let counted: Vec<(String, Option<String>, i64, Option<i64>)> = replay_items::table
        .filter(replay_items::job_id.eq(&row.id))
        .group_by((replay_items::state, replay_items::outcome))
        .select((
            replay_items::state,
            replay_items::outcome,
            count_star(),
            sum(replay_items::publishes),
        ))
        .load(connection)?;
    let of = |(state, outcome, items, publishes): (_, _, _, Option<i64>)| {
        (state, outcome, items, publishes.unwrap_or(0))
    };
    let counts = Counts::of(counted.into_iter().map(of));
    let new_causes = replay_items::table
        .filter(replay_items::job_id.eq(&row.id))
        .filter(replay_items::new_cause)
        .filter(replay_items::outcome.eq(Outcome::DeadAgain.as_str()))
        .count()
        .get_result(connection)?;
    Ok(JobRecord {
        id: uuid(&row.id)?,
        state: word("state", &row.state, JobState::from_word)?,
        selection: row.selection,
        planned_at: instant(row.planned_at)?,
        planned_by: row.planned_by,
        started_at: instant_or_none(row.started_at)?,
        started_by: row.started_by,
        reason: row.reason,
        rate: row.rate,
        canary: row.canary,
        stop_percent: row.stop_percent,
        ended_at: instant_or_none(row.ended_at)?,
        halted: row.halted,
        counts,
        new_causes,
    })
}

fn item((row, order_number): (Item, Option<String>)) -> values::Result<ItemRecord> {
    Ok(ItemRecord {
        id: uuid(&row.id)?,
        letter_id: uuid(&row.letter_id)?,
        order_number,
        forecast: row.forecast,
        state: row.state,
        publishes: row.publishes,
        outcome: row.outcome,
        decided_at: instant_or_none(row.decided_at)?,
    })
}
