//! Jobs and their items as people and the worker read them.

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use uuid::Uuid;
use worker::ledger::replays::{Counts, ItemRecord, JobRecord, JobState, Outcome};

use crate::embedded::ledger::fault::Result;
use crate::embedded::schema::{dead_letter_failures, dead_letters, replay_items, replay_jobs};
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

/// The newest first; of one state the first to be started.
pub(super) fn jobs(
    connection: &mut SqliteConnection,
    only: Option<Uuid>,
    state: Option<JobState>,
    limit: i64,
) -> Result<Vec<JobRecord>> {
    let mut query = replay_jobs::table.select(Row::as_select()).limit(limit).into_boxed();
    if let Some(only) = only {
        query = query.filter(replay_jobs::id.eq(only.to_string()));
    }
    query = match state {
        Some(state) => query
            .filter(replay_jobs::state.eq(state.as_str()))
            .order((replay_jobs::started_at, replay_jobs::id.desc())),
        None => query.order(replay_jobs::id.desc()),
    };
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
    let counted: Vec<(String, Option<String>, i32)> = replay_items::table
        .filter(replay_items::job_id.eq(&row.id))
        .select((replay_items::state, replay_items::outcome, replay_items::publishes))
        .load(connection)?;
    let each = |(state, outcome, publishes)| (state, outcome, 1, i64::from(publishes));
    let counts = Counts::of(counted.into_iter().map(each));
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
        new_causes: new_causes(connection, &row.id)?,
    })
}

/// Items that died again of a cause that none of the job's letters had.
fn new_causes(connection: &mut SqliteConnection, job: &str) -> Result<i64> {
    let causes: Vec<String> = replay_items::table
        .filter(replay_items::job_id.eq(job))
        .select(replay_items::group_id)
        .distinct()
        .load(connection)?;
    let died = replay_items::table
        .filter(replay_items::job_id.eq(job))
        .filter(replay_items::outcome.eq(Outcome::DeadAgain.as_str()))
        .filter(dead_letter_failures::item.eq(replay_items::id.nullable()));
    let new = dead_letter_failures::table
        .filter(not(dead_letter_failures::group_id.eq_any(causes)))
        .filter(exists(died));
    Ok(new.count().get_result(connection)?)
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
