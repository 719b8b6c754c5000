//! The part of the port that knows of personal data.

use time::OffsetDateTime;
use uuid::Uuid;
use worker::ledger::LedgerError;
use worker::ledger::bodies::{NotificationFilter, NotificationRecord, StoredMessage, Tended};
use worker::ledger::erasure::{Erasure, Ruling};
use worker::ledger::privacy::Privacy;

use super::{SqliteSession, bodies, erasure, notifications};

impl Privacy for SqliteSession {
    async fn tend(&mut self, now: OffsetDateTime, limit: i64) -> Result<Tended, LedgerError> {
        let bodies = self.bodies.clone();
        self.write(move |connection| bodies::tend(connection, now, limit, &bodies)).await
    }

    async fn notifications(
        &mut self,
        filter: &NotificationFilter,
    ) -> Result<Vec<NotificationRecord>, LedgerError> {
        let filter = filter.clone();
        self.read(move |connection| notifications::list::list(connection, &filter)).await
    }

    async fn notification(&mut self, message: Uuid) -> Result<Option<StoredMessage>, LedgerError> {
        let bodies = self.bodies.clone();
        self.read(move |connection| notifications::list::show(connection, message, &bodies)).await
    }

    async fn erase(
        &mut self,
        erasure: &Erasure,
        now: OffsetDateTime,
    ) -> Result<Option<Ruling>, LedgerError> {
        let (erasure, bodies) = (erasure.clone(), self.bodies.clone());
        self.write(move |connection| erasure::erase(connection, &erasure, now, &bodies)).await
    }
}
