//! Waiting for events: told as soon as there are any, when the wait ends, or when the process stops.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use harness::driver::{payments, send};
use harness::installation::Installation;
use serde_json::{Value, json};

use crate::client::Console;

const ORDERS: &str = "/api/v1/orders";
/// Calls that wait at once; one more is turned away.
const WAITERS_MAX: usize = 32;
const END_LIMIT: Duration = Duration::from_secs(60);

async fn whoever_waits_is_told(at: Installation) {
    let mut console = Console::open(at).await;
    let (status, nothing) = console.get("/api/v1/events?wait=1").await;
    assert_eq!((status, nothing), (200, json!({"events": [], "next": 0})));
    for wait in ["31", "-1", "soon"] {
        let (status, body) = console.get(&format!("/api/v1/events?wait={wait}")).await;
        assert_eq!((status, body["error"].as_str()), (400, Some("wait: from 0 to 30")));
    }
    let burst = payments(&console.at.signer, 1, 0, 62).unwrap();
    let (number, amount) = &burst.orders[0];
    let order = json!({"order_no": number, "amount": amount, "currency": "CNY"});
    console.post(ORDERS, order.to_string()).await;

    let url = console.door.url.clone();
    let pays = async move { send(&[url], &burst.bodies).await.map(drop).unwrap() };
    for answer in all_who_wait(&console, 0, pays).await {
        assert_eq!(answer["events"][0]["event"]["type"], "io.quittance.order.paid.v1", "{answer}");
        assert_eq!(answer["next"], 1);
    }
    let signal = async { console.door.program.signal("TERM").unwrap() };
    for answer in all_who_wait(&console, 1, signal).await {
        assert_eq!(answer, json!({"events": [], "next": 1}), "as the process stops");
    }
    assert!(console.door.program.wait_end(END_LIMIT).await.unwrap().success());
}

/// Answers of as many as may wait; what they wait for happens once all of them do, which one more shows
/// that is turned away.
async fn all_who_wait(
    console: &Console,
    after: i64,
    happens: impl Future<Output = ()>,
) -> Vec<Value> {
    let path = format!("/api/v1/events?after={after}&wait=30");
    let mut asked: FuturesUnordered<_> = (0..=WAITERS_MAX).map(|_| console.get(&path)).collect();
    let (status, body) = asked.next().await.unwrap();
    let told = body["error"].as_str().unwrap_or_default();
    assert_eq!((status, told.starts_with("32 calls wait already")), (503, true), "{body}");
    let ((), answers) = tokio::join!(happens, asked.collect::<Vec<_>>());
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    answers.into_iter().map(|(_, body)| body).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_is_told_embedded() {
    whoever_waits_is_told(Installation::embedded().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_is_told_on_servers() {
    whoever_waits_is_told(Installation::on_servers().await.unwrap()).await;
}
