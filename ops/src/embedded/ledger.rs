//! The ledger on the file: the same tables, rules and decisions as on PostgreSQL.
//!
//! **Invariant**: a session's call is one transaction on one connection, away from the async
//! threads; a call that nobody waits for any more still ends whole.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::SqliteConnection;
use shared::config::account::Choices;
use shared::rules::Rules;
use shared::secret::bodies::Bodies;
use tokio::sync::watch;
use tokio::time::timeout;
use worker::ledger::resting::Resting;
use worker::ledger::{Ledger, LedgerError};

mod fault;
mod port;
mod load;
mod metadata;
mod details;
mod payments;
mod contracts;
mod subscriptions;
mod cases;
mod resolutions;
mod write;
mod bodies;
mod erasure;
mod privacy;
mod notifications;
mod events;
mod receipts;
mod keys;
mod settle;
mod sweep;
mod import;
mod desk;
mod show;
mod trail;
mod beats;
mod balance;
mod dead_letters;
mod replays;
mod custody;
mod tries;
#[cfg(test)]
mod trial;

use self::fault::Fault;
use super::store::Store;

/// How long one call may take; longer than SQLite waits for another program's lock.
const CALL_TIMEOUT: Duration = Duration::from_secs(40);

/// The ledger; clones share the file.
#[derive(Clone)]
pub struct SqliteLedger {
    store: Arc<Store>,
    choices: watch::Receiver<Arc<Choices>>,
    bodies: Bodies,
}

/// One connection.
pub struct SqliteSession {
    store: Arc<Store>,
    connection: Arc<Mutex<SqliteConnection>>,
    /// What its sweeps leave alone.
    resting: Resting,
    choices: watch::Receiver<Arc<Choices>>,
    bodies: Bodies,
}

impl SqliteLedger {
    pub(super) fn new(
        store: Arc<Store>,
        choices: watch::Receiver<Arc<Choices>>,
        bodies: Bodies,
    ) -> Self {
        Self { store, choices, bodies }
    }
}

impl Ledger for SqliteLedger {
    type Session = SqliteSession;

    fn keeping(self, bodies: Bodies) -> Self {
        Self { bodies, ..self }
    }

    async fn open(&self) -> Result<SqliteSession, LedgerError> {
        let store = Arc::clone(&self.store);
        let connection = away(move || store.connect().map_err(LedgerError::Unreachable)).await?;
        let connection = Arc::new(Mutex::new(connection));
        let (store, choices) = (Arc::clone(&self.store), self.choices.clone());
        let (bodies, resting) = (self.bodies.clone(), Resting::default());
        Ok(SqliteSession { store, connection, resting, choices, bodies })
    }

    /// Opening the file did it.
    async fn migrate(&self) -> Result<(), LedgerError> {
        Ok(())
    }
}

impl SqliteSession {
    fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.choices.borrow().rules)
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store, &mut SqliteConnection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (store, connection) = (Arc::clone(&self.store), Arc::clone(&self.connection));
        away(move || {
            // After a panic nobody knows where its transaction stands: open another session.
            let lock = connection.lock();
            let mut connection =
                lock.map_err(|_| LedgerError::Unreachable("a call panicked".to_owned()))?;
            work(&store, &mut connection).map_err(LedgerError::from)
        })
        .await
    }

    /// A call that writes.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, LedgerError> {
        self.call(move |store, connection| store.write(connection, work)).await
    }

    /// A call that reads, all of it as of one moment.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, LedgerError> {
        use diesel::Connection as _;
        self.call(move |_, connection| connection.transaction(work)).await
    }
}

/// Runs it off the async threads, and waits with a limit.
async fn away<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LedgerError> + Send + 'static,
) -> Result<T, LedgerError> {
    let unreachable = |why: &str| LedgerError::Unreachable(why.to_owned());
    let done = timeout(CALL_TIMEOUT, tokio::task::spawn_blocking(work)).await;
    done.map_err(|_| unreachable("no answer in time"))?
        .map_err(|_| unreachable("the call was lost"))?
}
