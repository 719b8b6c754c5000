//! Who plays in the tests of a subscription: ¥15.00 a month, one agreement, and a ledger in memory.

use shared::message::{Message, Number};
use shared::money::{Currency, Money};
use shared::notification::{
    AgreementChange, AgreementFact, Fact, Notification, PaymentFact, PaymentStatus, RefundTotal,
    Revival,
};
use shared::order::Mode;
use shared::rules::Rules;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::super::super::Decision;
use super::super::super::announce::Announcement;
use super::super::super::fold::{Books, Changes, Reading, fold, refold};
use super::super::{Standing, Subscription, Terms};

pub(super) const NOW: OffsetDateTime = datetime!(2026-06-01 0:00 UTC);
pub(super) const PRICE: Money = Money { minor: 1_500, currency: Currency::CNY };

/// What a provider says, with its day counted from 31 January 2026.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    Signed(i64),
    SignedUntil(i64, i64),
    Ended(i64),
    Failed(i64),
    /// Transaction and day.
    Charged(&'static str, i64),
    /// Of another amount.
    Dearer(&'static str, i64),
    Cheaper(&'static str, i64),
    InDollars(&'static str, i64),
    /// It is on its way.
    Begun(&'static str, i64),
    /// All of it went back.
    Refunded(&'static str, i64),
    /// A third of it did.
    PartlyRefunded(&'static str, i64),
}

pub(super) use Says::{Charged, Dearer, Ended, Failed, Refunded, Signed, SignedUntil};

pub(super) fn day(day: i64) -> OffsetDateTime {
    datetime!(2026-01-31 8:00 UTC) + Duration::days(day)
}

pub(super) fn terms() -> Terms {
    Terms {
        subscription_no: "S-1".into(),
        account: "shop".into(),
        agreement_no: None,
        amount: PRICE,
        period: "P1M".into(),
        anchor: None,
        time_zone: "UTC".into(),
        grace: "P3D".into(),
        mode: Mode::default(),
    }
}

pub(super) fn agreement(change: AgreementChange, at: i64, revival: Revival) -> Fact {
    Fact::Agreement(AgreementFact {
        agreement: "G-1".into(),
        subscription_no: matches!(change, AgreementChange::Signed { .. }).then(|| "S-1".to_owned()),
        change,
        occurred_at: day(at),
        revival,
    })
}

pub(super) fn payment(transaction: &str, at: i64, minor: i64, refunded: Option<i64>) -> Fact {
    Fact::Payment(PaymentFact {
        transaction: transaction.into(),
        order_number: transaction.into(),
        status: PaymentStatus::Succeeded,
        amount: Money { minor, ..PRICE },
        occurred_at: day(at),
        refund_total: refunded.map(|total_minor| RefundTotal {
            total_minor,
            refund_no: None,
            occurred_at: day(at + 1),
        }),
        agreement: Some("G-1".into()),
    })
}

fn changed(mut fact: Fact, change: impl FnOnce(&mut PaymentFact)) -> Fact {
    if let Fact::Payment(payment) = &mut fact {
        change(payment);
    }
    fact
}

impl Says {
    pub(super) fn fact(self, revival: Revival) -> Fact {
        let signed = |until: Option<i64>| AgreementChange::Signed { valid_until: until.map(day) };
        match self {
            Signed(at) => agreement(signed(None), at, revival),
            SignedUntil(at, until) => agreement(signed(Some(until)), at, revival),
            Ended(at) => agreement(AgreementChange::Ended, at, revival),
            Failed(at) => {
                let charge = format!("attempt-{at}");
                agreement(AgreementChange::ChargeFailed { charge, amount: None }, at, revival)
            }
            Charged(transaction, at) => payment(transaction, at, PRICE.minor, None),
            Dearer(transaction, at) => payment(transaction, at, PRICE.minor + 1, None),
            Self::Cheaper(transaction, at) => payment(transaction, at, PRICE.minor - 1, None),
            Self::InDollars(transaction, at) => {
                changed(payment(transaction, at, PRICE.minor, None), |fact| {
                    fact.amount.currency = Currency::USD;
                })
            }
            Self::Begun(transaction, at) => {
                changed(payment(transaction, at, PRICE.minor, None), |fact| {
                    fact.status = PaymentStatus::Pending;
                })
            }
            Refunded(transaction, at) => payment(transaction, at, PRICE.minor, Some(PRICE.minor)),
            Self::PartlyRefunded(transaction, at) => {
                payment(transaction, at, PRICE.minor, Some(PRICE.minor / 3))
            }
        }
    }

    pub(super) fn reading(self, revival: Revival) -> Reading {
        let fact = Some(self.fact(revival));
        let notification =
            Notification { identity: format!("{self:?}"), kind: String::new(), fact };
        let message = Message {
            id: Uuid::nil(),
            kind: String::new(),
            account: "shop".into(),
            key: String::new(),
            attempt: 0,
            received_at: NOW,
            number: Number { epoch: Uuid::nil(), seq: 0 },
            content_type: None,
            http: vec![],
            traceparent: None,
            body: bytes::Bytes::new(),
        };
        Reading { message, replay: None, notifications: vec![notification] }
    }
}

/// A ledger in memory.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) books: Books,
    pub(super) told: Vec<Announcement>,
    pub(super) decisions: Vec<Decision>,
}

impl Ledger {
    pub(super) fn subscribed(terms: Terms) -> Self {
        let mut ledger = Self::default();
        ledger.subscribe(terms);
        ledger
    }

    pub(super) fn subscribe(&mut self, terms: Terms) {
        let number = terms.subscription_no.clone();
        let one = Subscription { terms, standing: Standing::pending() };
        self.books.contracts.subscriptions.insert(number, one);
        self.sweep(NOW);
    }

    pub(super) fn tell(&mut self, says: Says, revival: Revival) {
        let changes = fold(self.books.clone(), &[&says.reading(revival)], NOW, &Rules::default());
        self.books.seen.insert(("shop".into(), format!("{says:?}")));
        self.decisions.extend(changes.strongest());
        self.write(changes);
    }

    /// One fact, by a clock of this time.
    pub(super) fn tell_at(&mut self, fact: Fact, now: OffsetDateTime) -> Decision {
        let mut reading = Charged("", 0).reading(Revival::Never);
        reading.notifications[0].identity = format!("{fact:?} {now}");
        reading.notifications[0].fact = Some(fact);
        let changes = fold(self.books.clone(), &[&reading], now, &Rules::default());
        let decision = changes.strongest()[0];
        self.write(changes);
        decision
    }

    /// A payment without an agreement, under its own number, on the day after.
    pub(super) fn pay(&mut self, transaction: &str, at: i64) {
        let Fact::Payment(fact) = payment(transaction, at, PRICE.minor, None) else {
            unreachable!()
        };
        self.tell_at(Fact::Payment(PaymentFact { agreement: None, ..fact }), day(at + 1));
    }

    pub(super) fn sweep(&mut self, now: OffsetDateTime) {
        let changes = refold(self.books.clone(), now, &Rules::default());
        self.write(changes);
    }

    pub(super) fn write(&mut self, changes: Changes) {
        for (_, after) in changes.states {
            let order = after.order.as_ref().map(|order| order.order_no.clone());
            let number = || after.payments.values().next().map(|one| one.order_number.clone());
            let name = order.or_else(number).expect("it holds something");
            self.books.states.insert(name, after);
        }
        self.books.contracts = changes.contracts.1;
        self.told.extend(changes.announcements);
    }

    pub(super) fn standing(&self) -> &Standing {
        &self.books.contracts.subscriptions["S-1"].standing
    }

    /// The status, and the first day of each period with its transaction.
    pub(super) fn shown(&self) -> String {
        let standing = self.standing();
        let mut covers: Vec<_> = standing.covers.iter().map(|(key, cover)| (cover, key)).collect();
        covers.sort();
        let day = |at: OffsetDateTime| format!("{:02}-{:02}", u8::from(at.month()), at.day());
        let covers: Vec<String> = covers
            .iter()
            .map(|(cover, key)| format!("{} {}", key.transaction, day(cover.from)))
            .collect();
        let until = standing.entitled_until.map(day).unwrap_or_default();
        format!("{} | {} | {until}", standing.status.as_str(), covers.join(", "))
    }

    pub(super) fn events(&self) -> Vec<&str> {
        let events = self.told.iter().map(|told| told.kind.routing_key());
        let verb = |key: &'static str| key.strip_prefix("subscription.").unwrap_or(key);
        events.map(|key| verb(key).trim_end_matches(".v1")).collect()
    }
}
