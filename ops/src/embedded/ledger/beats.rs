//! Leases: a row with a holder and a beat for what one process at a time does.

use diesel::prelude::*;
use uuid::Uuid;
use worker::ledger::{Beat, Duty};

use super::fault::Result;
use crate::embedded::schema::relays;

/// Adds one for the holder; takes over a beat that still stands.
pub(super) fn beat(
    connection: &mut SqliteConnection,
    duty: Duty,
    holder: Uuid,
    stale: Option<i64>,
) -> Result<Beat> {
    let (part, me) = (i64::from(duty.part()), holder.to_string());
    diesel::insert_into(relays::table)
        .values((relays::part.eq(part), relays::holder.eq(&me), relays::beat.eq(0)))
        .on_conflict_do_nothing()
        .execute(connection)?;
    let (holder, beat): (String, i64) =
        relays::table.find(part).select((relays::holder, relays::beat)).get_result(connection)?;
    if holder != me && stale != Some(beat) {
        return Ok(Beat::Other(beat));
    }
    diesel::update(relays::table.find(part))
        .set((relays::holder.eq(&me), relays::beat.eq(beat + 1)))
        .execute(connection)?;
    Ok(Beat::Held)
}

/// Who holds it.
pub(super) fn holder(connection: &mut SqliteConnection, duty: Duty) -> Result<Option<String>> {
    let part = i64::from(duty.part());
    Ok(relays::table.find(part).select(relays::holder).first(connection).optional()?)
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
        assert_eq!(session.beat(Duty::Relay, first, None).await, Ok(Beat::Held));
        assert_eq!(session.beat(Duty::Relay, second, None).await, Ok(Beat::Other(1)));
        assert_eq!(session.beat(Duty::Relay, first, None).await, Ok(Beat::Held));
        assert_eq!(
            session.beat(Duty::Relay, second, Some(1)).await,
            Ok(Beat::Other(2)),
            "it moved on"
        );
        assert_eq!(session.beat(Duty::Relay, second, Some(2)).await, Ok(Beat::Held));
        assert_eq!(session.beat(Duty::Relay, first, None).await, Ok(Beat::Other(3)));
    }
}
