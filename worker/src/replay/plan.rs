//! Planning: what would become of each letter, by the code that decides, with nothing written.

use std::collections::HashMap;

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
    in_turn(&mut letters);
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

/// The oldest first: by when the first letter of its order died. So the canary is whatever died first, of any
/// order or of none, and an order's own letters stay together, as they were received.
fn in_turn(letters: &mut [LetterRecord]) {
    let mut begun: HashMap<String, OffsetDateTime> = HashMap::new();
    for letter in letters.iter() {
        let Some(order) = &letter.order_number else { continue };
        let first = begun.entry(order.clone()).or_insert(letter.buried_at);
        *first = letter.buried_at.min(*first);
    }
    letters.sort_by_cached_key(|letter| {
        let order = letter.order_number.clone();
        let begun = order.as_ref().and_then(|order| begun.get(order)).copied();
        (begun.unwrap_or(letter.buried_at), order, letter.received_at, letter.id)
    });
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

#[cfg(test)]
mod tests {
    use time::Duration;
    use time::macros::datetime;

    use super::*;
    use crate::ledger::dead_letters::LetterState;

    /// Received and buried so many seconds after the first.
    fn letter(name: &str, order: Option<&str>, received_s: i64, buried_s: i64) -> LetterRecord {
        let at = |seconds| datetime!(2026-01-02 03:04 UTC) + Duration::seconds(seconds);
        LetterRecord {
            id: Uuid::now_v7(),
            message_id: name.to_owned(),
            provider: "alipay".to_owned(),
            account: None,
            order_number: order.map(ToOwned::to_owned),
            amount: None,
            currency: None,
            group_id: Uuid::nil(),
            stage: "settle".to_owned(),
            code: "refused".to_owned(),
            message: String::new(),
            state: LetterState::Open,
            failures: 1,
            received_at: Some(at(received_s)),
            buried_at: at(buried_s),
        }
    }

    #[test]
    fn the_oldest_go_first_and_an_orders_own_as_they_were_received() {
        let mut letters = vec![
            letter("a second refund of B, buried first", Some("B"), 9, 11),
            letter("of none, late", None, 1, 20),
            letter("a payment of A", Some("A"), 3, 30),
            letter("of none, early", None, 2, 10),
            letter("a payment of B, buried late", Some("B"), 4, 40),
            letter("of none, between", None, 5, 15),
        ];
        in_turn(&mut letters);
        let names: Vec<&str> = letters.iter().map(|letter| &letter.message_id[..]).collect();
        assert_eq!(
            names,
            [
                "of none, early",
                "a payment of B, buried late",
                "a second refund of B, buried first",
                "of none, between",
                "of none, late",
                "a payment of A",
            ]
        );
    }
}
