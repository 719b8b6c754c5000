//! Which seeds are played: a short selection, or as many as the environment asks for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::anyhow;

use crate::ground::Ground;
use crate::plan::Plan;
use crate::sky::lock;
use crate::world::play;

/// The first seed, and how many follow each other; `./test simulation` sets them.
const SEED: &str = "QUITTANCE_SIMULATION_SEED";
const SEEDS: &str = "QUITTANCE_SIMULATION_SEEDS";
/// Seeds that are played where nobody asks for more.
const FEW: u64 = 60;

/// Plays them on every core, and tells of each that fails; the seeds of those.
pub(crate) fn play_all() -> Vec<u64> {
    let first = number(SEED).unwrap_or(1);
    let count = number(SEEDS).unwrap_or(FEW);
    let next = AtomicU64::new(first);
    let failed = Mutex::new(vec![]);
    let cores = thread::available_parallelism().map_or(1, Into::into);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| play_next(&next, first + count, &failed));
        }
    });
    let mut failed = failed.into_inner().unwrap_or_default();
    failed.sort_unstable();
    println!("{count} seeds from {first} on: {} failed", failed.len());
    failed
}

fn play_next(next: &AtomicU64, end: u64, failed: &Mutex<Vec<u64>>) {
    let Ok(ground) = Ground::lay() else { panic!("no place for a ledger") };
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return;
        }
        let played = catch_unwind(AssertUnwindSafe(|| play(&ground, Plan::from_seed(seed))));
        if let Err(error) = played.unwrap_or_else(|_| Err(anyhow!("it panicked"))) {
            println!("seed {seed}: to run it again, ./test simulation --seed {seed} --seeds 1");
            println!("{error:#}\n{:?}", Plan::from_seed(seed));
            lock(failed).push(seed);
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}
