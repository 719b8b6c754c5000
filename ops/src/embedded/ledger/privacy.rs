//! The part of the port that knows of personal data.

use diesel::SqliteConnection;
use time::OffsetDateTime;
use uuid::Uuid;
use worker::ledger::LedgerError;
use worker::ledger::bodies::{NotificationFilter, NotificationRecord, StoredMessage, Tended};
use worker::ledger::erasure::Erased;
use worker::ledger::privacy::Privacy;
use worker::ledger::records::Act;

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
        number: &str,
        act: Option<&Act>,
        now: OffsetDateTime,
    ) -> Result<Option<Erased>, LedgerError> {
        let (number, act, bodies) = (number.to_owned(), act.cloned(), self.bodies.clone());
        let erase = move |connection: &mut SqliteConnection| {
            erasure::erase(connection, &number, act.as_ref(), now, &bodies)
        };
        self.write(erase).await
    }
}
