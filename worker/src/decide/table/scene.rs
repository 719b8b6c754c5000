//! Who plays in the tests of the policy: one order of ¥100.00, its states, and what providers say.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::money::{Currency, Money};
use shared::notification::{Fact, Notification, PaymentFact, PaymentStatus, RefundTotal};
use shared::order::Mode;
use shared::rules::Rules;
use time::OffsetDateTime;
use time::macros::datetime;

use super::super::{Order, State, decide, reconsider};

pub(crate) const NOW: OffsetDateTime = datetime!(2026-01-02 12:00 UTC);
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);
pub(crate) static RULES: Rules =
    Rules { patience: PATIENCE, account_required: false, accounts: BTreeMap::new() };
/// Where several merchants share an installation.
static STRICT: Rules =
    Rules { patience: PATIENCE, account_required: true, accounts: BTreeMap::new() };
const PAID_AT: OffsetDateTime = datetime!(2026-01-02 11:59 UTC);
pub(crate) const PRICE: Money = Money { minor: 10_000, currency: Currency::CNY };

/// What the books hold before a notification comes. It speaks of transaction T1; "another" is T0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Books {
    NoOrderYet,
    PastTheDeadline,
    Pending,
    Paid,
    PaidByAnother,
    PaidTwice,
    PartiallyRefunded,
    Refunded,
    RefundedAnother,
    Cancelled,
    OtherAccount,
    ExpiredBefore,
    ExpiredAfter,
    TestOrder,
    NoAccountNamed,
}

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
    Other,
    OtherCurrency,
}

impl Books {
    pub(crate) const ALL: [Self; 15] = [
        Self::NoOrderYet,
        Self::PastTheDeadline,
        Self::Pending,
        Self::Paid,
        Self::PaidByAnother,
        Self::PaidTwice,
        Self::PartiallyRefunded,
        Self::Refunded,
        Self::RefundedAnother,
        Self::Cancelled,
        Self::OtherAccount,
        Self::ExpiredBefore,
        Self::ExpiredAfter,
        Self::TestOrder,
        Self::NoAccountNamed,
    ];

    /// Those in which money that goes back means something of its own.
    pub(crate) const OF_REFUNDS: &[Self] = Self::ALL.split_at(11).0;

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NoOrderYet => "no order yet",
            Self::PastTheDeadline => "past the deadline",
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::PaidByAnother => "paid by another",
            Self::PaidTwice => "paid twice",
            Self::PartiallyRefunded => "partially refunded",
            Self::Refunded => "refunded",
            Self::RefundedAnother => "refunded another",
            Self::Cancelled => "cancelled",
            Self::OtherAccount => "other account",
            Self::ExpiredBefore => "expired before",
            Self::ExpiredAfter => "expired after",
            Self::TestOrder => "test order",
            Self::NoAccountNamed => "no account named",
        }
    }

    /// Does T1's amount still have to be compared with the order's?
    pub(crate) fn compares(self) -> bool {
        match self {
            Self::Pending
            | Self::PaidByAnother
            | Self::RefundedAnother
            | Self::Cancelled
            | Self::OtherAccount
            | Self::ExpiredBefore
            | Self::ExpiredAfter
            | Self::TestOrder
            | Self::NoAccountNamed => true,
            Self::NoOrderYet
            | Self::PastTheDeadline
            | Self::Paid
            | Self::PaidTwice
            | Self::PartiallyRefunded
            | Self::Refunded => false,
        }
    }

    /// What the installation has chosen.
    pub(crate) fn rules(self) -> &'static Rules {
        if self == Self::NoAccountNamed { &STRICT } else { &RULES }
    }

    pub(crate) fn state(self) -> State {
        let pending = || ordered(State::default(), None);
        let told = |state: State, transaction, word| tell(&state, &says(transaction, word, PRICE));
        match self {
            Self::NoOrderYet => State::default(),
            Self::PastTheDeadline => {
                reconsider(&told(State::default(), "T1", Word::Succeeded), NOW + PATIENCE, &RULES)
            }
            Self::Pending => pending(),
            Self::Paid => told(pending(), "T1", Word::Succeeded),
            Self::PaidByAnother => told(pending(), "T0", Word::Succeeded),
            Self::PaidTwice => told(told(pending(), "T0", Word::Succeeded), "T1", Word::Succeeded),
            Self::PartiallyRefunded => {
                let refund = refunded("T1", 3_000, "first");
                tell(&told(pending(), "T1", Word::Succeeded), &refund)
            }
            Self::Refunded => told(pending(), "T1", Word::FullRefund),
            Self::RefundedAnother => told(pending(), "T0", Word::FullRefund),
            Self::Cancelled => cancelled(pending()),
            Self::OtherAccount => ordered(State::default(), Some("other-shop")),
            Self::ExpiredBefore => expired(pending(), PAID_AT - time::Duration::MINUTE),
            Self::ExpiredAfter => expired(pending(), PAID_AT),
            Self::TestOrder => {
                let mut state = pending();
                state.order.iter_mut().for_each(|order| order.mode = Mode::Test);
                state
            }
            Self::NoAccountNamed => pending(),
        }
    }
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
            Self::Succeeded => &Amount::ALL,
            Self::PartialRefund | Self::FullRefund => &[Amount::Exact, Amount::Other],
            Self::Finished | Self::RefundBeyond => &[Amount::Exact],
            Self::Pending | Self::Authorised | Self::Failed | Self::Closed | Self::UnknownType => {
                &[]
            }
        }
    }
}

impl Amount {
    pub(crate) const ALL: [Self; 3] = [Self::Exact, Self::Other, Self::OtherCurrency];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Other => "other amount",
            Self::OtherCurrency => "other currency",
        }
    }

    pub(crate) fn money(self) -> Money {
        match self {
            Self::Exact => PRICE,
            Self::Other => Money { minor: PRICE.minor - 1, ..PRICE },
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

/// The state after a notification that comes now.
pub(crate) fn tell(state: &State, notification: &Notification) -> State {
    decide(state, "shop", notification, NOW, &RULES).1
}

/// The state after the shop wrote order A-1.
pub(crate) fn ordered(mut state: State, account: Option<&str>) -> State {
    state.order = Some(Order::new("A-1".into(), PRICE, account.map(ToOwned::to_owned)));
    reconsider(&state, NOW, &RULES)
}

/// The state after the order has run out and the sweep came by.
fn expired(mut state: State, at: OffsetDateTime) -> State {
    state.order.iter_mut().for_each(|order| order.expires_at = Some(at));
    reconsider(&state, NOW, &RULES)
}

/// The state after the shop cancelled it by SQL and the sweep came by.
pub(crate) fn cancelled(mut state: State) -> State {
    if let Some(order) = &mut state.order {
        order.cancelled = true;
    }
    reconsider(&state, NOW, &RULES)
}
