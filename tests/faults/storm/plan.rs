//! A schedule of faults, made from a seed: pure, so that the same seed makes the same again.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::fault::Fault;

/// When a fault that comes alone begins: some messages are on their way by then.
const ALONE_BEGINS: Duration = Duration::from_millis(400);

/// Steps, one after the other; after each everything must come to rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) steps: Vec<Vec<Planned>>,
}

/// A fault with its times, counted from the beginning of its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) fault: Fault,
    pub(crate) begins: Duration,
    pub(crate) ends: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Begin(Fault),
    End(Fault),
}

impl Plan {
    /// Each fault alone, one after the other.
    pub(crate) fn in_turn(faults: &[Fault]) -> Self {
        let alone = |fault: &Fault| {
            let ends = ALONE_BEGINS + fault.long();
            vec![Planned { fault: *fault, begins: ALONE_BEGINS, ends }]
        };
        Self { seed: 0, steps: faults.iter().map(alone).collect() }
    }

    /// Some steps of one to three faults each, no two of which befall the same.
    pub(crate) fn random(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let all = Fault::all();
        let steps = (0..rng.gen_range(2..=3)).map(|_| step(&all, &mut rng)).collect();
        Self { seed, steps }
    }
}

fn step(all: &[Fault], rng: &mut StdRng) -> Vec<Planned> {
    let count = rng.gen_range(1..=3);
    let mut planned: Vec<Planned> = vec![];
    for fault in all.choose_multiple(rng, all.len()) {
        let taken = planned.iter().any(|other| other.fault.target() == fault.target());
        if taken || planned.len() == count {
            continue;
        }
        let begins = Duration::from_millis(rng.gen_range(0..1_500));
        let ends = begins + Fault::some(rng);
        planned.push(Planned { fault: *fault, begins, ends });
    }
    planned
}

/// What happens in a step, in its order.
pub(crate) fn turns(step: &[Planned]) -> Vec<(Duration, Turn)> {
    let begins = step.iter().map(|planned| (planned.begins, Turn::Begin(planned.fault)));
    let ends = step.iter().map(|planned| (planned.ends, Turn::End(planned.fault)));
    let mut turns: Vec<_> = begins.chain(ends).collect();
    turns.sort_by_key(|(at, _)| *at);
    turns
}

/// The names of a step's faults.
pub(crate) fn names(step: &[Planned]) -> String {
    let names: Vec<_> = step.iter().map(|planned| planned.fault.name()).collect();
    names.join(" + ")
}

#[test]
fn a_seed_makes_the_same_schedule_again_and_another_another() {
    assert_eq!(Plan::random(7), Plan::random(7));
    assert_ne!(Plan::random(7).steps, Plan::random(8).steps);
}

#[test]
fn no_two_faults_of_a_step_befall_the_same_and_each_ends_after_it_began() {
    for seed in 0..500 {
        for step in Plan::random(seed).steps {
            assert!((1..=3).contains(&step.len()));
            for (index, planned) in step.iter().enumerate() {
                let others = &step[index + 1..];
                let same = |other: &Planned| other.fault.target() == planned.fault.target();
                assert!(!others.iter().any(same), "{}", names(&step));
            }
            let turns = turns(&step);
            for planned in &step {
                let place = |turn| turns.iter().position(|(_, at)| *at == turn);
                assert!(place(Turn::Begin(planned.fault)) < place(Turn::End(planned.fault)));
            }
        }
    }
}

#[test]
fn every_fault_comes_in_two_hundred_schedules() {
    let steps = (0..200).flat_map(|seed| Plan::random(seed).steps);
    let seen: Vec<Fault> = steps.flatten().map(|planned| planned.fault).collect();
    for fault in Fault::all() {
        assert!(seen.contains(&fault), "{}", fault.name());
    }
}
