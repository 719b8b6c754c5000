//! How the queue must behave, on a real file.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use futures_util::future::join_all;
use shared::broker::{Broker as _, Consumer as _, Delivery, PublishError, Publisher as _, Route};
use shared::message::parcel::{Header, Parcel};
use tempfile::TempDir;
use tokio::time::timeout;

use super::QueueConsumer;
use crate::embedded::Embedded;

const PATIENCE: Duration = Duration::from_secs(5);
/// Long enough for what is there to come.
const GLANCE: Duration = Duration::from_millis(150);

fn fresh() -> (TempDir, Embedded) {
    let folder = tempfile::tempdir().unwrap();
    let embedded = open(folder.path());
    (folder, embedded)
}

fn open(folder: &Path) -> Embedded {
    let embedded = Embedded::open(&folder.join("quittance.db")).unwrap();
    embedded.own().unwrap();
    embedded
}

fn parcel(id: &str) -> Parcel {
    Parcel {
        id: id.to_owned(),
        kind: "alipay".to_owned(),
        content_type: Some("text/plain".to_owned()),
        timestamp_s: 7,
        headers: vec![
            ("quittance-account".to_owned(), Header::Text("shop".to_owned())),
            ("quittance-seq".to_owned(), Header::Number(1)),
        ],
        body: Bytes::from(format!("body of {id}")),
    }
}

fn work() -> Route {
    Route::Notifications { shard: 0 }
}

async fn next(consumer: &mut QueueConsumer) -> Delivery {
    timeout(PATIENCE, consumer.next()).await.expect("a delivery in time").unwrap()
}

async fn none_is_ready(consumer: &mut QueueConsumer) -> bool {
    timeout(GLANCE, consumer.next()).await.is_err()
}

#[tokio::test]
async fn what_was_published_survives_a_restart_whole() {
    let (folder, embedded) = fresh();
    embedded.queue().publish(work(), parcel("a")).await.unwrap();
    drop(embedded);
    let mut consumer = open(folder.path()).queue().consumer(0, 10).await.unwrap();
    let delivery = next(&mut consumer).await;
    assert_eq!((delivery.parcel, delivery.returns), (parcel("a"), 0));
}

#[tokio::test]
async fn what_was_acknowledged_never_comes_back() {
    let (folder, embedded) = fresh();
    let queue = embedded.queue();
    for id in ["a", "b", "c"] {
        queue.publish(work(), parcel(id)).await.unwrap();
    }
    let mut consumer = queue.consumer(0, 10).await.unwrap();
    next(&mut consumer).await;
    let second = next(&mut consumer).await;
    consumer.ack_through(second.tag).await.unwrap();
    drop((consumer, queue, embedded));
    let mut consumer = open(folder.path()).queue().consumer(0, 10).await.unwrap();
    assert_eq!(next(&mut consumer).await.parcel.id, "c");
    assert!(none_is_ready(&mut consumer).await);
}

#[tokio::test]
async fn a_thousand_publishes_at_once_share_commits_and_each_is_held() {
    let (_folder, embedded) = fresh();
    let queue = embedded.queue();
    let publish = |id: u32| {
        let queue = queue.clone();
        async move { queue.publish(work(), parcel(&id.to_string())).await }
    };
    for outcome in join_all((0..1_000).map(publish)).await {
        outcome.unwrap();
    }
    let mut consumer = queue.consumer(0, 300).await.unwrap();
    let mut seen = BTreeSet::new();
    while seen.len() < 1_000 {
        let delivery = next(&mut consumer).await;
        assert!(seen.insert(delivery.parcel.id));
        consumer.ack_through(delivery.tag).await.unwrap();
    }
    assert!(none_is_ready(&mut consumer).await);
}

#[tokio::test]
async fn a_retry_comes_back_after_its_delay_and_holds_up_nobody() {
    let (_folder, embedded) = fresh();
    let queue = embedded.queue();
    let mut consumer = queue.consumer(0, 10).await.unwrap();
    let delay = Duration::from_secs(1);
    let sent = Instant::now();
    queue.publish(Route::Retry { delay, shard: 9 }, parcel("late")).await.unwrap();
    queue.publish(work(), parcel("now")).await.unwrap();
    assert_eq!(next(&mut consumer).await.parcel.id, "now");
    assert_eq!(next(&mut consumer).await.parcel.id, "late");
    assert!(delay <= sent.elapsed());
}

#[tokio::test]
async fn what_is_buried_stays_out_of_the_lanes() {
    let (_folder, embedded) = fresh();
    let queue = embedded.queue();
    queue.publish(Route::Dead, parcel("dead")).await.unwrap();
    let routing_key = "order.paid.v1".to_owned();
    queue.publish(Route::Fulfilment { routing_key }, parcel("event")).await.unwrap();
    let mut consumer = queue.consumer(0, 10).await.unwrap();
    assert!(none_is_ready(&mut consumer).await);
}

