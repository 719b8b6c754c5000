//! What a history comes to, whoever tells it.

use std::collections::BTreeSet;

use shared::case::CaseVerdict;
use shared::money::Currency;
use shared::order::OrderStatus;
use time::OffsetDateTime;
use uuid::Uuid;
use worker::ledger::records::{Cancelled, RefundRecord, SubscriptionRecord};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub(super) orders: Vec<Stands>,
    pub(super) cases: BTreeSet<Open>,
    /// Without their events.
    pub(super) subscriptions: Vec<SubscriptionRecord>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stands {
    pub(super) order_no: String,
    pub(super) status: OrderStatus,
    pub(super) paid_minor: i64,
    pub(super) refunded_minor: i64,
    pub(super) paid_at: Option<OffsetDateTime>,
    /// Is it active? Nothing: there is none.
    pub(super) fulfilment: Option<bool>,
    /// Account, transaction, status, amount, and when.
    pub(super) payments: BTreeSet<(String, String, String, i64, OffsetDateTime)>,
    pub(super) refunds: Vec<RefundRecord>,
}

/// A case that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Open {
    pub(super) id: Uuid,
    pub(super) kind: String,
    pub(super) status: String,
    /// The order, or the transaction.
    pub(super) about: String,
    pub(super) amount: i64,
    pub(super) currency: Currency,
    pub(super) policy: String,
}

/// What became of what the shop or a person did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    Cancelled(String, Cancelled),
    Resolved(Uuid, CaseVerdict, Resolved),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resolved {
    Done,
    /// It closed meanwhile.
    Closed,
    Impossible,
}
