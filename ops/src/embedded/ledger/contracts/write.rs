//! What a batch changed of subscriptions.

use diesel::prelude::*;
use diesel::upsert::excluded;
use time::OffsetDateTime;
use worker::decide::PaymentKey;
use worker::decide::fold::Changes;
use worker::decide::subscription::{AgreementKey, Change, ChangeKey, Charge, Cover, Subscription};
use worker::ledger::contracts::{changed_charges, new_changes};

use super::super::fault::Result;
use crate::embedded::schema::{agreement_changes, charges, subscription_changes, subscriptions};
use crate::embedded::values::micros;

pub(in super::super) fn write(
    connection: &mut SqliteConnection,
    changes: &Changes,
    now: OffsetDateTime,
) -> Result<()> {
    let (before, after) = &changes.contracts;
    for (agreement, key, change) in new_changes(before, after) {
        insert_change(connection, (agreement, key, change), now)?;
    }
    let (rows, gone) = changed_charges(before, after);
    for key in gone {
        diesel::delete(charges::table.find((&key.account, &key.transaction)))
            .execute(connection)?;
    }
    for (key, charge, cover) in rows {
        upsert_charge(connection, key, charge, cover)?;
    }
    for (number, one) in &after.subscriptions {
        let known = before.subscriptions.get(number);
        if known.is_none_or(|known| known.standing != one.standing) {
            update(connection, one)?;
        }
    }
    for number in &changes.joined {
        diesel::insert_into(subscription_changes::table)
            .values(subscription_changes::subscription_no.eq(number))
            .on_conflict_do_nothing()
            .execute(connection)?;
    }
    Ok(())
}

fn insert_change(
    connection: &mut SqliteConnection,
    (agreement, key, change): (&AgreementKey, &ChangeKey, &Change),
    now: OffsetDateTime,
) -> Result<()> {
    diesel::insert_into(agreement_changes::table)
        .values((
            agreement_changes::account.eq(&agreement.account),
            agreement_changes::agreement.eq(&agreement.agreement),
            agreement_changes::what.eq(key.what.as_str()),
            agreement_changes::occurred_at.eq(micros(key.occurred_at)),
            agreement_changes::charge.eq(&key.charge),
            agreement_changes::subscription_no.eq(&key.subscription_no),
            agreement_changes::revival.eq(change.revival.as_str()),
            agreement_changes::valid_until.eq(change.valid_until.map(micros)),
            agreement_changes::created_at.eq(micros(now)),
        ))
        .on_conflict((
            agreement_changes::account,
            agreement_changes::agreement,
            agreement_changes::what,
            agreement_changes::occurred_at,
            agreement_changes::charge,
            agreement_changes::subscription_no,
        ))
        .do_update()
        .set(agreement_changes::valid_until.eq(excluded(agreement_changes::valid_until)))
        .execute(connection)?;
    Ok(())
}

fn upsert_charge(
    connection: &mut SqliteConnection,
    key: &PaymentKey,
    charge: &Charge,
    cover: Option<Cover>,
) -> Result<()> {
    let rest = (
        charges::agreement.eq(&charge.agreement),
        charges::subscription_no.eq(&charge.subscription_no),
        charges::period.eq(&charge.period),
        charges::occurred_at.eq(micros(charge.occurred_at)),
        charges::stands.eq(charge.stands),
        charges::starts_at.eq(cover.map(|cover| micros(cover.from))),
        charges::ends_at.eq(cover.map(|cover| micros(cover.until))),
    );
    diesel::insert_into(charges::table)
        .values((
            charges::account.eq(&key.account),
            charges::transaction.eq(&key.transaction),
            rest,
        ))
        .on_conflict((charges::account, charges::transaction))
        .do_update()
        .set(rest)
        .execute(connection)?;
    Ok(())
}

fn update(connection: &mut SqliteConnection, one: &Subscription) -> Result<()> {
    let standing = &one.standing;
    diesel::update(subscriptions::table.find(&one.terms.subscription_no))
        .set((
            subscriptions::status.eq(standing.status.as_str()),
            subscriptions::agreement.eq(&standing.agreement_no),
            subscriptions::paid_through.eq(standing.paid_through.map(micros)),
            subscriptions::entitled_until.eq(standing.entitled_until.map(micros)),
            subscriptions::failed_at.eq(standing.failed_at.map(micros)),
            subscriptions::ended.eq(standing.ended.map(|why| why.as_str())),
            subscriptions::due_at.eq(standing.due_at.map(micros)),
        ))
        .execute(connection)?;
    Ok(())
}
