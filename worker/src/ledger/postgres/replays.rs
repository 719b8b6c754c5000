//! Replays: the rehearsal, and how an item gets its outcome in the transaction that decides it.

use diesel::sql_types::{Array, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use shared::rules::Rules;
use shared::secret::bodies::Bodies;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{erasure, settle};
use crate::ledger::replays::Outcome;
use crate::ledger::{Bucket, LedgerError, Work};

mod jobs;
mod look;
mod plan;
mod lost;
mod port;
mod run;

pub(super) use self::lost::{in_flight, lose};

statement!(
    /// A letter that ends under a tombstone loses its body: that is locked before the letter, as wherever a
    /// body ends.
    HoldBodies { items: Array<SqlUuid> = [Uuid] } -> (SqlUuid) = "
    select b.message_id from bodies b
    where b.message_id in (
        select i.letter_id from unnest(?::uuid[]) as t (i) join replay_items i on i.id = t.i)
    order by b.message_id for update of b"
);

statement!(
    /// The letters stand before anything else that a transaction locks but their own bodies.
    HoldLetters { items: Array<SqlUuid> = [Uuid] } -> (SqlUuid) = "
    select d.id from dead_letters d
    where d.id in (
        select i.letter_id from unnest(?::uuid[]) as t (i) join replay_items i on i.id = t.i)
    order by d.identity for update of d"
);

statement!(
    /// A copy that was published again after a crash may settle what another failed to, or was lost.
    Close {
        items: Array<SqlUuid> = [Uuid],
        messages: Array<Text> = [String],
        outcomes: Array<Text> = [String],
        now: Timestamptz = OffsetDateTime,
    } -> (SqlUuid) = "
    with told as (
        select t.*, clock.at
        from unnest(?::uuid[], ?::text[], ?::text[]) as t (item, message, outcome),
             (select ?::timestamptz) as clock (at)
    ), closed as (
        update replay_items i
        set state = 'done', outcome = told.outcome, decided_at = told.at
        from told, dead_letters d
        where i.id = told.item and d.id = i.letter_id and d.message_id = told.message
          and (i.state <> 'done' or i.outcome in ('dead_again', 'lost', 'skipped'))
        returning i.letter_id, i.job_id, told.at
    ), ended as (
        update dead_letters d set state = 'resolved' from closed
        where d.id = closed.letter_id and d.state in ('replaying', 'open')
        returning d.id
    )
    insert into dead_letter_resolutions (letter_id, at, resolution, actor, reason)
    select c.letter_id, c.at, 'replayed', coalesce(j.started_by, j.planned_by), coalesce(j.reason, '')
    from closed c join ended e on e.id = c.letter_id join replay_jobs j on j.id = c.job_id
    returning letter_id"
);

statement!(
    /// Each item once, however often its burial is delivered; what a copy of it settled stays settled.
    DeadAgain {
        items: Array<SqlUuid> = [Uuid],
        letters: Array<SqlUuid> = [Uuid],
        now: Timestamptz = OffsetDateTime,
    } -> (SqlUuid) = "
    update replay_items i set state = 'done', outcome = 'dead_again', decided_at = clock.at
    from unnest(?::uuid[], ?::uuid[]) as t (i, l), (select ?::timestamptz) as clock (at)
    where i.id = t.i and i.letter_id = t.l and (i.state <> 'done' or i.outcome = 'skipped')
    returning i.id"
);

statement!(
    /// Of what died again, those whose cause none of their job's letters had.
    NewCauses {
        items: Array<SqlUuid> = [Uuid],
        letters: Array<SqlUuid> = [Uuid],
        groups: Array<SqlUuid> = [Uuid],
    } -> () = "
    update replay_items i set new_cause = true
    from unnest(?::uuid[], ?::uuid[], ?::uuid[]) as t (i, l, g)
    where i.id = t.i and i.letter_id = t.l and not exists (
        select from replay_items o where o.job_id = i.job_id and o.group_id = t.g)"
);

/// Why a rehearsal's transaction ends: with its answer, or with a failure.
enum Ended {
    Rehearsed(Vec<Bucket>),
    Failed(LedgerError),
}

impl From<diesel::result::Error> for Ended {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// The items in this batch, each with its message.
fn items(batch: &[Work]) -> impl Iterator<Item = (Uuid, usize, String)> + '_ {
    batch.iter().enumerate().filter_map(|(place, work)| match work {
        Work::Reading(reading) => {
            reading.replay.map(|item| (item, place, reading.message.id.to_string()))
        }
        Work::Statement(_) | Work::Fence(_) | Work::Deferred { .. } | Work::Buried { .. } => None,
    })
}

/// Holds the letters of a batch's items, past the gate of erasures.
pub(super) async fn hold(conn: &mut AsyncPgConnection, batch: &[Work]) -> Result<(), LedgerError> {
    let items: Vec<Uuid> = items(batch).map(|(item, ..)| item).collect();
    if !items.is_empty() {
        erasure::gate::pass(conn).await?;
        let _: Vec<Uuid> = HoldBodies { items: &items }.load(conn).await?;
        let _: Vec<Uuid> = HoldLetters { items: &items }.load(conn).await?;
    }
    Ok(())
}

/// Gives a batch's items their outcomes and ends their letters, before the receipts are written.
pub(super) async fn close(
    conn: &mut AsyncPgConnection,
    batch: &[Work],
    buckets: &[Bucket],
    now: OffsetDateTime,
    kept: &Bodies,
) -> Result<(), LedgerError> {
    let (mut ids, mut messages, mut outcomes) = (vec![], vec![], vec![]);
    for (item, place, message) in items(batch) {
        let Some(bucket) = buckets.get(place) else { continue };
        // One message may stand in a batch twice.
        if ids.contains(&item) {
            continue;
        }
        ids.push(item);
        messages.push(message);
        outcomes.push(Outcome::from(*bucket).as_str().to_owned());
    }
    if !ids.is_empty() {
        let close = Close { items: &ids, messages: &messages, outcomes: &outcomes, now: &now };
        let ended: Vec<Uuid> = close.load(conn).await?;
        erasure::letters::end(conn, &ended, kept, now).await?;
    }
    Ok(())
}

/// Which of these items, each of its letter, died for the first time.
pub(super) async fn dead_again(
    conn: &mut AsyncPgConnection,
    pairs: &[(Uuid, Uuid)],
    now: OffsetDateTime,
) -> Result<Vec<Uuid>, LedgerError> {
    let (items, letters): (Vec<Uuid>, Vec<Uuid>) = pairs.iter().copied().unzip();
    Ok(DeadAgain { items: &items, letters: &letters, now: &now }.load(conn).await?)
}

/// Marks those of these items, each with its letter and the group that it died into, that died of a new cause:
/// the next look at their job finds them however many others died. A stranger's letter may name any item.
pub(super) async fn new_causes(
    conn: &mut AsyncPgConnection,
    died: &[(Uuid, Uuid, Uuid)],
) -> Result<(), LedgerError> {
    let items: Vec<Uuid> = died.iter().map(|(item, ..)| *item).collect();
    let letters: Vec<Uuid> = died.iter().map(|(_, letter, _)| *letter).collect();
    let groups: Vec<Uuid> = died.iter().map(|(.., group)| *group).collect();
    NewCauses { items: &items, letters: &letters, groups: &groups }.execute(conn).await?;
    Ok(())
}

pub(super) async fn rehearse(
    conn: &mut AsyncPgConnection,
    batch: &[Work],
    now: OffsetDateTime,
    by: (&Rules, &Bodies),
) -> Result<Vec<Bucket>, LedgerError> {
    let ended = conn
        .transaction(async |conn| {
            let settled = settle::within(conn, batch, &[], now, by).await;
            Err::<(), _>(settled.map_or_else(Ended::Failed, Ended::Rehearsed))
        })
        .await;
    match ended {
        Err(Ended::Rehearsed(buckets)) => Ok(buckets),
        Err(Ended::Failed(error)) => Err(error),
        Ok(()) => Ok(vec![]),
    }
}
