//! The port's own part: settling, sweeping, events, orders, and cases.

use diesel::SqliteConnection;
use shared::process;
use time::OffsetDateTime;
use uuid::Uuid;
use worker::ledger::keys::KeyUse;
use worker::ledger::records::{
    Act, Balance, Cancelled, CaseAct, CaseActed, CaseFile, CaseFilter, CaseRecord, EventRecord,
    Imported, NewOrder, NewSubscription, OrderFilter, OrderRecord, OrderSummary,
    SubscriptionFilter, SubscriptionRecord, Trail, Unsent,
};
use worker::ledger::{Beat, Bucket, Duty, LedgerError, Session, Swept, Work};

use super::{
    SqliteSession, balance, beats, cases, desk, events, import, keys, settle, show, subscriptions,
    sweep, trail,
};
use crate::embedded::store::Store;

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
