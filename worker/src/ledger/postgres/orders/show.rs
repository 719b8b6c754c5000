//! Reading orders.

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use shared::money::Currency;
use shared::order::{Mode, OrderStatus};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::decide::payment::Pays;
use crate::ledger::LedgerError;
use crate::ledger::postgres::cases;
use crate::ledger::records::{
    EventLine, FulfilmentRecord, OrderFilter, OrderRecord, OrderSummary, PaymentRecord,
};

mod accepted;
mod refunds;

statement!(
    /// Newest first; of one age by their numbers, byte by byte as on the other engine.
    List {
        status: Nullable<Text> = Option<String>,
        account: Nullable<Text> = Option<String>,
        since: Nullable<Timestamptz> = Option<OffsetDateTime>,
        until: Nullable<Timestamptz> = Option<OffsetDateTime>,
        after: Nullable<Text> = Option<String>,
        limit: BigInt = i64,
    }
    -> (Text, Text, BigInt, Text, Nullable<Text>, BigInt, BigInt, Nullable<Timestamptz>,
        Nullable<Timestamptz>, Timestamptz, Nullable<Timestamptz>, Text, Nullable<Text>, Nullable<Text>) = "
    select order_no, o.status, amount, currency, o.account, paid_amount, refunded_amount, paid_at,
           cancelled_at, created_at, expires_at, mode, subscription_no, period
    from orders o, (select ?::text, ?::text, ?::timestamptz, ?::timestamptz, ?::text)
                   as wanted (status, account, since, until, after)
    where (wanted.status is null or o.status = wanted.status)
      and (wanted.account is null or o.account = wanted.account)
      and created_at >= coalesce(since, '-infinity') and created_at <= coalesce(until, 'infinity')
      and (until is null or created_at < until or order_no collate \"C\" > after)
    order by created_at desc, order_no collate \"C\" limit ?"
);

statement!(
    One { number: Text = str }
    -> (Text, Text, BigInt, Text, Nullable<Text>, BigInt, BigInt, Nullable<Timestamptz>,
        Nullable<Timestamptz>, Timestamptz, Nullable<Timestamptz>, Text, Nullable<Text>, Nullable<Text>) = "
    select order_no, status, amount, currency, account, paid_amount, refunded_amount, paid_at,
           cancelled_at, created_at, expires_at, mode, subscription_no, period
    from orders join order_numbers n using (order_no) where n.number = ?"
);

statement!(
    Numbers { order_no: Text = str } -> (Text) = "
    select number from order_numbers where order_no = ? order by number"
);

statement!(
    Fulfilments { order_no: Text = str } -> (Bool, Timestamptz, Nullable<Timestamptz>) = "
    select active, created_at, revoked_at from fulfilments where order_no = ?"
);

statement!(
    Payments { numbers: Array<Text> = [String] }
    -> (Text, Text, Text, Text, BigInt, Text, Timestamptz, Text, Bool) = "
    select account, transaction, order_number, status, amount, currency, occurred_at, mode, named_only
    from payments where order_number = any(?::text[]) and not absent order by occurred_at, transaction"
);

statement!(
    Events { subjects: Array<Text> = [String] } -> (Text, BigInt, SqlUuid, Bool) = "
    select e.type, e.sequence, e.id, o.place is null
    from events e left join outbox o using (subject, sequence)
    where e.subject = any(?::text[]) order by e.subject, e.sequence"
);

type Row = (
    String,
    String,
    i64,
    String,
    Option<String>,
    i64,
    i64,
    Option<OffsetDateTime>,
    Option<OffsetDateTime>,
    OffsetDateTime,
    Option<OffsetDateTime>,
    String,
    Option<String>,
    Option<String>,
);

pub(in crate::ledger::postgres) async fn orders(
    conn: &mut AsyncPgConnection,
    filter: &OrderFilter,
) -> Result<Vec<OrderSummary>, LedgerError> {
    let status = filter.status.map(|status| status.as_str().to_owned());
    let (until, after) = filter.after.clone().unzip();
    let list = List {
        status: &status,
        account: &filter.account,
        since: &filter.since,
        until: &until,
        after: &after,
        limit: &filter.limit,
    };
    let rows: Vec<Row> = list.load(conn).await?;
    rows.into_iter().map(summary).collect()
}

/// As of one moment: what is settled between two of its statements would show in half of it.
pub(in crate::ledger::postgres) async fn order(
    conn: &mut AsyncPgConnection,
    number: &str,
) -> Result<Option<OrderRecord>, LedgerError> {
    let mut snapshot = conn.build_transaction().repeatable_read().read_only();
    snapshot.run(async |conn| within(conn, number).await).await
}

/// The same, within the caller's snapshot.
pub(super) async fn within(
    conn: &mut AsyncPgConnection,
    number: &str,
) -> Result<Option<OrderRecord>, LedgerError> {
    let rows: Vec<Row> = One { number }.load(conn).await?;
    let Some(summary) = rows.into_iter().next().map(summary).transpose()? else {
        return Ok(None);
    };
    let order_no = summary.order_no.as_str();
    let numbers: Vec<String> = Numbers { order_no }.load(conn).await?;
    let fulfilments: Vec<(bool, OffsetDateTime, Option<OffsetDateTime>)> =
        Fulfilments { order_no }.load(conn).await?;
    let fulfilments = fulfilments
        .into_iter()
        .map(|(active, created_at, revoked_at)| FulfilmentRecord { active, created_at, revoked_at })
        .collect();
    let events = events_of(conn, &format!("order/{order_no}")).await?;
    let payments = payments(conn, &numbers).await?;
    let mut names = numbers.clone();
    names.extend(payments.iter().map(|payment| payment.transaction.clone()));
    let mut cases = cases::of_numbers(conn, &names).await?;
    cases.retain(|case| case.belongs(&numbers, &payments));
    Ok(Some(OrderRecord {
        fulfilments,
        payments,
        refunds: refunds::refunds(conn, &numbers).await?,
        disputes: refunds::disputes(conn, &numbers).await?,
        accepted: accepted::accepted(conn, order_no, &numbers).await?,
        cases,
        events,
        numbers,
        summary,
    }))
}

async fn payments(
    conn: &mut AsyncPgConnection,
    numbers: &[String],
) -> Result<Vec<PaymentRecord>, LedgerError> {
    type Row = (String, String, String, String, i64, String, OffsetDateTime, String, bool);
    let rows: Vec<Row> = Payments { numbers }.load(conn).await?;
    let record = |row: Row| {
        let (account, transaction, order_number, status, amount, currency, at, mode, named_only) =
            row;
        let (currency, occurred_at) = (parse(&currency)?, at);
        Ok(PaymentRecord {
            account,
            transaction,
            order_number,
            status,
            amount,
            currency,
            occurred_at,
            mode: parse_mode(&mode)?,
            pays: if named_only { Pays::NamedOrders } else { Pays::AnyOrder },
        })
    };
    rows.into_iter().map(record).collect()
}

fn summary(row: Row) -> Result<OrderSummary, LedgerError> {
    let (
        order_no,
        status,
        amount,
        currency,
        account,
        paid,
        refunded,
        paid_at,
        cancelled,
        created,
        expires_at,
        mode,
        subscription_no,
        period,
    ) = row;
    let status = OrderStatus::from_word(&status)
        .ok_or_else(|| LedgerError::Fault("an unknown status".to_owned()))?;
    Ok(OrderSummary {
        order_no,
        status,
        amount,
        currency: parse(&currency)?,
        account,
        mode: parse_mode(&mode)?,
        subscription_no,
        period,
        paid_amount: paid,
        refunded_amount: refunded,
        paid_at,
        cancelled_at: cancelled,
        expires_at,
        created_at: created,
    })
}

fn parse_mode(word: &str) -> Result<Mode, LedgerError> {
    Mode::from_word(word).ok_or_else(|| LedgerError::Fault("an unknown mode".to_owned()))
}

fn parse(currency: &str) -> Result<Currency, LedgerError> {
    currency.parse().map_err(|_| LedgerError::Fault("an unknown currency".to_owned()))
}

/// A subject's events, in their order.
pub(in crate::ledger::postgres) async fn events_of(
    conn: &mut AsyncPgConnection,
    subject: &str,
) -> Result<Vec<EventLine>, LedgerError> {
    let subjects = [subject.to_owned()];
    let events: Vec<(String, i64, Uuid, bool)> = Events { subjects: &subjects }.load(conn).await?;
    let line = |(r#type, sequence, id, published)| EventLine { r#type, sequence, id, published };
    Ok(events.into_iter().map(line).collect())
}
