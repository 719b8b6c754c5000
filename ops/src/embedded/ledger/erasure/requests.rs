//! The requests and the dead letters that an erasure is about, and what becomes of their bodies.

use std::collections::BTreeSet;

use diesel::prelude::*;
use shared::secret::bodies::{Bodies, Kept};
use shared::secret::envelope::WrappedKey;
use uuid::Uuid;
use worker::decide::PaymentKey;
use worker::decide::subscription::AgreementKey;
use worker::ledger::erasure::{Fates, Hash, Part, Request, Requests, Scope};

use super::letters;
use crate::embedded::ledger::bodies;
use crate::embedded::ledger::fault::Result;
use crate::embedded::ledger::notifications::about::loose;
use crate::embedded::schema::{self, agreement_notifications, notifications, payments};
use crate::embedded::values::uuid;

/// Every part of every request and of every dead letter about it.
pub(super) fn about(connection: &mut SqliteConnection, scope: &Scope) -> Result<Requests> {
    let mut requests = Requests::new();
    for message in messages(connection, scope)? {
        let id = uuid(&message)?;
        for (provider, part) in parts(connection, &message)? {
            let new = || Request { provider, parts: vec![], letter: None };
            requests.entry(id).or_insert_with(new).parts.push(part);
        }
    }
    let letters = letters::about(connection, scope, &requests)?;
    requests.extend(letters);
    Ok(requests)
}

/// What a request's notifications are about, each with its provider.
pub(super) fn parts(
    connection: &mut SqliteConnection,
    message: &str,
) -> Result<Vec<(String, Part)>> {
    type Told = (String, String, Option<String>, Option<String>, Option<String>);
    let agreed = agreement_notifications::message_id
        .eq(notifications::message_id)
        .and(agreement_notifications::part.eq(notifications::part));
    let rows: Vec<Told> = notifications::table
        .left_join(agreement_notifications::table.on(agreed))
        .filter(notifications::message_id.eq(message))
        .order(notifications::part)
        .select((
            notifications::provider,
            notifications::account,
            notifications::order_number,
            notifications::transaction,
            agreement_notifications::agreement.nullable(),
        ))
        .load(connection)?;
    let part = |(provider, account, order_number, transaction, agreement)| {
        (provider, Part { account, order_number, transaction, agreement, ..Part::default() })
    };
    Ok(rows.into_iter().map(part).collect())
}

/// A charge's own are filed under the number of its payment.
fn messages(connection: &mut SqliteConnection, scope: &Scope) -> Result<BTreeSet<String>> {
    let filed = notifications::table
        .filter(notifications::order_number.eq_any(&scope.numbers))
        .select(notifications::message_id);
    let mut messages: BTreeSet<String> = filed.load(connection)?.into_iter().collect();
    for PaymentKey { account, transaction } in &scope.transactions {
        let paid = payments::table.find((account, transaction)).select(payments::order_number);
        let number: Option<String> = paid.first(connection).optional()?;
        let of = notifications::table
            .filter(notifications::order_number.eq(number))
            .filter(notifications::account.eq(account))
            .filter(notifications::transaction.eq(transaction))
            .select(notifications::message_id);
        messages.extend(of.load::<String>(connection)?);
    }
    let loose = loose(connection, &scope.transactions)?;
    messages.extend(loose.into_iter().map(|(message, _)| message));
    for AgreementKey { account, agreement } in &scope.agreements {
        let of = agreement_notifications::table
            .filter(agreement_notifications::account.eq(account))
            .filter(agreement_notifications::agreement.eq(agreement))
            .select(agreement_notifications::message_id);
        messages.extend(of.load::<String>(connection)?);
    }
    Ok(messages)
}

/// A body that is still there.
pub(super) fn stored(connection: &mut SqliteConnection, message: Uuid) -> Result<Option<Kept>> {
    use schema::bodies::dsl as stored;
    type Row = (Option<String>, Option<Vec<u8>>, Vec<u8>);
    let row: Option<Row> = stored::bodies
        .find(message.to_string())
        .select((stored::key_id, stored::wrapped, stored::body))
        .first(connection)
        .optional()?;
    Ok(row.map(|(key_id, wrapped, body)| {
        let wrapped = key_id.zip(wrapped).map(|(key_id, bytes)| WrappedKey { key_id, bytes });
        Kept { wrapped, body }
    }))
}

/// What becomes of each body that is still there.
pub(super) fn fates(
    connection: &mut SqliteConnection,
    requests: &Requests,
    tombstones: &BTreeSet<Hash>,
    kept: &Bodies,
) -> Result<Fates> {
    let mut fates = Fates::default();
    for (message, request) in requests {
        bodies::adopt(connection, &message.to_string())?;
        let Some(stored) = stored(connection, *message)? else { continue };
        fates.add((*message, request), tombstones, || kept.open(*message, stored).ok());
    }
    Ok(fates)
}
