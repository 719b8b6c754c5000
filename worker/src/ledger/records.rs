//! What people and programs read from the ledger, and what shops write into it.
//! The JSON keys are promises.

use serde::Serialize;
use shared::case::CaseKind;
use shared::money::Currency;
use shared::order::{Mode, OrderStatus};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::decide::PaymentKey;
use crate::decide::payment::Pays;

mod metadata;
mod new_order;
mod refunds;
mod balance;
mod subscriptions;
mod desk;
mod trail;

pub use self::balance::{Balance, Missing};
pub use self::desk::{
    CaseAct, CaseActed, CaseFile, EVIDENCE_MAX, EvidenceRecord, NOTE_MAX_BYTES, NOTES_MAX,
    NoteRecord, ResolutionRecord,
};
pub use self::metadata::{METADATA_DEPTH_MAX, METADATA_MAX_BYTES};
pub use self::new_order::{ACCOUNT_MAX_BYTES, NUMBERS_MAX, NewOrder};
pub use self::refunds::{DisputeRecord, RefundRecord, StatedTotal};
pub use self::subscriptions::{
    AgreementRecord, ChargeRecord, NewSubscription, SubscriptionFilter, SubscriptionRecord,
};
pub use self::trail::{Acted, Announced, Buried, Heard, Replayed, TRAIL_MAX, Trail};

/// What became of one imported order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imported {
    Inserted,
    Updated,
    Unchanged,
    /// Why not, in words.
    Refused(String),
}

impl Imported {
    /// Its terms stay, and one that may not change any more was given otherwise.
    pub fn stands(what: &str) -> Self {
        Self::Refused(format!("{what}: it has payments or is over, so this stands as it is"))
    }
}

/// What became of a cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    Done,
    Already,
    NotFound,
    /// It is paid; refund it instead.
    Paid(OrderStatus),
}

/// An event to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    pub id: Uuid,
    pub routing_key: String,
    pub subject: String,
    pub sequence: i64,
    pub occurred_at: OffsetDateTime,
    /// The CloudEvent's bytes.
    pub body: String,
}

/// One line of `orders list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderSummary {
    pub order_no: String,
    pub status: OrderStatus,
    pub amount: i64,
    pub currency: Currency,
    pub account: Option<String>,
    pub mode: Mode,
    /// Paying it extends this subscription,
    pub subscription_no: Option<String>,
    /// by so much; nothing: by the subscription's own period.
    pub period: Option<String>,
    pub paid_amount: i64,
    pub refunded_amount: i64,
    #[serde(with = "time::serde::rfc3339::option")]
    pub paid_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub cancelled_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// One order with everything about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderRecord {
    #[serde(flatten)]
    pub summary: OrderSummary,
    pub numbers: Vec<String>,
    pub fulfilments: Vec<FulfilmentRecord>,
    pub payments: Vec<PaymentRecord>,
    pub refunds: Vec<RefundRecord>,
    pub disputes: Vec<DisputeRecord>,
    pub cases: Vec<CaseRecord>,
    pub events: Vec<EventLine>,
    /// What was accepted as payment by somebody's word.
    #[serde(skip)]
    pub accepted: Vec<Accepted>,
}

/// Money that counts by somebody's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub kind: CaseKind,
    /// Nothing: what came for the order too late.
    pub payment: Option<PaymentKey>,
    /// By the account's policy, and by no person.
    pub by_policy: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FulfilmentRecord {
    pub active: bool,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub revoked_at: Option<OffsetDateTime>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PaymentRecord {
    pub account: String,
    pub transaction: String,
    pub order_number: String,
    pub status: String,
    pub amount: i64,
    pub currency: Currency,
    #[serde(with = "time::serde::rfc3339")]
    pub occurred_at: OffsetDateTime,
    /// Its account's, when the payment was first told.
    pub mode: Mode,
    /// What it may pay, as the installation had it then.
    #[serde(skip)]
    pub pays: Pays,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseRecord {
    pub id: Uuid,
    pub kind: String,
    /// `open`, `acknowledged`, `resolved`.
    pub status: String,
    pub order_number: String,
    pub account: Option<String>,
    pub transaction: Option<String>,
    pub amount: i64,
    pub currency: Currency,
    /// What the account had chosen for such cases when it opened.
    pub policy: String,
    pub owner: Option<String>,
    /// How it ended: `fulfil`, `refund`, `ignore`, or `settled` by the facts.
    pub resolution: Option<String>,
    /// Until when the provider takes a refund of the money, as far as that is known.
    #[serde(with = "time::serde::rfc3339::option")]
    pub refund_by: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    pub opened_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub resolved_at: Option<OffsetDateTime>,
}

/// An event as `orders show` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventLine {
    pub r#type: String,
    pub sequence: i64,
    pub id: Uuid,
    pub published: bool,
}

/// A published event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventRecord {
    /// Its place in the log: give it as `after` to read on.
    pub position: i64,
    /// The CloudEvent.
    pub event: serde_json::Value,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderFilter {
    pub status: Option<OrderStatus>,
    pub account: Option<String>,
    /// Created then or later.
    pub since: Option<OffsetDateTime>,
    /// Only what a list shows behind the order of this age and number.
    pub after: Option<(OffsetDateTime, String)>,
    pub limit: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CaseFilter {
    /// `open`, `acknowledged` or `resolved`.
    pub status: Option<String>,
    pub kind: Option<String>,
    /// Whose money it is about.
    pub account: Option<String>,
    /// Any number of the order.
    pub number: Option<String>,
    pub owner: Option<String>,
    pub limit: i64,
}

/// What a person did by command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// Who, as the system names whoever is logged in.
    pub actor: String,
    /// A noun and a verb, such as `quarantine.drop`.
    pub action: String,
    /// To what, such as `order/A-1`.
    pub subject: String,
    pub reason: String,
}

impl CaseRecord {
    /// Is it about an order with these numbers and payments? A case may have been opened under its
    /// transaction, before the payment named the order.
    pub fn belongs(&self, numbers: &[String], payments: &[PaymentRecord]) -> bool {
        let is_of = |payment: &PaymentRecord| {
            self.account.as_ref() == Some(&payment.account)
                && self.transaction.as_ref() == Some(&payment.transaction)
        };
        numbers.contains(&self.order_number) || payments.iter().any(is_of)
    }
}
