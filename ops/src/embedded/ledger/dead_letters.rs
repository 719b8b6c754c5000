//! Dead letters: recorded with their bodies, groups and receipts in one transaction.

use std::collections::BTreeSet;

use diesel::dsl::exists;
use diesel::prelude::*;
use shared::message::Number;
use shared::secret::bodies::Bodies;
use time::OffsetDateTime;
use uuid::Uuid;
use worker::ledger::dead_letters::group::GroupStatus;
use worker::ledger::dead_letters::letter::{Envelope, Letter};
use worker::ledger::dead_letters::{Burial, LetterState};

use super::fault::Result;
use super::{bodies, receipts, replays};
use crate::embedded::schema::{
    dead_letter_failures, dead_letter_parts, dead_letters, failure_groups,
};
use crate::embedded::values::{from_json, micros, to_json, word};

pub(super) mod act;
pub(super) mod list;
pub(super) mod port;

pub(super) fn bury(
    connection: &mut SqliteConnection,
    letters: &[Letter],
    now: OffsetDateTime,
    kept: &Bodies,
) -> Result<Vec<Burial>> {
    letters.iter().map(|letter| bury_one(connection, letter, now, kept)).collect()
}

fn bury_one(
    connection: &mut SqliteConnection,
    letter: &Letter,
    now: OffsetDateTime,
    kept: &Bodies,
) -> Result<Burial> {
    let known: Option<(String, String)> = dead_letters::table
        .filter(dead_letters::identity.eq(&letter.identity[..]))
        .select((dead_letters::id, dead_letters::state))
        .first(connection)
        .optional()?;
    if let Some((id, state)) = known {
        return known_again(connection, (&id, &state), letter, now);
    }
    let group = failed_group(connection, letter, now)?;
    insert(connection, letter, &group, now)?;
    let id = letter.id.to_string();
    for (place, part) in (0_i64..).zip(&letter.parts) {
        diesel::insert_into(dead_letter_parts::table)
            .values((
                dead_letter_parts::letter_id.eq(&id),
                dead_letter_parts::part.eq(place),
                dead_letter_parts::account.eq(&part.account),
                dead_letter_parts::order_number.eq(&part.order_number),
                dead_letter_parts::transaction.eq(&part.transaction),
                dead_letter_parts::agreement.eq(&part.agreement),
                dead_letter_parts::subscription_no.eq(&part.subscription_no),
            ))
            .execute(connection)?;
    }
    let arrival = (letter.id, letter.provider.as_str(), &letter.body[..], &letter.parts[..]);
    // Whatever was erased: as long as it stands, its money facts may stand nowhere else. It loses its body when it
    // ends.
    bodies::keep(connection, arrival, (&BTreeSet::new(), kept), now)?;
    fail(connection, &id, &group, letter, now)?;
    if let Some(number) = letter.number {
        receipts::bury(connection, number, now)?;
    }
    Ok(Burial::New)
}

/// A letter that stands here died once more if it is an item of a replay, each item once.
fn known_again(
    connection: &mut SqliteConnection,
    (id, state): (&str, &str),
    letter: &Letter,
    now: OffsetDateTime,
) -> Result<Burial> {
    let Some(item) = letter.death.item else { return Ok(Burial::Known) };
    let ended = |by: LetterState| state == by.as_str();
    if ended(LetterState::Discarded)
        || !replays::dead_again(connection, item, id, now)?
        // Another replay has settled it: this one's item failed, and the letter stays ended.
        || ended(LetterState::Resolved)
    {
        return Ok(Burial::Known);
    }
    let group = failed_group(connection, letter, now)?;
    diesel::update(dead_letters::table.find(id))
        .set((
            dead_letters::state.eq(LetterState::Open.as_str()),
            dead_letters::group_id.eq(&group),
        ))
        .execute(connection)?;
    fail(connection, id, &group, letter, now)?;
    replays::new_cause(connection, (item, id), &group)?;
    if let Some(number) = letter.number {
        receipts::bury(connection, number, now)?;
    }
    Ok(Burial::Again)
}

/// Does a letter of this message still wait for its end?
pub(super) fn stands(connection: &mut SqliteConnection, number: Number) -> Result<bool> {
    let standing = [LetterState::Open, LetterState::Replaying].map(LetterState::as_str);
    let letters = dead_letters::table
        .filter(dead_letters::epoch.eq(number.epoch.to_string()))
        .filter(dead_letters::seq.eq(number.seq))
        .filter(dead_letters::state.eq_any(standing));
    Ok(diesel::select(exists(letters)).get_result(connection)?)
}

