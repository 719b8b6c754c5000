//! Replays on real servers: mended and sent again, also when the worker that runs them is killed, and when
//! what it sent is stolen.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::collections::BTreeMap;

use harness::driver::{payments, send};
use harness::installation::{Door, Installation};
use harness::program::Program;
use harness::{ports, postgres, wait};
use lapin::options::{
    BasicAckOptions, BasicGetOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Connection};
use serde_json::Value;
use shared::crash::Point;

use crate::watch::{PATIENCE, answers, channel, header};

const OPEN: &str = "select count(*) from quittance.dead_letters where state = 'open'";
const PAID: &str = "select count(*) from quittance.orders where status = 'paid'";
const DONE: &str = "select state from quittance.replay_jobs";
const ONCE: &str = "select count(*) from quittance.fulfilments";

/// An installation on which each of so many payments died; its door is open, its worker runs.
async fn broken(letters: usize, seed: u64) -> (Installation, Door, Program) {
    let at = Installation::on_servers().await.unwrap();
    let burst = payments(&at.signer, letters, 0, seed).unwrap();
    at.import(burst.orders.iter().cloned()).unwrap();
    let rule = "alter table quittance.payments add constraint a_cause check (amount < 0) not valid";
    ledger(&at, rule).await;
    let door = at.ingress().await.unwrap();
    let worker = at.worker(&[]).await.unwrap();
    send(std::slice::from_ref(&door.url), &burst.bodies).await.unwrap();
    answers(&at, OPEN, &letters.to_string()).await.unwrap();
    (at, door, worker)
}

async fn mend(at: &Installation) {
    ledger(at, "alter table quittance.payments drop constraint a_cause").await;
}

async fn ledger(at: &Installation, statement: &str) -> String {
    let answer = postgres::sql(&at.database.as_ref().unwrap().url, statement).await;
    answer.unwrap().trim().to_owned()
}

/// A plan for all letters, each of which it expects to end so.
fn plan(at: &Installation, letters: usize, expected: &str) -> String {
    let plan = at.answer(&["replay", "plan", "-q", "code:refused", "-o", "json"]).unwrap();
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let counts = (&plan["count"], &plan["forecast"][expected]);
    assert_eq!(counts, (&letters.into(), &letters.into()), "{plan}");
    plan["plan"].as_str().unwrap().to_owned()
}

fn start(at: &Installation, id: &str, rate: &str) {
    let words = ["replay", "start", "--plan", id, "--reason", "mended", "--rate", rate];
    at.answer(&words).unwrap();
}

async fn completes(at: &Installation, id: &str) {
    answers(at, &format!("{DONE} where id = '{id}'"), "completed").await.unwrap();
}

/// Everything ends well, and so many letters were settled, once each.
async fn all_settled(at: &Installation, letters: usize, id: &str) {
    let all = letters.to_string();
    answers(at, PAID, &all).await.unwrap();
    completes(at, id).await;
    answers(at, OPEN, "0").await.unwrap();
    answers(at, ONCE, &all).await.unwrap();
    let balance = at.answer(&["balance", "-o", "json"]).unwrap();
    let balance: Value = serde_json::from_str(&balance).unwrap();
    assert_eq!((&balance["dead"], &balance["settled"]), (&0.into(), &letters.into()), "{balance}");
}

