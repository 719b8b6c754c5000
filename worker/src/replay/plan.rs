//! Planning: what would become of each letter, by the code that decides, with nothing written.

use shared::broker::Delivery;
use shared::message::dead::{CRASH_STAGE, replayed};
use shared::message::seal::SealKeys;
use shared::provider::Readers;
use time::OffsetDateTime;
use uuid::Uuid;

use super::again::again;
use crate::ledger::dead_letters::LetterRecord;
use crate::ledger::replays::{Outcome, PlannedItem, StoredLetter};
use crate::ledger::{LedgerError, Session, Work};
use crate::settle::judge;

/// Letters that are rehearsed in one transaction; those of one order stand together.
const TOGETHER: usize = 100;
/// How often a rehearsal that met a conflict is tried again.
const RERUNS: u32 = 5;

/// Each letter with its forecast, in the order in which they will be sent.
pub async fn plan<S: Session>(
    session: &mut S,
    mut letters: Vec<LetterRecord>,
    (job, keys, readers): (Uuid, &SealKeys, &Readers),
    now: OffsetDateTime,
) -> Result<Vec<PlannedItem>, LedgerError> {
    letters.sort_by(|one, other| {
        let key = |letter: &LetterRecord| (letter.received_at, letter.id);
        (&one.order_number, key(one)).cmp(&(&other.order_number, key(other)))
    });
    let mut items = vec![];
    for chunk in letters.chunks(TOGETHER) {
        let ids: Vec<Uuid> = chunk.iter().map(|letter| letter.id).collect();
        let stored = session.stored_letters(&ids).await?;
        let (mut works, mut places) = (vec![], vec![]);
        for letter in chunk {
            let id = Uuid::now_v7();
            let found = stored.iter().find(|one| one.letter == letter.id);
            let work = match found {
                None => Err(Outcome::Skipped),
                // To read it may end us, and as far as anybody knows it ends the next reader too.
                Some(_) if letter.stage == CRASH_STAGE => Err(Outcome::DeadAgain),
                Some(stored) => read(stored, (job, id), keys, readers),
            };
            let forecast = work.as_ref().err().copied().unwrap_or(Outcome::DeadAgain);
            if let Ok(work) = work {
                places.push(items.len());
                works.push(work);
            }
            items.push(PlannedItem {
                id,
                letter: letter.id,
                group: letter.group_id,
                failures: letter.failures,
                forecast,
            });
        }
        for (place, outcome) in places.into_iter().zip(rehearsed(session, &works, now).await?) {
            if let Some(item) = items.get_mut(place) {
                item.forecast = outcome;
            }
        }
    }
    Ok(items)
}

/// What a lane would make of it, or the outcome that is certain without the ledger.
fn read(
    stored: &StoredLetter,
    (job, item): (Uuid, Uuid),
    keys: &SealKeys,
    readers: &Readers,
) -> Result<Work, Outcome> {
    let message = again(stored, keys).map_err(|_| Outcome::Skipped)?;
    let parcel = replayed(message.into_parcel(keys), job, item);
    let delivery = Delivery { tag: 0, returns: 0, parcel };
    judge(&delivery, keys, readers).map_err(|_| Outcome::DeadAgain)
}

/// Together, or where that fails one by one.
async fn rehearsed<S: Session>(
    session: &mut S,
    works: &[Work],
    now: OffsetDateTime,
) -> Result<Vec<Outcome>, LedgerError> {
    match rerun(session, works, now).await {
        Ok(outcomes) => return Ok(outcomes),
        Err(LedgerError::Refused(_) | LedgerError::Fault(_)) => {}
        Err(error) => return Err(error),
    }
    let mut outcomes = vec![];
    for work in works {
        outcomes.push(match rerun(session, std::slice::from_ref(work), now).await {
            Ok(one) => one.first().copied().unwrap_or(Outcome::NoOp),
            Err(LedgerError::Refused(_) | LedgerError::Fault(_)) => Outcome::DeadAgain,
            Err(error) => return Err(error),
        });
    }
    Ok(outcomes)
}

async fn rerun<S: Session>(
    session: &mut S,
    works: &[Work],
    now: OffsetDateTime,
) -> Result<Vec<Outcome>, LedgerError> {
    let mut reruns = 0;
    loop {
        match session.rehearse(works, now).await {
            Err(LedgerError::Conflict(_)) if reruns < RERUNS => reruns += 1,
            result => return Ok(result?.into_iter().map(Outcome::from).collect()),
        }
    }
}
