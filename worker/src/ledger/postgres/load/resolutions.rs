//! What was said to end cases of these orders and payments.

use std::collections::{BTreeMap, HashMap};

use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use shared::case::{CaseKind, CaseVerdict};
use shared::money::Money;
use time::OffsetDateTime;

use super::columns;
use super::rows::{parse_currency, unknown};
use crate::decide::case::{About, CaseKey};
use crate::decide::fold::Books;
use crate::decide::resolution::Resolution;
use crate::decide::{PaymentKey, State};
use crate::ledger::LedgerError;

statement!(
    Said {
        order_nos: Array<Text> = [String],
        accounts: Array<Text> = [String],
        transactions: Array<Text> = [String],
    }
    -> (BigInt, Text, Nullable<Text>, Nullable<Text>, Nullable<Text>, Text, Text, BigInt, Text, BigInt,
        Text, Text, Timestamptz) = "
    select id, kind, account, transaction, order_no, order_number, verdict, amount, currency, up_to,
           actor, reason, at
    from case_resolutions where order_no = any(?::text[])
    union all
    select r.id, r.kind, account, transaction, r.order_no, r.order_number, r.verdict, r.amount,
           r.currency, r.up_to, r.actor, r.reason, r.at
    from unnest(?::text[], ?::text[]) as t (account, transaction)
    join case_resolutions r using (account, transaction)"
);

type Row = (
    i64,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    String,
    String,
    i64,
    String,
    i64,
    String,
    String,
    OffsetDateTime,
);

/// Adds them to the books; `places` tells in which state each payment stands.
pub(super) async fn resolutions(
    conn: &mut AsyncPgConnection,
    books: &mut Books,
    places: &HashMap<PaymentKey, String>,
) -> Result<(), LedgerError> {
    let order_no = |state: &State| state.order.as_ref().map(|order| order.order_no.clone());
    let order_nos: Vec<String> = books.states.values().filter_map(order_no).collect();
    let (accounts, transactions) = columns(places.keys());
    let said = Said { order_nos: &order_nos, accounts: &accounts, transactions: &transactions };
    let rows: Vec<Row> = said.load(conn).await?;
    let sorted: BTreeMap<i64, Row> = rows.into_iter().map(|row| (row.0, row)).collect();
    for row in sorted.into_values() {
        let (key, resolution) = resolution(row)?;
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

fn resolution(row: Row) -> Result<(CaseKey, Resolution), LedgerError> {
    let (
        _,
        kind,
        account,
        transaction,
        order_no,
        order_number,
        verdict,
        minor,
        currency,
        up_to_minor,
        actor,
        reason,
        at,
    ) = row;
    let kind = CaseKind::from_word(&kind).ok_or_else(|| unknown("case"))?;
    let about = match (account, transaction, order_no) {
        (Some(account), Some(transaction), _) => {
            About::Payment(PaymentKey { account, transaction })
        }
        (_, _, Some(order_no)) => About::Order(order_no),
        (_, _, None) => return Err(unknown("subject of a case")),
    };
    let amount = Money { minor, currency: parse_currency(&currency)? };
    let verdict = CaseVerdict::from_word(&verdict).ok_or_else(|| unknown("verdict"))?;
    let key = CaseKey { kind, about };
    Ok((key, Resolution { verdict, order_number, amount, up_to_minor, actor, reason, at }))
}
