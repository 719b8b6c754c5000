//! Erasing: tombstones, and what lies under them. One transaction at a time writes the file, so none
//! slips past a tombstone.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use shared::secret::bodies::{Bodies, Kept};
use shared::secret::envelope::WrappedKey;
use time::OffsetDateTime;
use uuid::Uuid;
use worker::decide::PaymentKey;
use worker::ledger::LedgerError;
use worker::ledger::erasure::{
    Erased, Fate, Hash, Part, erased, fate, order_hash, transaction_hash,
};
use worker::ledger::records::Act;

use super::fault::{Fault, Result};
use super::notifications::about::{loose, paid_under};
use super::{bodies, sweep};
use crate::embedded::schema::{
    self, dead_letter_parts, dead_letters, notifications, order_numbers, orders, tombstones,
};
use crate::embedded::values::{micros, uuid};

/// A request: its provider and its parts, in their order.
type Requests = BTreeMap<String, (String, Vec<Part>)>;
/// Key, wrapped key, body.
type Stored = (Option<String>, Option<Vec<u8>>, Vec<u8>);

pub(super) fn erase(
    connection: &mut SqliteConnection,
    number: &str,
    act: Option<&Act>,
    now: OffsetDateTime,
    kept: &Bodies,
) -> Result<Option<Erased>> {
    let order_no: Option<String> = order_numbers::table
        .find(number)
        .select(order_numbers::order_no)
        .first(connection)
        .optional()?;
    let numbers: Vec<String> = match &order_no {
        Some(order_no) => order_numbers::table
            .filter(order_numbers::order_no.eq(order_no))
            .order(order_numbers::number)
            .select(order_numbers::number)
            .load(connection)?,
        None => vec![number.to_owned()],
    };
    let transactions = paid_under(connection, &numbers)?;
    let requests = requests(connection, &numbers, &transactions)?;
    if order_no.is_none() && transactions.is_empty() && requests.is_empty() {
        return Ok(None);
    }
    let mut hashes: BTreeMap<Hash, &str> = BTreeMap::new();
    hashes.extend(numbers.iter().map(|number| (order_hash(number), "order")));
    let hash = |key: &PaymentKey| transaction_hash(&key.account, &key.transaction);
    hashes.extend(transactions.iter().map(|key| (hash(key), "transaction")));
    let mut found = found(connection, requests.values().flat_map(|(_, parts)| parts))?;
    found.extend(hashes.keys().copied());
    let fates = fates(connection, &requests, &found, kept)?;
    let metadata: i64 = orders::table
        .filter(orders::order_no.nullable().eq(&order_no))
        .filter(orders::metadata.is_not_null())
        .count()
        .get_result(connection)?;
    if let Some(act) = act {
        bury(connection, &hashes, now)?;
        apply(connection, &fates, kept, now)?;
        diesel::update(orders::table.filter(orders::order_no.nullable().eq(&order_no)))
            .set(orders::metadata.eq(None::<String>))
            .execute(connection)?;
        sweep::note(connection, act, now)?;
    }
    let destroyed = fates.iter().filter(|(_, fate)| *fate == Fate::Destroy).count();
    Ok(Some(Erased {
        numbers,
        transactions: transactions.len(),
        destroyed,
        redacted: fates.len() - destroyed,
        metadata: usize::try_from(metadata).unwrap_or(usize::MAX),
    }))
}

/// The tombstones over these parts.
pub(super) fn found<'a>(
    connection: &mut SqliteConnection,
    parts: impl Iterator<Item = &'a Part>,
) -> Result<BTreeSet<Hash>> {
    let mut found = BTreeSet::new();
    for hash in parts.flat_map(Part::hashes) {
        let known = tombstones::table.find(hash.to_vec()).count().get_result::<i64>(connection)?;
        found.extend((known > 0).then_some(hash));
    }
    Ok(found)
}

