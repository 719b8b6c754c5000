//! Items whose message the broker confirmed, and that nobody decided: whether it is gone, a fence tells.

use diesel::sql_types::{Array, BigInt, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;
use uuid::Uuid;

use super::HoldLetters;
use crate::ledger::LedgerError;

statement!(
    /// A job that is complete has none.
    InFlight { limit: BigInt = i64 } -> (SqlUuid) = "
    select i.id from replay_jobs j join replay_items i on i.job_id = j.id
    where j.state in ('running', 'paused', 'halted', 'cancelled') and i.state = 'published'
    order by j.id, i.place limit ?"
);

statement!(
    Lose { items: Array<SqlUuid> = [Uuid], now: Timestamptz = OffsetDateTime } -> (SqlUuid) = "
    with gone as (
        update replay_items i set state = 'done', outcome = 'lost', decided_at = clock.at
        from unnest(?::uuid[]) as t (i), (select ?::timestamptz) as clock (at)
        where i.id = t.i and i.state = 'published'
        returning i.letter_id, i.job_id, clock.at
    ), opened as (
        update dead_letters d set state = 'open' from gone
        where d.id = gone.letter_id and d.state = 'replaying'
        returning d.id
    )
    insert into dead_letter_resolutions (letter_id, at, resolution, actor, reason)
    select g.letter_id, g.at, 'lost', 'worker',
           'its message of replay ' || g.job_id || ' was confirmed, and is in no queue'
    from gone g join opened o on o.id = g.letter_id
    returning letter_id"
);

pub(in crate::ledger::postgres) async fn in_flight(
    conn: &mut AsyncPgConnection,
    limit: i64,
) -> Result<Vec<Uuid>, LedgerError> {
    Ok(InFlight { limit: &limit }.load(conn).await?)
}

/// Their letters wait for people again; answers how many.
pub(in crate::ledger::postgres) async fn lose(
    conn: &mut AsyncPgConnection,
    items: &[Uuid],
    now: OffsetDateTime,
) -> Result<usize, LedgerError> {
    if items.is_empty() {
        return Ok(0);
    }
    let _: Vec<Uuid> = HoldLetters { items }.load(conn).await?;
    let letters: Vec<Uuid> = Lose { items, now: &now }.load(conn).await?;
    Ok(letters.len())
}
