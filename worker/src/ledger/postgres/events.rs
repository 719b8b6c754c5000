//! The outbox: numbered for each subject when written, placed in the log when published.
//!
//! **Invariant**: a subject's numbers are contiguous in commit order, because its row is held until
//! the commit; positions are too, because the log's one row is.

use std::collections::BTreeMap;

use diesel::sql_types::{Array, BigInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use shared::event::Event;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::decide::announce::Announcement;
use crate::ledger::LedgerError;
use crate::ledger::records::{EventRecord, Unsent};

statement!(
    /// A subject that is new begins behind what the log's end says: 0, until a backup was restored.
    Count { subjects: Array<Text> = [String], counts: Array<BigInt> = [i64] } -> (Text, BigInt) = "
    insert into subjects (subject, last_seq)
    select s, n + sequences_after
    from unnest(?::text[], ?::bigint[]) as t (s, n), event_log_end order by s
    on conflict (subject) do update
    set last_seq = subjects.last_seq + excluded.last_seq
                 - (select sequences_after from event_log_end)
    returning subject, last_seq"
);

statement!(
    Insert {
        ids: Array<SqlUuid> = [Uuid],
        subjects: Array<Text> = [String],
        sequences: Array<BigInt> = [i64],
        kinds: Array<Text> = [String],
        bodies: Array<Text> = [String],
        now: Timestamptz = OffsetDateTime,
    } -> () = "
    with written as (
        insert into events (id, subject, sequence, type, body, occurred_at)
        select t.*, clock.at
        from unnest(?::uuid[], ?::text[], ?::bigint[], ?::text[], ?::text[]) as t (i, s, n, k, b),
             (select ?::timestamptz) as clock (at)
        returning subject, sequence
    )
    insert into outbox (subject, sequence) select subject, sequence from written"
);

statement!(
    /// Only each subject's lowest: the prefix rule.
    LowestUnsent { limit: BigInt = i64, skipped: BigInt = i64 } -> (SqlUuid, Text, Text, BigInt, Timestamptz, Text) = "
    select e.id, e.type, e.subject, e.sequence, e.occurred_at, e.body
    from outbox o join events e using (subject, sequence)
    where not exists (
        select from outbox lower
        where lower.subject = o.subject and lower.sequence < o.sequence)
    order by o.place limit ? offset ?"
);

statement!(
    /// Another relay may have marked some of them: those have their positions.
    MarkSent { subjects: Array<Text> = [String], sequences: Array<BigInt> = [i64] } -> () = "
    with sent as (
        delete from outbox o using unnest(?::text[], ?::bigint[]) as t (subject, sequence)
        where o.subject = t.subject and o.sequence = t.sequence
        returning o.place, o.subject, o.sequence
    ), log as (
        update event_log_end set last_position = last_position + (select count(*) from sent)
        returning last_position - (select count(*) from sent) as base
    )
    insert into event_log (position, subject, sequence)
    select log.base + row_number() over (order by sent.place), sent.subject, sent.sequence
    from sent, log"
);

statement!(LockLog {} -> (BigInt) = "select last_position from event_log_end for update");

statement!(
    Published { after: BigInt = i64, limit: BigInt = i64 } -> (BigInt, Text) = "
    select l.position, e.body from event_log l join events e using (subject, sequence)
    where l.position > ? order by l.position limit ?"
);

/// Numbers announcements and writes them; the bytes written are the bytes published.
pub(super) async fn append(
    conn: &mut AsyncPgConnection,
    announcements: &[Announcement],
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    if announcements.is_empty() {
        return Ok(());
    }
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for announcement in announcements {
        *counts.entry(&announcement.subject).or_default() += 1;
    }
    let subjects: Vec<String> = counts.keys().map(|subject| (*subject).to_owned()).collect();
    let added: Vec<i64> = counts.values().copied().collect();
    let count = Count { subjects: &subjects, counts: &added };
    let last: Vec<(String, i64)> = count.load(conn).await?;
    let mut next: BTreeMap<&str, i64> = BTreeMap::new();
    for (subject, last) in &last {
        next.insert(subject, last - counts.get(subject.as_str()).copied().unwrap_or(0));
    }
    let mut events = vec![];
    for announcement in announcements {
        let sequence = next.entry(&announcement.subject).or_default();
        *sequence += 1;
        events.push(Event {
            id: Uuid::now_v7(),
            kind: announcement.kind,
            subject: announcement.subject.clone(),
            sequence: *sequence,
            occurred_at: now,
            snapshot: announcement.snapshot.clone(),
        });
    }
    insert(conn, &events, now).await
}

/// What is to be published next, oldest first, without the first so many.
pub(super) async fn unsent(
    conn: &mut AsyncPgConnection,
    skipped: i64,
    limit: i64,
) -> Result<Vec<Unsent>, LedgerError> {
    let rows: Vec<(Uuid, String, String, i64, OffsetDateTime, String)> =
        LowestUnsent { limit: &limit, skipped: &skipped }.load(conn).await?;
    let unsent = rows.into_iter().map(|row| {
        let (id, routing_key, subject, sequence, occurred_at, body) = row;
        Unsent { id, routing_key, subject, sequence, occurred_at, body }
    });
    Ok(unsent.collect())
}

/// Gives positions, under the log's lock so that they commit in order.
pub(super) async fn mark_sent(
    conn: &mut AsyncPgConnection,
    sent: &[Unsent],
) -> Result<(), LedgerError> {
    let mut sent: Vec<_> = sent.iter().map(|event| (&event.subject, event.sequence)).collect();
    sent.sort();
    let subjects: Vec<String> = sent.iter().map(|(subject, _)| (*subject).clone()).collect();
    let sequences: Vec<i64> = sent.iter().map(|(_, sequence)| *sequence).collect();
    conn.transaction(async |conn| {
        let _: Vec<i64> = LockLog.load(conn).await?;
        MarkSent { subjects: &subjects, sequences: &sequences }.execute(conn).await?;
        Ok(())
    })
    .await
}

/// Published events behind a position.
pub(super) async fn published(
    conn: &mut AsyncPgConnection,
    after: i64,
    limit: i64,
) -> Result<Vec<EventRecord>, LedgerError> {
    let rows: Vec<(i64, String)> = Published { after: &after, limit: &limit }.load(conn).await?;
    let event = |body: String| serde_json::from_str(&body).unwrap_or(serde_json::Value::Null);
    Ok(rows
        .into_iter()
        .map(|(position, body)| EventRecord { position, event: event(body) })
        .collect())
}

async fn insert(
    conn: &mut AsyncPgConnection,
    events: &[Event],
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    let subjects: Vec<_> = events.iter().map(|event| event.subject.clone()).collect();
    let sequences: Vec<_> = events.iter().map(|event| event.sequence).collect();
    let kinds: Vec<_> = events.iter().map(|event| event.kind.routing_key().to_owned()).collect();
    let bodies: Vec<_> = events.iter().map(Event::to_json).collect();
    let insert = Insert {
        ids: &ids,
        subjects: &subjects,
        sequences: &sequences,
        kinds: &kinds,
        bodies: &bodies,
        now: &now,
    };
    insert.execute(conn).await?;
    Ok(())
}
