//! Which key last verified something. It is told seldom, so that lanes do not wait for one another's
//! rows: the answer is right to within [`TELL_INTERVAL`].

use std::collections::BTreeMap;

use serde::Serialize;
use time::{Duration, OffsetDateTime};

use super::Work;

/// How much later a use must be than the one that was told last.
pub const TELL_INTERVAL: Duration = Duration::minutes(1);

/// The latest request that a key of an account verified, of those that were settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyUse {
    pub account: String,
    /// As the configuration's list of keys names it.
    pub key: String,
    #[serde(with = "time::serde::rfc3339")]
    pub last_used_at: OffsetDateTime,
}

/// What one session has told.
#[derive(Debug, Default)]
pub struct Told(BTreeMap<(String, String), OffsetDateTime>);

/// The latest use of each key in a batch, by account and key.
pub fn uses(batch: &[Work]) -> Vec<KeyUse> {
    let mut latest: BTreeMap<(&str, &str), OffsetDateTime> = BTreeMap::new();
    for work in batch {
        let message = match work {
            Work::Reading(reading) => &reading.message,
            Work::Statement(_) | Work::Fence(_) | Work::Deferred { .. } | Work::Buried { .. } => {
                continue;
            }
        };
        let at = latest.entry((&message.account, &message.key)).or_insert(message.received_at);
        *at = message.received_at.max(*at);
    }
    let of = |((account, key), last_used_at): ((&str, &str), OffsetDateTime)| KeyUse {
        account: account.to_owned(),
        key: key.to_owned(),
        last_used_at,
    };
    latest.into_iter().map(of).collect()
}

impl Told {
    /// Those uses of a batch that are worth telling.
    pub fn news(&self, batch: &[Work]) -> Vec<KeyUse> {
        let mut uses = uses(batch);
        uses.retain(|one| {
            let told = self.0.get(&(one.account.clone(), one.key.clone()));
            told.is_none_or(|told| *told + TELL_INTERVAL < one.last_used_at)
        });
        uses
    }

    /// They are committed.
    pub fn add(&mut self, uses: Vec<KeyUse>) {
        self.0.extend(uses.into_iter().map(|one| ((one.account, one.key), one.last_used_at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fold::Reading;
    use bytes::Bytes;
    use shared::message::{Message, Number};
    use time::macros::datetime;
    use uuid::Uuid;

    const NOW: OffsetDateTime = datetime!(2026-11-23 12:00 UTC);

    fn work(account: &str, key: &str, received_at: OffsetDateTime) -> Work {
        let message = Message {
            id: Uuid::now_v7(),
            kind: "alipay".into(),
            account: account.into(),
            key: key.into(),
            attempt: 0,
            received_at,
            number: Number { epoch: Uuid::nil(), seq: 1 },
            content_type: None,
            http: vec![],
            traceparent: None,
            body: Bytes::new(),
        };
        Work::Reading(Box::new(Reading { message, notifications: vec![] }))
    }

    #[test]
    fn each_key_is_told_once_by_its_latest_use() {
        let second = Duration::seconds(1);
        let batch = [
            work("b", "k", NOW),
            work("a", "new", NOW),
            work("a", "old", NOW + second),
            work("a", "old", NOW - second),
            Work::Buried { id: "x".into(), number: None },
        ];
        let told = uses(&batch);
        let told: Vec<_> =
            told.iter().map(|one| (&*one.account, &*one.key, one.last_used_at)).collect();
        assert_eq!(told, [("a", "new", NOW), ("a", "old", NOW + second), ("b", "k", NOW)]);
    }

    #[test]
    fn within_a_minute_there_is_no_news() {
        let mut told = Told::default();
        let at = |at| told_of(&work("a", "k", at));
        let first = told.news(&at(NOW));
        assert_eq!(first.len(), 1);
        told.add(first);
        for later in [-TELL_INTERVAL, Duration::ZERO, TELL_INTERVAL] {
            assert_eq!(told.news(&at(NOW + later)), [], "{later}");
        }
        assert_eq!(told.news(&at(NOW + TELL_INTERVAL + Duration::seconds(1))).len(), 1);
        assert_eq!(told.news(&told_of(&work("a", "other", NOW))).len(), 1);
    }

    fn told_of(work: &Work) -> Vec<Work> {
        vec![work.clone()]
    }
}
