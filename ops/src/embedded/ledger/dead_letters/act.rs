//! Groups of failures, and what people do about them and about letters.

use std::collections::BTreeSet;

use diesel::prelude::*;
use shared::secret::bodies::Bodies;
use time::OffsetDateTime;
use uuid::Uuid;
use worker::ledger::dead_letters::group::{GroupAct, GroupRecord, GroupStatus, Stake};
use worker::ledger::dead_letters::{GroupActed, LetterAct, LetterState, NOT_ENDED};
use worker::ledger::records::Act;

use crate::embedded::ledger::fault::Result;
use crate::embedded::ledger::{erasure, sweep};
use crate::embedded::schema::{dead_letter_resolutions, dead_letters, failure_groups};
use crate::embedded::values::{currency, instant, micros, uuid, word};

#[derive(Queryable, Selectable)]
#[diesel(table_name = failure_groups, check_for_backend(diesel::sqlite::Sqlite))]
struct Row {
    id: String,
    stage: String,
    code: String,
    provider: String,
    message: String,
    status: String,
    owner: Option<String>,
    note: Option<String>,
    first_seen_at: i64,
    last_seen_at: i64,
}

pub(in crate::embedded::ledger) fn groups(
    connection: &mut SqliteConnection,
    status: Option<GroupStatus>,
) -> Result<Vec<GroupRecord>> {
    let mut query = failure_groups::table.select(Row::as_select()).into_boxed();
    if let Some(status) = status {
        query = query.filter(failure_groups::status.eq(status.as_str()));
    }
    let rows: Vec<Row> = query.load(connection)?;
    rows.into_iter().map(|row| record(connection, row)).collect()
}

/// Does it, and notes who did it and why.
pub(in crate::embedded::ledger) fn group(
    connection: &mut SqliteConnection,
    id: Uuid,
    (act, by): (&GroupAct, &Act),
    now: OffsetDateTime,
) -> Result<GroupActed> {
    let one = || failure_groups::table.find(id.to_string());
    let row: Option<Row> = one().select(Row::as_select()).first(connection).optional()?;
    let Some(row) = row else { return Ok(GroupActed::NotFound) };
    let status = word("status", &row.status, GroupStatus::from_word)?.after(act);
    let (owner, note) = act.words();
    let (owner, note) = (owner.or(row.owner), note.or(row.note));
    diesel::update(one())
        .set((
            failure_groups::status.eq(status.as_str()),
            failure_groups::owner.eq(owner),
            failure_groups::note.eq(note),
        ))
        .execute(connection)?;
    sweep::note(connection, by, now)?;
    let row: Row = one().select(Row::as_select()).first(connection)?;
    Ok(GroupActed::Done(Box::new(record(connection, row)?)))
}

pub(in crate::embedded::ledger) fn letters(
    connection: &mut SqliteConnection,
    ids: &[Uuid],
    (act, by): (LetterAct, &Act),
    now: OffsetDateTime,
    kept: &Bodies,
) -> Result<Vec<Uuid>> {
    let (from, to, resolution) = act.step();
    let mut moved = vec![];
    for id in ids {
        let text = id.to_string();
        let one = dead_letters::table.find(&text).filter(dead_letters::state.eq(from.as_str()));
        let set = dead_letters::state.eq(to.as_str());
        if diesel::update(one).set(set).execute(connection)? == 0 {
            continue;
        }
        end(connection, &text, resolution, by, now)?;
        moved.push(*id);
    }
    match act {
        LetterAct::Discard => erasure::letters::end(connection, &moved, kept, now)?,
        LetterAct::Restore => {}
    }
    if !moved.is_empty() {
        sweep::note(connection, by, now)?;
    }
    Ok(moved)
}

/// Adds who ended or restored a letter, and why.
pub(in crate::embedded::ledger) fn end(
    connection: &mut SqliteConnection,
    letter: &str,
    resolution: &str,
    by: &Act,
    now: OffsetDateTime,
) -> Result<()> {
    diesel::insert_into(dead_letter_resolutions::table)
        .values((
            dead_letter_resolutions::letter_id.eq(letter),
            dead_letter_resolutions::at.eq(micros(now)),
            dead_letter_resolutions::resolution.eq(resolution),
            dead_letter_resolutions::actor.eq(&by.actor),
            dead_letter_resolutions::reason.eq(&by.reason),
        ))
        .execute(connection)?;
    Ok(())
}

fn record(connection: &mut SqliteConnection, row: Row) -> Result<GroupRecord> {
    type Letter = (String, Option<String>, Option<i64>, Option<String>);
    let letters: Vec<Letter> = dead_letters::table
        .filter(dead_letters::group_id.eq(&row.id))
        .select((
            dead_letters::state,
            dead_letters::order_number,
            dead_letters::amount,
            dead_letters::currency,
        ))
        .load(connection)?;
    let all = i64::try_from(letters.len()).unwrap_or(i64::MAX);
    let (mut open, mut orders) = (0, BTreeSet::new());
    let mut at_stake: Vec<Stake> = vec![];
    for (state, order, amount, code) in letters {
        if !NOT_ENDED.map(LetterState::as_str).contains(&state.as_str()) {
            continue;
        }
        open += 1;
        orders.extend(order);
        let Some((amount, code)) = amount.zip(code) else { continue };
        let currency = currency(&code)?;
        match at_stake.iter_mut().find(|stake| stake.currency == currency) {
            Some(stake) => stake.amount = stake.amount.saturating_add(amount),
            None => at_stake.push(Stake { amount, currency }),
        }
    }
    at_stake.sort_by_key(|stake| stake.currency);
    Ok(GroupRecord {
        id: uuid(&row.id)?,
        status: word("status", &row.status, GroupStatus::from_word)?,
        stage: row.stage,
        code: row.code,
        provider: row.provider,
        message: row.message,
        owner: row.owner,
        note: row.note,
        first_seen_at: instant(row.first_seen_at)?,
        last_seen_at: instant(row.last_seen_at)?,
        open,
        letters: all,
        orders: i64::try_from(orders.len()).unwrap_or(i64::MAX),
        at_stake,
    })
}
