//! The table `queue`.

use diesel::prelude::*;
use shared::message::parcel::{Header, Parcel};
use time::OffsetDateTime;

use crate::embedded::schema::queue;
use crate::embedded::values::{Result, from_json, micros, to_json};

/// Where a worker's lane reads.
pub(super) const NOTIFICATIONS: &str = "notifications.0";
/// Where dead letters wait for a person.
pub(super) const DEAD: &str = "dead";
/// `ready_at` of what needs no clock to be ready.
const AT_ONCE: i64 = 0;
/// Rows that one statement names; SQLite allows 32,766 parameters.
const NAMED_MAX: usize = 1_000;

/// A parcel on its way in.
#[derive(Insertable)]
#[diesel(table_name = queue)]
pub(super) struct NewRow {
    place: &'static str,
    ready_at: i64,
    message_id: String,
    kind: String,
    content_type: Option<String>,
    timestamp_s: i64,
    headers: String,
    body: Vec<u8>,
}

/// A parcel in hand.
pub(super) struct Taken {
    pub(super) id: i64,
    pub(super) returns: u32,
    pub(super) parcel: Parcel,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = queue, check_for_backend(diesel::sqlite::Sqlite))]
struct Row {
    id: i64,
    returns: i64,
    message_id: String,
    kind: String,
    content_type: Option<String>,
    timestamp_s: i64,
    headers: String,
    body: Vec<u8>,
}

impl NewRow {
    pub(super) fn new(
        place: &'static str,
        ready_at: Option<OffsetDateTime>,
        parcel: &Parcel,
    ) -> Result<Self> {
        Ok(Self {
            place,
            ready_at: ready_at.map_or(AT_ONCE, micros),
            message_id: parcel.id.clone(),
            kind: parcel.kind.clone(),
            content_type: parcel.content_type.clone(),
            timestamp_s: parcel.timestamp_s,
            headers: to_json(&parcel.headers)?,
            body: parcel.body.to_vec(),
        })
    }
}

pub(super) fn insert(connection: &mut SqliteConnection, row: &NewRow) -> Result<()> {
    diesel::insert_into(queue::table).values(row).execute(connection).map(drop)
}

/// Takes the first that are ready: those whose delay has passed get half of the room, so that
/// neither kind waits for the other.
pub(super) fn take(
    connection: &mut SqliteConnection,
    place: &str,
    now: OffsetDateTime,
    limit: usize,
) -> Result<Vec<Taken>> {
    let limit = limit.min(NAMED_MAX);
    let waiting = || queue::table.filter(queue::place.eq(place)).filter(queue::taken.eq(false));
    let mut rows: Vec<Row> = waiting()
        .filter(queue::ready_at.gt(AT_ONCE).and(queue::ready_at.le(micros(now))))
        .order((queue::ready_at, queue::id))
        .limit(bound(limit.div_ceil(2)))
        .select(Row::as_select())
        .load(connection)?;
    let fresh: Vec<Row> = waiting()
        .filter(queue::ready_at.eq(AT_ONCE))
        .order(queue::id)
        .limit(bound(limit - rows.len()))
        .select(Row::as_select())
        .load(connection)?;
    rows.extend(fresh);
    let ids = rows.iter().map(|row| row.id);
    diesel::update(queue::table.filter(queue::id.eq_any(ids)))
        .set(queue::taken.eq(true))
        .execute(connection)?;
    rows.into_iter().map(taken).collect()
}

/// When the first that nobody has in hand is ready.
pub(super) fn next_ready_at(connection: &mut SqliteConnection, place: &str) -> Result<Option<i64>> {
    queue::table
        .filter(queue::place.eq(place))
        .filter(queue::taken.eq(false))
        .select(diesel::dsl::min(queue::ready_at))
        .get_result(connection)
}

/// How many wait for their delay to pass, and how many are dead.
pub(super) fn waiting(connection: &mut SqliteConnection) -> Result<(u64, u64)> {
    let of = |place| queue::table.filter(queue::place.eq(place)).filter(queue::taken.eq(false));
    let delayed = of(NOTIFICATIONS).filter(queue::ready_at.gt(AT_ONCE));
    let delayed: i64 = delayed.count().get_result(connection)?;
    let dead: i64 = of(DEAD).count().get_result(connection)?;
    Ok((delayed.unsigned_abs(), dead.unsigned_abs()))
}

pub(super) fn remove(connection: &mut SqliteConnection, ids: &[i64]) -> Result<()> {
    for ids in ids.chunks(NAMED_MAX) {
        diesel::delete(queue::table.filter(queue::id.eq_any(ids))).execute(connection)?;
    }
    Ok(())
}

/// Gives back what was taken, and counts so many returns for each.
pub(super) fn give_back(
    connection: &mut SqliteConnection,
    ids: &[i64],
    returns: i64,
) -> Result<()> {
    for ids in ids.chunks(NAMED_MAX) {
        diesel::update(queue::table.filter(queue::id.eq_any(ids)))
            .set((queue::taken.eq(false), queue::returns.eq(queue::returns + returns)))
            .execute(connection)?;
    }
    Ok(())
}

/// Gives back what every reader had in hand.
pub(super) fn give_back_all(connection: &mut SqliteConnection) -> Result<()> {
    diesel::update(queue::table.filter(queue::taken.eq(true)))
        .set((queue::taken.eq(false), queue::returns.eq(queue::returns + 1)))
        .execute(connection)
        .map(drop)
}

fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn taken(row: Row) -> Result<Taken> {
    let headers: Vec<(String, Header)> = from_json(&row.headers)?;
    Ok(Taken {
        id: row.id,
        returns: u32::try_from(row.returns).unwrap_or(u32::MAX),
        parcel: Parcel {
            id: row.message_id,
            kind: row.kind,
            content_type: row.content_type,
            timestamp_s: row.timestamp_s,
            headers,
            body: row.body.into(),
        },
    })
}
