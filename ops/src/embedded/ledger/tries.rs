//! Deliveries that are read alone, written down before: what is left of those whose reader died.

use diesel::prelude::*;
use diesel::upsert::excluded;
use time::OffsetDateTime;
use worker::ledger::custody::{LoneTry, TRIES_KEPT};

use super::fault::Result;
use crate::embedded::schema::lone_tries::{self, dsl};
use crate::embedded::values::micros;

pub(super) fn begin(
    connection: &mut SqliteConnection,
    lone: &LoneTry,
    now: OffsetDateTime,
) -> Result<u32> {
    let lane = lone.lane.to_string();
    let former: Option<(String, i64, i32)> = dsl::lone_tries
        .find(&lone.message)
        .select((dsl::lane, dsl::tag, dsl::tries))
        .first(connection)
        .optional()?;
    let tries = match former {
        Some((known, tag, tries)) if known == lane && tag == lone.tag => tries,
        Some((_, _, tries)) => tries + 1,
        None => 1,
    };
    diesel::insert_into(lone_tries::table)
        .values((
            dsl::message_id.eq(&lone.message),
            dsl::lane.eq(lane),
            dsl::tag.eq(lone.tag),
            dsl::tries.eq(tries),
            dsl::tried_at.eq(micros(now)),
        ))
        .on_conflict(dsl::message_id)
        .do_update()
        .set((
            dsl::lane.eq(excluded(dsl::lane)),
            dsl::tag.eq(excluded(dsl::tag)),
            dsl::tries.eq(excluded(dsl::tries)),
            dsl::tried_at.eq(excluded(dsl::tried_at)),
        ))
        .execute(connection)?;
    Ok(u32::try_from(tries - 1).unwrap_or(0))
}

pub(super) fn end(connection: &mut SqliteConnection, message: &str) -> Result<()> {
    diesel::delete(dsl::lone_tries.find(message)).execute(connection)?;
    Ok(())
}

/// Of messages that never came again.
pub(super) fn forget(connection: &mut SqliteConnection, now: OffsetDateTime) -> Result<()> {
    let old = dsl::lone_tries.filter(dsl::tried_at.lt(micros(now - TRIES_KEPT)));
    diesel::delete(old).execute(connection)?;
    Ok(())
}
