//! What we announce: CloudEvents 1.0 in structured JSON, each a snapshot of its subject.
//!
//! **Invariant**: no personal data. An event names orders, amounts and cases, never people.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::money::Currency;
use crate::order::{Mode, OrderStatus};
use crate::subscription::SubscriptionStatus;

/// The content type of an event's body. Source: CloudEvents 1.0, JSON event format §3.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";
/// The `source` of every event.
pub const SOURCE: &str = "/quittance";
const TYPE_PREFIX: &str = "io.quittance.";
/// Numbers that a snapshot names beside the order's own.
pub const NUMBERS_MAX: usize = 16;

/// What happened, as the routing key says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventType {
    #[serde(rename = "order.paid.v1")]
    OrderPaid,
    #[serde(rename = "order.refunded.v1")]
    OrderRefunded,
    #[serde(rename = "order.cancelled.v1")]
    OrderCancelled,
    #[serde(rename = "subscription.activated.v1")]
    SubscriptionActivated,
    #[serde(rename = "subscription.renewed.v1")]
    SubscriptionRenewed,
    #[serde(rename = "subscription.charge_failed.v1")]
    SubscriptionChargeFailed,
    #[serde(rename = "subscription.refunded.v1")]
    SubscriptionRefunded,
    #[serde(rename = "subscription.ended.v1")]
    SubscriptionEnded,
    #[serde(rename = "case.opened.v1")]
    CaseOpened,
    #[serde(rename = "case.resolved.v1")]
    CaseResolved,
}

impl EventType {
    pub const ALL: [Self; 10] = [
        Self::OrderPaid,
        Self::OrderRefunded,
        Self::OrderCancelled,
        Self::SubscriptionActivated,
        Self::SubscriptionRenewed,
        Self::SubscriptionChargeFailed,
        Self::SubscriptionRefunded,
        Self::SubscriptionEnded,
        Self::CaseOpened,
        Self::CaseResolved,
    ];

    /// `{noun}.{verb}.v{n}`, the key on `quittance.fulfilment`.
    pub fn routing_key(self) -> &'static str {
        match self {
            Self::OrderPaid => "order.paid.v1",
            Self::OrderRefunded => "order.refunded.v1",
            Self::OrderCancelled => "order.cancelled.v1",
            Self::SubscriptionActivated => "subscription.activated.v1",
            Self::SubscriptionRenewed => "subscription.renewed.v1",
            Self::SubscriptionChargeFailed => "subscription.charge_failed.v1",
            Self::SubscriptionRefunded => "subscription.refunded.v1",
            Self::SubscriptionEnded => "subscription.ended.v1",
            Self::CaseOpened => "case.opened.v1",
            Self::CaseResolved => "case.resolved.v1",
        }
    }

    /// The CloudEvents `type`, such as `io.quittance.order.paid.v1`.
    pub fn cloud_type(self) -> String {
        format!("{TYPE_PREFIX}{}", self.routing_key())
    }

    /// The type that a routing key names.
    pub fn from_routing_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.routing_key() == key)
    }
}

/// The subject's state after the commit. A consumer that applies the highest sequence it has seen
/// is right, whatever it missed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderSnapshot>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseSnapshot>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription: Option<SubscriptionSnapshot>,
}

/// An order as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderSnapshot {
    pub order_no: String,
    /// Is the money real? What was announced before it was told reads as live.
    #[serde(default)]
    pub mode: Mode,
    pub status: OrderStatus,
    pub amount: i64,
    pub currency: Currency,
    pub paid_amount: i64,
    pub refunded_amount: i64,
    /// May the goods go out?
    pub entitled: bool,
    /// Other numbers of the order under which payments for it came in, sorted, at most [`NUMBERS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<String>,
    /// Paying it extends this subscription: `subscription.renewed` says so too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_no: Option<String>,
}

