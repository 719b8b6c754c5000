//! Simulation at the ports: doors, lanes, relays, morgues and replays run unchanged against a broker and a wire to
//! the ledger that live in memory, on a clock that nobody waits for. Every await of the outside world may fail,
//! be lost, come late, or be the last that a process lives to see; all of it is drawn from a seed.
//!
//! The ledger is the real embedded one, on a file of its own. What the real servers do is proven by `faults`; what
//! cannot be arranged with real servers thousands of times, is proven here.

mod clock;
mod door;
mod ground;
mod people;
mod plan;
mod pool;
mod process;
mod road;
mod seeds;
mod sky;
mod verdict;
mod wire;
mod world;

use anyhow::Context as _;
use ground::Ground;
use plan::Plan;
use sky::Broken;
use world::play;

/// Runs of a broken world, one of which at least must be seen through.
const TRIES: u64 = 6;

#[test]
fn whatever_await_fails_nothing_is_lost_and_nothing_doubled() {
    let failed = seeds::play_all();
    assert!(failed.is_empty(), "seeds that failed, each told of above: {failed:?}");
}

#[test]
fn what_somebody_steals_is_named() {
    let ground = Ground::lay().unwrap();
    for seed in 1..=3 {
        play(&ground, Plan::broken(seed, Broken::Steals(2))).unwrap();
    }
}

#[test]
fn an_acknowledgement_that_comes_too_early_is_seen_through() {
    seen_through(Broken::AcksEarly).unwrap();
}

#[test]
fn a_publisher_that_confirms_what_nobody_holds_is_seen_through() {
    seen_through(Broken::ConfirmsUnheld).unwrap();
}

#[test]
fn a_ledger_that_answers_what_it_did_not_write_is_seen_through() {
    seen_through(Broken::AnswersUnwritten).unwrap();
}

/// A sound world passes, and of some broken ones at least one does not.
fn seen_through(broken: Broken) -> anyhow::Result<()> {
    let ground = Ground::lay()?;
    play(&ground, Plan { broken: Broken::Nothing, ..Plan::broken(1, broken) })?;
    let seen = (1..=TRIES).find_map(|seed| play(&ground, Plan::broken(seed, broken)).err());
    let seen = seen.context("a broken world passed for a sound one")?;
    println!("{broken:?}: {seen:#}");
    Ok(())
}
