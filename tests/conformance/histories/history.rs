//! What a history is: phases in which orders and subscriptions appear when they like, and providers speak in any
//! order, repeated. Each has numbers of its own, so that many may be told to one ledger.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use shared::case::CaseVerdict;
use shared::money::Currency;
use shared::notification::{Fact, Revival};
use shared::order::Mode;
use shared::rules::Rules;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;
use worker::ledger::records::{NewOrder, NewSubscription};

use super::accounts::{FREE, GOVERNED};
use super::says::{Agreement, Transaction};

/// When the first phase is told; each is told within one instant.
const NOW: OffsetDateTime = datetime!(2026-01-02 12:00 UTC);
/// After a phase everything rests: first so much later, when every list was looked at again …
const SETTLED: Duration = Duration::seconds(10);
/// … and then when every deadline of it has passed.
const PATIENCE: Duration = Duration::seconds(Rules::PATIENCE.as_secs() as i64);
/// How far a worker's clock may be behind when a batch comes.
const BEHIND_MAX_S: i64 = 10;
pub(super) const PHASES: usize = 2;
pub(super) const PRICE_MINOR: i64 = 100;
const ORDERS: [&str; 3] = ["A", "B", "C"];
const SUBSCRIPTIONS: [&str; 2] = ["S", "S2"];
const NONSENSE: &str = "nonsense";
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

/// What its end may depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    /// On the facts alone.
    AnyOrder,
    /// Its accounts have policies, which speak at the moment when a case opens: one worker is told it in its
    /// order, in batches cut anywhere.
    InOrder,
}

#[derive(Debug, Clone)]
pub(super) struct History {
    pub(super) number: usize,
    pub(super) telling: Telling,
    pub(super) phases: Vec<Phase>,
}

#[derive(Debug, Clone)]
pub(super) struct Phase {
    pub(super) orders: Vec<Planned>,
    pub(super) subscriptions: Vec<Subscribed>,
    /// Orders that the shop cancels when the phase begins, or tries to.
    pub(super) cancels: Vec<String>,
    pub(super) told: Vec<Told>,
}

/// An order, and when it appears.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) order: NewOrder,
    /// What it extends, by which period.
    pub(super) extends: Option<(String, Option<&'static str>)>,
    /// Else it is imported.
    pub(super) by_sql: bool,
    /// Among the instants of the notifications; 0 is before them all.
    pub(super) appears_at: u8,
}

