//! Plans: what is frozen, started as it was, and steered.

use diesel::dsl::{exists, max};
use diesel::prelude::*;
use time::OffsetDateTime;
use uuid::Uuid;
use worker::ledger::dead_letters::LetterState;
use worker::ledger::records::Act;
use worker::ledger::replays::{
    Course, JobState, Outcome, PLAN_FORGOTTEN, PLAN_KEEPS, PlannedItem, Started, Steer, Steered,
};

use super::{DONE, PENDING, PUBLISHING};
use crate::embedded::ledger::fault::Result;
use crate::embedded::ledger::sweep;
use crate::embedded::schema::{
    bodies, dead_letter_failures, dead_letters, replay_items, replay_jobs,
};
use crate::embedded::values::{instant, micros, word};

pub(super) fn plan(
    connection: &mut SqliteConnection,
    (id, selection): (Uuid, &str),
    items: &[PlannedItem],
    by: &Act,
    now: OffsetDateTime,
) -> Result<()> {
    forget(connection, now)?;
    let job = id.to_string();
    diesel::insert_into(replay_jobs::table)
        .values((
            replay_jobs::id.eq(&job),
            replay_jobs::selection.eq(selection),
            replay_jobs::planned_at.eq(micros(now)),
            replay_jobs::planned_by.eq(&by.actor),
        ))
        .execute(connection)?;
    for (place, item) in (0_i64..).zip(items) {
        let is_skipped = item.forecast == Outcome::Skipped;
        diesel::insert_into(replay_items::table)
            .values((
                replay_items::id.eq(item.id.to_string()),
                replay_items::job_id.eq(&job),
                replay_items::place.eq(place),
                replay_items::letter_id.eq(item.letter.to_string()),
                replay_items::group_id.eq(item.group.to_string()),
                replay_items::failures.eq(item.failures),
                replay_items::forecast.eq(item.forecast.as_str()),
                replay_items::state.eq(if is_skipped { DONE } else { PENDING }),
                replay_items::outcome.eq(is_skipped.then_some(item.forecast.as_str())),
            ))
            .execute(connection)?;
    }
    Ok(())
}

/// Plans that nobody started are not kept for long.
fn forget(connection: &mut SqliteConnection, now: OffsetDateTime) -> Result<()> {
    let old = replay_jobs::table
        .filter(replay_jobs::state.eq(JobState::Planned.as_str()))
        .filter(replay_jobs::planned_at.lt(micros(now - PLAN_FORGOTTEN)));
    let ids: Vec<String> = old.select(replay_jobs::id).load(connection)?;
    for id in ids {
        diesel::delete(replay_items::table.filter(replay_items::job_id.eq(&id)))
            .execute(connection)?;
        diesel::delete(replay_jobs::table.find(&id)).execute(connection)?;
    }
    Ok(())
}

pub(super) fn start(
    connection: &mut SqliteConnection,
    id: Uuid,
    course: &Course,
    by: &Act,
    now: OffsetDateTime,
) -> Result<Started> {
    let Some((state, planned_at)) = standing(connection, id)? else { return Ok(Started::NotFound) };
    if state != JobState::Planned {
        return Ok(Started::NotPlanned(state));
    }
    if planned_at + PLAN_KEEPS < now {
        return Ok(Started::Old);
    }
    let job = id.to_string();
    let items: Vec<(String, i64)> = replay_items::table
        .filter(replay_items::job_id.eq(&job))
        .filter(replay_items::state.eq(PENDING))
        .select((replay_items::letter_id, replay_items::failures))
        .load(connection)?;
    let mut changed = 0;
    for (letter, failures) in &items {
        changed += i64::from(!is_as_it_was(connection, letter, *failures)?);
    }
    if changed > 0 {
        return Ok(Started::Stale { changed });
    }
    for (letter, _) in &items {
        diesel::update(dead_letters::table.find(letter))
            .set(dead_letters::state.eq(LetterState::Replaying.as_str()))
            .execute(connection)?;
    }
    diesel::update(replay_jobs::table.find(&job))
        .set((
            replay_jobs::state.eq(JobState::Running.as_str()),
            replay_jobs::started_at.eq(micros(now)),
            replay_jobs::started_by.eq(&by.actor),
            replay_jobs::reason.eq(&by.reason),
            replay_jobs::rate.eq(course.rate),
            replay_jobs::canary.eq(course.canary),
            replay_jobs::stop_percent.eq(course.stop_percent),
        ))
        .execute(connection)?;
    sweep::note(connection, by, now)?;
    Ok(Started::Done)
}

