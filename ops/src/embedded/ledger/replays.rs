//! Replays: the rehearsal, and how an item gets its outcome in the transaction that decides it.

use diesel::dsl::exists;
use diesel::prelude::*;
use shared::rules::Rules;
use shared::secret::bodies::Bodies;
use time::OffsetDateTime;
use uuid::Uuid;
use worker::ledger::dead_letters::LetterState;
use worker::ledger::records::Act;
use worker::ledger::replays::Outcome;
use worker::ledger::{Bucket, Work};

use super::dead_letters::act::end;
use super::fault::{Fault, Result};
use super::{erasure, settle};
use crate::embedded::schema::{dead_letters, replay_items, replay_jobs};
use crate::embedded::store::Store;
use crate::embedded::values::{micros, uuid};

mod jobs;
mod look;
mod plan;
mod lost;
mod port;
mod run;

pub(super) use self::lost::{in_flight, lose};

const PENDING: &str = "pending";
const PUBLISHING: &str = "publishing";
const PUBLISHED: &str = "published";
const DONE: &str = "done";

/// Why a rehearsal's transaction ends: with its answer, or with a failure.
enum Ended {
    Rehearsed(Vec<Bucket>),
    Failed(Fault),
}

impl From<diesel::result::Error> for Ended {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// Gives a batch's items their outcomes and ends their letters, before the receipts are written.
pub(super) fn close(
    connection: &mut SqliteConnection,
    batch: &[Work],
    buckets: &[Bucket],
    now: OffsetDateTime,
    kept: &Bodies,
) -> Result<()> {
    let mut ended = vec![];
    for (work, bucket) in batch.iter().zip(buckets) {
        let Work::Reading(reading) = work else { continue };
        let Some(item) = reading.replay else { continue };
        let message = reading.message.id.to_string();
        ended.extend(close_one(connection, item, &message, Outcome::from(*bucket), now)?);
    }
    erasure::letters::end(connection, &ended, kept, now)
}

/// The letter that ended. A copy that was published again after a crash may settle what another failed to, or
/// was lost.
fn close_one(
    connection: &mut SqliteConnection,
    item: Uuid,
    message: &str,
    outcome: Outcome,
    now: OffsetDateTime,
) -> Result<Option<Uuid>> {
    let found: Option<(String, String, Option<String>)> = replay_items::table
        .inner_join(dead_letters::table.on(dead_letters::id.eq(replay_items::letter_id)))
        .filter(replay_items::id.eq(item.to_string()))
        .filter(dead_letters::message_id.eq(message))
        .select((replay_items::letter_id, replay_items::job_id, replay_items::outcome))
        .first(connection)
        .optional()?;
    let Some((letter, job, before)) = found else { return Ok(None) };
    let before = before.as_deref().and_then(Outcome::from_word);
    if !matches!(before, None | Some(Outcome::DeadAgain | Outcome::Lost | Outcome::Skipped)) {
        return Ok(None);
    }
    diesel::update(replay_items::table.find(item.to_string()))
        .set((
            replay_items::state.eq(DONE),
            replay_items::outcome.eq(outcome.as_str()),
            replay_items::decided_at.eq(micros(now)),
        ))
        .execute(connection)?;
    let standing = [LetterState::Replaying, LetterState::Open].map(LetterState::as_str);
    let one = dead_letters::table.find(&letter).filter(dead_letters::state.eq_any(standing));
    let resolved = dead_letters::state.eq(LetterState::Resolved.as_str());
    if diesel::update(one).set(resolved).execute(connection)? == 0 {
        return Ok(None);
    }
    let (planned_by, started_by, reason): (String, Option<String>, Option<String>) =
        replay_jobs::table
            .find(job)
            .select((replay_jobs::planned_by, replay_jobs::started_by, replay_jobs::reason))
            .first(connection)?;
    let by = Act {
        actor: started_by.unwrap_or(planned_by),
        action: String::new(),
        subject: String::new(),
        reason: reason.unwrap_or_default(),
    };
    end(connection, &letter, "replayed", &by, now)?;
    Ok(Some(uuid(&letter)?))
}

/// Closes an item whose letter died again; false when it is none of this letter, or has its outcome. What a
/// copy of it settled stays settled.
pub(super) fn dead_again(
    connection: &mut SqliteConnection,
    item: Uuid,
    letter: &str,
    now: OffsetDateTime,
) -> Result<bool> {
    let skipped = replay_items::outcome.eq(Outcome::Skipped.as_str()).assume_not_null();
    let one = replay_items::table
        .find(item.to_string())
        .filter(replay_items::letter_id.eq(letter))
        .filter(replay_items::outcome.is_null().or(skipped));
    let closed = diesel::update(one)
        .set((
            replay_items::state.eq(DONE),
            replay_items::outcome.eq(Outcome::DeadAgain.as_str()),
            replay_items::decided_at.eq(micros(now)),
        ))
        .execute(connection)?;
    Ok(closed > 0)
}

/// Marks an item that died of a cause that none of its job's letters had: the next look at the job finds it
/// however many others died. A stranger's letter may name any item.
pub(super) fn new_cause(
    connection: &mut SqliteConnection,
    (item, letter): (Uuid, &str),
    group: &str,
) -> Result<()> {
    let one = || {
        let its = replay_items::letter_id.eq(letter);
        replay_items::table.find(item.to_string()).filter(its)
    };
    let job: Option<String> = one().select(replay_items::job_id).first(connection).optional()?;
    let Some(job) = job else { return Ok(()) };
    let known = replay_items::table
        .filter(replay_items::job_id.eq(job))
        .filter(replay_items::group_id.eq(group));
    if !diesel::select(exists(known)).get_result(connection)? {
        diesel::update(one()).set(replay_items::new_cause.eq(true)).execute(connection)?;
    }
    Ok(())
}

fn rehearse(
    store: &Store,
    connection: &mut SqliteConnection,
    batch: &[Work],
    now: OffsetDateTime,
    by: (&Rules, &Bodies),
) -> Result<Vec<Bucket>> {
    let ended: std::result::Result<(), Ended> = store.write(connection, |connection| {
        let settled = settle::settle(connection, batch, now, by);
        Err(settled.map_or_else(Ended::Failed, Ended::Rehearsed))
    });
    match ended {
        Err(Ended::Rehearsed(buckets)) => Ok(buckets),
        Err(Ended::Failed(fault)) => Err(fault),
        Ok(()) => Ok(vec![]),
    }
}
