//! What providers say of T1 in the tests of the policy.

use shared::money::Money;
use shared::notification::{Fact, Notification, PaymentFact, PaymentStatus, RefundTotal};

use super::{NOW, PAID_AT, PRICE};

/// What a notification says about T1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Pending,
    Authorised,
    Failed,
    Closed,
    Succeeded,
    Finished,
    PartialRefund,
    FullRefund,
    RefundBeyond,
    UnknownType,
}

/// How T1's amount stands to the order's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Amount {
    Exact,
    Less,
    More,
    OtherCurrency,
}

impl Word {
    pub(crate) const ALL: [Self; 10] = [
        Self::Pending,
        Self::Authorised,
        Self::Failed,
        Self::Closed,
        Self::Succeeded,
        Self::Finished,
        Self::PartialRefund,
        Self::FullRefund,
        Self::RefundBeyond,
        Self::UnknownType,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Authorised => "authorised",
            Self::Failed => "failed",
            Self::Closed => "closed",
            Self::Succeeded => "succeeded",
            Self::Finished => "finished",
            Self::PartialRefund => "partial refund",
            Self::FullRefund => "full refund",
            Self::RefundBeyond => "refund beyond",
            Self::UnknownType => "unknown type",
        }
    }

    /// The amounts that make a difference, where they are compared at all.
    pub(crate) fn amounts(self) -> &'static [Amount] {
        match self {
            Self::Succeeded
            | Self::Finished
            | Self::PartialRefund
            | Self::FullRefund
            | Self::RefundBeyond => &Amount::ALL,
            Self::Pending | Self::Authorised | Self::Failed | Self::Closed | Self::UnknownType => {
                &[]
            }
        }
    }
}

impl Amount {
    pub(crate) const ALL: [Self; 4] = [Self::Exact, Self::Less, Self::More, Self::OtherCurrency];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Less => "less",
            Self::More => "more",
            Self::OtherCurrency => "other currency",
        }
    }

    pub(crate) fn money(self) -> Money {
        match self {
            Self::Exact => PRICE,
            Self::Less => Money { minor: PRICE.minor - 1, ..PRICE },
            Self::More => Money { minor: PRICE.minor + 1, ..PRICE },
            Self::OtherCurrency => Money { currency: "USD".parse().unwrap(), ..PRICE },
        }
    }
}

/// A notification of the account "shop" about a transaction for order A-1.
pub(crate) fn says(transaction: &str, word: Word, amount: Money) -> Notification {
    let (status, after_min, refund) = match word {
        Word::Pending => (PaymentStatus::Pending, -2, None),
        Word::Authorised => (PaymentStatus::Authorised, -1, None),
        Word::Failed => (PaymentStatus::Failed, -1, None),
        Word::Closed => (PaymentStatus::Closed, 60, None),
        Word::Succeeded => (PaymentStatus::Succeeded, 0, None),
        Word::Finished => (PaymentStatus::Finished, 0, None),
        Word::PartialRefund => (PaymentStatus::Succeeded, 0, Some(5_000)),
        Word::FullRefund => (PaymentStatus::Succeeded, 0, Some(amount.minor)),
        Word::RefundBeyond => (PaymentStatus::Succeeded, 0, Some(15_000)),
        Word::UnknownType => {
            return Notification { identity: word.name().into(), kind: "new".into(), fact: None };
        }
    };
    let fact = PaymentFact {
        transaction: transaction.into(),
        order_number: "A-1".into(),
        status,
        amount,
        occurred_at: PAID_AT + time::Duration::minutes(after_min),
        refund_total: refund.map(|total_minor| RefundTotal {
            total_minor,
            refund_no: Some(word.name().into()),
            occurred_at: NOW,
        }),
        agreement: None,
    };
    let identity = format!("{transaction}/{}/{amount}", word.name());
    Notification { identity, kind: word.name().into(), fact: Some(Fact::Payment(fact)) }
}

/// A success that also tells how much went back so far.
pub(crate) fn refunded(transaction: &str, total_minor: i64, refund_no: &str) -> Notification {
    let mut notification = says(transaction, Word::PartialRefund, PRICE);
    if let Some(Fact::Payment(PaymentFact { refund_total: Some(refund), .. })) =
        &mut notification.fact
    {
        refund.total_minor = total_minor;
        refund.refund_no = Some(refund_no.into());
    }
    notification.identity = format!("{transaction}/{total_minor}/{refund_no}");
    notification
}