fn is_as_it_was(connection: &mut SqliteConnection, letter: &str, failures: i64) -> Result<bool> {
    let open =
        dead_letters::table.find(letter).filter(dead_letters::state.eq(LetterState::Open.as_str()));
    let body = bodies::table.find(letter).filter(bodies::redacted_at.is_null());
    let died: i64 = dead_letter_failures::table
        .filter(dead_letter_failures::letter_id.eq(letter))
        .count()
        .get_result(connection)?;
    let is_open: bool = diesel::select(exists(open)).get_result(connection)?;
    let has_body: bool = diesel::select(exists(body)).get_result(connection)?;
    Ok(died == failures && is_open && has_body)
}

pub(super) fn steer(
    connection: &mut SqliteConnection,
    id: Uuid,
    steer: Steer,
    by: &Act,
    now: OffsetDateTime,
) -> Result<Steered> {
    let Some((state, _)) = standing(connection, id)? else { return Ok(Steered::NotFound) };
    let Some(to) = state.after(steer) else { return Ok(Steered::Not(state)) };
    let one = || replay_jobs::table.find(id.to_string());
    if state == JobState::Halted && state != to {
        // It is judged by what is decided from now on.
        let last: Option<i64> = replay_items::table
            .filter(replay_items::job_id.eq(id.to_string()))
            .select(max(replay_items::decided_at))
            .first(connection)?;
        diesel::update(one()).set(replay_jobs::judged_from.eq(last)).execute(connection)?;
    }
    if let Some(rate) = steer.rate() {
        diesel::update(one()).set(replay_jobs::rate.eq(rate)).execute(connection)?;
    }
    let ended_at = (to == JobState::Cancelled).then_some(micros(now));
    diesel::update(one())
        .set((replay_jobs::state.eq(to.as_str()), replay_jobs::ended_at.eq(ended_at)))
        .execute(connection)?;
    if to == JobState::Cancelled {
        drop_rest(connection, (id, state), now)?;
    }
    sweep::note(connection, by, now)?;
    Ok(Steered::Done)
}

/// What was not confirmed is open again; what was is not called back. The letters of a plan that was never
/// started are not its own: another job may be replaying them.
fn drop_rest(
    connection: &mut SqliteConnection,
    (id, before): (Uuid, JobState),
    now: OffsetDateTime,
) -> Result<()> {
    let rest = || {
        replay_items::table
            .filter(replay_items::job_id.eq(id.to_string()))
            .filter(replay_items::state.eq_any([PENDING, PUBLISHING]))
    };
    let letters: Vec<String> = rest().select(replay_items::letter_id).load(connection)?;
    diesel::update(rest())
        .set((
            replay_items::state.eq(DONE),
            replay_items::outcome.eq(Outcome::Skipped.as_str()),
            replay_items::decided_at.eq(micros(now)),
        ))
        .execute(connection)?;
    if before == JobState::Planned {
        return Ok(());
    }
    letters.iter().try_for_each(|letter| reopen(connection, letter).map(drop))
}

/// No replay has it any more; false when none had.
pub(super) fn reopen(connection: &mut SqliteConnection, letter: &str) -> Result<bool> {
    let replaying = LetterState::Replaying.as_str();
    let one = dead_letters::table.find(letter).filter(dead_letters::state.eq(replaying));
    let open = dead_letters::state.eq(LetterState::Open.as_str());
    Ok(diesel::update(one).set(open).execute(connection)? > 0)
}

fn standing(
    connection: &mut SqliteConnection,
    id: Uuid,
) -> Result<Option<(JobState, OffsetDateTime)>> {
    let row: Option<(String, i64)> = replay_jobs::table
        .find(id.to_string())
        .select((replay_jobs::state, replay_jobs::planned_at))
        .first(connection)
        .optional()?;
    let Some((state, planned_at)) = row else { return Ok(None) };
    Ok(Some((word("state", &state, JobState::from_word)?, instant(planned_at)?)))
}
