//! When each key last verified something.

use diesel::prelude::*;
use diesel::query_dsl::methods::FilterDsl as _;
use diesel::upsert::excluded;
use worker::ledger::keys::{KeyUse, TELL_INTERVAL};

use super::fault::Result;
use crate::embedded::schema::keys;
use crate::embedded::values::{self, instant, micros};

/// Tells of uses that are some time later than what was told last.
pub(super) fn record(connection: &mut SqliteConnection, uses: &[KeyUse]) -> Result<()> {
    let interval = i64::try_from(TELL_INTERVAL.whole_microseconds()).unwrap_or(i64::MAX);
    for one in uses {
        diesel::insert_into(keys::table)
            .values((
                keys::account.eq(&one.account),
                keys::key.eq(&one.key),
                keys::last_used_at.eq(micros(one.last_used_at)),
            ))
            .on_conflict((keys::account, keys::key))
            .do_update()
            .set(keys::last_used_at.eq(excluded(keys::last_used_at)))
            .filter(keys::last_used_at.lt(micros(one.last_used_at) - interval))
            .execute(connection)?;
    }
    Ok(())
}

pub(super) fn list(connection: &mut SqliteConnection) -> Result<Vec<KeyUse>> {
    let rows: Vec<(String, String, i64)> =
        keys::table.order((keys::account, keys::key)).load(connection)?;
    let of = |(account, key, at)| Ok(KeyUse { account, key, last_used_at: instant(at)? });
    Ok(rows.into_iter().map(of).collect::<values::Result<_>>()?)
}
