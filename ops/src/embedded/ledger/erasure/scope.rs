//! What an erasure is about: the numbers of an order, or the agreements and charges of a subscription.

use std::collections::BTreeSet;

use diesel::prelude::*;
use worker::decide::PaymentKey;
use worker::decide::subscription::AgreementKey;
use worker::ledger::erasure::{Scope, Subject};

use crate::embedded::ledger::fault::Result;
use crate::embedded::ledger::notifications::about::paid_under;
use crate::embedded::schema::{
    agreement_changes, agreement_notifications, case_notes, cases, charges, notifications,
    order_numbers, orders, payments, subscriptions, written_subscriptions,
};

/// Everything that it is about.
pub(super) fn of(connection: &mut SqliteConnection, asked: &Subject) -> Result<Scope> {
    match asked {
        Subject::Order(number) => order(connection, number),
        Subject::Subscription(number) => subscription(connection, number),
    }
}

fn order(connection: &mut SqliteConnection, number: &str) -> Result<Scope> {
    type Row = (String, Option<String>, Option<String>);
    let known: Option<Row> = order_numbers::table
        .inner_join(orders::table.on(orders::order_no.eq(order_numbers::order_no)))
        .filter(order_numbers::number.eq(number))
        .select((orders::order_no, orders::metadata, orders::subscription_no))
        .first(connection)
        .optional()?;
    let is_written = known.is_some();
    let (order_no, metadata, extended) = known.unwrap_or_else(|| (number.to_owned(), None, None));
    let mut numbers = vec![order_no.clone()];
    if is_written {
        numbers = order_numbers::table
            .filter(order_numbers::order_no.eq(&order_no))
            .order(order_numbers::number)
            .select(order_numbers::number)
            .load(connection)?;
    }
    let transactions = paid_under(connection, &numbers)?;
    let mut beside: BTreeSet<String> = extended.into_iter().collect();
    for key in &transactions {
        let charge = charges::table.find((&key.account, &key.transaction));
        let extended: Option<Option<String>> =
            charge.select(charges::subscription_no).first(connection).optional()?;
        beside.extend(extended.flatten());
    }
    Ok(Scope {
        subject: Subject::Order(order_no),
        is_written,
        cases: counted(connection, &numbers, &transactions)?,
        numbers,
        transactions,
        agreements: vec![],
        beside: beside.into_iter().map(Subject::Subscription).collect(),
        has_metadata: metadata.is_some(),
    })
}

fn subscription(connection: &mut SqliteConnection, number: &str) -> Result<Scope> {
    let known: Option<Option<String>> = written_subscriptions::table
        .find(number)
        .select(written_subscriptions::metadata)
        .first(connection)
        .optional()?;
    let agreements = agreements(connection, number)?;
    let transactions = charged(connection, number, &agreements)?;
    let mut beside = BTreeSet::new();
    for key in &transactions {
        let paid = payments::table.find((&key.account, &key.transaction));
        let paid_as: Option<String> =
            paid.select(payments::order_number).first(connection).optional()?;
        let order = order_numbers::table
            .filter(order_numbers::number.nullable().eq(paid_as))
            .select(order_numbers::order_no);
        beside.extend(order.first::<String>(connection).optional()?);
    }
    Ok(Scope {
        subject: Subject::Subscription(number.to_owned()),
        is_written: known.is_some(),
        cases: counted(connection, &[], &transactions)?,
        numbers: vec![],
        transactions,
        agreements,
        beside: beside.into_iter().map(Subject::Order).collect(),
        has_metadata: known.flatten().is_some(),
    })
}

