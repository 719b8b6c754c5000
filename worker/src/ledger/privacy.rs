//! The part of the port that knows of personal data: stored notifications, and how they end.

use std::future::Future;

use time::OffsetDateTime;
use uuid::Uuid;

use super::LedgerError;
use super::bodies::{NotificationFilter, NotificationRecord, StoredMessage, Tended};
use super::erasure::{Erasure, Ruling};

/// What each session can do about bodies.
pub trait Privacy {
    /// Seals bodies that stand in the clear, wraps anew those of former keys, and removes those whose
    /// time is over. At most `limit` of each a call.
    fn tend(
        &mut self,
        now: OffsetDateTime,
        limit: i64,
    ) -> impl Future<Output = Result<Tended, LedgerError>> + Send;

    /// Recorded notifications, found by their columns: no body is opened.
    fn notifications(
        &mut self,
        filter: &NotificationFilter,
    ) -> impl Future<Output = Result<Vec<NotificationRecord>, LedgerError>> + Send;

    /// One request with its body, opened where the ring can.
    fn notification(
        &mut self,
        message: Uuid,
    ) -> impl Future<Output = Result<Option<StoredMessage>, LedgerError>> + Send;

    /// Destroys what tells who paid for an order or a subscription, and leaves tombstones that strip
    /// what comes later; without an act it only says what it would do. Nothing: the number is not known.
    fn erase(
        &mut self,
        erasure: &Erasure,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<Option<Ruling>, LedgerError>> + Send;
}
