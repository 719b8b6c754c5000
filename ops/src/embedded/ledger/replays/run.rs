//! What the worker that runs the jobs writes: what it is about to publish, and what was.

use diesel::prelude::*;
use shared::secret::bodies::Bodies;
use time::OffsetDateTime;
use uuid::Uuid;
use worker::ledger::Duty;
use worker::ledger::replays::{JobState, Outcome, StoredLetter};

use super::{DONE, PENDING, PUBLISHED, PUBLISHING, plan};
use crate::embedded::ledger::fault::Result;
use crate::embedded::ledger::{beats, notifications};
use crate::embedded::schema::{dead_letters, replay_items, replay_jobs};
use crate::embedded::values::{from_json, micros, uuid};

pub(super) fn stored(
    connection: &mut SqliteConnection,
    letters: &[Uuid],
    bodies: &Bodies,
) -> Result<Vec<StoredLetter>> {
    let mut letters = letters.to_vec();
    letters.sort();
    let mut stored = vec![];
    for letter in letters {
        let row: Option<(String, Option<String>, String)> = dead_letters::table
            .find(letter.to_string())
            .select((dead_letters::message_id, dead_letters::order_number, dead_letters::parcel))
            .first(connection)
            .optional()?;
        let Some((message_id, order_number, parcel)) = row else { continue };
        let body = notifications::list::body(connection, letter, bodies)?;
        let envelope = from_json(&parcel)?;
        stored.push(StoredLetter { letter, message_id, order_number, envelope, body });
    }
    Ok(stored)
}

/// Written before they are published; what somebody was about to publish is published once more. Whoever holds
/// the lease claims only after it has told what became of its last claim, so that may be itself.
pub(super) fn claim(
    connection: &mut SqliteConnection,
    (job, holder): (Uuid, Uuid),
    limit: i64,
    bodies: &Bodies,
) -> Result<Vec<(Uuid, StoredLetter)>> {
    let me = holder.to_string();
    let state: Option<String> = replay_jobs::table
        .find(job.to_string())
        .select(replay_jobs::state)
        .first(connection)
        .optional()?;
    if state.as_deref() != Some(JobState::Running.as_str()) || !holds(connection, holder)? {
        return Ok(vec![]);
    }
    let mut claimed = vec![];
    for (item, letter) in next(connection, &job.to_string(), limit)? {
        diesel::update(replay_items::table.find(&item))
            .set((
                replay_items::state.eq(PUBLISHING),
                replay_items::publishes.eq(replay_items::publishes + 1),
                replay_items::holder.eq(&me),
            ))
            .execute(connection)?;
        let stored = stored(connection, &[uuid(&letter)?], bodies)?.pop();
        if let Some(stored) = stored {
            claimed.push((uuid(&item)?, stored));
        }
    }
    Ok(claimed)
}

/// Items with their letters: those that somebody was about to publish, then those that nobody was. Each by its
/// index: one question for both would sort them all.
fn next(connection: &mut SqliteConnection, job: &str, limit: i64) -> Result<Vec<(String, String)>> {
    let mut next: Vec<(String, String)> = vec![];
    for state in [PUBLISHING, PENDING] {
        let room = limit - i64::try_from(next.len()).unwrap_or(limit);
        let found: Vec<(String, String)> = replay_items::table
            .filter(replay_items::job_id.eq(job))
            .filter(replay_items::state.eq(state))
            .order(replay_items::place)
            .limit(room)
            .select((replay_items::id, replay_items::letter_id))
            .load(connection)?;
        next.extend(found);
    }
    Ok(next)
}

/// A holder that was stopped may wake up, and what it wanted to say is another's to say by then.
fn holds(connection: &mut SqliteConnection, holder: Uuid) -> Result<bool> {
    Ok(beats::holder(connection, Duty::Replay)? == Some(holder.to_string()))
}

pub(super) fn published(
    connection: &mut SqliteConnection,
    holder: Uuid,
    confirmed: &[Uuid],
    back: &[Uuid],
) -> Result<()> {
    for (items, state) in [(confirmed, PUBLISHED), (back, PENDING)] {
        for item in items {
            let one = replay_items::table
                .find(item.to_string())
                .filter(replay_items::state.eq(PUBLISHING))
                .filter(replay_items::holder.eq(holder.to_string()));
            diesel::update(one).set(replay_items::state.eq(state)).execute(connection)?;
        }
    }
    Ok(())
}

pub(super) fn skip(
    connection: &mut SqliteConnection,
    holder: Uuid,
    items: &[Uuid],
    now: OffsetDateTime,
) -> Result<()> {
    for item in items {
        let one = || replay_items::table.find(item.to_string());
        let mine = one()
            .filter(replay_items::state.eq(PUBLISHING))
            .filter(replay_items::holder.eq(holder.to_string()));
        let skipped = diesel::update(mine)
            .set((
                replay_items::state.eq(DONE),
                replay_items::outcome.eq(Outcome::Skipped.as_str()),
                replay_items::decided_at.eq(micros(now)),
            ))
            .execute(connection)?;
        if skipped > 0 {
            let letter: String = one().select(replay_items::letter_id).first(connection)?;
            plan::reopen(connection, &letter)?;
        }
    }
    Ok(())
}

pub(super) fn finish(
    connection: &mut SqliteConnection,
    (job, holder): (Uuid, Uuid),
    halted: Option<&str>,
    now: OffsetDateTime,
) -> Result<()> {
    if !holds(connection, holder)? {
        return Ok(());
    }
    let one = || {
        let running = replay_jobs::state.eq(JobState::Running.as_str());
        replay_jobs::table.find(job.to_string()).filter(running)
    };
    match halted {
        Some(why) => diesel::update(one())
            .set((replay_jobs::halted.eq(why), replay_jobs::state.eq(JobState::Halted.as_str())))
            .execute(connection)?,
        None => diesel::update(one())
            .set((
                replay_jobs::ended_at.eq(micros(now)),
                replay_jobs::state.eq(JobState::Completed.as_str()),
            ))
            .execute(connection)?,
    };
    Ok(())
}
