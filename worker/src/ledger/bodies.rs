//! Stored notifications and their bodies, and what becomes of these as time goes by.

use std::time::Duration;

use serde::Serialize;
use shared::secret::bodies::{Bodies, Kept};
use shared::secret::cipher::CipherError;
use shared::secret::envelope::WrappedKey;
use time::OffsetDateTime;
use uuid::Uuid;

use super::LedgerError;

/// What one sweep over the bodies did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tended {
    /// Rows of a former version that were looked through for their bodies.
    pub moved: usize,
    /// Stood in the clear until now.
    pub sealed: usize,
    /// A former key of the ring had wrapped them.
    pub rewrapped: usize,
    /// Kept for as long as they may be.
    pub expired: usize,
    /// The same of those that state no fact, which may be kept for less long.
    pub ignored: usize,
    /// Nothing opens them: they were changed. Each is found once, and set aside.
    pub unopened: usize,
    /// Orders and subscriptions whose metadata was kept for as long as it may be.
    pub forgotten: usize,
}

/// One notification of a request, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotificationRecord {
    pub message_id: Uuid,
    pub part: i32,
    pub account: String,
    pub provider: String,
    pub identity: String,
    pub kind: String,
    pub order_number: Option<String>,
    pub transaction: Option<String>,
    pub outcome: String,
    #[serde(with = "time::serde::rfc3339")]
    pub received_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub recorded_at: OffsetDateTime,
}

/// A request: its notifications, and what there is of its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    pub parts: Vec<NotificationRecord>,
    pub body: StoredBody,
}

/// What there is of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredBody {
    Open {
        bytes: Vec<u8>,
        redacted_at: Option<OffsetDateTime>,
    },
    /// Nothing at hand opens it: the ring lacks this key, or the row was changed.
    Closed {
        key_id: String,
    },
    Removed {
        at: OffsetDateTime,
        /// `expired` or `erased`.
        reason: String,
    },
    Missing,
}

/// A stored body as the row holds it: key, wrapped key, body, when it was redacted.
pub type BodyRow = (Option<String>, Option<Vec<u8>>, Vec<u8>, Option<OffsetDateTime>);

/// Those that fit every part that is set; the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NotificationFilter {
    /// Any number of the order.
    pub order: Option<String>,
    pub account: Option<String>,
    /// Needs its account.
    pub transaction: Option<String>,
    pub kind: Option<String>,
    pub limit: i64,
}

impl StoredBody {
    /// From the rows of `bodies` and `removed_bodies`.
    pub fn of(
        message: Uuid,
        row: Option<BodyRow>,
        removed: Option<(OffsetDateTime, String)>,
        bodies: &Bodies,
    ) -> Self {
        let Some((key_id, wrapped, body, redacted_at)) = row else {
            return removed.map_or(Self::Missing, |(at, reason)| Self::Removed { at, reason });
        };
        let wrapped = key_id.clone().zip(wrapped);
        let wrapped = wrapped.map(|(key_id, bytes)| WrappedKey { key_id, bytes });
        match bodies.open(message, Kept { wrapped, body }) {
            Ok(bytes) => Self::Open { bytes, redacted_at },
            Err(_) => Self::Closed { key_id: key_id.unwrap_or_default() },
        }
    }
}

impl Tended {
    /// Did a step find as much as it may take at once? Then there may be more.
    pub fn is_full(self, limit: i64) -> bool {
        let full = |count: usize| i64::try_from(count).is_ok_and(|count| count >= limit);
        let tried = self.rewrapped + self.unopened;
        let Self { moved, sealed, expired, ignored, forgotten, .. } = self;
        [moved, sealed, tried, expired, ignored, forgotten].into_iter().any(full)
    }
}

/// Messages with smaller ids are older than they may be kept: an id begins with its milliseconds.
pub fn oldest_kept(now: OffsetDateTime, keep: Duration) -> Uuid {
    let millis = (now - keep).unix_timestamp_nanos().max(0) / 1_000_000;
    Uuid::from_u128(millis.unsigned_abs() << 80)
}

impl From<CipherError> for LedgerError {
    fn from(error: CipherError) -> Self {
        Self::Fault(format!("a body: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;
    use uuid::Timestamp;

    #[test]
    fn ids_are_compared_by_their_time() {
        let now = datetime!(2026-11-23 12:00:00.5 UTC);
        let bound = oldest_kept(now, Duration::from_secs(60));
        let at = |seconds: i64| {
            let at = u64::try_from(now.unix_timestamp() + seconds).unwrap();
            Uuid::new_v7(Timestamp::from_unix(uuid::NoContext, at, 500_000_000))
        };
        assert!(at(-61) < bound);
        assert!(at(-60) >= bound && at(0) > bound);
    }
}
