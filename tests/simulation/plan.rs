//! What a run is: its size, its weather, and what befalls whole processes and servers, from its seed. Pure.

use std::ops::Range;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};

use crate::road::Outage;
use crate::sky::{Broken, Weather};

pub(crate) const WORKERS: usize = 2;
pub(crate) const DOORS: usize = 2;
/// How long faults befall.
const STORM_MS: Range<u64> = 8_000..25_000;
/// How long one outage lasts.
const OUTAGE_MS: Range<u64> = 300..7_000;
const ORDERS: Range<usize> = 6..16;

/// One run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) weather: Weather,
    pub(crate) broken: Broken,
    pub(crate) shards: u16,
    pub(crate) lanes: u16,
    pub(crate) batch_max: u16,
    pub(crate) orders: usize,
    /// Items that a replay sends first.
    pub(crate) canary: i32,
    pub(crate) storm: Duration,
    /// When what is done, the earliest first.
    pub(crate) acts: Vec<(Duration, Act)>,
}

/// What is done to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Broker(Outage),
    Ledger {
        down: bool,
    },
    KillWorker(usize),
    ReplaceWorker(usize),
    KillDoor(usize),
    ReplaceDoor(usize),
    /// The shop writes its late orders.
    WriteLate,
    /// The workers learn of the new shop.
    Mend,
    /// The operator replays what is dead by now.
    Replay,
}

impl Plan {
    pub(crate) fn from_seed(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(!seed);
        let storm_ms = rng.gen_range(STORM_MS);
        let mut acts = vec![
            (rng.gen_range(0..storm_ms), Act::WriteLate),
            (storm_ms / 2, Act::Mend),
            (rng.gen_range(storm_ms / 2..storm_ms), Act::Replay),
        ];
        for _ in 0..rng.gen_range(0..5) {
            let at = rng.gen_range(0..storm_ms);
            let process = rng.gen_range(0..WORKERS.min(DOORS));
            let ends = at + rng.gen_range(OUTAGE_MS);
            match rng.gen_range(0..8) {
                0 => acts.extend([
                    (at, Act::Broker(Outage::Down)),
                    (ends, Act::Broker(Outage::Nothing)),
                ]),
                1 => acts.extend([
                    (at, Act::Broker(Outage::Blocked)),
                    (ends, Act::Broker(Outage::Nothing)),
                ]),
                2 => acts.extend([
                    (at, Act::Ledger { down: true }),
                    (ends, Act::Ledger { down: false }),
                ]),
                3 => acts.push((at, Act::KillDoor(process))),
                4 => acts.push((at, Act::ReplaceDoor(process))),
                5 => acts.push((at, Act::ReplaceWorker(process))),
                _ => acts.push((at, Act::KillWorker(process))),
            }
        }
        acts.sort_by_key(|(at_ms, _)| *at_ms);
        let in_time = |(at_ms, act): (u64, Act)| (Duration::from_millis(at_ms), act);
        Self {
            seed,
            weather: Weather::from_seed(seed),
            broken: Broken::Nothing,
            shards: rng.gen_range(1..=2),
            lanes: rng.gen_range(1..=3),
            batch_max: [1, 3, 20].choose(&mut rng).copied().unwrap_or(1),
            orders: rng.gen_range(ORDERS),
            canary: [0, 0, 2].choose(&mut rng).copied().unwrap_or(0),
            storm: Duration::from_millis(storm_ms),
            acts: acts.into_iter().map(in_time).collect(),
        }
    }

    /// With nobody but what is broken to blame.
    pub(crate) fn broken(seed: u64, broken: Broken) -> Self {
        let is_needed = |act: &Act| {
            matches!(act, Act::WriteLate | Act::Mend | Act::Replay | Act::KillWorker(_))
        };
        let plan = Self::from_seed(seed);
        let acts = plan.acts.into_iter().filter(|(_, act)| is_needed(act)).collect();
        // What was acknowledged too early is lost with whoever had it in hand.
        let deaths = if broken == Broken::AcksEarly { 100 } else { 0 };
        Self { weather: Weather { deaths, ..Weather::fair() }, broken, acts, ..plan }
    }
}
