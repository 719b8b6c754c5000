//! Signs of life: the relay's lease, and the lanes.

use diesel::prelude::*;
use time::OffsetDateTime;
use uuid::Uuid;
use worker::ledger::Beat;

use super::fault::Result;
use crate::embedded::schema::{lanes, relays};
use crate::embedded::values::micros;

/// There is one relay to hold so far.
const PART: i64 = 0;

/// Adds one for the holder; takes over a beat that still stands.
pub(super) fn beat(
    connection: &mut SqliteConnection,
    holder: Uuid,
    stale: Option<i64>,
) -> Result<Beat> {
    let me = holder.to_string();
    diesel::insert_into(relays::table)
        .values((relays::part.eq(PART), relays::holder.eq(&me), relays::beat.eq(0)))
        .on_conflict_do_nothing()
        .execute(connection)?;
    let (holder, beat): (String, i64) =
        relays::table.find(PART).select((relays::holder, relays::beat)).get_result(connection)?;
    if holder != me && stale != Some(beat) {
        return Ok(Beat::Other(beat));
    }
    diesel::update(relays::table.find(PART))
        .set((relays::holder.eq(&me), relays::beat.eq(beat + 1)))
        .execute(connection)?;
    Ok(Beat::Held)
}

/// The lease is nobody's until the next beat.
pub(super) fn release(connection: &mut SqliteConnection, holder: Uuid) -> Result<()> {
    diesel::delete(relays::table.filter(relays::holder.eq(holder.to_string())))
        .execute(connection)?;
    Ok(())
}

pub(super) fn lane_beat(
    connection: &mut SqliteConnection,
    lane: Uuid,
    idle: bool,
    now: OffsetDateTime,
) -> Result<()> {
    let now = micros(now);
    diesel::insert_into(lanes::table)
        .values((
            lanes::lane.eq(lane.to_string()),
            lanes::beat_at.eq(now),
            lanes::idle_at.eq(idle.then_some(now)),
        ))
        .on_conflict(lanes::lane)
        .do_update()
        // Nothing said of idleness leaves what was said before.
        .set((lanes::beat_at.eq(now), idle.then_some(lanes::idle_at.eq(now))))
        .execute(connection)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::ledger::trial::Trial;
    use worker::ledger::Session as _;

    #[tokio::test]
    async fn one_relay_holds_the_beat_until_it_stands_still() {
        let mut trial = Trial::new().await;
        let session = &mut trial.session;
        let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
        assert_eq!(session.beat(first, None).await, Ok(Beat::Held));
        assert_eq!(session.beat(second, None).await, Ok(Beat::Other(1)));
        assert_eq!(session.beat(first, None).await, Ok(Beat::Held));
        assert_eq!(session.beat(second, Some(1)).await, Ok(Beat::Other(2)), "it moved on");
        assert_eq!(session.beat(second, Some(2)).await, Ok(Beat::Held));
        assert_eq!(session.beat(first, None).await, Ok(Beat::Other(3)));
    }
}
