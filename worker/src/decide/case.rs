//! Cases: which kinds there are, and how one is told from another.

use sha2::{Digest as _, Sha256};
use shared::money::Currency;
use uuid::Uuid;

use super::PaymentKey;

/// Money that cannot be settled by rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CaseKind {
    AmountMismatch,
    WrongPayee,
    DuplicatePayment,
    PaidAfterCancel,
    OverRefund,
    RefundUnconfirmed,
    UnknownOrder,
    Dispute,
    UnprovenPayment,
}

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
}

impl CaseKind {
    pub const ALL: [Self; 9] = [
        Self::AmountMismatch,
        Self::WrongPayee,
        Self::DuplicatePayment,
        Self::PaidAfterCancel,
        Self::OverRefund,
        Self::RefundUnconfirmed,
        Self::UnknownOrder,
        Self::Dispute,
        Self::UnprovenPayment,
    ];

    /// The word in tables, events and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AmountMismatch => "amount_mismatch",
            Self::WrongPayee => "wrong_payee",
            Self::DuplicatePayment => "duplicate_payment",
            Self::PaidAfterCancel => "paid_after_cancel",
            Self::OverRefund => "over_refund",
            Self::RefundUnconfirmed => "refund_unconfirmed",
            Self::UnknownOrder => "unknown_order",
            Self::Dispute => "dispute",
            Self::UnprovenPayment => "unproven_payment",
        }
    }

    /// The kind that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
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
