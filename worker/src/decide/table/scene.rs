//! Who plays in the tests of the policy: one order of ¥100.00, its states, and what providers say.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::money::{Currency, Money};
use shared::notification::{Notification, RefundStatus};
use shared::order::Mode;
use shared::rules::Rules;
use time::OffsetDateTime;
use time::macros::datetime;

use super::super::{Order, State, decide, reconsider};
use super::back::{Back, refund_of};

mod words;

pub(crate) use self::words::{Amount, Word, refunded, says};

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
    RefundedByName,
    LostToADispute,
    RefundedAnother,
    Cancelled,
    OtherAccount,
    ExpiredBefore,
    ExpiredAfter,
    TestOrder,
    NoAccountNamed,
}

impl Books {
    pub(crate) const ALL: [Self; 17] = [
        Self::NoOrderYet,
        Self::PastTheDeadline,
        Self::Pending,
        Self::Paid,
        Self::PaidByAnother,
        Self::PaidTwice,
        Self::PartiallyRefunded,
        Self::Refunded,
        Self::RefundedByName,
        Self::LostToADispute,
        Self::RefundedAnother,
        Self::Cancelled,
        Self::OtherAccount,
        Self::ExpiredBefore,
        Self::ExpiredAfter,
        Self::TestOrder,
        Self::NoAccountNamed,
    ];

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
            Self::RefundedByName => "refunded by R1",
            Self::LostToADispute => "lost to a dispute",
            Self::RefundedAnother => "refunded another",
            Self::Cancelled => "cancelled",
            Self::OtherAccount => "other account",
            Self::ExpiredBefore => "expired before",
            Self::ExpiredAfter => "expired after",
            Self::TestOrder => "test order",
            Self::NoAccountNamed => "no account named",
        }
    }

    /// Is there an order to compare T1's amount with?
    pub(crate) fn compares(self) -> bool {
        !matches!(self, Self::NoOrderYet | Self::PastTheDeadline)
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
            Self::RefundedByName => {
                let paid = told(pending(), "T1", Word::Succeeded);
                tell(&paid, &refund_of(PRICE.minor, RefundStatus::Succeeded))
            }
            Self::LostToADispute => {
                tell(&told(pending(), "T1", Word::Succeeded), &Back::Lost.says())
            }
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

/// The state after a notification that comes now.
pub(crate) fn tell(state: &State, notification: &Notification) -> State {
    tell_by(state, notification, &RULES)
}

pub(crate) fn tell_by(state: &State, notification: &Notification, rules: &Rules) -> State {
    decide(state, "shop", notification, NOW, rules).1
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
