//! The outbox: numbered for each subject when written, placed in the log when published.
//!
//! **Invariant**: a subject's numbers and the log's positions are contiguous in commit order,
//! because one transaction at a time writes the file.

use diesel::prelude::*;
use shared::event::Event;
use time::OffsetDateTime;
use uuid::Uuid;
use worker::decide::announce::Announcement;
use worker::ledger::records::{EventRecord, Unsent};

use super::fault::Result;
use crate::embedded::schema::{event_log, events, subjects};
use crate::embedded::values::{self, from_json, instant, micros, uuid};

/// Numbers announcements and writes them; the bytes written are the bytes published.
pub(super) fn append(
    connection: &mut SqliteConnection,
    announcements: &[Announcement],
    now: OffsetDateTime,
) -> Result<()> {
    for announcement in announcements {
        let event = Event {
            id: Uuid::now_v7(),
            kind: announcement.kind,
            subject: announcement.subject.clone(),
            sequence: number(connection, &announcement.subject)?,
            occurred_at: now,
            snapshot: announcement.snapshot.clone(),
        };
        diesel::insert_into(events::table)
            .values((
                events::id.eq(event.id.to_string()),
                events::subject.eq(&event.subject),
                events::sequence.eq(event.sequence),
                events::kind.eq(event.kind.routing_key()),
                events::body.eq(event.to_json()),
                events::occurred_at.eq(micros(now)),
            ))
            .execute(connection)?;
    }
    Ok(())
}

/// What is to be published next, oldest first: only each subject's lowest, the prefix rule.
pub(super) fn unsent(
    connection: &mut SqliteConnection,
    skipped: i64,
    limit: i64,
) -> Result<Vec<Unsent>> {
    type Row = (String, String, String, i64, i64, String);
    let earlier = diesel::alias!(events as earlier);
    let before_it = earlier
        .filter(earlier.field(events::subject).eq(events::subject))
        .filter(earlier.field(events::sequence).lt(events::sequence))
        .filter(earlier.field(events::position).is_null());
    let rows: Vec<Row> = events::table
        .filter(events::position.is_null())
        .filter(diesel::dsl::not(diesel::dsl::exists(before_it)))
        .order(events::id)
        .limit(limit)
        .offset(skipped)
        .select((
            events::id,
            events::kind,
            events::subject,
            events::sequence,
            events::occurred_at,
            events::body,
        ))
        .load(connection)?;
    let unsent = |(id, routing_key, subject, sequence, occurred_at, body): Row| {
        let (id, occurred_at) = (uuid(&id)?, instant(occurred_at)?);
        Ok(Unsent { id, routing_key, subject, sequence, occurred_at, body })
    };
    Ok(rows.into_iter().map(unsent).collect::<values::Result<_>>()?)
}

/// Gives positions. Another relay may have marked some of them: those keep theirs.
pub(super) fn mark_sent(connection: &mut SqliteConnection, ids: &[Uuid]) -> Result<()> {
    let mut position: i64 =
        event_log::table.select(event_log::last_position).get_result(connection)?;
    let mut ids = ids.to_vec();
    ids.sort();
    for id in ids {
        let unsent = events::table.find(id.to_string()).filter(events::position.is_null());
        let marked = diesel::update(unsent).set(events::position.eq(position + 1));
        if marked.execute(connection)? > 0 {
            position += 1;
        }
    }
    diesel::update(event_log::table)
        .set(event_log::last_position.eq(position))
        .execute(connection)?;
    Ok(())
}

/// Published events behind a position.
pub(super) fn published(
    connection: &mut SqliteConnection,
    after: i64,
    limit: i64,
) -> Result<Vec<EventRecord>> {
    let rows: Vec<(i64, String)> = events::table
        .filter(events::position.gt(after))
        .order(events::position)
        .limit(limit)
        .select((events::position.assume_not_null(), events::body))
        .load(connection)?;
    let event =
        |(position, body): (i64, String)| Ok(EventRecord { position, event: from_json(&body)? });
    Ok(rows.into_iter().map(event).collect::<values::Result<_>>()?)
}

/// The subject's next number. One that is new begins behind what the log says: 0, until a backup was restored.
fn number(connection: &mut SqliteConnection, subject: &str) -> Result<i64> {
    let after: i64 = event_log::table.select(event_log::sequences_after).first(connection)?;
    diesel::insert_into(subjects::table)
        .values((subjects::subject.eq(subject), subjects::last_seq.eq(after + 1)))
        .on_conflict(subjects::subject)
        .do_update()
        .set(subjects::last_seq.eq(subjects::last_seq + 1))
        .execute(connection)?;
    Ok(subjects::table.find(subject).select(subjects::last_seq).get_result(connection)?)
}

#[cfg(test)]
mod tests {
    use worker::ledger::Session as _;

    use crate::embedded::ledger::trial::{Trial, order, paid, refunded};

    #[tokio::test]
    async fn only_the_lowest_of_each_subject_is_published_next() {
        let mut trial = Trial::with_order("A").await;
        trial.import(order("B")).await;
        trial.tell("n1", paid("A", "T1")).await;
        trial.tell("n2", refunded("A", "T1", 400)).await;
        trial.tell("n3", paid("B", "T2")).await;
        let session = &mut trial.session;
        let first = session.unsent(0, 10).await.unwrap();
        let subjects: Vec<_> = first.iter().map(|event| event.subject.as_str()).collect();
        assert_eq!(subjects, ["order/A", "order/B"]);
        assert!(session.events(0, 10).await.unwrap().is_empty(), "nothing is published yet");

        // The second of them first: positions follow the commits, not the ids.
        session.mark_sent(&first[1..]).await.unwrap();
        session.mark_sent(&first).await.unwrap();
        let next = session.unsent(0, 10).await.unwrap();
        assert_eq!(next.len(), 1);
        assert_eq!(next[0].routing_key, "order.refunded.v1");
        session.mark_sent(&next).await.unwrap();

        let log = session.events(0, 10).await.unwrap();
        let places: Vec<_> = log.iter().map(|event| event.position).collect();
        assert_eq!(places, [1, 2, 3]);
        let subjects: Vec<_> = log.iter().map(|event| event.event["subject"].clone()).collect();
        assert_eq!(subjects, ["order/B", "order/A", "order/A"]);
        assert_eq!(session.events(2, 10).await.unwrap()[0].event["sequencenumber"], 2);
        assert!(trial.order("A").await.events.iter().all(|event| event.published));
    }
}
