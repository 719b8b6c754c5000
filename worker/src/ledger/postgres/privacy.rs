//! The part of the port that knows of personal data.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{PostgresSession, bodies, erasure, notifications};
use crate::ledger::LedgerError;
use crate::ledger::bodies::{NotificationFilter, NotificationRecord, StoredMessage, Tended};
use crate::ledger::erasure::{Erasure, Ruling};
use crate::ledger::privacy::Privacy;

impl Privacy for PostgresSession {
    async fn tend(&mut self, now: OffsetDateTime, limit: i64) -> Result<Tended, LedgerError> {
        self.line.bounded(bodies::tend(&mut self.conn, now, limit, &self.bodies)).await
    }

    async fn notifications(
        &mut self,
        filter: &NotificationFilter,
    ) -> Result<Vec<NotificationRecord>, LedgerError> {
        self.line.bounded(notifications::list::list(&mut self.conn, filter)).await
    }

    async fn notification(&mut self, message: Uuid) -> Result<Option<StoredMessage>, LedgerError> {
        self.line.bounded(notifications::list::show(&mut self.conn, message, &self.bodies)).await
    }

    async fn erase(
        &mut self,
        erasure: &Erasure,
        now: OffsetDateTime,
    ) -> Result<Option<Ruling>, LedgerError> {
        self.line.bounded(erasure::erase(&mut self.conn, erasure, now, &self.bodies)).await
    }
}