async fn stop(mut door: Door, mut worker: Program) {
    assert!(door.program.terminate().await.unwrap().success());
    assert!(worker.terminate().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_dead_letters_is_replayed_though_its_worker_is_killed() {
    let (at, door, mut doomed) = broken(60, 51).await;
    plan(&at, 60, "dead_again");
    mend(&at).await;
    let id = plan(&at, 60, "settled");
    start(&at, &id, "20/s");
    let begun = "select count(*) > 5 from quittance.replay_items where publishes > 0";
    answers(&at, begun, "t").await.unwrap();
    doomed.kill().await.unwrap();
    let worker = at.worker(&[]).await.unwrap();
    all_settled(&at, 60, &id).await;
    stop(door, worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_goes_on_while_its_worker_is_stopped_and_is_not_disturbed_when_it_wakes_up() {
    let (at, door, stopped) = broken(LETTERS, 55).await;
    mend(&at).await;
    let id = plan(&at, LETTERS, "settled");
    let mut worker = at.worker(&[]).await.unwrap();
    start(&at, &id, "10/s");
    let begun = "select count(*) > 5 from quittance.replay_items where publishes > 0";
    answers(&at, begun, "t").await.unwrap();
    let holder = "select holder from quittance.relays where part = 1";
    let former = ledger(&at, holder).await;
    stopped.signal("STOP").unwrap();
    let taken = format!("select holder <> '{former}' from quittance.relays where part = 1");
    answers(&at, &taken, "t").await.unwrap();
    stopped.signal("CONT").unwrap();
    all_settled(&at, LETTERS, &id).await;
    let settled = "select count(*) from quittance.replay_items where outcome = 'settled'";
    assert_eq!(ledger(&at, settled).await, LETTERS.to_string());
    assert!(worker.terminate().await.unwrap().success());
    stop(door, stopped).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_whose_worker_dies_before_it_publishes_sends_nothing_unrecorded() {
    let sent = dies_at(Point::Claimed, 52).await;
    assert!(sent.copies < sent.recorded, "what was claimed was never sent: {sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_whose_worker_dies_before_it_marks_sends_nothing_unrecorded() {
    // What was confirmed and not marked is sent again, unless it was settled before somebody took over.
    let sent = dies_at(Point::Replayed, 53).await;
    assert!((LETTERS..=sent.recorded).contains(&sent.copies), "{sent:?}");
}

const LETTERS: usize = 40;

#[derive(Debug)]
struct Sent {
    copies: usize,
    /// Publishes that the ledger recorded beforehand.
    recorded: usize,
}

/// Replays, and kills the worker that runs the job at its third arrival at this point.
async fn dies_at(point: Point, seed: u64) -> Sent {
    let (at, door, mut worker) = broken(LETTERS, seed).await;
    mend(&at).await;
    let id = plan(&at, LETTERS, "settled");
    assert!(worker.terminate().await.unwrap().success());
    let witness = Witness::of(&at).await;
    start(&at, &id, "20/s");
    let config = at.config();
    let (admin, place) =
        (format!("127.0.0.1:{}", ports::free().unwrap()), format!("{}:3", point.as_str()));
    let armed = [
        ("QUITTANCE__WORKER__ADMIN_LISTEN", admin.as_str()),
        ("QUITTANCE_CRASH_AT", place.as_str()),
    ];
    let arguments = ["--config", config.as_str()];
    let mut doomed = Program::start("quittance-worker-crashing", &arguments, &armed).unwrap();
    let ended = doomed.wait_end(PATIENCE).await.unwrap();
    assert!(!ended.success() && doomed.stderr().contains(point.as_str()), "{}", doomed.stderr());

    let worker = at.worker(&[]).await.unwrap();
    all_settled(&at, LETTERS, &id).await;
    let outcomes = "select count(*) from quittance.replay_items where outcome = 'settled'";
    assert_eq!(ledger(&at, outcomes).await, LETTERS.to_string());
    let recorded = "select id || ' ' || publishes from quittance.replay_items";
    let recorded = ledger(&at, recorded).await;
    let recorded: BTreeMap<&str, usize> = recorded
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(item, publishes)| (item, publishes.parse().unwrap()))
        .collect();
    let copies = witness.copies().await;
    assert_eq!(copies.len(), LETTERS, "each was sent");
    for (item, copies) in &copies {
        assert!(*copies <= recorded[item.as_str()], "{item}: {copies} copies of {recorded:?}");
    }
    stop(door, worker).await;
    Sent { copies: copies.values().sum(), recorded: recorded.values().sum() }
}

/// A queue beside the shard's that gets a copy of all that is published to it.
struct Witness {
    _connection: Connection,
    channel: Channel,
    queue: String,
}

impl Witness {
    async fn of(at: &Installation) -> Self {
        let (connection, channel) = channel().await.unwrap();
        let exchange = format!("{}.notifications", at.prefix.as_ref().unwrap());
        let queue = format!("{exchange}.witness");
        let (options, none) = (QueueDeclareOptions::default(), FieldTable::default());
        channel.queue_declare(queue.as_str().into(), options, none.clone()).await.unwrap();
        let (name, from) = (queue.as_str().into(), exchange.as_str().into());
        channel
            .queue_bind(name, from, "0".into(), QueueBindOptions::default(), none)
            .await
            .unwrap();
        Self { _connection: connection, channel, queue }
    }

    /// How often each item was published.
    async fn copies(&self) -> BTreeMap<String, usize> {
        let mut copies = BTreeMap::new();
        let get = BasicGetOptions { no_ack: true };
        while let Some(message) =
            self.channel.basic_get(self.queue.as_str().into(), get).await.unwrap()
        {
            if let Some(item) = header(&message, "quittance-replay-item") {
                *copies.entry(item).or_default() += 1;
            }
        }
        let gone = QueueDeleteOptions::default();
        self.channel.queue_delete(self.queue.as_str().into(), gone).await.unwrap();
        copies
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_message_that_is_stolen_leaves_its_letter_open_for_another_replay() {
    let (at, door, mut worker) = broken(2, 54).await;
    mend(&at).await;
    let id = plan(&at, 2, "settled");
    assert!(worker.terminate().await.unwrap().success());
    // Nobody reads the queue while the job is run.
    let (config, admin) = (at.config(), format!("127.0.0.1:{}", ports::free().unwrap()));
    let alone = ["--config", &config, "--roles", "morgue"];
    let admin = [("QUITTANCE__WORKER__ADMIN_LISTEN", admin.as_str())];
    let mut morgue = Program::start("quittance-worker", &alone, &admin).unwrap();
    start(&at, &id, "100/s");
    let sent = "select count(*) from quittance.replay_items where state = 'published'";
    answers(&at, sent, "2").await.unwrap();
    let queue = format!("{}.notifications.0", at.prefix.as_ref().unwrap());
    let (_connection, channel) = channel().await.unwrap();
    wait::until("a replayed message to steal", PATIENCE, || async {
        let get = BasicGetOptions::default();
        let message = channel.basic_get(queue.as_str().into(), get).await.ok()??;
        message.acker.ack(BasicAckOptions::default()).await.ok()?;
        header(&message, "quittance-replay-item")
    })
    .await
    .unwrap();
    assert!(morgue.terminate().await.unwrap().success());

    let worker = at.worker(&[]).await.unwrap();
    completes(&at, &id).await;
    let outcomes = "select string_agg(outcome, ' ' order by outcome) from quittance.replay_items";
    assert_eq!(ledger(&at, outcomes).await, "lost settled");
    answers(&at, OPEN, "1").await.unwrap();
    let again = plan(&at, 1, "settled");
    start(&at, &again, "100/s");
    all_settled(&at, 2, &again).await;
    stop(door, worker).await;
}
