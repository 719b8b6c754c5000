//! What stands beneath a payment: totals, refunds, disputes. Written under the payment's lock.

use std::collections::BTreeMap;

use diesel::sql_types::{Array, BigInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;

use crate::decide::fold::{Changes, Known};
use crate::decide::{Payment, PaymentKey};
use crate::ledger::LedgerError;

statement!(
    InsertTotals {
        accounts: Array<Text> = [String],
        transactions: Array<Text> = [String],
        totals: Array<BigInt> = [i64],
        refund_nos: Array<Text> = [String],
        occurred: Array<Timestamptz> = [OffsetDateTime],
    } -> () = "
    insert into refunds (account, transaction, total, refund_no, occurred_at)
    select * from unnest(?::text[], ?::text[], ?::bigint[], ?::text[], ?::timestamptz[])
    on conflict do nothing"
);

statement!(
    UpsertRefunds {
        accounts: Array<Text> = [String],
        transactions: Array<Text> = [String],
        refunds: Array<Text> = [String],
        evidence: Array<Text> = [String],
        statuses: Array<Text> = [String],
        amounts: Array<BigInt> = [i64],
        currencies: Array<Text> = [String],
        refund_nos: Array<Text> = [String],
        occurred: Array<Timestamptz> = [OffsetDateTime],
    } -> () = "
    insert into refund_items (account, transaction, refund, evidence, status, amount, currency,
                              refund_no, occurred_at)
    select * from unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::bigint[],
                         ?::text[], ?::text[], ?::timestamptz[])
    on conflict (account, transaction, refund, evidence) do update
    set status = excluded.status, amount = excluded.amount, currency = excluded.currency,
        refund_no = excluded.refund_no, occurred_at = excluded.occurred_at"
);

statement!(
    UpsertDisputes {
        accounts: Array<Text> = [String],
        transactions: Array<Text> = [String],
        disputes: Array<Text> = [String],
        statuses: Array<Text> = [String],
        amounts: Array<BigInt> = [i64],
        currencies: Array<Text> = [String],
        occurred: Array<Timestamptz> = [OffsetDateTime],
    } -> () = "
    insert into disputes (account, transaction, dispute, status, amount, currency, occurred_at)
    select * from unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::bigint[], ?::text[],
                         ?::timestamptz[])
    on conflict (account, transaction, dispute) do update
    set status = excluded.status, amount = excluded.amount, currency = excluded.currency,
        occurred_at = excluded.occurred_at"
);

/// Payments whose details may differ from what is recorded: before, and after.
type Changed<'a> = BTreeMap<&'a PaymentKey, (Option<&'a Payment>, &'a Payment)>;

pub(super) async fn details(
    conn: &mut AsyncPgConnection,
    changes: &Changes,
) -> Result<(), LedgerError> {
    let recorded = Known::before(changes);
    let mut changed = Changed::new();
    for (before, after) in &changes.states {
        for (key, payment) in &after.payments {
            changed.insert(key, (recorded.payment(before, key), payment));
        }
    }
    totals(conn, &changed).await?;
    refunds(conn, &changed).await?;
    disputes(conn, &changed).await
}

async fn totals(conn: &mut AsyncPgConnection, changed: &Changed<'_>) -> Result<(), LedgerError> {
    let rows = changed.iter().flat_map(|(key, (known, payment))| {
        let is_new = |total| known.is_none_or(|known| !known.totals.contains(total));
        payment.totals.iter().filter(move |total| is_new(*total)).map(move |total| (*key, total))
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    let (accounts, transactions) = keys(rows.iter().map(|(key, _)| *key));
    let totals: Vec<_> = rows.iter().map(|(_, total)| total.total_minor).collect();
    let refund_nos: Vec<_> =
        rows.iter().map(|(_, total)| total.refund_no.clone().unwrap_or_default()).collect();
    let occurred: Vec<_> = rows.iter().map(|(_, total)| total.occurred_at).collect();
    let insert = InsertTotals {
        accounts: &accounts,
        transactions: &transactions,
        totals: &totals,
        refund_nos: &refund_nos,
        occurred: &occurred,
    };
    insert.execute(conn).await?;
    Ok(())
}

async fn refunds(conn: &mut AsyncPgConnection, changed: &Changed<'_>) -> Result<(), LedgerError> {
    let rows = changed.iter().flat_map(|(key, (known, payment))| {
        let is_new = |(name, refund): &(_, _)| {
            known.and_then(|known| known.refunds.get(*name)) != Some(*refund)
        };
        payment.refunds.iter().filter(is_new).map(move |(name, refund)| (*key, name, refund))
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    let (accounts, transactions) = keys(rows.iter().map(|(key, ..)| *key));
    let refunds: Vec<_> = rows.iter().map(|(_, name, _)| name.refund.clone()).collect();
    let evidence: Vec<_> =
        rows.iter().map(|(_, name, _)| name.evidence.as_str().to_owned()).collect();
    let statuses: Vec<_> =
        rows.iter().map(|(.., refund)| refund.status.as_str().to_owned()).collect();
    let amounts: Vec<_> = rows.iter().map(|(.., refund)| refund.amount.minor).collect();
    let currencies: Vec<_> =
        rows.iter().map(|(.., refund)| refund.amount.currency.as_str().to_owned()).collect();
    let refund_nos: Vec<_> =
        rows.iter().map(|(.., refund)| refund.refund_no.clone().unwrap_or_default()).collect();
    let occurred: Vec<_> = rows.iter().map(|(.., refund)| refund.occurred_at).collect();
    let upsert = UpsertRefunds {
        accounts: &accounts,
        transactions: &transactions,
        refunds: &refunds,
        evidence: &evidence,
        statuses: &statuses,
        amounts: &amounts,
        currencies: &currencies,
        refund_nos: &refund_nos,
        occurred: &occurred,
    };
    upsert.execute(conn).await?;
    Ok(())
}

async fn disputes(conn: &mut AsyncPgConnection, changed: &Changed<'_>) -> Result<(), LedgerError> {
    let rows = changed.iter().flat_map(|(key, (known, payment))| {
        let is_new = |(name, dispute): &(_, _)| {
            known.and_then(|known| known.disputes.get(*name)) != Some(*dispute)
        };
        payment.disputes.iter().filter(is_new).map(move |(name, dispute)| (*key, name, dispute))
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    let (accounts, transactions) = keys(rows.iter().map(|(key, ..)| *key));
    let disputes: Vec<_> = rows.iter().map(|(_, name, _)| (*name).clone()).collect();
    let statuses: Vec<_> =
        rows.iter().map(|(.., dispute)| dispute.status.as_str().to_owned()).collect();
    let amounts: Vec<_> = rows.iter().map(|(.., dispute)| dispute.amount.minor).collect();
    let currencies: Vec<_> =
        rows.iter().map(|(.., dispute)| dispute.amount.currency.as_str().to_owned()).collect();
    let occurred: Vec<_> = rows.iter().map(|(.., dispute)| dispute.occurred_at).collect();
    let upsert = UpsertDisputes {
        accounts: &accounts,
        transactions: &transactions,
        disputes: &disputes,
        statuses: &statuses,
        amounts: &amounts,
        currencies: &currencies,
        occurred: &occurred,
    };
    upsert.execute(conn).await?;
    Ok(())
}

/// Accounts and transactions, as a statement takes them.
fn keys<'a>(keys: impl Iterator<Item = &'a PaymentKey>) -> (Vec<String>, Vec<String>) {
    keys.map(|key| (key.account.clone(), key.transaction.clone())).unzip()
}
