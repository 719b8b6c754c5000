//! A fresh ledger for a test, and short words to tell it things.

use std::time::Duration;

use bytes::Bytes;
use shared::message::{Message, Number};
use shared::money::{Currency, Money};
use shared::notification::{Fact, Notification, PaymentFact, PaymentStatus, RefundTotal};
use tempfile::TempDir;
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;
use worker::decide::fold::Reading;
use worker::ledger::records::{Imported, NewOrder, OrderRecord};
use worker::ledger::{Bucket, Ledger as _, LedgerError, Session as _, Work};

use super::SqliteSession;
use crate::embedded::Embedded;

pub(super) const NOW: OffsetDateTime = datetime!(2026-01-02 03:04:05.000006 UTC);
/// How long a payment waits for its order.
pub(super) const PATIENCE: Duration = Duration::from_secs(600);

pub(super) struct Trial {
    pub(super) embedded: Embedded,
    pub(super) session: SqliteSession,
    pub(super) epoch: Uuid,
    seq: i64,
    _folder: TempDir,
}

/// A success of 10.00 for the order.
pub(super) fn paid(order_number: &str, transaction: &str) -> PaymentFact {
    PaymentFact {
        transaction: transaction.to_owned(),
        order_number: order_number.to_owned(),
        status: PaymentStatus::Succeeded,
        amount: Money { minor: 1_000, currency: Currency::CNY },
        occurred_at: NOW,
        refund_total: None,
        agreement: None,
    }
}

/// The same, of which so much is refunded.
pub(super) fn refunded(order_number: &str, transaction: &str, total: i64) -> PaymentFact {
    let refund =
        RefundTotal { total_minor: total, refund_no: Some(format!("R{total}")), occurred_at: NOW };
    PaymentFact { refund_total: Some(refund), ..paid(order_number, transaction) }
}

/// An order of 10.00.
pub(super) fn order(order_no: &str) -> NewOrder {
    NewOrder {
        order_no: order_no.to_owned(),
        amount: 1_000,
        currency: Currency::CNY,
        account: None,
        numbers: vec![],
        expires_at: None,
        mode: None,
        subscription_no: None,
        period: None,
        metadata: None,
    }
}

impl Trial {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let embedded = Embedded::open(&folder.path().join("quittance.db")).unwrap();
        let session = embedded.ledger().open().await.unwrap();
        Self { embedded, session, epoch: Uuid::now_v7(), seq: 0, _folder: folder }
    }

    pub(super) async fn with_order(order_no: &str) -> Self {
        let mut trial = Self::new().await;
        trial.import(order(order_no)).await;
        trial
    }

    pub(super) async fn import(&mut self, order: NewOrder) -> Imported {
        self.session.import(&[order], NOW).await.unwrap().remove(0)
    }

    /// A message about this fact; the identity tells repeats.
    pub(super) fn message(&mut self, identity: &str, fact: Option<PaymentFact>) -> Work {
        self.seq += 1;
        let message = Message {
            id: Uuid::now_v7(),
            kind: "alipay".to_owned(),
            account: "shop".to_owned(),
            key: String::new(),
            attempt: 0,
            received_at: NOW,
            number: Number { epoch: self.epoch, seq: self.seq },
            content_type: None,
            http: vec![],
            traceparent: None,
            body: Bytes::from_static(b"as received"),
        };
        let kind = "trade_status_sync".to_owned();
        let fact = fact.map(Fact::Payment);
        let notification = Notification { identity: identity.to_owned(), kind, fact };
        Work::Reading(Box::new(Reading {
            message,
            replay: None,
            notifications: vec![notification],
        }))
    }

    pub(super) async fn settle(&mut self, batch: &[Work]) -> Result<Vec<Bucket>, LedgerError> {
        self.session.settle(batch, NOW).await
    }

    /// Settles one message alone.
    pub(super) async fn tell(&mut self, identity: &str, fact: PaymentFact) -> Bucket {
        let work = self.message(identity, Some(fact));
        self.settle(&[work]).await.unwrap().remove(0)
    }

    pub(super) async fn order(&mut self, number: &str) -> OrderRecord {
        self.session.order(number).await.unwrap().unwrap()
    }

    /// The types of a subject's events, in their order.
    pub(super) async fn announced(&mut self, number: &str) -> Vec<String> {
        self.order(number).await.events.into_iter().map(|event| event.r#type).collect()
    }

    /// Publishes all there is to publish; answers the routing keys.
    pub(super) async fn publish_all(&mut self) -> Vec<String> {
        let mut published = vec![];
        loop {
            let unsent = self.session.unsent(0, 100).await.unwrap();
            if unsent.is_empty() {
                return published;
            }
            self.session.mark_sent(&unsent).await.unwrap();
            published.extend(unsent.into_iter().map(|event| event.routing_key));
        }
    }
}
