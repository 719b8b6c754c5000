//! Items whose message the queue confirmed, and that nobody decided: whether it is gone, a fence tells.

use diesel::prelude::*;
use time::OffsetDateTime;
use uuid::Uuid;
use worker::ledger::records::Act;
use worker::ledger::replays::{JobState, Outcome};

use super::{DONE, PUBLISHED, plan};
use crate::embedded::ledger::dead_letters::act::end;
use crate::embedded::ledger::fault::Result;
use crate::embedded::schema::{replay_items, replay_jobs};
use crate::embedded::values::{micros, uuid};

/// A job that is complete has none.
pub(in crate::embedded::ledger) fn in_flight(
    connection: &mut SqliteConnection,
    limit: i64,
) -> Result<Vec<Uuid>> {
    use JobState::{Cancelled, Halted, Paused, Running};
    let states = [Running, Paused, Halted, Cancelled].map(JobState::as_str);
    let ids: Vec<String> = replay_items::table
        .inner_join(replay_jobs::table.on(replay_jobs::id.eq(replay_items::job_id)))
        .filter(replay_jobs::state.eq_any(states))
        .filter(replay_items::state.eq(PUBLISHED))
        .order((replay_jobs::id, replay_items::place))
        .limit(limit)
        .select(replay_items::id)
        .load(connection)?;
    ids.iter().map(|id| Ok(uuid(id)?)).collect()
}

/// Their letters wait for people again; answers how many.
pub(in crate::embedded::ledger) fn lose(
    connection: &mut SqliteConnection,
    items: &[Uuid],
    now: OffsetDateTime,
) -> Result<usize> {
    let mut lost = 0;
    for item in items {
        let one = || replay_items::table.find(item.to_string());
        let gone = diesel::update(one().filter(replay_items::state.eq(PUBLISHED)))
            .set((
                replay_items::state.eq(DONE),
                replay_items::outcome.eq(Outcome::Lost.as_str()),
                replay_items::decided_at.eq(micros(now)),
            ))
            .execute(connection)?;
        if gone == 0 {
            continue;
        }
        let (letter, job): (String, String) =
            one().select((replay_items::letter_id, replay_items::job_id)).first(connection)?;
        if plan::reopen(connection, &letter)? {
            let by = Act {
                actor: "worker".to_owned(),
                action: String::new(),
                subject: String::new(),
                reason: format!("its message of replay {job} was confirmed, and is in no queue"),
            };
            end(connection, &letter, Outcome::Lost.as_str(), &by, now)?;
            lost += 1;
        }
    }
    Ok(lost)
}
