//! Notifications and batches in few words.

use anyhow::Context as _;
use bytes::Bytes;
use shared::message::{Message, Number};
use shared::money::{Currency, Money};
use shared::notification::{
    DisputeFact, DisputeStatus, Evidence, Fact, Notification, PaymentFact, PaymentStatus,
    RefundFact, RefundStatus, RefundTotal,
};
use shared::process;
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;
use worker::decide::fold::Reading;
use worker::ledger::records::{CaseRecord, NewOrder, NewSubscription, OrderRecord};
use worker::ledger::{Bucket, Session, Work};

pub(super) const PAID_AT: OffsetDateTime = datetime!(2026-11-23 04:00:03 UTC);

/// One ingress that numbers its messages.
pub(super) struct Ingress {
    pub(super) epoch: Uuid,
    pub(super) seq: i64,
}

/// What a test's provider says.
pub(super) struct Says {
    pub(super) order_number: &'static str,
    pub(super) transaction: &'static str,
    pub(super) minor: i64,
    pub(super) refunded: Option<i64>,
}

impl Says {
    pub(super) fn paid(order_number: &'static str, transaction: &'static str, minor: i64) -> Self {
        Self { order_number, transaction, minor, refunded: None }
    }

    pub(super) fn refunded(self, total: i64) -> Self {
        Self { refunded: Some(total), ..self }
    }
}

impl Ingress {
    pub(super) fn new() -> Self {
        Self { epoch: Uuid::now_v7(), seq: 0 }
    }

    /// A message with one notification of its own identity.
    pub(super) fn message(&mut self, says: &Says) -> Work {
        self.seq += 1;
        let identity = format!("n-{}-{}", self.epoch, self.seq);
        self.message_with(says, &identity)
    }

    /// The next number, for what is no notification.
    pub(super) fn next(&mut self) -> Number {
        self.seq += 1;
        Number { epoch: self.epoch, seq: self.seq }
    }

    /// A message of this number.
    pub(super) fn numbered(&self, seq: i64, says: &Says) -> Work {
        let numbered = Self { seq, ..*self };
        numbered.message_with(says, &format!("n-{}-{seq}", self.epoch))
    }

    pub(super) fn message_with(&self, says: &Says, identity: &str) -> Work {
        let refund_total = says.refunded.map(|total_minor| RefundTotal {
            total_minor,
            refund_no: None,
            occurred_at: PAID_AT,
        });
        let fact = PaymentFact {
            transaction: says.transaction.into(),
            order_number: says.order_number.into(),
            status: PaymentStatus::Succeeded,
            amount: yuan(says.minor),
            occurred_at: PAID_AT,
            refund_total,
            agreement: None,
        };
        self.work(vec![Some(Fact::Payment(fact))], identity)
    }

    /// A message about a refund or a dispute, which names no order.
    pub(super) fn tell(&mut self, fact: Fact) -> Work {
        self.batch(vec![Some(fact)])
    }

    /// One request that tells all of this; nothing: of a type that nobody asked for.
    pub(super) fn batch(&mut self, facts: Vec<Option<Fact>>) -> Work {
        self.seq += 1;
        let identity = format!("n-{}-{}", self.epoch, self.seq);
        self.work(facts, &identity)
    }

    fn work(&self, facts: Vec<Option<Fact>>, identity: &str) -> Work {
        let message = Message {
            id: Uuid::now_v7(),
            kind: "alipay".into(),
            account: "shop".into(),
            key: "k".into(),
            attempt: 0,
            received_at: process::now(),
            number: Number { epoch: self.epoch, seq: self.seq },
            content_type: None,
            http: vec![],
            traceparent: None,
            body: Bytes::from_static(b"a=b"),
        };
        let kind = "trade_status_sync/TRADE_SUCCESS";
        let told = facts.into_iter().enumerate().map(|(place, fact)| Notification {
            identity: if place == 0 { identity.into() } else { format!("{identity}-{place}") },
            kind: kind.into(),
            fact,
        });
        Work::Reading(Box::new(Reading { message, replay: None, notifications: told.collect() }))
    }
}

/// A signed refund that the provider names.
pub(super) fn refund(transaction: &str, refund: &str, minor: i64, status: RefundStatus) -> Fact {
    Fact::Refund(RefundFact {
        transaction: transaction.into(),
        refund: refund.into(),
        order_number: None,
        refund_no: Some(format!("shop-{refund}")),
        status,
        amount: yuan(minor),
        occurred_at: PAID_AT,
        evidence: Evidence::Signed,
    })
}

pub(super) fn dispute(transaction: &str, minor: i64, status: DisputeStatus) -> Fact {
    Fact::Dispute(DisputeFact {
        transaction: transaction.into(),
        dispute: "D1".into(),
        order_number: None,
        status,
        amount: yuan(minor),
        occurred_at: PAID_AT,
    })
}

fn yuan(minor: i64) -> Money {
    Money { minor, currency: Currency::CNY }
}

pub(super) async fn settle(
    session: &mut impl Session,
    batch: &[Work],
) -> anyhow::Result<Vec<Bucket>> {
    Ok(session.settle(batch, process::now()).await?)
}

pub(super) async fn import(
    session: &mut impl Session,
    order_no: &str,
    amount: i64,
) -> anyhow::Result<()> {
    session.import(&[order(order_no, amount)], process::now()).await?;
    Ok(())
}

pub(super) fn order(order_no: &str, amount: i64) -> NewOrder {
    NewOrder {
        order_no: order_no.into(),
        amount,
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

/// Ten fen a month.
pub(super) fn subscription(number: &str) -> NewSubscription {
    NewSubscription {
        subscription_no: number.into(),
        account: "shop".into(),
        agreement_no: None,
        amount: 10,
        currency: Currency::CNY,
        period: "P1M".into(),
        anchor: None,
        time_zone: "UTC".into(),
        grace: "P0D".into(),
        metadata: None,
    }
}

pub(super) async fn show(session: &mut impl Session, number: &str) -> anyhow::Result<OrderRecord> {
    session.order(number).await?.context("no such order")
}

/// Kind and status of each case about an order, sorted.
pub(super) fn cases(cases: &[CaseRecord]) -> Vec<(String, String)> {
    let mut cases: Vec<_> =
        cases.iter().map(|case| (case.kind.clone(), case.status.clone())).collect();
    cases.sort();
    cases
}

/// The types of an order's events, in sequence.
pub(super) fn events(order: &OrderRecord) -> Vec<&str> {
    order.events.iter().map(|event| event.r#type.as_str()).collect()
}
