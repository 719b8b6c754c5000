//! What stands beneath a payment: totals that were stated, refunds that were named, disputes. All of
//! it in one round trip.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use shared::money::Money;
use shared::notification::{DisputeStatus, Evidence, RefundStatus, RefundTotal};
use time::OffsetDateTime;

use super::rows::{parse_currency, unknown};
use crate::decide::PaymentKey;
use crate::decide::refund::{Dispute, Refund, RefundKey};
use crate::ledger::LedgerError;

statement!(
    /// A total has no name, a dispute no evidence.
    All { accounts: Array<Text> = [String], transactions: Array<Text> = [String] }
    -> (Text, Text, Nullable<Text>, Nullable<Text>, Nullable<Text>, BigInt, Nullable<Text>, Text, Timestamptz) = "
    with wanted (account, transaction) as (select * from unnest(?::text[], ?::text[]))
    select account, transaction, null, null, null, total, null, refund_no, occurred_at
    from refunds join wanted using (account, transaction)
    union all
    select account, transaction, refund, evidence, status, amount, currency, refund_no, occurred_at
    from refund_items join wanted using (account, transaction)
    union all
    select account, transaction, dispute, null, status, amount, currency, '', occurred_at
    from disputes join wanted using (account, transaction)"
);

type Row = (
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    i64,
    Option<String>,
    String,
    OffsetDateTime,
);

#[derive(Default)]
pub(super) struct Detail {
    pub(super) totals: BTreeSet<RefundTotal>,
    pub(super) refunds: BTreeMap<RefundKey, Refund>,
    pub(super) disputes: BTreeMap<String, Dispute>,
}

pub(super) type Details = HashMap<PaymentKey, Detail>;

pub(super) async fn of(
    conn: &mut AsyncPgConnection,
    payments: impl Iterator<Item = (&String, &String)>,
) -> Result<Details, LedgerError> {
    let (accounts, transactions): (Vec<String>, Vec<String>) =
        payments.map(|(account, transaction)| (account.clone(), transaction.clone())).unzip();
    let query = All { accounts: &accounts, transactions: &transactions };
    let rows: Vec<Row> = query.load(conn).await?;
    let mut details = Details::new();
    for (account, transaction, name, evidence, status, minor, currency, refund_no, at) in rows {
        let detail = details.entry(PaymentKey { account, transaction }).or_default();
        let refund_no = Some(refund_no).filter(|number| !number.is_empty());
        let (Some(name), Some(status), Some(currency)) = (name, status, currency) else {
            let total = RefundTotal { total_minor: minor, refund_no, occurred_at: at };
            detail.totals.insert(total);
            continue;
        };
        let amount = Money { minor, currency: parse_currency(&currency)? };
        match evidence {
            Some(evidence) => {
                let evidence =
                    Evidence::from_word(&evidence).ok_or_else(|| unknown("kind of evidence"))?;
                let status =
                    RefundStatus::from_word(&status).ok_or_else(|| unknown("refund status"))?;
                let refund = Refund { status, amount, refund_no, occurred_at: at };
                detail.refunds.insert(RefundKey { refund: name, evidence }, refund);
            }
            None => {
                let status =
                    DisputeStatus::from_word(&status).ok_or_else(|| unknown("dispute status"))?;
                detail.disputes.insert(name, Dispute { status, amount, occurred_at: at });
            }
        }
    }
    Ok(details)
}
