//! Which orders take a charge, and which leave it to the subscription: `table/charges.txt` of the policy.

use shared::case::CaseVerdict;
use shared::money::Money;
use shared::notification::{Fact, PaymentFact, Revival};
use shared::rules::Rules;
use time::Duration;

use super::super::super::fold::Changes;
use super::super::super::resolve::{Ruling, resolve};
use super::super::super::table::is_as_written;
use super::super::super::{Order, State};
use super::scene::Says::Signed;
use super::scene::{Ledger, NOW, PRICE, day, payment, terms};

const TABLE: &str = include_str!("../../table/charges.txt");
/// When T1 is charged.
const CHARGED: i64 = 28;

/// How the order stands that T1 names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    NoOrder,
    Pending,
    PaidByAnother,
    RefundedAnother,
    Cancelled,
    ExpiredBefore,
    ExpiredAfter,
    CancelledAndExpired,
    OtherAccount,
    OtherPrice,
}

/// How T1 stands to the subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charge {
    Fits,
    Differs,
    Unbound,
}

impl Named {
    const ALL: [Self; 10] = [
        Self::NoOrder,
        Self::Pending,
        Self::PaidByAnother,
        Self::RefundedAnother,
        Self::Cancelled,
        Self::ExpiredBefore,
        Self::ExpiredAfter,
        Self::CancelledAndExpired,
        Self::OtherAccount,
        Self::OtherPrice,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::NoOrder => "no order",
            Self::Pending => "pending",
            Self::PaidByAnother => "paid by another",
            Self::RefundedAnother => "refunded another",
            Self::Cancelled => "cancelled",
            Self::ExpiredBefore => "expired before",
            Self::ExpiredAfter => "expired after",
            Self::CancelledAndExpired => "both of these",
            Self::OtherAccount => "other account",
            Self::OtherPrice => "other price",
        }
    }

    fn order(self) -> Option<Order> {
        let named =
            Order { subscription_no: Some("S-1".into()), ..Order::new("A-1".into(), PRICE, None) };
        let before = Some(day(CHARGED) - Duration::MINUTE);
        Some(match self {
            Self::NoOrder => return None,
            Self::Pending | Self::PaidByAnother | Self::RefundedAnother => named,
            Self::Cancelled => Order { cancelled: true, ..named },
            Self::ExpiredBefore => Order { expires_at: before, ..named },
            Self::ExpiredAfter => Order { expires_at: Some(day(CHARGED)), ..named },
            Self::CancelledAndExpired => Order { cancelled: true, expires_at: before, ..named },
            Self::OtherAccount => Order { account: Some("other-shop".into()), ..named },
            Self::OtherPrice => {
                Order { amount: Money { minor: PRICE.minor + 1, ..PRICE }, ..named }
            }
        })
    }

    /// What T0, which no agreement knows, paid for the order before.
    fn another(self) -> Option<Fact> {
        let refunded = match self {
            Self::PaidByAnother => None,
            Self::RefundedAnother => Some(PRICE.minor),
            Self::NoOrder
            | Self::Pending
            | Self::Cancelled
            | Self::ExpiredBefore
            | Self::ExpiredAfter
            | Self::CancelledAndExpired
            | Self::OtherAccount
            | Self::OtherPrice => return None,
        };
        Some(named(payment("T0", 0, PRICE.minor, refunded), None))
    }

    /// A ledger in which the subscription's agreement is signed.
    fn ledger(self) -> Ledger {
        let mut ledger = Ledger::subscribed(terms());
        ledger.tell(Signed(0), Revival::Never);
        if let Some(order) = self.order() {
            let state = State { order: Some(order), ..State::default() };
            ledger.books.states.insert("A-1".into(), state);
        }
        if let Some(fact) = self.another() {
            ledger.tell_at(fact, NOW);
        }
        ledger.sweep(NOW);
        ledger
    }
}

impl Charge {
    const ALL: [Self; 3] = [Self::Fits, Self::Differs, Self::Unbound];

    fn name(self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::Differs => "differs",
            Self::Unbound => "unbound",
        }
    }

    fn fact(self) -> Fact {
        let (minor, agreement) = match self {
            Self::Fits => (PRICE.minor, "G-1"),
            Self::Differs => (PRICE.minor + 1, "G-1"),
            Self::Unbound => (PRICE.minor, "G-of-nobody"),
        };
        named(payment("T1", CHARGED, minor, None), Some(agreement))
    }
}

fn named(fact: Fact, agreement: Option<&str>) -> Fact {
    let Fact::Payment(fact) = fact else { unreachable!() };
    let agreement = agreement.map(ToOwned::to_owned);
    Fact::Payment(PaymentFact { order_number: "A-1".into(), agreement, ..fact })
}

/// A person accepts whatever can be accepted; answers whether anything could.
fn accept(ledger: &mut Ledger) -> bool {
    let before = ledger.books.states["A-1"].clone();
    for (key, case) in &before.cases {
        let (actor, reason) = ("cli:me".into(), "because".into());
        let saw_minor = case.amount_minor;
        let ruling = Ruling { verdict: CaseVerdict::Fulfil, saw_minor, actor, reason };
        if let Ok(after) = resolve(&before, key, &ruling, NOW, &Rules::default()) {
            let contracts = ledger.books.contracts.clone();
            ledger.write(Changes::of_act(contracts, before, after, NOW));
            return true;
        }
    }
    false
}

fn shown(ledger: &Ledger) -> String {
    let state = &ledger.books.states["A-1"];
    let order = state.order.as_ref().map_or("no order", |order| order.recorded.status.as_str());
    let covers: Vec<_> =
        ledger.standing().covers.keys().map(|key| key.transaction.as_str()).collect();
    let periods = if covers.is_empty() { "none".to_owned() } else { covers.join(", ") };
    let cases: Vec<_> = state.cases.keys().map(|key| key.kind.as_str()).collect();
    let cases = if cases.is_empty() { "none".to_owned() } else { cases.join(", ") };
    format!("{order} | {periods} | {cases}")
}

#[test]
fn the_whole_policy_of_charges_under_an_agreement() {
    let mut table = String::new();
    for order in Named::ALL {
        for charge in Charge::ALL {
            let mut ledger = order.ledger();
            let decision = format!("{:?}", ledger.tell_at(charge.fact(), NOW));
            let (said, by) = (order.name(), charge.name());
            table += &format!("{said:<16} + {by:<7} = {decision:<7} → {}\n", shown(&ledger));
            if accept(&mut ledger) {
                table += &format!("{:>28}accepted → {}\n", "", shown(&ledger));
            }
        }
    }
    is_as_written(&table, TABLE);
}