/// A subscription as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionSnapshot {
    pub subscription_no: String,
    /// Its account's.
    #[serde(default)]
    pub mode: Mode,
    pub status: SubscriptionStatus,
    /// The agreement that it is charged under, where there is one.
    pub agreement_no: Option<String>,
    /// What one period costs.
    pub amount: i64,
    pub currency: Currency,
    /// How many periods are paid for.
    pub periods: u64,
    #[serde(with = "time::serde::rfc3339::option")]
    pub paid_through: Option<OffsetDateTime>,
    /// Paid through, and the grace while the agreement is not ended.
    #[serde(with = "time::serde::rfc3339::option")]
    pub entitled_until: Option<OffsetDateTime>,
    /// Was it entitled when the event was written?
    pub entitled: bool,
    /// The charge that the event is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<String>,
}

/// What an event says of an order, as a subscriber reads it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OrderNews {
    pub sequence: i64,
    #[serde(flatten)]
    pub order: OrderSnapshot,
}

impl OrderNews {
    /// Reads an event's body; nothing for one that is about no order.
    pub fn parse(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Envelope {
            data: OrderNews,
        }
        serde_json::from_slice(body).ok().map(|Envelope { data }| data)
    }
}

/// A case as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseSnapshot {
    pub id: Uuid,
    /// Of the money that it is about: a sandbox's may come for a live order.
    #[serde(default)]
    pub mode: Mode,
    pub kind: String,
    pub status: String,
    /// The number under which the order was offered to the provider.
    pub order_number: String,
    /// Money that needs a person's decision, in minor units.
    pub amount: i64,
    pub currency: Currency,
    /// What the account chose for such cases: `hold`, `fulfil`, `refund_requested`, `ignore`.
    pub policy: String,
    /// Until when the provider takes a refund, where that is known and the case is open.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_by: Option<OffsetDateTime>,
    /// How it ended: `fulfil`, `refund`, `ignore`, or `settled` by the facts. Nothing while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    /// Who ended it: `person`, `policy`, `facts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<String>,
}

impl CaseSnapshot {
    /// Reads an event's body; nothing for one that is about no case.
    pub fn parse(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Envelope {
            data: Data,
        }
        #[derive(Deserialize)]
        struct Data {
            case: CaseSnapshot,
        }
        serde_json::from_slice(body).ok().map(|Envelope { data }| data.case)
    }
}

/// One event, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// UUIDv7, the same on every redelivery and replay.
    pub id: Uuid,
    pub kind: EventType,
    /// `order/NO` or `subscription/NO`.
    pub subject: String,
    /// Contiguous from 1 for each subject.
    pub sequence: i64,
    pub occurred_at: OffsetDateTime,
    pub snapshot: Snapshot,
}

#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: Uuid,
    source: &'static str,
    r#type: String,
    subject: &'a str,
    time: String,
    datacontenttype: &'static str,
    /// CloudEvents' sequence extension: a number within the subject.
    sequencenumber: i64,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    sequence: i64,
    #[serde(flatten)]
    order: Option<&'a OrderSnapshot>,
    #[serde(flatten)]
    subscription: Option<&'a SubscriptionSnapshot>,
    #[serde(skip_serializing_if = "Option::is_none")]
    case: Option<&'a CaseSnapshot>,
}

impl Event {
    /// The body as published. The bytes are stored, so a redelivery repeats them exactly.
    pub fn to_json(&self) -> String {
        let cloud = CloudEvent {
            specversion: "1.0",
            id: self.id,
            source: SOURCE,
            r#type: self.kind.cloud_type(),
            subject: &self.subject,
            time: self.occurred_at.format(&Rfc3339).unwrap_or_default(),
            datacontenttype: "application/json",
            sequencenumber: self.sequence,
            data: Data {
                sequence: self.sequence,
                order: self.snapshot.order.as_ref(),
                subscription: self.snapshot.subscription.as_ref(),
                case: self.snapshot.case.as_ref(),
            },
        };
        // Only maps with keys that are not text can fail here, and there are none.
        serde_json::to_string(&cloud).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
