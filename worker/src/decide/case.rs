//! Cases: how one is told from another, and what is at stake.

use sha2::{Digest as _, Sha256};
use shared::case::{CaseKind, CasePolicy};
use shared::money::Currency;
use time::OffsetDateTime;
use uuid::Uuid;

use super::PaymentKey;

/// A case's identity: its kind and what it is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaseKey {
    pub kind: CaseKind,
    pub about: About,
}

/// What a case is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum About {
    Order(String),
    Payment(PaymentKey),
}

/// An open case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The number under which the order was offered.
    pub order_number: String,
    /// Money at stake, in minor units.
    pub amount_minor: i64,
    pub currency: Currency,
    /// What the account had chosen for its kind when it opened, as far as that could apply.
    pub policy: CasePolicy,
    /// Until when the provider takes a refund of the money, as far as that is known.
    pub refund_by: Option<OffsetDateTime>,
}

impl Case {
    /// The word for its status when it opens: what the account wants refunded waits for that alone.
    pub fn first_status(&self) -> &'static str {
        match self.policy {
            CasePolicy::RefundRequested => "acknowledged",
            CasePolicy::Hold | CasePolicy::Fulfil | CasePolicy::Ignore => "open",
        }
    }
}

impl CaseKey {
    /// The same for the same case on every engine: a UUIDv8 over kind and subject.
    pub fn id(&self) -> Uuid {
        let mut hash = Sha256::new();
        let mut field = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        };
        field(self.kind.as_str());
        match &self.about {
            About::Order(order_no) => field(order_no),
            About::Payment(key) => {
                field(&key.account);
                field(&key.transaction);
            }
        }
        let digest = hash.finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }
}
