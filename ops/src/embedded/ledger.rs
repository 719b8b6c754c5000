//! The ledger on the file: the same tables, rules and decisions as on PostgreSQL.
//!
//! **Invariant**: a session's call is one transaction on one connection, away from the async
//! threads; a call that nobody waits for any more still ends whole.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::SqliteConnection;
use shared::config::account::Choices;
use shared::process;
use shared::rules::Rules;
use shared::secret::bodies::Bodies;
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::time::timeout;
use uuid::Uuid;
use worker::ledger::keys::KeyUse;
use worker::ledger::records::{
    Act, Balance, Cancelled, CaseAct, CaseActed, CaseFile, CaseFilter, CaseRecord, EventRecord,
    Imported, NewOrder, NewSubscription, OrderFilter, OrderRecord, OrderSummary,
    SubscriptionFilter, SubscriptionRecord, Trail, Unsent,
};
use worker::ledger::resting::Resting;
use worker::ledger::{Beat, Bucket, Duty, Ledger, LedgerError, Session, Swept, Work};

mod fault;
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

impl Session for SqliteSession {
    /// A file has none but the machine's.
    async fn now(&mut self) -> Result<OffsetDateTime, LedgerError> {
        Ok(process::now())
    }

    async fn settle(
        &mut self,
        batch: &[Work],
        now: OffsetDateTime,
    ) -> Result<Vec<Bucket>, LedgerError> {
        let (batch, rules, bodies) = (batch.to_vec(), self.rules(), self.bodies.clone());
        let by = move |connection: &mut SqliteConnection| {
            settle::settle(connection, &batch, now, (&rules, &bodies))
        };
        self.write(by).await
    }

    async fn sweep(&mut self, now: OffsetDateTime, limit: i64) -> Result<Swept, LedgerError> {
        let (rules, mut resting) = (self.rules(), std::mem::take(&mut self.resting));
        let sweeping = move |store: &Store, connection: &mut SqliteConnection| {
            let swept = sweep::sweep(store, connection, now, limit, (&rules, &mut resting));
            Ok((swept?, resting))
        };
        let (swept, resting) = self.call(sweeping).await?;
        self.resting = resting;
        Ok(swept)
    }

    async fn unsent(&mut self, skipped: i64, limit: i64) -> Result<Vec<Unsent>, LedgerError> {
        self.read(move |connection| events::unsent(connection, skipped, limit)).await
    }

    async fn mark_sent(&mut self, sent: &[Unsent]) -> Result<(), LedgerError> {
        let ids: Vec<Uuid> = sent.iter().map(|event| event.id).collect();
        self.write(move |connection| events::mark_sent(connection, &ids)).await
    }

    async fn beat(
        &mut self,
        duty: Duty,
        holder: Uuid,
        stale: Option<i64>,
    ) -> Result<Beat, LedgerError> {
        self.write(move |connection| beats::beat(connection, duty, holder, stale)).await
    }

    async fn release(&mut self, holder: Uuid) -> Result<(), LedgerError> {
        self.write(move |connection| beats::release(connection, holder)).await
    }

    async fn import(
        &mut self,
        orders: &[NewOrder],
        now: OffsetDateTime,
    ) -> Result<Vec<Imported>, LedgerError> {
        let (orders, rules) = (orders.to_vec(), self.rules());
        self.write(move |connection| import::import(connection, &orders, now, &rules)).await
    }

    async fn cancel(
        &mut self,
        order_no: &str,
        reason: &str,
        actor: &str,
        now: OffsetDateTime,
    ) -> Result<Cancelled, LedgerError> {
        let order_no = order_no.to_owned();
        let (reason, actor) = (reason.to_owned(), actor.to_owned());
        let rules = self.rules();
        self.write(move |connection| {
            sweep::cancel(connection, &order_no, (&actor, &reason), now, &rules)
        })
        .await
    }

    async fn subscribe(
        &mut self,
        subscriptions: &[NewSubscription],
        now: OffsetDateTime,
    ) -> Result<Vec<Imported>, LedgerError> {
        let all = subscriptions.to_vec();
        self.write(move |connection| subscriptions::import(connection, &all, now)).await
    }

    async fn subscriptions(
        &mut self,
        filter: &SubscriptionFilter,
    ) -> Result<Vec<SubscriptionRecord>, LedgerError> {
        let filter = filter.clone();
        self.read(move |connection| subscriptions::list(connection, &filter)).await
    }

    async fn order(&mut self, number: &str) -> Result<Option<OrderRecord>, LedgerError> {
        let number = number.to_owned();
        self.read(move |connection| show::order(connection, &number)).await
    }

    async fn trail(&mut self, number: &str) -> Result<Option<Trail>, LedgerError> {
        let number = number.to_owned();
        self.read(move |connection| trail::trail(connection, &number)).await
    }

    async fn orders(&mut self, filter: &OrderFilter) -> Result<Vec<OrderSummary>, LedgerError> {
        let filter = filter.clone();
        self.read(move |connection| show::orders(connection, &filter)).await
    }

    async fn cases(&mut self, filter: &CaseFilter) -> Result<Vec<CaseRecord>, LedgerError> {
        let filter = filter.clone();
        self.read(move |connection| cases::list(connection, &filter)).await
    }

    async fn case(&mut self, id: Uuid) -> Result<Option<CaseRecord>, LedgerError> {
        self.read(move |connection| cases::one(connection, id)).await
    }

    async fn case_file(&mut self, id: Uuid) -> Result<Option<CaseFile>, LedgerError> {
        self.read(move |connection| desk::file(connection, id)).await
    }

    async fn act_on_case(
        &mut self,
        id: Uuid,
        act: &CaseAct,
        by: &Act,
        now: OffsetDateTime,
    ) -> Result<CaseActed, LedgerError> {
        let (act, by, rules) = (act.clone(), by.clone(), self.rules());
        self.write(move |connection| desk::act(connection, id, (&act, &by), now, &rules)).await
    }

    async fn events(&mut self, after: i64, limit: i64) -> Result<Vec<EventRecord>, LedgerError> {
        self.read(move |connection| events::published(connection, after, limit)).await
    }

    async fn keys(&mut self) -> Result<Vec<KeyUse>, LedgerError> {
        self.read(keys::list).await
    }

    async fn note(&mut self, act: &Act, now: OffsetDateTime) -> Result<(), LedgerError> {
        let act = act.clone();
        self.write(move |connection| sweep::note(connection, &act, now)).await
    }

    async fn balance(&mut self) -> Result<Balance, LedgerError> {
        self.read(balance::balance).await
    }
}