fn requests(
    connection: &mut SqliteConnection,
    numbers: &[String],
    transactions: &[PaymentKey],
) -> Result<Requests> {
    type Row = (String, String, String, Option<String>, Option<String>);
    let about = notifications::table
        .filter(notifications::order_number.eq_any(numbers))
        .select(notifications::message_id);
    let mut messages: BTreeSet<String> = about.load(connection)?.into_iter().collect();
    messages.extend(loose(connection, transactions)?.into_iter().map(|(message, _)| message));
    let mut requests = Requests::new();
    let mut add = |(message, account, provider, order_number, transaction): Row| {
        let request = requests.entry(message).or_insert_with(|| (provider, vec![]));
        request.1.push(Part { account, order_number, transaction });
    };
    for message in messages {
        let rows: Vec<Row> = notifications::table
            .filter(notifications::message_id.eq(message))
            .order(notifications::part)
            .select((
                notifications::message_id,
                notifications::account,
                notifications::provider,
                notifications::order_number,
                notifications::transaction,
            ))
            .load(connection)?;
        rows.into_iter().for_each(&mut add);
    }
    for letter in letters_about(connection, numbers)? {
        let rows: Vec<Row> = dead_letter_parts::table
            .inner_join(dead_letters::table.on(dead_letters::id.eq(dead_letter_parts::letter_id)))
            .filter(dead_letter_parts::letter_id.eq(letter))
            .order(dead_letter_parts::part)
            .select((
                dead_letter_parts::letter_id,
                dead_letter_parts::account,
                dead_letters::provider,
                dead_letter_parts::order_number,
                dead_letter_parts::transaction,
            ))
            .load(connection)?;
        rows.into_iter().for_each(&mut add);
    }
    Ok(requests)
}

/// Dead letters, whose bodies stand under their own ids.
fn letters_about(
    connection: &mut SqliteConnection,
    numbers: &[String],
) -> Result<BTreeSet<String>> {
    let about = dead_letter_parts::table
        .filter(dead_letter_parts::order_number.eq_any(numbers))
        .select(dead_letter_parts::letter_id);
    Ok(about.load(connection)?.into_iter().collect())
}

/// What becomes of each body that is still there.
fn fates(
    connection: &mut SqliteConnection,
    requests: &Requests,
    tombstones: &BTreeSet<Hash>,
    kept: &Bodies,
) -> Result<Vec<(String, Fate)>> {
    use schema::bodies::dsl as stored;
    let mut fates = vec![];
    for (message, (provider, parts)) in requests {
        bodies::adopt(connection, message)?;
        let row: Option<Stored> = stored::bodies
            .find(message)
            .select((stored::key_id, stored::wrapped, stored::body))
            .first(connection)
            .optional()?;
        let Some((key_id, wrapped, body)) = row else { continue };
        let erased = erased(parts, tombstones);
        // Only what is shared needs to be opened.
        let body = if erased.len() < parts.len() {
            let wrapped = key_id.zip(wrapped).map(|(key_id, bytes)| WrappedKey { key_id, bytes });
            let opened = kept.open(uuid(message)?, Kept { wrapped, body });
            opened.map_err(|_| Fault::Told(LedgerError::shared_body()))?
        } else {
            vec![]
        };
        match fate(provider, &body, parts.len(), &erased) {
            Fate::Keep => {}
            // It was redacted before.
            Fate::Redact(left) if left == body => {}
            fate @ (Fate::Redact(_) | Fate::Destroy) => fates.push((message.clone(), fate)),
        }
    }
    Ok(fates)
}

fn bury(
    connection: &mut SqliteConnection,
    hashes: &BTreeMap<Hash, &str>,
    now: OffsetDateTime,
) -> Result<()> {
    for (hash, kind) in hashes {
        diesel::insert_into(tombstones::table)
            .values((
                tombstones::hash.eq(hash.to_vec()),
                tombstones::kind.eq(*kind),
                tombstones::erased_at.eq(micros(now)),
            ))
            .on_conflict_do_nothing()
            .execute(connection)?;
    }
    Ok(())
}

fn apply(
    connection: &mut SqliteConnection,
    fates: &[(String, Fate)],
    kept: &Bodies,
    now: OffsetDateTime,
) -> Result<()> {
    for (message, fate) in fates {
        match fate {
            Fate::Keep => {}
            Fate::Destroy => {
                bodies::remove(connection, std::slice::from_ref(message), "erased", now)?;
            }
            Fate::Redact(left) => {
                let id: Uuid = uuid(message)?;
                bodies::redact(connection, id, kept.keep(id, left)?, now)?;
            }
        }
    }
    Ok(())
}
