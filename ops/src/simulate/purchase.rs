//! One invented purchase: its instants and its numbers, by the seed.

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use shared::money::Money;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::{Scenario, Terms, seed_of};

/// Purchases fall within half a year from here, by their seed.
const FIRST: OffsetDateTime = datetime!(2026-01-01 00:00:00 UTC);
const SPREAD_S: i64 = 180 * 86_400;
/// From one charge under an agreement to the next.
const MONTH: Duration = Duration::days(30);
/// What a charge adds to the seed: no scenario's number reaches so far.
const CHARGE: u64 = 0x0001_0000_0001;
/// How long ago a replayed request was signed: twice what any window allows.
const STALE: Duration = Duration::minutes(10);
/// Streams of chance that no scenario's number is near.
const TRANSACTIONS: u64 = 1_000;
const REFUNDS: u64 = 2_000;
const PAYER: u64 = 3_000;
const DISPUTE: u64 = 4_000;
const INVOICE: u64 = 5_000;

const DIGITS: &[u8] = b"0123456789";
const CAPITALS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// What every provider tells of it, in its own words.
pub(super) struct Purchase {
    pub(super) scenario: Scenario,
    pub(super) order_no: String,
    /// The shop's own number of the agreement.
    pub(super) agreement: String,
    /// What was paid: more than the order says where the amount is wrong.
    pub(super) amount: Money,
    /// The time that a protocol with a window signs: long ago for a replay.
    pub(super) sent_at: OffsetDateTime,
    created_at: OffsetDateTime,
    seed: u64,
    /// Who pays is the same for every charge.
    payer_seed: u64,
}

/// Random letters that a seed decides.
pub(super) struct Chance(StdRng);

impl Purchase {
    pub(super) fn new(scenario: Scenario, terms: &Terms) -> Self {
        let mut chance = StdRng::seed_from_u64(terms.seed);
        let more = i64::from(scenario == Scenario::WrongAmount);
        let age = if scenario == Scenario::Stale { STALE } else { Duration::ZERO };
        Self {
            scenario,
            order_no: terms.order_no.clone(),
            agreement: terms.agreement.clone(),
            amount: Money { minor: terms.amount.minor.saturating_add(more), ..terms.amount },
            created_at: FIRST
                + Duration::seconds(chance.gen_range(0..SPREAD_S))
                + MONTH * terms.charge,
            sent_at: terms.now - age,
            seed: terms.seed.wrapping_add(u64::from(terms.charge).wrapping_mul(CHARGE)),
            payer_seed: terms.seed,
        }
    }

    pub(super) fn created_at(&self) -> OffsetDateTime {
        self.created_at
    }

    pub(super) fn paid_at(&self) -> OffsetDateTime {
        self.created_at + Duration::seconds(20)
    }

    pub(super) fn closed_at(&self) -> OffsetDateTime {
        self.created_at + Duration::minutes(15)
    }

    /// Each refund has an instant of its own, after the payment.
    pub(super) fn refunded_at(&self) -> OffsetDateTime {
        let is = |scenario| self.scenario == scenario;
        let hours =
            1 + i64::from(is(Scenario::RefundFull)) + 23 * i64::from(is(Scenario::RefundReversed));
        self.paid_at() + Duration::hours(hours)
    }

    /// The end of what can be refunded, and of an agreement.
    pub(super) fn ended_at(&self) -> OffsetDateTime {
        self.paid_at() + Duration::days(90)
    }

    pub(super) fn disputed_at(&self) -> OffsetDateTime {
        self.paid_at() + Duration::days(7)
    }

    pub(super) fn judged_at(&self) -> OffsetDateTime {
        self.paid_at() + Duration::days(30)
    }

    /// What goes back: half, or all of it.
    pub(super) fn refund(&self) -> Money {
        let half = [Scenario::RefundPartial, Scenario::Batch, Scenario::BatchForged];
        if half.contains(&self.scenario) { self.half() } else { self.amount }
    }

    fn half(&self) -> Money {
        Money { minor: (self.amount.minor / 2).max(1), ..self.amount }
    }

    /// The shop's number of the refund.
    pub(super) fn refund_no(&self) -> String {
        let number = if self.refund() == self.amount { "R2" } else { "R1" };
        format!("{}-{number}", self.order_no)
    }

    pub(super) fn of_transaction(&self) -> Chance {
        self.stream(TRANSACTIONS + self.scenario.transaction())
    }

    pub(super) fn of_notification(&self) -> Chance {
        self.stream(self.scenario.notification())
    }

    pub(super) fn of_refund(&self) -> Chance {
        self.stream(REFUNDS + self.scenario.refund())
    }

    pub(super) fn of_payer(&self) -> Chance {
        stream(self.payer_seed, PAYER)
    }

    pub(super) fn of_dispute(&self) -> Chance {
        self.stream(DISPUTE)
    }

    pub(super) fn of_invoice(&self) -> Chance {
        self.stream(INVOICE)
    }

    /// The same for every charge under one agreement, whatever its order.
    pub(super) fn of_agreement(&self) -> Chance {
        Chance(StdRng::seed_from_u64(seed_of("", &self.agreement)))
    }

    fn stream(&self, number: u64) -> Chance {
        stream(self.seed, number)
    }
}

fn stream(seed: u64, number: u64) -> Chance {
    let seed = seed.wrapping_add((number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    Chance(StdRng::seed_from_u64(seed))
}

impl Chance {
    pub(super) fn digits(&mut self, count: usize) -> String {
        self.of(DIGITS, count)
    }

    /// Capital letters and digits.
    pub(super) fn capitals(&mut self, count: usize) -> String {
        self.of(CAPITALS, count)
    }

    /// Letters of both cases, and digits.
    pub(super) fn letters(&mut self, count: usize) -> String {
        self.of(LETTERS, count)
    }

    fn of(&mut self, alphabet: &[u8], count: usize) -> String {
        (0..count)
            .filter_map(|_| alphabet.choose(&mut self.0))
            .map(|byte| char::from(*byte))
            .collect()
    }
}

/// An amount in a provider's own decimals, where those differ from ISO 4217's. What they cannot tell is
/// left out.
pub(super) fn minor_at(money: Money, decimals: u32) -> i64 {
    let ours = money.currency.exponent();
    let power = 10_i64.saturating_pow(ours.abs_diff(decimals));
    if decimals >= ours { money.minor.saturating_mul(power) } else { money.minor / power }
}

/// The number, or one of the same form that is another's.
pub(super) fn another_if(wrong: bool, number: &str) -> String {
    let mut other = number.to_owned();
    if wrong {
        let last = other.pop().unwrap_or('0');
        other.push(if last == '7' { '8' } else { '7' });
    }
    other
}
