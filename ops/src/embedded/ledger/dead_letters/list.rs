//! Dead letters as people read them.

use diesel::prelude::*;
use shared::secret::bodies::Bodies;
use time::OffsetDateTime;
use uuid::Uuid;
use worker::ledger::dead_letters::{
    EndingRecord, FailureRecord, LetterFile, LetterFilter, LetterRecord, LetterState, NOT_ENDED,
};

use crate::embedded::ledger::fault::Result;
use crate::embedded::ledger::{cases, notifications, trail};
use crate::embedded::schema::{
    dead_letter_failures, dead_letter_resolutions, dead_letters, failure_groups, replay_items,
};
use crate::embedded::values::{
    self, currency, from_json, instant, instant_or_none, micros, uuid, word,
};

#[diesel::declare_sql_function]
extern "SQL" {
    /// Where the second text begins in the first, from 1; 0 where it does not stand.
    fn instr(
        text: diesel::sql_types::Text,
        part: diesel::sql_types::Text,
    ) -> diesel::sql_types::Integer;
    fn lower(text: diesel::sql_types::Text) -> diesel::sql_types::Text;
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = dead_letters, check_for_backend(diesel::sqlite::Sqlite))]
struct Row {
    id: String,
    message_id: String,
    provider: String,
    account: Option<String>,
    order_number: Option<String>,
    amount: Option<i64>,
    currency: Option<String>,
    group_id: String,
    state: String,
    received_at: Option<i64>,
    buried_at: i64,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = failure_groups, check_for_backend(diesel::sqlite::Sqlite))]
struct Group {
    stage: String,
    code: String,
    message: String,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = dead_letter_failures, check_for_backend(diesel::sqlite::Sqlite))]
struct Failure {
    n: i64,
    cause: String,
    attempts: i64,
    first_failed_at: Option<i64>,
    last_failed_at: Option<i64>,
    buried_at: i64,
    worker: Option<String>,
    item: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = dead_letter_resolutions, check_for_backend(diesel::sqlite::Sqlite))]
struct Ending {
    resolution: String,
    actor: String,
    reason: String,
    at: i64,
}

pub(in crate::embedded::ledger) fn open(connection: &mut SqliteConnection) -> Result<i64> {
    let not_ended = NOT_ENDED.map(LetterState::as_str);
    let open = dead_letters::table.filter(dead_letters::state.eq_any(not_ended));
    Ok(open.count().get_result(connection)?)
}

pub(in crate::embedded::ledger) fn letters(
    connection: &mut SqliteConnection,
    filter: &LetterFilter,
) -> Result<Vec<LetterRecord>> {
    found(connection, filter, None)
}

pub(in crate::embedded::ledger) fn letter(
    connection: &mut SqliteConnection,
    id: Uuid,
    bodies: &Bodies,
) -> Result<Option<LetterFile>> {
    let any = LetterFilter { limit: 1, ..LetterFilter::default() };
    let Some(letter) = found(connection, &any, Some(id))?.pop() else { return Ok(None) };
    let text = id.to_string();
    let parcel: String =
        dead_letters::table.find(&text).select(dead_letters::parcel).first(connection)?;
    let failures: Vec<(Failure, Group)> = dead_letter_failures::table
        .inner_join(failure_groups::table.on(failure_groups::id.eq(dead_letter_failures::group_id)))
        .filter(dead_letter_failures::letter_id.eq(&text))
        .order(dead_letter_failures::n)
        .select((Failure::as_select(), Group::as_select()))
        .load(connection)?;
    let endings: Vec<Ending> = dead_letter_resolutions::table
        .filter(dead_letter_resolutions::letter_id.eq(&text))
        .order(dead_letter_resolutions::id)
        .select(Ending::as_select())
        .load(connection)?;
    Ok(Some(LetterFile {
        letter,
        envelope: from_json(&parcel)?,
        failures: failures.into_iter().map(failure).collect::<values::Result<_>>()?,
        endings: endings.into_iter().map(ending).collect::<values::Result<_>>()?,
        body: notifications::list::body(connection, id, bodies)?,
    }))
}

