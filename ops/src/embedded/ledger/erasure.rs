//! Erasing: tombstones, and what lies under them. One transaction at a time writes the file, so none
//! slips past a tombstone.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use shared::secret::bodies::Bodies;
use time::OffsetDateTime;
use worker::ledger::erasure::{Erasure, Fates, Hash, Kind, Part, Ruling, Scope, Subject, spread};

use super::fault::Result;
use super::{bodies, sweep};
use crate::embedded::schema::{orders, tombstones, written_subscriptions};
use crate::embedded::values::micros;

pub(super) mod letters;
mod requests;
mod scope;

pub(super) fn erase(
    connection: &mut SqliteConnection,
    erasure: &Erasure,
    now: OffsetDateTime,
    kept: &Bodies,
) -> Result<Option<Ruling>> {
    let scope = scope::of(connection, &erasure.subject)?;
    let requests = requests::about(connection, &scope)?;
    if scope.is_unknown() && requests.is_empty() {
        return Ok(None);
    }
    let parts: Vec<&Part> = requests.values().flat_map(|request| &request.parts).collect();
    let mut hashes: BTreeMap<Hash, Kind> = scope.tombstones().into_iter().collect();
    let mut found: BTreeSet<Hash> = found(connection, &parts)?;
    found.extend(hashes.keys());
    hashes.extend(spread(&parts, &mut found));
    let mut fates = requests::fates(connection, &requests, &found, kept)?;
    if let Some(why) = fates.conclude(erasure) {
        return Ok(Some(Ruling::InTheWay(why)));
    }
    if let Some(act) = erasure.noted(&scope) {
        bury(connection, &hashes, now)?;
        apply(connection, &fates, kept, now)?;
        forget(connection, &scope)?;
        sweep::note(connection, &act, now)?;
    }
    Ok(Some(Ruling::Done(Box::new(scope.told(&fates)))))
}

/// The tombstones over these parts.
fn found(connection: &mut SqliteConnection, parts: &[&Part]) -> Result<BTreeSet<Hash>> {
    let mut found = BTreeSet::new();
    for hash in parts.iter().flat_map(|part| part.hashes()) {
        let known = tombstones::table.find(hash.to_vec()).count().get_result::<i64>(connection)?;
        found.extend((known > 0).then_some(hash));
    }
    Ok(found)
}

/// The tombstones over parts that arrive, and those that come to lie beside them.
pub(super) fn over<'a>(
    connection: &mut SqliteConnection,
    parts: impl Iterator<Item = &'a Part>,
    now: OffsetDateTime,
) -> Result<BTreeSet<Hash>> {
    let parts: Vec<&Part> = parts.collect();
    let mut found = found(connection, &parts)?;
    let new = spread(&parts, &mut found);
    bury(connection, &new, now)?;
    Ok(found)
}

fn bury(
    connection: &mut SqliteConnection,
    hashes: &BTreeMap<Hash, Kind>,
    now: OffsetDateTime,
) -> Result<()> {
    for (hash, kind) in hashes {
        diesel::insert_into(tombstones::table)
            .values((
                tombstones::hash.eq(hash.to_vec()),
                tombstones::kind.eq(kind.as_str()),
                tombstones::erased_at.eq(micros(now)),
            ))
            .on_conflict_do_nothing()
            .execute(connection)?;
    }
    Ok(())
}

fn apply(
    connection: &mut SqliteConnection,
    fates: &Fates,
    kept: &Bodies,
    now: OffsetDateTime,
) -> Result<()> {
    for (message, left) in &fates.redacted {
        bodies::redact(connection, *message, kept.keep(*message, left)?, now)?;
    }
    let gone: Vec<String> = fates.gone.iter().map(ToString::to_string).collect();
    bodies::remove(connection, &gone, "erased", now)
}

fn forget(connection: &mut SqliteConnection, scope: &Scope) -> Result<()> {
    if scope.has_metadata {
        match &scope.subject {
            Subject::Order(order_no) => diesel::update(orders::table.find(order_no))
                .set(orders::metadata.eq(None::<String>))
                .execute(connection)?,
            Subject::Subscription(number) => {
                diesel::update(written_subscriptions::table.find(number))
                    .set(written_subscriptions::metadata.eq(None::<String>))
                    .execute(connection)?
            }
        };
    }
    Ok(())
}