#[tokio::test]
async fn a_reader_that_goes_gives_back_what_it_held() {
    let (_folder, embedded) = fresh();
    let queue = embedded.queue();
    for id in ["a", "b"] {
        queue.publish(work(), parcel(id)).await.unwrap();
    }
    let mut first = queue.consumer(0, 10).await.unwrap();
    let mut second = queue.consumer(0, 10).await.unwrap();
    assert_eq!(next(&mut first).await.returns, 0);
    assert!(none_is_ready(&mut second).await, "it is in the first one's hand");
    drop(first);
    assert_eq!(next(&mut second).await.returns, 1);
    assert_eq!(next(&mut second).await.returns, 0, "it was taken, and never delivered");
}

fn sql(folder: &TempDir, statement: &str) {
    let path = folder.path().join("quittance.db");
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let statement = format!("pragma busy_timeout = 5000; {statement}");
    connection.batch_execute(&statement).unwrap();
}

#[tokio::test]
async fn what_a_full_disk_kept_a_reader_from_giving_back_comes_back_after_it() {
    let (folder, embedded) = fresh();
    let queue = embedded.queue();
    queue.publish(work(), parcel("a")).await.unwrap();
    let mut consumer = queue.consumer(0, 10).await.unwrap();
    next(&mut consumer).await;
    let full = "create trigger full before update on queue
        begin select raise(abort, 'database or disk is full'); end";
    sql(&folder, full);
    drop(consumer);
    // It stands behind what was given back, or failed with it.
    drop(queue.probe().await);
    sql(&folder, "drop trigger full");
    let mut consumer = queue.consumer(0, 10).await.unwrap();
    assert_eq!(next(&mut consumer).await.returns, 1);
}

#[tokio::test]
async fn a_parcel_that_the_file_refuses_takes_no_other_along() {
    let (folder, embedded) = fresh();
    let queue = embedded.queue();
    let refuse = "create trigger refuse before insert on queue when new.message_id = '50'
        begin select raise(abort, 'CHECK constraint failed: a rule'); end";
    sql(&folder, refuse);
    let publish = |id: u32| queue.publish(work(), parcel(&id.to_string()));
    let outcomes = join_all((0..100).map(publish)).await;
    for (id, outcome) in outcomes.into_iter().enumerate() {
        let expected = if id == 50 { Err(PublishError::Refused) } else { Ok(()) };
        assert_eq!(outcome, expected, "{id}");
    }
}

/// What the disk held at the moment of a crash is a copy of the files while they are in use.
#[tokio::test]
async fn a_crash_gives_back_what_was_in_hand() {
    let (folder, embedded) = fresh();
    let queue = embedded.queue();
    for id in ["a", "b"] {
        queue.publish(work(), parcel(id)).await.unwrap();
    }
    let mut consumer = queue.consumer(0, 1).await.unwrap();
    assert_eq!(next(&mut consumer).await.parcel.id, "a");
    let crashed = tempfile::tempdir().unwrap();
    for name in ["quittance.db", "quittance.db-wal"] {
        std::fs::copy(folder.path().join(name), crashed.path().join(name)).unwrap();
    }
    let mut consumer = open(crashed.path()).queue().consumer(0, 10).await.unwrap();
    let mut back = vec![];
    for _ in 0..2 {
        let delivery = next(&mut consumer).await;
        back.push((delivery.parcel.id, delivery.returns));
    }
    assert_eq!(back, [("a".to_owned(), 1), ("b".to_owned(), 0)]);
}

#[tokio::test]
async fn a_reader_holds_no_more_than_its_prefetch() {
    let (_folder, embedded) = fresh();
    let queue = embedded.queue();
    for id in ["a", "b"] {
        queue.publish(work(), parcel(id)).await.unwrap();
    }
    let mut consumer = queue.consumer(0, 1).await.unwrap();
    let first = next(&mut consumer).await;
    assert!(none_is_ready(&mut consumer).await);
    consumer.ack_through(first.tag).await.unwrap();
    consumer.widen(2).await.unwrap();
    assert_eq!(next(&mut consumer).await.parcel.id, "b");
}

#[tokio::test]
async fn waits_that_were_given_up_lose_nothing() {
    let (_folder, embedded) = fresh();
    let queue = embedded.queue();
    let mut consumer = queue.consumer(0, 100).await.unwrap();
    for round in 0..50 {
        queue.publish(work(), parcel(&round.to_string())).await.unwrap();
        drop(timeout(Duration::from_micros(round), consumer.next()).await);
    }
    let held = consumer.in_hand_len();
    for _ in held..50 {
        next(&mut consumer).await;
    }
    assert!(none_is_ready(&mut consumer).await);
}

#[tokio::test]
async fn a_probe_tells_whether_the_file_can_be_written() {
    let (folder, embedded) = fresh();
    let queue = embedded.queue();
    queue.probe().await.unwrap();
    let (_other, elsewhere) = fresh();
    std::fs::remove_dir_all(folder.path()).unwrap();
    assert_eq!(elsewhere.queue().probe().await, Ok(()));
    let gone = queue.probe().await;
    assert_eq!(gone, Err(PublishError::Unreachable));
}