fn found(
    connection: &mut SqliteConnection,
    filter: &LetterFilter,
    only: Option<Uuid>,
) -> Result<Vec<LetterRecord>> {
    let mut query = dead_letters::table
        .inner_join(failure_groups::table.on(failure_groups::id.eq(dead_letters::group_id)))
        .order(dead_letters::id.desc())
        .limit(filter.limit)
        .select((Row::as_select(), Group::as_select()))
        .into_boxed();
    if let Some(states) = filter.state.words() {
        query = query.filter(dead_letters::state.eq_any(states));
    }
    if let Some(provider) = &filter.provider {
        query = query.filter(dead_letters::provider.eq(provider));
    }
    if let Some(account) = &filter.account {
        query = query.filter(dead_letters::account.eq(account));
    }
    if let Some(stage) = &filter.stage {
        query = query.filter(failure_groups::stage.eq(stage));
    }
    if let Some(code) = &filter.code {
        query = query.filter(failure_groups::code.eq(code));
    }
    if let Some(group) = filter.group {
        query = query.filter(dead_letters::group_id.eq(group.to_string()));
    }
    if let Some(message) = &filter.message {
        query = query.filter(dead_letters::message_id.eq(message));
    }
    if let Some(text) = &filter.text {
        query = query.filter(instr(lower(failure_groups::message), text.to_lowercase()).gt(0));
    }
    if filter.version.is_some() || filter.attempts.is_some() {
        let mut failed = dead_letter_failures::table
            .filter(dead_letter_failures::attempts.ge(i64::from(filter.attempts.unwrap_or(0))))
            .select(dead_letter_failures::letter_id)
            .into_boxed();
        if let Some(version) = &filter.version {
            failed = failed.filter(dead_letter_failures::worker.eq(version));
        }
        query = query.filter(dead_letters::id.eq_any(failed));
    }
    if let Some(until) = filter.until {
        query = query.filter(dead_letters::buried_at.le(micros(until)));
    }
    if let Some(since) = filter.since {
        query = query.filter(dead_letters::buried_at.ge(micros(since)));
    }
    if let Some((job, outcome)) = filter.replayed {
        let items = replay_items::table
            .filter(replay_items::job_id.eq(job.to_string()))
            .filter(replay_items::outcome.eq(outcome.as_str()))
            .select(replay_items::letter_id);
        query = query.filter(dead_letters::id.eq_any(items));
    }
    if let Some(before) = filter.before {
        query = query.filter(dead_letters::id.lt(before.to_string()));
    }
    if let Some(only) = only {
        query = query.filter(dead_letters::id.eq(only.to_string()));
    }
    if let Some(order) = &filter.order {
        let mut numbers = cases::numbers_beside(connection, order)?;
        numbers.push(order.clone());
        query = query.filter(dead_letters::id.eq_any(trail::letters::of(connection, &numbers)?));
    }
    let rows = query.load(connection)?;
    with_failures(connection, rows)
}

fn with_failures(
    connection: &mut SqliteConnection,
    rows: Vec<(Row, Group)>,
) -> Result<Vec<LetterRecord>> {
    let mut records = vec![];
    for (row, group) in rows {
        let failures = dead_letter_failures::table
            .filter(dead_letter_failures::letter_id.eq(&row.id))
            .count()
            .get_result(connection)?;
        records.push(record(row, group, failures)?);
    }
    Ok(records)
}

fn record(row: Row, group: Group, failures: i64) -> values::Result<LetterRecord> {
    let Group { stage, code, message } = group;
    Ok(LetterRecord {
        id: uuid(&row.id)?,
        message_id: row.message_id,
        provider: row.provider,
        account: row.account,
        order_number: row.order_number,
        amount: row.amount,
        currency: row.currency.as_deref().map(currency).transpose()?,
        group_id: uuid(&row.group_id)?,
        stage,
        code,
        message,
        state: word("state", &row.state, LetterState::from_word)?,
        failures,
        received_at: instant_or_none(row.received_at)?,
        buried_at: instant(row.buried_at)?,
    })
}

fn failure((row, group): (Failure, Group)) -> values::Result<FailureRecord> {
    Ok(FailureRecord {
        n: i32::try_from(row.n).unwrap_or(i32::MAX),
        stage: group.stage,
        code: group.code,
        cause: row.cause,
        attempts: i32::try_from(row.attempts).unwrap_or(i32::MAX),
        first_failed_at: instant_or_none(row.first_failed_at)?,
        last_failed_at: instant_or_none(row.last_failed_at)?,
        buried_at: instant(row.buried_at)?,
        worker: row.worker,
        item: row.item.as_deref().map(uuid).transpose()?,
    })
}

fn ending(row: Ending) -> values::Result<EndingRecord> {
    let Ending { resolution, actor, reason, at } = row;
    let at: OffsetDateTime = instant(at)?;
    Ok(EndingRecord { resolution, actor, reason, at })
}