#[derive(Debug, Clone)]
pub(super) struct Subscribed {
    pub(super) new: NewSubscription,
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

/// When a phase is told, and the instants at which it rests.
pub(super) fn told_at(phase: usize) -> OffsetDateTime {
    NOW + PATIENCE * 3 * i32::try_from(phase).unwrap_or(i32::MAX)
}

/// The same by a clock that went back.
pub(super) fn told_behind(phase: usize, random: &mut StdRng) -> OffsetDateTime {
    told_at(phase) - Duration::seconds(random.gen_range(0..=BEHIND_MAX_S))
}

pub(super) fn rests_at(phase: usize) -> [OffsetDateTime; 2] {
    [told_at(phase) + SETTLED, told_at(phase) + PATIENCE]
}

/// What a person says about a case after a phase, if anything: the same to whoever asks.
pub(super) fn verdict(case: Uuid, phase: usize) -> Option<CaseVerdict> {
    match (case.as_u128() + phase as u128) % 7 {
        0 | 1 => Some(CaseVerdict::Fulfil),
        2 => Some(CaseVerdict::Refund),
        3 => Some(CaseVerdict::Ignore),
        _ => None,
    }
}

impl History {
    pub(super) fn draw(number: usize, random: &mut StdRng) -> Self {
        let telling = *pick(random, &[Telling::AnyOrder, Telling::AnyOrder, Telling::InOrder]);
        let prefix = format!("h{number}");
        let accounts: &[&str] = match telling {
            Telling::AnyOrder => &FREE,
            Telling::InOrder => &GOVERNED,
        };
        let transactions: Vec<Transaction> = (0..TRANSACTIONS)
            .map(|index| Transaction::draw(&prefix, index, accounts, random))
            .collect();
        let revival = *pick(random, &Revival::ALL);
        let agreement = Agreement { prefix: prefix.clone(), revival };
        let says = |phase: usize, random: &mut StdRng| match telling {
            // Whether a sweep or the next message finds a new binding first makes no moment.
            Telling::AnyOrder if random.gen_bool(0.15) => agreement.says(told_at(phase), random),
            Telling::AnyOrder | Telling::InOrder => {
                transactions[random.gen_range(0..TRANSACTIONS)].says(told_at(phase), random)
            }
        };
        let phases = (0..PHASES).map(|phase| {
            let told = (0..random.gen_range(1..TOLD_MAX)).map(|index| {
                let (account, fact) = says(phase, random);
                let identity = format!("{prefix}-p{phase}-n{index}");
                let comes = (0..random.gen_range(1..4)).map(|_| random.r#gen()).collect();
                Told { account, identity, fact, comes }
            });
            let told = told.collect();
            Phase { told, ..Phase::shop(&prefix, phase, telling, random) }
        });
        let phases = phases.collect();
        Self { number, telling, phases }
    }

    /// Does a case, an order or an event of this number belong to it?
    pub(super) fn owns(&self, number: &str) -> bool {
        number.starts_with(&format!("h{}-", self.number))
    }
}

impl Phase {
    /// What the shop does: every order and subscription appears in one phase.
    fn shop(prefix: &str, phase: usize, telling: Telling, random: &mut StdRng) -> Self {
        let appears_at = |random: &mut StdRng| match telling {
            Telling::AnyOrder if random.gen_bool(0.5) => random.r#gen(),
            Telling::AnyOrder | Telling::InOrder => 0,
        };
        // The second order appears in the second phase, when what waited for it is a case.
        let of_phase = |index: usize| index % PHASES == phase;
        let (mut orders, mut subscriptions, mut cancels) = (vec![], vec![], vec![]);
        for (_, name) in ORDERS.iter().enumerate().filter(|(index, _)| of_phase(*index)) {
            let planned = Planned::draw(prefix, name, appears_at(random), random);
            if planned.appears_at == 0 && random.gen_bool(0.25) {
                cancels.push(planned.order.order_no.clone());
            }
            orders.push(planned);
        }
        for (_, name) in SUBSCRIPTIONS.iter().enumerate().filter(|(index, _)| of_phase(*index)) {
            let new = subscription(prefix, name, random);
            subscriptions.push(Subscribed { new, appears_at: appears_at(random) });
        }
        if phase > 0 && random.gen_bool(0.2) {
            cancels.push(format!("{prefix}-{}", ORDERS[0]));
        }
        Self { orders, subscriptions, cancels, told: vec![] }
    }
}

impl Planned {
    fn draw(prefix: &str, name: &str, appears_at: u8, random: &mut StdRng) -> Self {
        let order_no = format!("{prefix}-{name}");
        let account =
            *pick(random, &[None, None, None, Some("shop"), Some("other"), Some("eager")]);
        // Before some payments and behind others; between two readings of the clocks; soon; after everything.
        let seconds =
            *pick(random, &[None, None, None, None, Some(-480), Some(-5), Some(300), Some(30_000)]);
        let extends = random.gen_bool(0.3).then(|| {
            let period = *pick(random, &[None, None, Some("P1Y"), Some(NONSENSE)]);
            (format!("{prefix}-{}", pick(random, &SUBSCRIPTIONS)), period)
        });
        // No import takes a period that cannot be read.
        let period = extends.as_ref().and_then(|(_, period)| *period);
        let by_sql = extends.is_some() && (period == Some(NONSENSE) || random.gen_bool(0.3));
        let imported = extends.clone().filter(|_| !by_sql);
        // An order that names an account has its mode.
        let test = account.is_none() && random.gen_bool(0.3);
        let mode = if test { Mode::Test } else { Mode::Live };
        let order = NewOrder {
            amount: PRICE_MINOR,
            currency: Currency::CNY,
            account: account.map(ToOwned::to_owned),
            numbers: vec![format!("{order_no}-again")],
            // By SQL it is written without.
            expires_at: seconds.filter(|_| !by_sql).map(|at| NOW + Duration::seconds(at)),
            mode: Some(mode),
            subscription_no: imported.as_ref().map(|(number, _)| number.clone()),
            period: imported.and_then(|(_, period)| period).map(ToOwned::to_owned),
            metadata: None,
            order_no,
        };
        Self { order, extends, by_sql, appears_at }
    }
}

fn subscription(prefix: &str, name: &str, random: &mut StdRng) -> NewSubscription {
    let agreement = *pick(random, &[None, None, Some("G")]);
    NewSubscription {
        subscription_no: format!("{prefix}-{name}"),
        account: (*pick(random, &["shop", "shop", "other"])).to_owned(),
        // One agreement is one subscription's.
        agreement_no: agreement
            .filter(|_| name == SUBSCRIPTIONS[0])
            .map(|agreement| format!("{prefix}-{agreement}")),
        amount: *pick(random, &[PRICE_MINOR, 99]),
        currency: Currency::CNY,
        period: (*pick(random, &["P1M", "P1D", "P1W"])).to_owned(),
        anchor: random.gen_bool(0.3).then_some(datetime!(2025-12-31 10:00 UTC)),
        time_zone: (*pick(random, &["UTC", "Asia/Shanghai"])).to_owned(),
        grace: (*pick(random, &["P0D", "P3D"])).to_owned(),
        metadata: None,
    }
}

pub(super) fn pick<'a, T>(random: &mut StdRng, of: &'a [T]) -> &'a T {
    of.choose(random).expect("one at least")
}
