//! How long what a lane has in hand waited for it: the first sign that workers do not keep up.

use std::time::Duration;

use metrics::gauge;
use shared::broker::Delivery;
use shared::message::dead::replay_item;
use shared::message::seal::SealKeys;
use shared::message::{self, Message};
use time::OffsetDateTime;
use tracing::{info, warn};

pub(super) struct Age {
    lane: String,
    alarm: Duration,
    is_alarming: bool,
}

impl Age {
    pub(super) fn new(lane: &str, alarm: Duration) -> Self {
        Self { lane: lane.to_owned(), alarm, is_alarming: false }
    }

    /// Tells the age of the oldest in hand. Nothing in hand has none: the queue is empty.
    pub(super) fn note(&mut self, batch: &[Delivery], keys: &SealKeys, now: OffsetDateTime) {
        let mut waited: Vec<_> =
            batch.iter().filter_map(|delivery| Some((received_at(delivery)?, delivery))).collect();
        waited.sort_by_key(|(at, _)| *at);
        // A stranger's message may claim any time; of ours the first is looked at, and no more.
        let is_ours = |delivery: &Delivery| Message::open(&delivery.parcel, keys).is_ok();
        let oldest = waited.into_iter().find(|(_, delivery)| is_ours(delivery)).map(|(at, _)| at);
        // By two clocks, one of which may be behind.
        let age = oldest.map_or(Duration::ZERO, |at| (now - at).try_into().unwrap_or_default());
        gauge!("quittance_queue_age_seconds", "lane" => self.lane.clone()).set(age.as_secs_f64());
        let (lane, age_s) = (&self.lane, age.as_secs());
        if age > self.alarm && !self.is_alarming {
            warn!(lane, age_s, "messages wait long before they are settled");
        } else if age <= self.alarm && self.is_alarming {
            info!(lane, age_s, "messages are settled in time again");
        }
        self.is_alarming = age > self.alarm;
    }
}

/// When it came, if it has waited ever since: a retry waits on purpose, and a replay was dead.
fn received_at(delivery: &Delivery) -> Option<OffsetDateTime> {
    let parcel = &delivery.parcel;
    let waited = message::attempt(parcel) == 0 && replay_item(parcel).is_none();
    message::claimed_received_at(parcel).filter(|_| waited)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::message::statement::Statement;
    use shared::telemetry::metrics_text;
    use time::macros::datetime;
    use uuid::Uuid;

    const NOW: OffsetDateTime = datetime!(2026-11-23 12:00 UTC);

    fn delivery(waited: Duration, keys: &SealKeys) -> Delivery {
        let statement = Statement { epoch: Uuid::nil(), from: 0, to: 1, holes: vec![] };
        let parcel = statement.into_message(NOW - waited).into_parcel(keys);
        Delivery { tag: 1, parcel, returns: 0 }
    }

    #[test]
    fn the_oldest_in_hand_is_told_and_alarms_until_it_is_younger_again() {
        metrics_text();
        let told = || {
            let text = metrics_text();
            let of = "quittance_queue_age_seconds{lane=\"lane-age\"}";
            let line = text.lines().find(|line| line.starts_with(of));
            line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        };
        let seconds = Duration::from_secs;
        let (keys, others) = (SealKeys::generate(), SealKeys::generate());
        let delivery = |waited| delivery(waited, &keys);
        let forged = super::tests::delivery(seconds(9_000), &others);
        let mut age = Age::new("lane-age", seconds(300));
        age.note(&[delivery(seconds(2)), forged, delivery(seconds(301))], &keys, NOW);
        assert_eq!((told(), age.is_alarming), (Some(301.0), true));
        age.note(&[delivery(seconds(300))], &keys, NOW);
        assert_eq!((told(), age.is_alarming), (Some(300.0), false));
        let mut retried = delivery(seconds(900));
        retried.parcel = message::next_attempt(&retried.parcel, NOW);
        age.note(&[retried], &keys, NOW);
        assert_eq!((told(), age.is_alarming), (Some(0.0), false));
        // Of an ingress whose clock is ahead.
        age.note(&[delivery(seconds(0))], &keys, NOW - seconds(5));
        assert_eq!(told(), Some(0.0));
    }
}
