//! PostgreSQL behind the port: set-based statements with cached plans, on one connection a session.
//!
//! **Invariant**: a transaction takes its locks in one order: the gate of erasures, bodies of letters that may end,
//! failure groups, dead letters, identities, orders, payments, subscriptions, cases, tombstones, subjects, receipts,
//! keys; each kind sorted by its key. So no two transactions can wait for each other in a ring. Whoever erases is
//! alone behind the gate, and takes orders or subscriptions, bodies, dead letters.

use std::sync::Arc;
use std::time::Duration;

use diesel_async::{AsyncConnection as _, AsyncPgConnection, SimpleAsyncConnection as _};
use shared::config::account::Choices;
use shared::rules::Rules;
use shared::secret::Secret;
use shared::secret::bodies::Bodies;
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::time::timeout;
use uuid::Uuid;

use self::clock::Clock;
use self::line::Line;
use super::keys::{KeyUse, Told};
use super::records::{
    Act, Balance, Cancelled, CaseAct, CaseActed, CaseFile, CaseFilter, CaseRecord, EventRecord,
    Imported, NewOrder, NewSubscription, OrderFilter, OrderRecord, OrderSummary,
    SubscriptionFilter, SubscriptionRecord, Trail, Unsent,
};
use super::resting::Resting;
use super::{Beat, Bucket, Duty, Ledger, LedgerError, Session, Swept, Work};

#[macro_use]
mod statement;
mod fault;
mod clock;
mod line;
mod migrate;
mod load;
mod write;
mod bodies;
mod metadata;
mod erasure;
mod privacy;
mod notifications;
mod events;
mod beats;
mod receipts;
mod keys;
mod settle;
mod sweep;
mod orders;
mod subscriptions;
mod cases;
mod balance;
mod dead_letters;
mod replays;
mod custody;
mod tries;

/// How long connecting may take: a wire that swallows everything must not hold up the next try.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// What every session begins with. Every hot statement goes from its arrays to the tables by an index;
/// a plan cached while a table was empty would scan or hash the whole of it for good, hence the three
/// that are off, and what that makes look costly must not be compiled. We never pause within a
/// transaction: whoever does is cut off from us, and must not keep its locks. The last line tells the triggers
/// that a worker is writing.
const SETUP: &str = "
    set search_path to quittance;
    set timezone to 'UTC';
    set lock_timeout to '2s';
    set statement_timeout to '30s';
    set idle_in_transaction_session_timeout to '5s';
    set enable_seqscan to off;
    set enable_hashjoin to off;
    set enable_mergejoin to off;
    set jit to off;
    set quittance.settling to 'on';
";

/// How to reach PostgreSQL.
#[derive(Debug, Clone)]
pub struct Postgres {
    url: Secret,
    choices: watch::Receiver<Arc<Choices>>,
    bodies: Bodies,
}

/// One connection.
pub struct PostgresSession {
    conn: AsyncPgConnection,
    line: Line,
    clock: Clock,
    /// Of the keys it has told already, so that most batches need not ask.
    told: Told,
    /// What its sweeps leave alone.
    resting: Resting,
    choices: watch::Receiver<Arc<Choices>>,
    bodies: Bodies,
}

impl Postgres {
    pub fn new(url: Secret) -> Self {
        Self { url, choices: Choices::default().still(), bodies: Bodies::default() }
    }

    /// It settles by the rules that stand at each moment.
    pub fn governed_by(self, choices: watch::Receiver<Arc<Choices>>) -> Self {
        Self { choices, ..self }
    }

    async fn connect(&self, setup: &str) -> Result<AsyncPgConnection, LedgerError> {
        let connecting = async {
            let mut conn =
                AsyncPgConnection::establish(self.url.reveal()).await.map_err(|error| {
                    LedgerError::Unreachable(fault::without_secrets(&error.to_string()))
                })?;
            conn.batch_execute(setup).await?;
            Ok(conn)
        };
        timeout(CONNECT_TIMEOUT, connecting)
            .await
            .map_err(|_| LedgerError::Unreachable("no answer in time".to_owned()))?
    }
}

impl Ledger for Postgres {
    type Session = PostgresSession;

    fn keeping(self, bodies: Bodies) -> Self {
        Self { bodies, ..self }
    }

    async fn open(&self) -> Result<PostgresSession, LedgerError> {
        let mut conn = self.connect(SETUP).await?;
        let line = Line::of(&mut conn, self.clone()).await?;
        let (choices, bodies) = (self.choices.clone(), self.bodies.clone());
        let (clock, told, resting) = (Clock::default(), Told::default(), Resting::default());
        Ok(PostgresSession { conn, line, clock, told, resting, choices, bodies })
    }

    async fn migrate(&self) -> Result<(), LedgerError> {
        migrate::migrate(self).await
    }
}

impl PostgresSession {
    fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.choices.borrow().rules)
    }
}

impl Session for PostgresSession {
    async fn now(&mut self) -> Result<OffsetDateTime, LedgerError> {
        self.line.bounded(self.clock.now(&mut self.conn)).await
    }

