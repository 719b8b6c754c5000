//! Signs of life: the relay's lease.

use diesel::prelude::*;
use uuid::Uuid;
use worker::ledger::Beat;

use super::fault::Result;
use crate::embedded::schema::relays;

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
