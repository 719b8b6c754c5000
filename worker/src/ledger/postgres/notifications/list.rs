//! Recorded notifications, and one with its body.

use diesel::sql_types::{BigInt, Bytea, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use shared::secret::bodies::Bodies;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ledger::LedgerError;
use crate::ledger::bodies::{
    BodyRow, NotificationFilter, NotificationRecord, StoredBody, StoredMessage,
};

statement!(
    /// By the numbers of an order, or of a transaction's order; and what is found by the transactions alone.
    ByNumber {
        number: Nullable<Text> = Option<String>,
        account: Nullable<Text> = Option<String>,
        transaction: Nullable<Text> = Option<String>,
        kind: Nullable<Text> = Option<String>,
        limit: BigInt = i64,
    } -> (
        SqlUuid, Integer, Text, Text, Text, Text, Nullable<Text>, Nullable<Text>, Text, Timestamptz,
        Timestamptz
    ) = "
    with asked as (select ?::text as number, ?::text as account, ?::text as transaction, ?::text as kind),
    numbers as (
        select number from asked where number is not null
        union
        select other.number from asked join order_numbers n on n.number = asked.number
            join order_numbers other on other.order_no = n.order_no
        union
        select p.order_number from asked
            join payments p on p.account = asked.account and p.transaction = asked.transaction
    ),
    money as (
        select account, transaction from asked where transaction is not null
        union
        select p.account, p.transaction from asked, numbers join payments p on p.order_number = numbers.number
        where asked.transaction is null
    ),
    about as (
        select n.message_id, n.part from numbers join notifications n on n.order_number = numbers.number
        union
        select message_id, part from money join loose_notifications using (account, transaction)
    )
    select n.message_id, n.part, n.account, n.provider, n.identity, n.kind, n.order_number,
           n.transaction, n.outcome, n.received_at, n.recorded_at
    from asked, about join notifications n using (message_id, part)
    where n.account = coalesce(asked.account, n.account) and n.kind = coalesce(asked.kind, n.kind)
      and (asked.transaction is null or n.transaction = asked.transaction)
    order by n.message_id desc, n.part limit ?"
);

statement!(
    /// In the order of their ids, which is that of their times.
    Recent {
        account: Nullable<Text> = Option<String>,
        kind: Nullable<Text> = Option<String>,
        limit: BigInt = i64,
    } -> (
        SqlUuid, Integer, Text, Text, Text, Text, Nullable<Text>, Nullable<Text>, Text, Timestamptz,
        Timestamptz
    ) = "
    select n.message_id, n.part, n.account, n.provider, n.identity, n.kind, n.order_number,
           n.transaction, n.outcome, n.received_at, n.recorded_at
    from notifications n, (select ?::text as account, ?::text as kind) as asked
    where n.account = coalesce(asked.account, n.account) and n.kind = coalesce(asked.kind, n.kind)
    order by n.message_id desc, n.part limit ?"
);

statement!(
    Parts { message: SqlUuid = Uuid } -> (
        SqlUuid, Integer, Text, Text, Text, Text, Nullable<Text>, Nullable<Text>, Text, Timestamptz,
        Timestamptz
    ) = "
    select n.message_id, n.part, n.account, n.provider, n.identity, n.kind, n.order_number,
           n.transaction, n.outcome, n.received_at, n.recorded_at
    from notifications n where n.message_id = ? order by n.part"
);

statement!(
    /// Or where a former version put it.
    Body { message: SqlUuid = Uuid } -> (
        Nullable<Text>, Nullable<Bytea>, Bytea, Nullable<Timestamptz>
    ) = "
    with asked as (select ?::uuid as id)
    select key_id, wrapped, body, redacted_at from asked join bodies on message_id = id
    union all
    select null, null, body, null from asked join notifications on message_id = id and part = 0
    where body is not null
    limit 1"
);

statement!(
    Removed { message: SqlUuid = Uuid } -> (Timestamptz, Text) = "
    select removed_at, reason from removed_bodies where message_id = ?"
);

type Row = (
    Uuid,
    i32,
    String,
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    String,
    OffsetDateTime,
    OffsetDateTime,
);

pub(in crate::ledger::postgres) async fn list(
    conn: &mut AsyncPgConnection,
    filter: &NotificationFilter,
) -> Result<Vec<NotificationRecord>, LedgerError> {
    let NotificationFilter { order, account, transaction, kind, limit } = filter;
    let rows: Vec<Row> = if order.is_some() || transaction.is_some() {
        ByNumber { number: order, account, transaction, kind, limit }.load(conn).await?
    } else {
        Recent { account, kind, limit }.load(conn).await?
    };
    Ok(rows.into_iter().map(record).collect())
}

pub(in crate::ledger::postgres) async fn show(
    conn: &mut AsyncPgConnection,
    message: Uuid,
    bodies: &Bodies,
) -> Result<Option<StoredMessage>, LedgerError> {
    let parts: Vec<Row> = Parts { message: &message }.load(conn).await?;
    if parts.is_empty() {
        return Ok(None);
    }
    let body = body(conn, message, bodies).await?;
    Ok(Some(StoredMessage { parts: parts.into_iter().map(record).collect(), body }))
}

/// What there is of a body.
pub(in crate::ledger::postgres) async fn body(
    conn: &mut AsyncPgConnection,
    message: Uuid,
    bodies: &Bodies,
) -> Result<StoredBody, LedgerError> {
    let body: Vec<BodyRow> = Body { message: &message }.load(conn).await?;
    let removed: Vec<(OffsetDateTime, String)> = Removed { message: &message }.load(conn).await?;
    let (body, removed) = (body.into_iter().next(), removed.into_iter().next());
    Ok(StoredBody::of(message, body, removed, bodies))
}

fn record(row: Row) -> NotificationRecord {
    let (message_id, part, account, provider, identity, kind, order_number, ..) = row;
    let (.., transaction, outcome, received_at, recorded_at) = row;
    NotificationRecord {
        message_id,
        part,
        account,
        provider,
        identity,
        kind,
        order_number,
        transaction,
        outcome,
        received_at,
        recorded_at,
    }
}
