//! What went back of an order's payments, and what is disputed.

use diesel::sql_types::{Array, BigInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;

use super::parse;
use crate::ledger::LedgerError;
use crate::ledger::records::{DisputeRecord, RefundRecord, StatedTotal};

statement!(
    Totals { numbers: Array<Text> = [String] }
    -> (Text, Text, Text, BigInt, Text, Timestamptz) = "
    select account, transaction, max(r.refund_no), r.total, p.currency, min(r.occurred_at)
    from refunds r join payments p using (account, transaction)
    where p.order_number = any(?::text[]) group by account, transaction, r.total, p.currency"
);

statement!(
    Named { numbers: Array<Text> = [String] }
    -> (Text, Text, Text, Text, Text, BigInt, Text, Text, Timestamptz) = "
    select account, transaction, r.refund, r.evidence, r.status, r.amount, r.currency, r.refund_no,
           r.occurred_at
    from refund_items r join payments p using (account, transaction)
    where p.order_number = any(?::text[]) and not p.absent"
);

statement!(
    Disputes { numbers: Array<Text> = [String] }
    -> (Text, Text, Text, Text, BigInt, Text, Timestamptz) = "
    select account, transaction, d.dispute, d.status, d.amount, d.currency, d.occurred_at
    from disputes d join payments p using (account, transaction)
    where p.order_number = any(?::text[]) and not p.absent
    order by d.occurred_at, account, transaction, d.dispute"
);

type Total = (String, String, String, i64, String, OffsetDateTime);
type Refund = (String, String, String, String, String, i64, String, String, OffsetDateTime);
type Dispute = (String, String, String, String, i64, String, OffsetDateTime);

pub(super) async fn refunds(
    conn: &mut AsyncPgConnection,
    numbers: &[String],
) -> Result<Vec<RefundRecord>, LedgerError> {
    let totals: Vec<Total> = Totals { numbers }.load(conn).await?;
    let named: Vec<Refund> = Named { numbers }.load(conn).await?;
    let total = |(account, transaction, refund_no, total, currency, occurred_at): Total| {
        let refund_no = Some(refund_no).filter(|number| !number.is_empty());
        let currency = parse(&currency)?;
        Ok(StatedTotal { account, transaction, refund_no, total, currency, occurred_at })
    };
    let totals = totals.into_iter().map(total).collect::<Result<_, LedgerError>>()?;
    let refund = |row: Refund| {
        let (account, transaction, refund, evidence, status, amount, currency, number, at) = row;
        Ok(RefundRecord {
            account,
            transaction,
            refund: Some(refund),
            refund_no: Some(number).filter(|number| !number.is_empty()),
            status,
            evidence,
            amount,
            currency: parse(&currency)?,
            total: None,
            occurred_at: at,
        })
    };
    let named = named.into_iter().map(refund).collect::<Result<_, LedgerError>>()?;
    Ok(RefundRecord::list(totals, named))
}

pub(super) async fn disputes(
    conn: &mut AsyncPgConnection,
    numbers: &[String],
) -> Result<Vec<DisputeRecord>, LedgerError> {
    let rows: Vec<Dispute> = Disputes { numbers }.load(conn).await?;
    let dispute = |row: Dispute| {
        let (account, transaction, dispute, status, amount, currency, occurred_at) = row;
        let currency = parse(&currency)?;
        Ok(DisputeRecord { account, transaction, dispute, status, amount, currency, occurred_at })
    };
    rows.into_iter().map(dispute).collect()
}
