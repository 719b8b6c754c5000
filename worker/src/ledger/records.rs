//! What people and programs read from the ledger, and what shops write into it.
//! The JSON keys are promises.

use serde::{Deserialize, Serialize};
use shared::money::{Currency, Money};
use shared::order::{Mode, OrderStatus, check_order_no};
use shared::rules::Rules;
use time::OffsetDateTime;
use uuid::Uuid;

mod metadata;
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
pub use self::refunds::{DisputeRecord, RefundRecord, StatedTotal};
pub use self::subscriptions::{
    AgreementRecord, ChargeRecord, NewSubscription, SubscriptionFilter, SubscriptionRecord,
};
pub use self::trail::{Acted, Announced, Heard, TRAIL_MAX, Trail};

/// Numbers under which one order may be offered to providers.
pub const NUMBERS_MAX: usize = 16;
/// Bytes of an account's name; the configuration allows no longer one.
pub const ACCOUNT_MAX_BYTES: usize = 64;

/// An order as a shop writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    pub order_no: String,
    /// In minor units; more than nothing.
    pub amount: i64,
    pub currency: Currency,
    #[serde(default)]
    pub account: Option<String>,
    /// Further numbers under which it is offered to providers.
    #[serde(default)]
    pub numbers: Vec<String>,
    /// What is paid later does not pay for it; a pending order is cancelled then.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    /// Only an account of the same mode may be paid.
    #[serde(default)]
    pub mode: Mode,
    #[serde(default)]
    pub metadata: Option<serde_json::Value>,
}

/// What became of one imported order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imported {
    Inserted,
    Updated,
    Unchanged,
    /// Why not, in words.
    Refused(String),
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

impl NewOrder {
    /// What is wrong with it, in words.
    pub fn check(&self) -> Result<(), String> {
        check_order_no(&self.order_no).map_err(|error| format!("order_no: {error}"))?;
        for number in &self.numbers {
            check_order_no(number).map_err(|error| format!("numbers: {error}"))?;
        }
        if self.numbers.len() > NUMBERS_MAX {
            return Err(format!("numbers: at most {NUMBERS_MAX}"));
        }
        if self.currency == Currency::XXX {
            return Err("currency: XXX is no currency that can be paid in".to_owned());
        }
        if self.amount <= 0 {
            return Err("amount: more than 0 is needed, in minor units".to_owned());
        }
        let account = self.account.as_ref().map(String::len);
        if account.is_some_and(|bytes| !(1..=ACCOUNT_MAX_BYTES).contains(&bytes)) {
            return Err(format!("account: from 1 to {ACCOUNT_MAX_BYTES} bytes are needed"));
        }
        if let Some(metadata) = &self.metadata {
            metadata::check(metadata)?;
        }
        Ok(())
    }

    /// What is wrong with it where the installation has these rules.
    pub fn check_by(&self, rules: &Rules) -> Result<(), String> {
        self.check()?;
        if rules.account_required && self.account.is_none() {
            let rule =
                "account: missing, and policy.account_required says that every order names one";
            return Err(rule.to_owned());
        }
        Ok(())
    }

    pub fn money(&self) -> Money {
        Money { minor: self.amount, currency: self.currency }
    }

    /// Its own number and the further ones, each once.
    pub fn all_numbers(&self) -> Vec<String> {
        let mut numbers = vec![self.order_no.clone()];
        numbers.extend(self.numbers.clone());
        numbers.sort();
        numbers.dedup();
        numbers
    }
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
