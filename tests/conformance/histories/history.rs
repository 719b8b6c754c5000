//! What a history is: orders that appear when they like, and what providers say, in any order,
//! repeated. Each has numbers of its own, so that many may be told to one ledger.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use shared::money::Money;
use shared::notification::{
    DisputeFact, DisputeStatus, Evidence, Fact, PaymentFact, PaymentStatus, RefundFact,
    RefundStatus, RefundTotal,
};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use worker::ledger::records::NewOrder;

/// The one instant at which everything is told.
pub(super) const NOW: OffsetDateTime = datetime!(2026-01-02 12:00 UTC);
pub(super) const PRICE_MINOR: i64 = 100;
const ORDERS: [&str; 3] = ["A", "B", "C"];
const TRANSACTIONS: usize = 5;
const TOLD_MAX: usize = 12;

/// How a repeat comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeats {
    /// As providers repeat: it is known by its identity.
    SameIdentity,
    /// As if nobody remembered what was seen.
    NewIdentity,
}

#[derive(Debug, Clone)]
pub(super) struct History {
    /// What all of its numbers begin with.
    pub(super) prefix: String,
    pub(super) orders: Vec<Planned>,
    pub(super) told: Vec<Told>,
}

/// An order, and when it appears.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) order: NewOrder,
    pub(super) cancelled: bool,
    /// Among the instants of the notifications; 0 is before them all.
    pub(super) appears_at: u8,
}

/// One notification, and the instants at which it comes.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) account: &'static str,
    pub(super) identity: String,
    pub(super) fact: Fact,
    pub(super) comes: Vec<u8>,
}

/// What the provider never contradicts itself about.
struct Transaction {
    number: String,
    order_number: String,
    account: &'static str,
    amount: Money,
}

impl History {
    pub(super) fn draw(number: usize, random: &mut StdRng) -> Self {
        let orders: Vec<Planned> = ORDERS[..random.gen_range(1..=ORDERS.len())]
            .iter()
            .map(|name| Planned::draw(&format!("h{number}-{name}"), random))
            .collect();
        let transactions: Vec<Transaction> =
            (0..TRANSACTIONS).map(|index| Transaction::draw(number, index, random)).collect();
        let told = (0..random.gen_range(1..TOLD_MAX)).map(|index| {
            let transaction = &transactions[random.gen_range(0..TRANSACTIONS)];
            Told {
                account: transaction.account,
                identity: format!("h{number}-n{index}"),
                fact: transaction.says(random),
                comes: (0..random.gen_range(1..4)).map(|_| random.r#gen()).collect(),
            }
        });
        Self { prefix: format!("h{number}-"), told: told.collect(), orders }
    }

    /// What comes, which of its repeats it is, and when.
    pub(super) fn arrivals(&self) -> impl Iterator<Item = (&Told, usize, u8)> {
        self.told.iter().flat_map(Told::arrivals)
    }
}

impl Told {
    fn arrivals(&self) -> impl Iterator<Item = (&Self, usize, u8)> {
        self.comes.iter().enumerate().map(move |(index, at)| (self, index, *at))
    }
}

impl Planned {
    fn draw(order_no: &str, random: &mut StdRng) -> Self {
        let account = *pick(random, &[None, None, Some("shop"), Some("other")]);
        let appears_at = if random.gen_bool(0.5) { 0 } else { random.r#gen() };
        // A shop that cancels is first, or it would be refused.
        let cancelled = appears_at == 0 && random.gen_bool(0.3);
        let order = NewOrder {
            order_no: order_no.to_owned(),
            amount: PRICE_MINOR,
            currency: shared::money::Currency::CNY,
            account: account.map(ToOwned::to_owned),
            numbers: vec![format!("{order_no}-again")],
            expires_at: None,
            mode: None,
            subscription_no: None,
            period: None,
            metadata: None,
        };
        Self { order, cancelled, appears_at }
    }
}

impl Transaction {
    fn draw(history: usize, index: usize, random: &mut StdRng) -> Self {
        let order = *pick(random, &["A", "A-again", "A", "B", "B-again", "C", "nobody"]);
        let (minor, currency) =
            pick(random, &[(100, "CNY"), (100, "CNY"), (99, "CNY"), (100, "USD")]);
        Self {
            number: format!("h{history}-T{index}"),
            order_number: format!("h{history}-{order}"),
            account: *pick(random, &["shop", "shop", "other"]),
            amount: Money { minor: *minor, currency: currency.parse().expect("a currency") },
        }
    }

    fn says(&self, random: &mut StdRng) -> Fact {
        let occurred_at = NOW - Duration::minutes(random.gen_range(6..10));
        let percent = *pick(random, &[25, 50, 100, 150]);
        let amount = Money { minor: self.amount.minor * percent / 100, ..self.amount };
        let transaction = self.number.clone();
        match random.gen_range(0..9) {
            0..5 => Fact::Payment(PaymentFact {
                transaction,
                order_number: self.order_number.clone(),
                status: *pick(random, PaymentStatus::ALL),
                amount: self.amount,
                occurred_at,
                refund_total: random.gen_bool(0.4).then(|| RefundTotal {
                    total_minor: amount.minor,
                    refund_no: Some(format!("R{percent}")),
                    occurred_at,
                }),
                agreement: None,
            }),
            5..8 => Fact::Refund(RefundFact {
                transaction,
                refund: format!("R{}", random.gen_range(0..2)),
                // What a refund names is not believed: some providers name the refund there.
                order_number: random.gen_bool(0.5).then(|| "elsewhere".to_owned()),
                refund_no: random.gen_bool(0.5).then(|| "shop-1".to_owned()),
                status: *pick(random, RefundStatus::ALL),
                amount,
                occurred_at,
                evidence: *pick(random, &[Evidence::Signed, Evidence::Signed, Evidence::Hint]),
            }),
            _ => Fact::Dispute(DisputeFact {
                transaction,
                dispute: format!("D{}", random.gen_range(0..2)),
                order_number: None,
                status: *pick(random, DisputeStatus::ALL),
                amount,
                occurred_at,
            }),
        }
    }
}

fn pick<'a, T>(random: &mut StdRng, of: &'a [T]) -> &'a T {
    of.choose(random).expect("one at least")
}
