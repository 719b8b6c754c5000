//! Cases as people read them, and what they do about them.

use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ledger::LedgerError;
use crate::ledger::records::{CaseFilter, CaseRecord};

pub(super) mod desk;
pub(super) mod file;

/// A statement that answers rows of cases.
macro_rules! cases_statement {
    ($name:ident { $($field:ident: $sql:ty = $rust:ty),* $(,)? } = $text:literal) => {
        statement!(
            $name { $($field: $sql = $rust),* }
            -> (SqlUuid, Text, Text, Text, Nullable<Text>, Nullable<Text>, BigInt, Text, Timestamptz,
                Nullable<Timestamptz>, Text, Nullable<Text>, Nullable<Text>, Nullable<Timestamptz>) = $text
        );
    };
}

cases_statement!(
    List {
        status: Nullable<Text> = Option<String>,
        kind: Nullable<Text> = Option<String>,
        account: Nullable<Text> = Option<String>,
        number: Nullable<Text> = Option<String>,
        owner: Nullable<Text> = Option<String>,
        limit: BigInt = i64,
    } = "
    select c.id, c.kind, c.status, c.order_number, c.account, c.transaction, c.amount, c.currency,
           c.opened_at, c.resolved_at, c.policy, c.owner, c.resolution, c.refund_by
    from cases c,
         (select ?::text, ?::text, ?::text, ?::text, ?::text) as w (status, kind, account, number, owner)
    where (w.status is null or c.status = w.status)
      and (w.kind is null or c.kind = w.kind)
      and (w.account is null or c.account = w.account
           or c.account is null and exists (
               select from payments p where p.order_number = c.order_number and p.account = w.account))
      and (w.number is null or c.order_number = w.number or c.order_number in (
               select b.number from order_numbers a join order_numbers b using (order_no)
               where a.number = w.number))
      and (w.owner is null or c.owner = w.owner)
    order by c.status = 'resolved', c.amount desc, c.opened_at, c.id limit ?"
);

cases_statement!(
    One { id: SqlUuid = Uuid } = "
    select id, kind, status, order_number, account, transaction, amount, currency, opened_at,
           resolved_at, policy, owner, resolution, refund_by
    from cases where id = ?"
);

cases_statement!(
    OfNumbers { numbers: Array<Text> = [String] } = "
    select id, kind, status, order_number, account, transaction, amount, currency, opened_at,
           resolved_at, policy, owner, resolution, refund_by
    from cases where order_number = any(?::text[]) order by opened_at, id"
);

type Row = (
    Uuid,
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    i64,
    String,
    OffsetDateTime,
    Option<OffsetDateTime>,
    String,
    Option<String>,
    Option<String>,
    Option<OffsetDateTime>,
);

pub(super) async fn cases(
    conn: &mut AsyncPgConnection,
    filter: &CaseFilter,
) -> Result<Vec<CaseRecord>, LedgerError> {
    let CaseFilter { status, kind, account, number, owner, limit } = filter;
    let rows: Vec<Row> = List { status, kind, account, number, owner, limit }.load(conn).await?;
    rows.into_iter().map(record).collect()
}

pub(super) async fn case(
    conn: &mut AsyncPgConnection,
    id: Uuid,
) -> Result<Option<CaseRecord>, LedgerError> {
    let rows: Vec<Row> = One { id: &id }.load(conn).await?;
    rows.into_iter().next().map(record).transpose()
}

/// All cases, open or not, about an order's numbers.
pub(super) async fn of_numbers(
    conn: &mut AsyncPgConnection,
    numbers: &[String],
) -> Result<Vec<CaseRecord>, LedgerError> {
    let rows: Vec<Row> = OfNumbers { numbers }.load(conn).await?;
    rows.into_iter().map(record).collect()
}

fn record(row: Row) -> Result<CaseRecord, LedgerError> {
    let (
        id,
        kind,
        status,
        order_number,
        account,
        transaction,
        amount,
        currency,
        opened_at,
        resolved_at,
        policy,
        owner,
        resolution,
        refund_by,
    ) = row;
    let currency =
        currency.parse().map_err(|_| LedgerError::Fault("an unknown currency".to_owned()))?;
    Ok(CaseRecord {
        id,
        kind,
        status,
        order_number,
        account,
        transaction,
        amount,
        currency,
        policy,
        owner,
        resolution,
        refund_by,
        opened_at,
        resolved_at,
    })
}
