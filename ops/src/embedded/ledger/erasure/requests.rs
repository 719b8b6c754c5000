//! The requests and the dead letters that an erasure is about, and what becomes of their bodies.

use std::collections::BTreeSet;

use diesel::prelude::*;
use shared::secret::bodies::{Bodies, Kept};
use shared::secret::envelope::WrappedKey;
use worker::decide::PaymentKey;
use worker::decide::subscription::AgreementKey;
use worker::ledger::erasure::{Fates, Hash, Part, Request, Requests, Scope, Subject};

use crate::embedded::ledger::bodies;
use crate::embedded::ledger::fault::Result;
use crate::embedded::ledger::notifications::about::loose;
use crate::embedded::schema::{
    self, agreement_notifications, dead_letter_parts, dead_letters, notifications, payments,
};
use crate::embedded::values::uuid;

/// Key, wrapped key, body.
type Stored = (Option<String>, Option<Vec<u8>>, Vec<u8>);
/// Provider, account, order's number, transaction, agreement.
type Told = (String, String, Option<String>, Option<String>, Option<String>);

/// Every part of every request and of every dead letter about it.
pub(super) fn about(connection: &mut SqliteConnection, scope: &Scope) -> Result<Requests> {
    let mut requests = Requests::new();
    for message in messages(connection, scope)? {
        let agreed = agreement_notifications::message_id
            .eq(notifications::message_id)
            .and(agreement_notifications::part.eq(notifications::part));
        let rows: Vec<Told> = notifications::table
            .left_join(agreement_notifications::table.on(agreed))
            .filter(notifications::message_id.eq(&message))
            .order(notifications::part)
            .select((
                notifications::provider,
                notifications::account,
                notifications::order_number,
                notifications::transaction,
                agreement_notifications::agreement.nullable(),
            ))
            .load(connection)?;
        let rows = rows.into_iter().map(|told| (told, None));
        add(&mut requests, &message, false, rows)?;
    }
    for letter in letters(connection, scope)? {
        let rows: Vec<(Told, Option<String>)> = dead_letter_parts::table
            .inner_join(dead_letters::table.on(dead_letters::id.eq(dead_letter_parts::letter_id)))
            .filter(dead_letter_parts::letter_id.eq(&letter))
            .order(dead_letter_parts::part)
            .select((
                (
                    dead_letters::provider,
                    dead_letter_parts::account,
                    dead_letter_parts::order_number,
                    dead_letter_parts::transaction,
                    dead_letter_parts::agreement,
                ),
                dead_letter_parts::subscription_no,
            ))
            .load(connection)?;
        add(&mut requests, &letter, true, rows.into_iter())?;
    }
    Ok(requests)
}

fn add(
    requests: &mut Requests,
    id: &str,
    is_letter: bool,
    rows: impl Iterator<Item = (Told, Option<String>)>,
) -> Result<()> {
    let id = uuid(id)?;
    for ((provider, account, order_number, transaction, agreement), subscription_no) in rows {
        let new = || Request { provider, parts: vec![], is_letter };
        let part = Part { account, order_number, transaction, agreement, subscription_no };
        requests.entry(id).or_insert_with(new).parts.push(part);
    }
    Ok(())
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

/// Dead letters, whose bodies stand under their own ids.
fn letters(connection: &mut SqliteConnection, scope: &Scope) -> Result<BTreeSet<String>> {
    let parts = || dead_letter_parts::table.select(dead_letter_parts::letter_id);
    let numbered = parts().filter(dead_letter_parts::order_number.eq_any(&scope.numbers));
    let mut letters: BTreeSet<String> = numbered.load(connection)?.into_iter().collect();
    for PaymentKey { account, transaction } in &scope.transactions {
        let of = parts()
            .filter(dead_letter_parts::account.eq(account))
            .filter(dead_letter_parts::transaction.eq(transaction));
        letters.extend(of.load::<String>(connection)?);
    }
    for AgreementKey { account, agreement } in &scope.agreements {
        let of = parts()
            .filter(dead_letter_parts::account.eq(account))
            .filter(dead_letter_parts::agreement.eq(agreement));
        letters.extend(of.load::<String>(connection)?);
    }
    if let Subject::Subscription(number) = &scope.subject {
        let of = parts().filter(dead_letter_parts::subscription_no.eq(number));
        letters.extend(of.load::<String>(connection)?);
    }
    Ok(letters)
}

/// What becomes of each body that is still there.
pub(super) fn fates(
    connection: &mut SqliteConnection,
    requests: &Requests,
    tombstones: &BTreeSet<Hash>,
    kept: &Bodies,
) -> Result<Fates> {
    use schema::bodies::dsl as stored;
    let mut fates = Fates::default();
    for (message, request) in requests {
        let id = message.to_string();
        bodies::adopt(connection, &id)?;
        let row: Option<Stored> = stored::bodies
            .find(&id)
            .select((stored::key_id, stored::wrapped, stored::body))
            .first(connection)
            .optional()?;
        let Some((key_id, wrapped, body)) = row else { continue };
        let wrapped = key_id.zip(wrapped).map(|(key_id, bytes)| WrappedKey { key_id, bytes });
        let open = || kept.open(*message, Kept { wrapped, body }).ok();
        fates.add((*message, request), tombstones, open);
    }
    Ok(fates)
}
