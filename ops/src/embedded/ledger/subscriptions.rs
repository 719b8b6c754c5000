//! Subscriptions as a shop writes them, and as people see them.

use std::collections::BTreeSet;

use diesel::prelude::*;
use serde_json::Value;
use time::OffsetDateTime;
use worker::ledger::LedgerError;
use worker::ledger::records::{Imported, NewSubscription, SubscriptionFilter, SubscriptionRecord};

use super::fault::{Fault, Result};
use super::{load, show};
use crate::embedded::schema::{subscriptions, written_subscriptions as written};
use crate::embedded::values::{from_json, micros, to_json};

#[derive(Queryable, Selectable)]
#[diesel(table_name = written, check_for_backend(diesel::sqlite::Sqlite))]
struct Known {
    account: String,
    agreement_no: Option<String>,
    amount: i64,
    currency: String,
    period: String,
    anchor: Option<i64>,
    time_zone: String,
    grace: String,
    metadata: Option<String>,
}

/// One answer each, in their order.
pub(super) fn import(
    connection: &mut SqliteConnection,
    all: &[NewSubscription],
    now: OffsetDateTime,
) -> Result<Vec<Imported>> {
    all.iter().map(|one| upsert(connection, one, now)).collect()
}

pub(super) fn list(
    connection: &mut SqliteConnection,
    filter: &SubscriptionFilter,
) -> Result<Vec<SubscriptionRecord>> {
    let mut query = subscriptions::table.select(subscriptions::subscription_no).into_boxed();
    if let Some(number) = &filter.subscription_no {
        query = query.filter(subscriptions::subscription_no.eq(number));
    }
    if let Some(status) = filter.status {
        query = query.filter(subscriptions::status.eq(status.as_str()));
    }
    let age = diesel::dsl::sql::<diesel::sql_types::BigInt>("subscriptions.created_at");
    let newest = query.order((age.desc(), subscriptions::subscription_no)).limit(filter.limit);
    let numbers: Vec<String> = newest.load(connection)?;
    let wanted: BTreeSet<String> = numbers.iter().cloned().collect();
    let contracts = load::states(connection, BTreeSet::new(), wanted)?.contracts;
    let mut records = vec![];
    for one in numbers.iter().filter_map(|number| contracts.subscriptions.get(number)) {
        let subject = format!("subscription/{}", one.terms.subscription_no);
        let events = show::events_of(connection, &subject)?;
        records.push(SubscriptionRecord::of(&contracts, one, events));
    }
    Ok(records)
}

fn upsert(
    connection: &mut SqliteConnection,
    one: &NewSubscription,
    now: OffsetDateTime,
) -> Result<Imported> {
    if let Err(wrong) = one.check() {
        return Ok(Imported::Refused(wrong));
    }
    let find = written::table.find(&one.subscription_no).select(Known::as_select());
    let known: Option<Known> = find.first(connection).optional()?;
    if known.as_ref().map(|known| is_same(known, one)).transpose()? == Some(true) {
        return Ok(Imported::Unchanged);
    }
    let metadata = one.metadata.as_ref().map(to_json).transpose()?;
    let terms = (
        written::account.eq(&one.account),
        written::agreement_no.eq(&one.agreement_no),
        written::amount.eq(one.amount),
        written::currency.eq(one.currency.as_str()),
        written::period.eq(&one.period),
        written::anchor.eq(one.anchor.map(micros)),
        written::time_zone.eq(&one.time_zone),
        written::grace.eq(&one.grace),
        written::metadata.eq(metadata),
    );
    let done = if known.is_none() {
        let key = (
            written::subscription_no.eq(&one.subscription_no),
            written::created_at.eq(micros(now)),
        );
        diesel::insert_into(written::table)
            .values((key, terms))
            .execute(connection)
            .map(|_| Imported::Inserted)
    } else {
        diesel::update(written::table.find(&one.subscription_no))
            .set(terms)
            .execute(connection)
            .map(|_| Imported::Updated)
    };
    done.or_else(|error| match LedgerError::from(Fault::Database(error)) {
        LedgerError::Refused(rule) => Ok(Imported::Refused(rule)),
        other => Err(Fault::Other(other)),
    })
}

fn is_same(known: &Known, one: &NewSubscription) -> Result<bool> {
    let metadata: Option<Value> = known.metadata.as_deref().map(from_json).transpose()?;
    Ok(known.account == one.account
        && known.agreement_no == one.agreement_no
        && known.amount == one.amount
        && known.currency == one.currency.as_str()
        && known.period == one.period
        && known.anchor == one.anchor.map(micros)
        && known.time_zone == one.time_zone
        && known.grace == one.grace
        && metadata == one.metadata)
}
