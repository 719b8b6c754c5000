//! Cases as people read them.

use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ledger::LedgerError;
use crate::ledger::records::{CaseFilter, CaseRecord};

statement!(
    List { status: Nullable<Text> = Option<String>, limit: BigInt = i64 }
    -> (SqlUuid, Text, Text, Text, Nullable<Text>, Nullable<Text>, BigInt, Text, Timestamptz,
        Nullable<Timestamptz>) = "
    select id, kind, c.status, order_number, account, transaction, amount, currency, opened_at,
           resolved_at
    from cases c, (select ?::text) as wanted (status)
    where wanted.status is null or c.status = wanted.status order by opened_at desc, id limit ?"
);

statement!(
    One { id: SqlUuid = Uuid }
    -> (SqlUuid, Text, Text, Text, Nullable<Text>, Nullable<Text>, BigInt, Text, Timestamptz,
        Nullable<Timestamptz>) = "
    select id, kind, status, order_number, account, transaction, amount, currency, opened_at,
           resolved_at
    from cases where id = ?"
);

statement!(
    OfNumbers { numbers: diesel::sql_types::Array<Text> = [String] }
    -> (SqlUuid, Text, Text, Text, Nullable<Text>, Nullable<Text>, BigInt, Text, Timestamptz,
        Nullable<Timestamptz>) = "
    select id, kind, status, order_number, account, transaction, amount, currency, opened_at,
           resolved_at
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
);

pub(super) async fn cases(
    conn: &mut AsyncPgConnection,
    filter: &CaseFilter,
) -> Result<Vec<CaseRecord>, LedgerError> {
    let rows: Vec<Row> = List { status: &filter.status, limit: &filter.limit }.load(conn).await?;
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
    let (id, kind, status, order_number, account, transaction, amount, currency, opened, resolved) =
        row;
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
        opened_at: opened,
        resolved_at: resolved,
    })
}