    async fn settle(
        &mut self,
        batch: &[Work],
        now: OffsetDateTime,
    ) -> Result<Vec<Bucket>, LedgerError> {
        let (news, rules) = (self.told.news(batch), self.rules());
        let by = (&*rules, &self.bodies);
        let buckets =
            self.line.bounded(settle::settle(&mut self.conn, batch, &news, now, by)).await?;
        self.told.add(news);
        Ok(buckets)
    }

    async fn sweep(&mut self, now: OffsetDateTime, limit: i64) -> Result<Swept, LedgerError> {
        let (rules, resting) = (self.rules(), &mut self.resting);
        self.line.bounded(sweep::sweep(&mut self.conn, now, limit, (&rules, resting))).await
    }

    async fn unsent(&mut self, skipped: i64, limit: i64) -> Result<Vec<Unsent>, LedgerError> {
        self.line.bounded(events::unsent(&mut self.conn, skipped, limit)).await
    }

    async fn mark_sent(&mut self, sent: &[Unsent]) -> Result<(), LedgerError> {
        self.line.bounded(events::mark_sent(&mut self.conn, sent)).await
    }

    async fn beat(
        &mut self,
        duty: Duty,
        holder: Uuid,
        stale: Option<i64>,
    ) -> Result<Beat, LedgerError> {
        self.line.bounded(beats::beat(&mut self.conn, duty, holder, stale)).await
    }

    async fn release(&mut self, holder: Uuid) -> Result<(), LedgerError> {
        self.line.bounded(beats::release(&mut self.conn, holder)).await
    }

    async fn import(
        &mut self,
        orders: &[NewOrder],
        now: OffsetDateTime,
    ) -> Result<Vec<Imported>, LedgerError> {
        let rules = self.rules();
        self.line.bounded(orders::import::import(&mut self.conn, orders, now, &rules)).await
    }

    async fn cancel(
        &mut self,
        order_no: &str,
        reason: &str,
        actor: &str,
        now: OffsetDateTime,
    ) -> Result<Cancelled, LedgerError> {
        let rules = self.rules();
        let by = (actor, reason);
        self.line.bounded(orders::cancel(&mut self.conn, order_no, by, now, &rules)).await
    }

    async fn subscribe(
        &mut self,
        subscriptions: &[NewSubscription],
        now: OffsetDateTime,
    ) -> Result<Vec<Imported>, LedgerError> {
        self.line.bounded(subscriptions::import(&mut self.conn, subscriptions, now)).await
    }

    async fn subscriptions(
        &mut self,
        filter: &SubscriptionFilter,
    ) -> Result<Vec<SubscriptionRecord>, LedgerError> {
        self.line.bounded(subscriptions::list(&mut self.conn, filter)).await
    }

    async fn order(&mut self, number: &str) -> Result<Option<OrderRecord>, LedgerError> {
        self.line.bounded(orders::show::order(&mut self.conn, number)).await
    }

    async fn trail(&mut self, number: &str) -> Result<Option<Trail>, LedgerError> {
        self.line.bounded(orders::trail::trail(&mut self.conn, number)).await
    }

    async fn orders(&mut self, filter: &OrderFilter) -> Result<Vec<OrderSummary>, LedgerError> {
        self.line.bounded(orders::show::orders(&mut self.conn, filter)).await
    }

    async fn cases(&mut self, filter: &CaseFilter) -> Result<Vec<CaseRecord>, LedgerError> {
        self.line.bounded(cases::cases(&mut self.conn, filter)).await
    }

    async fn case(&mut self, id: Uuid) -> Result<Option<CaseRecord>, LedgerError> {
        self.line.bounded(cases::case(&mut self.conn, id)).await
    }

    async fn case_file(&mut self, id: Uuid) -> Result<Option<CaseFile>, LedgerError> {
        self.line.bounded(cases::file::file(&mut self.conn, id)).await
    }

    async fn act_on_case(
        &mut self,
        id: Uuid,
        act: &CaseAct,
        by: &Act,
        now: OffsetDateTime,
    ) -> Result<CaseActed, LedgerError> {
        let rules = self.rules();
        self.line.bounded(cases::desk::act(&mut self.conn, id, (act, by), now, &rules)).await
    }

    async fn events(&mut self, after: i64, limit: i64) -> Result<Vec<EventRecord>, LedgerError> {
        self.line.bounded(events::published(&mut self.conn, after, limit)).await
    }

    async fn keys(&mut self) -> Result<Vec<KeyUse>, LedgerError> {
        self.line.bounded(keys::list(&mut self.conn)).await
    }

    async fn note(&mut self, act: &Act, now: OffsetDateTime) -> Result<(), LedgerError> {
        self.line.bounded(orders::note(&mut self.conn, act, now)).await
    }

    async fn balance(&mut self) -> Result<Balance, LedgerError> {
        self.line.bounded(balance::balance(&mut self.conn)).await
    }
}
