//! `balance` on servers, when a message was taken off the broker behind our back.

use std::time::Duration;

use harness::driver::{payments, send};
use harness::installation::Installation;
use harness::{rabbitmq, wait};
use lapin::options::{BasicAckOptions, BasicGetOptions};
use lapin::{Connection, ConnectionProperties};
use serde_json::json;

use crate::ran::run;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_message_is_unaccounted_for_and_ends_with_9() {
    let at = Installation::on_servers().await.unwrap();
    let burst = payments(&at.signer, 3, 0, 9).unwrap();
    at.import(burst.orders.iter().cloned()).unwrap();
    let mut door = at.ingress().await.unwrap();
    send(&[door.url.clone()], &burst.bodies).await.unwrap();
    // It states what it accepted as it ends.
    assert!(door.program.terminate().await.unwrap().success());
    steal(at.prefix.as_ref().unwrap()).await;

    let mut worker = at.worker(&[]).await.unwrap();
    let missed = || async {
        let ran = run(&at, "balance -o json");
        (ran.code() == Some(9)).then(|| ran.json())
    };
    let balance = wait::until("the theft to be missed", PATIENCE, missed).await;
    let mut balance = balance.unwrap_or_else(|error| panic!("{error}: {}", run(&at, "balance")));
    let missing = balance.as_object_mut().unwrap().remove("missing").unwrap();
    assert_eq!((&missing[0]["numbers"], missing.as_array().unwrap().len()), (&json!([1]), 1));
    assert_eq!(
        balance,
        json!({
            "accepted": 3, "settled": 2, "duplicate": 0, "no_op": 0, "case": 0, "dead": 0,
            "in_flight": 0, "unaccounted": 1, "unproven": 0,
        })
    );
    run(&at, "balance").ends_with(9).prints(&[
        "accepted 3 = settled 2 ",
        "(unaccounted 1)",
        "missing 1 of epoch ",
        " in (0, 3]: 1",
    ]);
    assert!(worker.terminate().await.unwrap().success());
}

/// Takes the oldest notification off its queue.
async fn steal(prefix: &str) {
    let server = rabbitmq::server().await.unwrap();
    let connection = Connection::connect(server.url(), ConnectionProperties::default());
    let connection = connection.await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let queue = format!("{prefix}.notifications.0");
    let taken = channel.basic_get(queue.as_str().into(), BasicGetOptions::default()).await;
    let taken = taken.unwrap().unwrap();
    assert_eq!(taken.properties.kind().as_ref().unwrap().as_str(), "alipay");
    taken.ack(BasicAckOptions::default()).await.unwrap();
    connection.close(200, "done".into()).await.unwrap();
}
