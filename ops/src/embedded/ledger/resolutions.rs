//! What was said to end cases: added, and read with the states that it is about.

use std::collections::{BTreeSet, HashMap};

use diesel::prelude::*;
use shared::case::{CaseKind, CaseVerdict};
use worker::decide::case::{About, CaseKey};
use worker::decide::fold::Books;
use worker::decide::resolution::Resolution;
use worker::decide::{PaymentKey, State};

use super::fault::Result;
use crate::embedded::schema::case_resolutions;
use crate::embedded::values::{self, instant, micros, money, word};

#[derive(Queryable, Selectable)]
#[diesel(table_name = case_resolutions, check_for_backend(diesel::sqlite::Sqlite))]
struct Row {
    kind: String,
    account: Option<String>,
    transaction: Option<String>,
    order_no: Option<String>,
    order_number: String,
    verdict: String,
    amount: i64,
    currency: String,
    up_to: i64,
    actor: String,
    reason: String,
    at: i64,
}

/// Adds them to the books; `places` tells in which state each payment stands.
pub(super) fn read(
    connection: &mut SqliteConnection,
    books: &mut Books,
    places: &HashMap<PaymentKey, String>,
) -> Result<()> {
    let order_no = |state: &State| state.order.as_ref().map(|order| order.order_no.clone());
    let order_nos: Vec<String> = books.states.values().filter_map(order_no).collect();
    let transactions: BTreeSet<&String> = places.keys().map(|key| &key.transaction).collect();
    let about = case_resolutions::transaction
        .eq_any(transactions)
        .or(case_resolutions::order_no.eq_any(order_nos));
    let rows: Vec<Row> = case_resolutions::table
        .filter(about.assume_not_null())
        .order(case_resolutions::id)
        .select(Row::as_select())
        .load(connection)?;
    for row in rows {
        let Some((key, resolution)) = resolution(row)? else { continue };
        let name = match &key.about {
            About::Payment(payment) => places.get(payment),
            About::Order(order_no) => Some(order_no),
        };
        if let Some(state) = name.and_then(|name| books.states.get_mut(name)) {
            state.resolutions.add(key, resolution);
        }
    }
    Ok(())
}

pub(super) fn add(
    connection: &mut SqliteConnection,
    key: &CaseKey,
    resolution: &Resolution,
) -> Result<()> {
    let (payment, order_no) = match &key.about {
        About::Order(order_no) => (None, Some(order_no)),
        About::Payment(payment) => (Some(payment), None),
    };
    diesel::insert_into(case_resolutions::table)
        .values((
            case_resolutions::case_id.eq(key.id().to_string()),
            case_resolutions::kind.eq(key.kind.as_str()),
            case_resolutions::account.eq(payment.map(|payment| &payment.account)),
            case_resolutions::transaction.eq(payment.map(|payment| &payment.transaction)),
            case_resolutions::order_no.eq(order_no),
            case_resolutions::order_number.eq(&resolution.order_number),
            case_resolutions::verdict.eq(resolution.verdict.as_str()),
            case_resolutions::amount.eq(resolution.amount.minor),
            case_resolutions::currency.eq(resolution.amount.currency.as_str()),
            case_resolutions::up_to.eq(resolution.up_to_minor),
            case_resolutions::actor.eq(&resolution.actor),
            case_resolutions::reason.eq(&resolution.reason),
            case_resolutions::at.eq(micros(resolution.at)),
        ))
        .execute(connection)?;
    Ok(())
}

fn resolution(row: Row) -> values::Result<Option<(CaseKey, Resolution)>> {
    let about = match (row.account, row.transaction, row.order_no) {
        (Some(account), Some(transaction), _) => {
            About::Payment(PaymentKey { account, transaction })
        }
        (_, _, Some(order_no)) => About::Order(order_no),
        // The schema lets no such row in.
        (_, _, None) => return Ok(None),
    };
    let kind = word("case", &row.kind, CaseKind::from_word)?;
    let resolution = Resolution {
        verdict: word("verdict", &row.verdict, CaseVerdict::from_word)?,
        order_number: row.order_number,
        amount: money(row.amount, &row.currency)?,
        up_to_minor: row.up_to,
        actor: row.actor,
        reason: row.reason,
        at: instant(row.at)?,
    };
    Ok(Some((CaseKey { kind, about }, resolution)))
}
