//! Messages about an order that died, and when they were sent again.

use std::collections::BTreeSet;

use diesel::prelude::*;
use worker::decide::PaymentKey;
use worker::ledger::records::{Buried, Replayed, TRAIL_MAX};

use crate::embedded::ledger::fault::Result;
use crate::embedded::ledger::notifications::about::paid_under;
use crate::embedded::schema::{
    dead_letter_failures, dead_letter_parts, dead_letters, failure_groups, replay_items,
    replay_jobs,
};
use crate::embedded::values::{self, instant, uuid};

/// The letters that name one of these numbers, or a transaction under them alone, as providers do of refunds
/// and disputes.
pub(in crate::embedded::ledger) fn of(
    connection: &mut SqliteConnection,
    numbers: &[String],
) -> Result<Vec<String>> {
    let parts = || dead_letter_parts::table.select(dead_letter_parts::letter_id);
    let named = parts().filter(dead_letter_parts::order_number.eq_any(numbers));
    let mut letters: BTreeSet<String> = named.load(connection)?.into_iter().collect();
    for PaymentKey { account, transaction } in paid_under(connection, numbers)? {
        let of = parts()
            .filter(dead_letter_parts::account.eq(account))
            .filter(dead_letter_parts::transaction.eq(transaction));
        letters.extend(of.load::<String>(connection)?);
    }
    Ok(letters.into_iter().collect())
}

pub(super) fn buried(connection: &mut SqliteConnection, letters: &[String]) -> Result<Vec<Buried>> {
    let failures: Vec<(String, String, i64)> = dead_letter_failures::table
        .filter(dead_letter_failures::letter_id.eq_any(letters))
        .order(dead_letter_failures::buried_at.desc())
        .limit(TRAIL_MAX)
        .select((
            dead_letter_failures::letter_id,
            dead_letter_failures::group_id,
            dead_letter_failures::buried_at,
        ))
        .load(connection)?;
    let mut buried = vec![];
    for (letter, group, at) in failures {
        let (account, provider): (Option<String>, String) = dead_letters::table
            .find(&letter)
            .select((dead_letters::account, dead_letters::provider))
            .first(connection)?;
        let (stage, code): (String, String) = failure_groups::table
            .find(&group)
            .select((failure_groups::stage, failure_groups::code))
            .first(connection)?;
        let (letter, at) = (uuid(&letter)?, instant(at)?);
        buried.push(Buried { letter, account, provider, cause: format!("{stage}/{code}"), at });
    }
    Ok(buried)
}

pub(super) fn replays(
    connection: &mut SqliteConnection,
    letters: &[String],
) -> Result<Vec<Replayed>> {
    type Row = (String, String, Option<i64>, Option<String>, Option<i64>, Option<String>);
    let rows: Vec<Row> = replay_items::table
        .inner_join(replay_jobs::table.on(replay_jobs::id.eq(replay_items::job_id)))
        .filter(replay_items::letter_id.eq_any(letters))
        .filter(replay_jobs::started_at.is_not_null())
        .order((replay_jobs::started_at.desc(), replay_items::id))
        .limit(TRAIL_MAX)
        .select((
            replay_items::letter_id,
            replay_items::job_id,
            replay_items::decided_at,
            replay_items::outcome,
            replay_jobs::started_at,
            replay_jobs::started_by,
        ))
        .load(connection)?;
    let replayed = |(letter, job, decided, outcome, started, actor): Row| {
        let at = instant(decided.or(started).unwrap_or_default())?;
        let (letter, job, actor) = (uuid(&letter)?, uuid(&job)?, actor.unwrap_or_default());
        Ok(Replayed { letter, job, actor, at, outcome })
    };
    Ok(rows.into_iter().map(replayed).collect::<values::Result<_>>()?)
}