/// Its own, as charges are bound: the one that the shop named; else those whose latest signing repeats its
/// number, unless the shop named them for another. Nobody else's word for its number is left out.
fn agreements(connection: &mut SqliteConnection, number: &str) -> Result<Vec<AgreementKey>> {
    let named: Vec<(String, Option<String>)> = subscriptions::table
        .find(number)
        .select((subscriptions::account, subscriptions::agreement_no))
        .load(connection)?;
    let told: Vec<(String, String)> = agreement_changes::table
        .filter(agreement_changes::subscription_no.eq(number))
        .select((agreement_changes::account, agreement_changes::agreement))
        .load(connection)?;
    let named = named.into_iter().filter_map(|(account, agreement)| Some((account, agreement?)));
    let all: BTreeSet<(String, String)> = named.chain(told).collect();
    let mut own = vec![];
    for (account, agreement) in all {
        let key = AgreementKey { account, agreement };
        if is_its(connection, &key, number)? {
            own.push(key);
        }
    }
    Ok(own)
}

/// May an agreement be this subscription's? As settling binds it: not one that is another's, nor for another
/// account.
pub(super) fn is_its(
    connection: &mut SqliteConnection,
    AgreementKey { account, agreement }: &AgreementKey,
    number: &str,
) -> Result<bool> {
    let owner: Option<String> = subscriptions::table
        .filter(subscriptions::account.eq(account))
        .filter(subscriptions::agreement_no.eq(agreement))
        .select(subscriptions::subscription_no)
        .first(connection)
        .optional()?;
    let repeated: Option<String> = agreement_changes::table
        .filter(agreement_changes::account.eq(account))
        .filter(agreement_changes::agreement.eq(agreement))
        .filter(agreement_changes::what.eq("signed"))
        .filter(agreement_changes::subscription_no.ne(""))
        .order((agreement_changes::occurred_at.desc(), agreement_changes::subscription_no.desc()))
        .select(agreement_changes::subscription_no)
        .first(connection)
        .optional()?;
    let written: Option<String> = subscriptions::table
        .find(number)
        .select(subscriptions::account)
        .first(connection)
        .optional()?;
    Ok(owner.or(repeated).is_none_or(|whose| whose == number)
        && written.is_none_or(|whose| whose == *account))
}

/// Its charges, and what was told of money under its agreements that is none yet.
fn charged(
    connection: &mut SqliteConnection,
    number: &str,
    agreements: &[AgreementKey],
) -> Result<Vec<PaymentKey>> {
    let key = (charges::account, charges::transaction);
    let of = charges::table.filter(charges::subscription_no.eq(number)).select(key);
    let mut keys: BTreeSet<(String, String)> = of.load(connection)?.into_iter().collect();
    for AgreementKey { account, agreement } in agreements {
        let under = charges::table
            .filter(charges::account.eq(account))
            .filter(charges::agreement.eq(agreement))
            .select(key);
        keys.extend(under.load::<(String, String)>(connection)?);
        let told: Vec<Option<String>> = agreement_notifications::table
            .inner_join(
                notifications::table.on(notifications::message_id
                    .eq(agreement_notifications::message_id)
                    .and(notifications::part.eq(agreement_notifications::part))),
            )
            .filter(agreement_notifications::account.eq(account))
            .filter(agreement_notifications::agreement.eq(agreement))
            .select(notifications::transaction)
            .load(connection)?;
        keys.extend(told.into_iter().flatten().map(|one| (account.clone(), one)));
    }
    let key = |(account, transaction)| PaymentKey { account, transaction };
    Ok(keys.into_iter().map(key).collect())
}

/// Cases about it, and the notes on them.
fn counted(
    connection: &mut SqliteConnection,
    numbers: &[String],
    transactions: &[PaymentKey],
) -> Result<(i64, i64)> {
    let filed = cases::table.filter(cases::order_number.eq_any(numbers)).select(cases::id);
    let mut about: BTreeSet<String> = filed.load(connection)?.into_iter().collect();
    for PaymentKey { account, transaction } in transactions {
        let of = cases::table
            .filter(cases::account.eq(account))
            .filter(cases::transaction.eq(transaction))
            .select(cases::id);
        about.extend(of.load::<String>(connection)?);
    }
    let notes: i64 = case_notes::table
        .filter(case_notes::case_id.eq_any(&about))
        .count()
        .get_result(connection)?;
    Ok((i64::try_from(about.len()).unwrap_or(i64::MAX), notes))
}