/// Once its body ended, so do the headers: a stranger may have put anything into them. What is no letter stays.
pub(super) fn bare(connection: &mut SqliteConnection, id: &str) -> Result<()> {
    let row = dead_letters::table.find(id);
    let parcel: Option<String> = row.select(dead_letters::parcel).first(connection).optional()?;
    let Some(parcel) = parcel else { return Ok(()) };
    let envelope: Envelope = from_json(&parcel)?;
    let left = to_json(&envelope.bare())?;
    diesel::update(row).set(dead_letters::parcel.eq(left)).execute(connection)?;
    Ok(())
}

/// The group of this failure, which is one more for it.
fn failed_group(
    connection: &mut SqliteConnection,
    letter: &Letter,
    now: OffsetDateTime,
) -> Result<String> {
    let death = &letter.death;
    let fingerprint = &death.fingerprint[..];
    let known: Option<(String, String)> = failure_groups::table
        .filter(failure_groups::fingerprint.eq(fingerprint))
        .select((failure_groups::id, failure_groups::status))
        .first(connection)
        .optional()?;
    let Some((id, status)) = known else {
        let id = Uuid::now_v7().to_string();
        diesel::insert_into(failure_groups::table)
            .values((
                failure_groups::id.eq(&id),
                failure_groups::fingerprint.eq(fingerprint),
                failure_groups::stage.eq(&death.stage),
                failure_groups::code.eq(&death.code),
                failure_groups::provider.eq(&letter.provider),
                failure_groups::message.eq(&death.cause),
                failure_groups::status.eq(GroupStatus::Open.as_str()),
                failure_groups::first_seen_at.eq(micros(now)),
                failure_groups::last_seen_at.eq(micros(now)),
            ))
            .execute(connection)?;
        return Ok(id);
    };
    let status = word("status", &status, GroupStatus::from_word)?.after_failure();
    diesel::update(failure_groups::table.find(&id))
        .set((
            failure_groups::status.eq(status.as_str()),
            failure_groups::last_seen_at.eq(micros(now)),
        ))
        .execute(connection)?;
    Ok(id)
}

fn insert(
    connection: &mut SqliteConnection,
    letter: &Letter,
    group: &str,
    now: OffsetDateTime,
) -> Result<()> {
    let (epoch, seq) = letter.number.map(|number| (number.epoch.to_string(), number.seq)).unzip();
    let (amount, currency) =
        letter.money.map(|money| (money.minor, money.currency.as_str().to_owned())).unzip();
    diesel::insert_into(dead_letters::table)
        .values((
            dead_letters::id.eq(letter.id.to_string()),
            dead_letters::identity.eq(&letter.identity[..]),
            dead_letters::message_id.eq(&letter.message_id),
            dead_letters::provider.eq(&letter.provider),
            dead_letters::account.eq(&letter.account),
            dead_letters::order_number.eq(letter.order_number()),
            dead_letters::amount.eq(amount),
            dead_letters::currency.eq(currency),
            dead_letters::group_id.eq(group),
            dead_letters::received_at.eq(letter.received_at.map(micros)),
            dead_letters::buried_at.eq(micros(now)),
            dead_letters::epoch.eq(epoch),
            dead_letters::seq.eq(seq),
            dead_letters::parcel.eq(to_json(&letter.envelope)?),
        ))
        .execute(connection)?;
    Ok(())
}

/// Writes one more failure of a letter.
fn fail(
    connection: &mut SqliteConnection,
    id: &str,
    group: &str,
    letter: &Letter,
    now: OffsetDateTime,
) -> Result<()> {
    let before: i64 = dead_letter_failures::table
        .filter(dead_letter_failures::letter_id.eq(id))
        .count()
        .get_result(connection)?;
    let death = &letter.death;
    diesel::insert_into(dead_letter_failures::table)
        .values((
            dead_letter_failures::letter_id.eq(id),
            dead_letter_failures::n.eq(before + 1),
            dead_letter_failures::group_id.eq(group),
            dead_letter_failures::cause.eq(&death.cause),
            dead_letter_failures::attempts.eq(i64::from(death.attempts)),
            dead_letter_failures::first_failed_at.eq(death.first_failed_at.map(micros)),
            dead_letter_failures::last_failed_at.eq(death.last_failed_at.map(micros)),
            dead_letter_failures::buried_at.eq(micros(now)),
            dead_letter_failures::worker.eq(&death.worker),
            dead_letter_failures::item.eq(death.item.map(|item| item.to_string())),
        ))
        .execute(connection)?;
    Ok(())
}
