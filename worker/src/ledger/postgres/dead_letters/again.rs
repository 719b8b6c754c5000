//! Letters that died again as items of a replay.

use std::collections::{BTreeMap, BTreeSet};

use diesel::sql_types::{Array, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Failed, KnownLetters};
use crate::ledger::LedgerError;
use crate::ledger::dead_letters::LetterState;
use crate::ledger::dead_letters::letter::Letter;
use crate::ledger::postgres::replays;

statement!(
    Reopen { letters: Array<SqlUuid> = [Uuid], groups: Array<SqlUuid> = [Uuid] } -> () = "
    update dead_letters d set state = 'open', group_id = t.g
    from unnest(?::uuid[], ?::uuid[]) as t (l, g) where d.id = t.l"
);

/// Those of a replay's items, each once: letter and what came off the queue.
pub(super) async fn died<'a>(
    conn: &mut AsyncPgConnection,
    letters: &'a [Letter],
    known: &KnownLetters,
    now: OffsetDateTime,
) -> Result<Vec<(Uuid, &'a Letter)>, LedgerError> {
    let mut asked: BTreeMap<Uuid, (Uuid, &Letter)> = BTreeMap::new();
    let mut resolved = BTreeSet::new();
    for letter in letters {
        let standing = known.get(&letter.identity[..]);
        let standing = standing.filter(|(_, state)| *state != Some(LetterState::Discarded));
        if let Some((item, (id, state))) = letter.death.item.zip(standing) {
            asked.entry(item).or_insert((*id, letter));
            resolved.extend((*state == Some(LetterState::Resolved)).then_some(*id));
        }
    }
    if asked.is_empty() {
        return Ok(vec![]);
    }
    let pairs: Vec<(Uuid, Uuid)> = asked.iter().map(|(item, (id, _))| (*item, *id)).collect();
    let died = replays::dead_again(conn, &pairs, now).await?;
    let died = died.into_iter().filter_map(|item| asked.remove(&item));
    // Another replay has settled it: this one's item failed, and the letter stays ended.
    Ok(died.filter(|(id, _)| !resolved.contains(id)).collect())
}

/// They wait for people again, in the groups of what they died of now.
pub(super) async fn reopen(
    conn: &mut AsyncPgConnection,
    failed: &[Failed<'_>],
) -> Result<(), LedgerError> {
    let letters: Vec<Uuid> = failed.iter().map(|one| one.letter).collect();
    let groups: Vec<Uuid> = failed.iter().map(|one| one.group).collect();
    Reopen { letters: &letters, groups: &groups }.execute(conn).await?;
    let items = failed.iter().filter_map(|one| Some((one.death.item?, one.letter, one.group)));
    let items: Vec<(Uuid, Uuid, Uuid)> = items.collect();
    if !items.is_empty() {
        replays::new_causes(conn, &items).await?;
    }
    Ok(())
}
