//! Replays on real servers: mended and sent again, also when the worker that runs them is killed, and when
//! what it sent is stolen.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod outages;
pub(crate) mod steps;
mod witness;

use harness::installation::{Door, Installation};
use harness::program::Program;
use harness::{ports, rabbitmq, wait};
use lapin::options::{BasicAckOptions, BasicGetOptions};
use shared::crash::Point;

use crate::watch::{PATIENCE, answers, channel, header};
use steps::{all_settled, break_off, completes, ledger, mend, open, plan, sent, start};
use witness::{Sent, Witness};

const LETTERS: usize = 40;

/// An installation on which each of so many payments died; its door is open, its worker runs.
async fn broken(letters: usize, seed: u64) -> (Installation, Door, Program) {
    let at = Installation::on_servers().await.unwrap();
    let door = at.ingress().await.unwrap();
    let worker = at.worker(&[]).await.unwrap();
    break_off(&at, &door.url, (letters, seed)).await;
    (at, door, worker)
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
    sent(&at, 6).await;
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
    sent(&at, 6).await;
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

/// Replays, and kills the worker that runs the job at its third arrival at this point.
async fn dies_at(point: Point, seed: u64) -> Sent {
    let (at, door, mut worker) = broken(LETTERS, seed).await;
    mend(&at).await;
    let id = plan(&at, LETTERS, "settled");
    assert!(worker.terminate().await.unwrap().success());
    let broker = rabbitmq::server().await.unwrap().url();
    let witness = Witness::of(&at, broker).await;
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
    let sent = witness.sent(&at).await;
    assert_eq!(sent.items, LETTERS, "each was sent");
    stop(door, worker).await;
    sent
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
    let published = "select count(*) from quittance.replay_items where state = 'published'";
    answers(&at, published, "2").await.unwrap();
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
    open(&at, 1).await;
    let again = plan(&at, 1, "settled");
    start(&at, &again, "100/s");
    all_settled(&at, 2, &again).await;
    stop(door, worker).await;
}
