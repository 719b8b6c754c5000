//! The log of events: what a subscriber hears of all histories.

use std::collections::HashMap;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use worker::ledger::Session;

/// Events that are published at once.
const PUBLISHED_MAX: i64 = 500;

/// Publishes every event as a relay would, and gives the newest of each subject. The positions and each subject's
/// numbers have no gap.
pub(in super::super) async fn log(
    session: &mut impl Session,
) -> anyhow::Result<HashMap<String, Value>> {
    loop {
        let unsent = session.unsent(0, PUBLISHED_MAX).await?;
        if unsent.is_empty() {
            break;
        }
        session.mark_sent(&unsent).await?;
    }
    let mut newest: HashMap<String, (u64, Value)> = HashMap::new();
    let mut position = 0;
    loop {
        let events = session.events(position, PUBLISHED_MAX).await?;
        let Some(last) = events.last() else { break };
        let after = last.position;
        for record in events {
            position += 1;
            ensure!(record.position == position, "{record:?} stands where {position} should");
            let subject = record.event["subject"].as_str().context("a subject")?.to_owned();
            let sequence = record.event["data"]["sequence"].as_u64().context("a sequence")?;
            let before = newest.get(&subject).map_or(0, |(sequence, _)| *sequence);
            ensure!(sequence == before + 1, "{subject}: {sequence} follows {before}");
            newest.insert(subject, (sequence, record.event));
        }
        position = after;
    }
    Ok(newest.into_iter().map(|(subject, (_, event))| (subject, event)).collect())
}
