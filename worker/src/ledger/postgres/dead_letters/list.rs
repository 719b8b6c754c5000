//! Dead letters as people read them.

use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use shared::secret::bodies::Bodies;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ledger::LedgerError;
use crate::ledger::dead_letters::letter::Envelope;
use crate::ledger::dead_letters::{
    EndingRecord, FailureRecord, LetterFile, LetterFilter, LetterRecord, LetterState,
};
use crate::ledger::postgres::notifications::list::body;

statement!(
    Open {} -> (BigInt) = "select count(*) from dead_letters where state in ('open', 'replaying')"
);

statement!(
    Letters {
        states: Nullable<Array<Text>> = Option<Vec<String>>,
        provider: Nullable<Text> = Option<String>,
        account: Nullable<Text> = Option<String>,
        stage: Nullable<Text> = Option<String>,
        code: Nullable<Text> = Option<String>,
        group: Nullable<SqlUuid> = Option<Uuid>,
        order: Nullable<Text> = Option<String>,
        message: Nullable<Text> = Option<String>,
        text: Nullable<Text> = Option<String>,
        version: Nullable<Text> = Option<String>,
        attempts: Nullable<Integer> = Option<i32>,
        until: Nullable<Timestamptz> = Option<OffsetDateTime>,
        since: Nullable<Timestamptz> = Option<OffsetDateTime>,
        job: Nullable<SqlUuid> = Option<Uuid>,
        outcome: Nullable<Text> = Option<String>,
        before: Nullable<SqlUuid> = Option<Uuid>,
        only: Nullable<SqlUuid> = Option<Uuid>,
        limit: BigInt = i64,
    } -> (
        SqlUuid, Text, Text, Nullable<Text>, Nullable<Text>, Nullable<BigInt>, Nullable<Text>, SqlUuid,
        Text, Text, Text, Text, BigInt, Nullable<Timestamptz>, Timestamptz
    ) = "
    with asked as (
        select ?::text[] as states, ?::text as provider, ?::text as account, ?::text as stage,
               ?::text as code, ?::uuid as in_group, ?::text as number, ?::text as message,
               ?::text as part, ?::text as version, ?::int as attempts, ?::timestamptz as until,
               ?::timestamptz as since, ?::uuid as job, ?::text as outcome, ?::uuid as before,
               ?::uuid as only
    ), numbers as (
        select number from asked where number is not null
        union
        select b.number from asked join order_numbers a using (number)
            join order_numbers b on b.order_no = a.order_no
    ), about as (
        select l.letter_id from numbers join dead_letter_parts l on l.order_number = numbers.number
        union
        select l.letter_id from numbers join payments p on p.order_number = numbers.number
            join dead_letter_parts l using (account, transaction)
    )
    select d.id, d.message_id, d.provider, d.account, d.order_number, d.amount, d.currency, d.group_id,
           g.stage, g.code, g.message, d.state,
           (select count(*) from dead_letter_failures f where f.letter_id = d.id),
           d.received_at, d.buried_at
    from asked, dead_letters d join failure_groups g on g.id = d.group_id
    where (asked.states is null or d.state = any(asked.states))
      and (asked.provider is null or d.provider = asked.provider)
      and (asked.account is null or d.account = asked.account)
      and (asked.stage is null or g.stage = asked.stage)
      and (asked.code is null or g.code = asked.code)
      and (asked.in_group is null or d.group_id = asked.in_group)
      and (asked.message is null or d.message_id = asked.message)
      and (asked.part is null or position(lower(asked.part) in lower(g.message)) > 0)
      and (asked.version is null and asked.attempts is null or exists (
              select from dead_letter_failures f where f.letter_id = d.id
                  and (asked.version is null or f.worker = asked.version)
                  and (asked.attempts is null or f.attempts >= asked.attempts)))
      and (asked.until is null or d.buried_at <= asked.until)
      and (asked.since is null or d.buried_at >= asked.since)
      and (asked.job is null or exists (
              select from replay_items i
              where i.letter_id = d.id and i.job_id = asked.job and i.outcome = asked.outcome))
      and (asked.before is null or d.id < asked.before)
      and (asked.only is null or d.id = asked.only)
      and (asked.number is null or d.id in (select letter_id from about))
    order by d.id desc limit ?"
);

statement!(
    Parcel { id: SqlUuid = Uuid } -> (Text) = "select parcel from dead_letters where id = ?"
);

