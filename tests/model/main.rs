//! The protocol of ack, confirm and commit as a model, checked whole: every interleaving and every
//! crash of two workers and one relay over one notification and its repeat.
//!
//! What is decided is decided by the real functions, `fold` and `dispose`; what is modelled is the
//! world around them: a queue that redelivers, commits and confirms whose answer is lost, processes
//! that die between any two steps. The lane and the relay take the steps in the order of
//! `docs/delivery.md`; to take one earlier, such as acknowledging before the commit, makes a claim fail.

mod ledger;
mod steps;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::LazyLock;

use shared::event::EventType;

use self::ledger::{Entry, Ledger};
use self::steps::{Home, World};

/// Every world that can be reached from a first one, and where each can come from.
struct Graph {
    worlds: Vec<World>,
    from: Vec<Vec<usize>>,
}

static WORLDS: LazyLock<Graph> =
    LazyLock::new(|| Graph::reachable(World::with_a_notification_and_its_repeat()));

impl Graph {
    fn reachable(first: World) -> Self {
        let mut numbers = HashMap::from([(first.clone(), 0)]);
        let mut graph = Self { worlds: vec![first], from: vec![vec![]] };
        let mut next = 0;
        while let Some(world) = graph.worlds.get(next) {
            for step in world.steps() {
                let number = *numbers.entry(step.clone()).or_insert(graph.worlds.len());
                if number == graph.worlds.len() {
                    graph.worlds.push(step);
                    graph.from.push(vec![]);
                }
                graph.from[number].push(next);
            }
            next += 1;
        }
        graph
    }

    /// From which worlds there is a way to one of these.
    fn leading_to(&self, these: impl Iterator<Item = usize>) -> HashSet<usize> {
        let mut leading: HashSet<usize> = these.collect();
        let mut open: Vec<usize> = leading.iter().copied().collect();
        while let Some(world) = open.pop() {
            open.extend(self.from[world].iter().copied().filter(|from| leading.insert(*from)));
        }
        leading
    }
}

#[test]
fn whatever_dies_and_whenever_nothing_is_lost_and_nothing_is_done_twice() {
    assert!(WORLDS.worlds.len() > 10_000, "{} worlds are no proof", WORLDS.worlds.len());
    for world in &WORLDS.worlds {
        for message in world.messages() {
            assert!(!is_lost(world, message), "{message} is lost: {world:#?}");
        }
        assert!(times_paid(world) <= 1, "fulfilled twice: {world:#?}");
        first_occurrences_are_in_order(world);
    }
}

#[test]
fn at_rest_everything_is_accounted_for_and_announced() {
    let rested = WORLDS.worlds.iter().filter(|world| world.is_at_rest());
    let mut times = 0;
    for world in rested {
        times += 1;
        let told = world.ledger.told().len();
        let published: BTreeSet<usize> = world.published.iter().copied().collect();
        assert!(published.into_iter().eq(1..=told), "an event was not published: {world:#?}");
        for message in world.messages() {
            is_accounted_for(world, message);
        }
    }
    assert!(times > 0, "it never comes to rest");
}

#[test]
fn from_every_world_there_is_a_way_to_rest() {
    let worlds = WORLDS.worlds.iter().enumerate();
    let rested = worlds.filter(|(_, world)| world.is_at_rest()).map(|(number, _)| number);
    let leading = WORLDS.leading_to(rested);
    let stuck = (0..WORLDS.worlds.len()).find(|number| !leading.contains(number));
    let stuck = stuck.map(|number| &WORLDS.worlds[number]);
    assert!(stuck.is_none(), "stuck: {stuck:#?}");
}

#[test]
fn the_model_would_notice_an_early_acknowledgement() {
    let mut hasty = World::with_a_notification_and_its_repeat();
    hasty.acks_early = true;
    let loses = |world: &World| world.messages().into_iter().any(|message| is_lost(world, message));
    assert!(comes_to(hasty, loses), "a model that cannot fail proves nothing");
}

#[test]
fn the_model_would_notice_a_ledger_that_forgets_transactions() {
    let mut forgetful = World::with_a_notification_and_its_repeat();
    forgetful.ledger = Ledger { remembers: false, ..Ledger::default() };
    assert!(comes_to(forgetful, |world| times_paid(world) > 1));
}

/// Can it come to such a world?
fn comes_to(first: World, such: impl Fn(&World) -> bool) -> bool {
    let mut seen = HashSet::from([first.clone()]);
    let mut open = vec![first];
    while let Some(world) = open.pop() {
        if such(&world) {
            return true;
        }
        open.extend(world.steps().into_iter().filter(|step| seen.insert(step.clone())));
    }
    false
}

fn is_lost(world: &World, message: u8) -> bool {
    let has_a_home = |message| world.copies.iter().any(|copy| copy.message == message);
    let is_settled = matches!(world.ledger.outcome(message), Some(Entry::Settled(_)));
    !is_settled && !has_a_home(message)
}

fn times_paid(world: &World) -> usize {
    world.ledger.told().iter().filter(|kind| **kind == EventType::OrderPaid).count()
}

fn first_occurrences_are_in_order(world: &World) {
    let mut highest = 0;
    for sequence in &world.published {
        assert!(*sequence <= highest + 1, "out of order: {world:#?}");
        highest = highest.max(*sequence);
    }
}

/// At rest a message has an outcome, or lies among the dead letters; and then its receipt says so.
fn is_accounted_for(world: &World, message: u8) {
    let dead = world.copies.iter().any(|copy| copy.message == message && copy.home == Home::Dead);
    match world.ledger.outcome(message) {
        Some(Entry::Buried(_)) => assert!(dead, "buried nowhere: {world:#?}"),
        Some(Entry::Settled(_)) => (),
        Some(Entry::Deferred(_)) | None => panic!("{message} has no outcome: {world:#?}"),
    }
}
