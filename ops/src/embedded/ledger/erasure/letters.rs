//! Dead letters about what is erased: found, and stripped when they end.

use std::collections::BTreeSet;

use diesel::prelude::*;
use shared::secret::bodies::Bodies;
use time::OffsetDateTime;
use uuid::Uuid;
use worker::decide::PaymentKey;
use worker::decide::subscription::AgreementKey;
use worker::ledger::dead_letters::LetterState;
use worker::ledger::erasure::{Fates, Part, Request, Requests, Scope, Subject};

use super::{apply, over, requests, scope};
use crate::embedded::ledger::fault::Result;
use crate::embedded::schema::{dead_letter_parts, dead_letters};
use crate::embedded::values::{uuid, word};

/// Those that are about it by what could be read of them, or whose messages are: those were recorded when
/// they were replayed.
pub(super) fn about(
    connection: &mut SqliteConnection,
    scope: &Scope,
    told: &Requests,
) -> Result<Requests> {
    let mut letters = named(connection, scope)?;
    for message in told.keys() {
        let of = dead_letters::table.filter(dead_letters::message_id.eq(message.to_string()));
        letters.extend(of.select(dead_letters::id).load::<String>(connection)?);
    }
    of(connection, letters)
}

fn named(connection: &mut SqliteConnection, scope: &Scope) -> Result<BTreeSet<String>> {
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

/// Every part of these letters; of one that nobody could read when it was buried, its message's.
fn of(
    connection: &mut SqliteConnection,
    letters: impl IntoIterator<Item = String>,
) -> Result<Requests> {
    let mut requests = Requests::new();
    for letter in letters {
        let (provider, message, state): (String, String, String) = dead_letters::table
            .find(&letter)
            .select((dead_letters::provider, dead_letters::message_id, dead_letters::state))
            .first(connection)?;
        let mut parts = read(connection, &letter)?;
        if parts.is_empty() {
            parts =
                requests::parts(connection, &message)?.into_iter().map(|(_, one)| one).collect();
        }
        let state = Some(word("state", &state, LetterState::from_word)?);
        if !parts.is_empty() {
            requests.insert(uuid(&letter)?, Request { provider, parts, letter: state });
        }
    }
    Ok(requests)
}

/// What could be read of a letter. The shop's number that it repeats counts only where settling would bind the
/// agreement to it, or does not know better.
fn read(connection: &mut SqliteConnection, letter: &str) -> Result<Vec<Part>> {
    type Row = (String, Option<String>, Option<String>, Option<String>, Option<String>);
    let rows: Vec<Row> = dead_letter_parts::table
        .filter(dead_letter_parts::letter_id.eq(letter))
        .order(dead_letter_parts::part)
        .select((
            dead_letter_parts::account,
            dead_letter_parts::order_number,
            dead_letter_parts::transaction,
            dead_letter_parts::agreement,
            dead_letter_parts::subscription_no,
        ))
        .load(connection)?;
    let mut parts = vec![];
    for (account, order_number, transaction, agreement, number) in rows {
        let key = agreement.clone().zip(number).map(|(agreement, number)| {
            (AgreementKey { account: account.clone(), agreement }, number)
        });
        let subscription_no = match key {
            Some((key, number)) => scope::is_its(connection, &key, &number)?.then_some(number),
            None => None,
        };
        let extends = None;
        parts.push(Part {
            account,
            order_number,
            transaction,
            agreement,
            subscription_no,
            extends,
        });
    }
    Ok(parts)
}

/// Strips those of these letters that lie under a tombstone: nobody replays them any more.
pub(in crate::embedded::ledger) fn end(
    connection: &mut SqliteConnection,
    letters: &[Uuid],
    kept: &Bodies,
    now: OffsetDateTime,
) -> Result<()> {
    let requests = of(connection, letters.iter().map(Uuid::to_string))?;
    let parts = requests.values().flat_map(|request| &request.parts);
    let tombstones = over(connection, parts, now)?;
    let mut fates = Fates::default();
    for (letter, request) in &requests {
        let Some(stored) = requests::stored(connection, *letter)? else { continue };
        fates.end((*letter, request), &tombstones, || kept.open(*letter, stored).ok());
    }
    apply(connection, &fates, kept, now)
}
