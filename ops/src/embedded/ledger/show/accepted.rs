//! What was accepted as payment of an order by somebody's word.

use std::collections::BTreeMap;

use diesel::prelude::*;
use shared::case::{CaseKind, CaseVerdict};
use worker::decide::PaymentKey;
use worker::decide::resolution::POLICY;
use worker::ledger::records::{Accepted, PaymentRecord};

use crate::embedded::ledger::fault::Result;
use crate::embedded::schema::case_resolutions;
use crate::embedded::values::{self, word};

type Row = (String, Option<String>, Option<String>, String);

pub(super) fn accepted(
    connection: &mut SqliteConnection,
    order_no: &str,
    payments: &[PaymentRecord],
) -> Result<Vec<Accepted>> {
    let key = |one: &PaymentRecord| PaymentKey {
        account: one.account.clone(),
        transaction: one.transaction.clone(),
    };
    let keys: Vec<PaymentKey> = payments.iter().map(key).collect();
    let transactions: Vec<&String> = keys.iter().map(|key| &key.transaction).collect();
    let about = case_resolutions::transaction
        .eq_any(transactions)
        .or(case_resolutions::order_no.eq(order_no));
    let rows: Vec<Row> = case_resolutions::table
        .filter(about.assume_not_null())
        .filter(case_resolutions::verdict.eq(CaseVerdict::Fulfil.as_str()))
        .order(case_resolutions::id)
        .select((
            case_resolutions::kind,
            case_resolutions::account,
            case_resolutions::transaction,
            case_resolutions::actor,
        ))
        .load(connection)?;
    let mut found: BTreeMap<(CaseKind, Option<PaymentKey>), bool> = BTreeMap::new();
    for row in rows {
        let (about, by_policy) = read(row)?;
        if about.1.as_ref().is_none_or(|key| keys.contains(key)) {
            *found.entry(about).or_insert(true) &= by_policy;
        }
    }
    let accepted = |((kind, payment), by_policy): (_, bool)| Accepted { kind, payment, by_policy };
    Ok(found.into_iter().map(accepted).collect())
}

fn read(row: Row) -> values::Result<((CaseKind, Option<PaymentKey>), bool)> {
    let (kind, account, transaction, actor) = row;
    let payment = account.zip(transaction);
    let payment = payment.map(|(account, transaction)| PaymentKey { account, transaction });
    Ok(((word("case", &kind, CaseKind::from_word)?, payment), actor == POLICY))
}