statement!(
    Failures { id: SqlUuid = Uuid } -> (
        Integer, Text, Text, Text, Integer, Nullable<Timestamptz>, Nullable<Timestamptz>, Timestamptz,
        Nullable<Text>, Nullable<SqlUuid>
    ) = "
    select f.n, g.stage, g.code, f.cause, f.attempts, f.first_failed_at, f.last_failed_at, f.buried_at,
           f.worker, f.item
    from dead_letter_failures f join failure_groups g on g.id = f.group_id
    where f.letter_id = ? order by f.n"
);

statement!(
    Endings { id: SqlUuid = Uuid } -> (Text, Text, Text, Timestamptz) = "
    select resolution, actor, reason, at from dead_letter_resolutions where letter_id = ? order by id"
);

type Row = (
    Uuid,
    String,
    String,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<String>,
    Uuid,
    String,
    String,
    String,
    String,
    i64,
    Option<OffsetDateTime>,
    OffsetDateTime,
);

type FailureRow = (
    i32,
    String,
    String,
    String,
    i32,
    Option<OffsetDateTime>,
    Option<OffsetDateTime>,
    OffsetDateTime,
    Option<String>,
    Option<Uuid>,
);

pub(in crate::ledger::postgres) async fn open(
    conn: &mut AsyncPgConnection,
) -> Result<i64, LedgerError> {
    Ok(Open.get_result(conn).await?)
}

pub(in crate::ledger::postgres) async fn letters(
    conn: &mut AsyncPgConnection,
    filter: &LetterFilter,
) -> Result<Vec<LetterRecord>, LedgerError> {
    found(conn, filter, None).await
}

pub(in crate::ledger::postgres) async fn letter(
    conn: &mut AsyncPgConnection,
    id: Uuid,
    bodies: &Bodies,
) -> Result<Option<LetterFile>, LedgerError> {
    let any = LetterFilter { limit: 1, ..LetterFilter::default() };
    let Some(letter) = found(conn, &any, Some(id)).await?.pop() else { return Ok(None) };
    let parcel: String = Parcel { id: &id }.get_result(conn).await?;
    let envelope: Envelope = serde_json::from_str(&parcel)
        .map_err(|_| LedgerError::Fault("a parcel that no version of ours wrote".to_owned()))?;
    let failures: Vec<FailureRow> = Failures { id: &id }.load(conn).await?;
    let endings: Vec<(String, String, String, OffsetDateTime)> =
        Endings { id: &id }.load(conn).await?;
    let ending = |(resolution, actor, reason, at)| EndingRecord { resolution, actor, reason, at };
    Ok(Some(LetterFile {
        letter,
        envelope,
        failures: failures.into_iter().map(failure).collect(),
        endings: endings.into_iter().map(ending).collect(),
        body: body(conn, id, bodies).await?,
    }))
}

async fn found(
    conn: &mut AsyncPgConnection,
    filter: &LetterFilter,
    only: Option<Uuid>,
) -> Result<Vec<LetterRecord>, LedgerError> {
    let LetterFilter { provider, account, stage, code, group, order, message, .. } = filter;
    let LetterFilter { text, version, attempts, .. } = filter;
    let (job, outcome) = filter.replayed.unzip();
    let letters = Letters {
        states: &filter.state.words(),
        provider,
        account,
        stage,
        code,
        group,
        order,
        message,
        text,
        version,
        attempts,
        until: &filter.until,
        since: &filter.since,
        job: &job,
        outcome: &outcome.map(|outcome| outcome.as_str().to_owned()),
        before: &filter.before,
        only: &only,
        limit: &filter.limit,
    };
    let rows: Vec<Row> = letters.load(conn).await?;
    rows.into_iter().map(record).collect()
}

fn record(row: Row) -> Result<LetterRecord, LedgerError> {
    let (id, message_id, provider, account, order_number, amount, currency, group_id, ..) = row;
    let (.., stage, code, message, state, failures, received_at, buried_at) = row;
    let unknown = |what: &str| LedgerError::Fault(format!("an unknown {what}"));
    let currency = currency.map(|text| text.parse().map_err(|_| unknown("currency")));
    Ok(LetterRecord {
        id,
        message_id,
        provider,
        account,
        order_number,
        amount,
        currency: currency.transpose()?,
        group_id,
        stage,
        code,
        message,
        state: LetterState::from_word(&state).ok_or_else(|| unknown("state"))?,
        failures,
        received_at,
        buried_at,
    })
}

fn failure(row: FailureRow) -> FailureRecord {
    let (n, stage, code, cause, attempts, first_failed_at, last_failed_at, ..) = row;
    let (.., buried_at, worker, item) = row;
    FailureRecord {
        n,
        stage,
        code,
        cause,
        attempts,
        first_failed_at,
        last_failed_at,
        buried_at,
        worker,
        item,
    }
}
