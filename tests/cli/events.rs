//! `events`, in pages, as they come, and through the console.

use std::time::Duration;

use harness::driver::{payments, send};
use harness::program::Program;
use harness::wait;
use serde_json::Value;

use crate::shop::Shop;

const SOON: Duration = Duration::from_secs(30);
const COUNT: usize = 25;

/// A shop in which so many orders were paid and announced.
async fn busy() -> (Shop, Vec<Value>) {
    let shop = Shop::open().await;
    let burst = payments(&shop.at.signer, COUNT, 0, 7).unwrap();
    shop.at.import(burst.orders.iter().cloned()).unwrap();
    send(std::slice::from_ref(&shop.door.url), &burst.bodies).await.unwrap();
    let all = wait::until("every event", SOON, || async {
        let all = shop.run("events list -o jsonl").ends_with(0).lines();
        (all.len() == COUNT).then_some(all)
    });
    let all = all.await.unwrap();
    (shop, all)
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_read_page_by_page_here_and_through_the_console() {
    let (shop, all) = busy().await;
    let client = reqwest::Client::new();
    let console = shop.door.addresses.console_url();
    let (mut listed, mut told) = (vec![], vec![]);
    let mut after = 0;
    loop {
        let line = format!("events list --after {after} --limit 10 -o jsonl");
        let page = shop.run(&line).ends_with(0).lines();
        let url = format!("{console}/api/v1/events?after={after}&limit=10");
        let answer = client.get(url).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(answer["events"].as_array().unwrap(), &page);
        assert!(page.len() <= 10);
        let next = page.last().map_or(after, |last| last["position"].as_i64().unwrap());
        assert_eq!(answer["next"], next);
        if page.is_empty() {
            break;
        }
        told.extend(answer["events"].as_array().unwrap().clone());
        listed.extend(page);
        after = next;
    }
    assert_eq!(listed, all);
    assert_eq!(told, all);
    let positions = all.iter().map(|event| event["position"].as_i64().unwrap());
    assert!(positions.is_sorted_by(|one, next| one < next));
    for event in &all {
        assert_eq!(event["event"]["type"], "io.quittance.order.paid.v1");
        assert_eq!(event["event"]["specversion"], "1.0");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_tells_what_comes_until_it_is_interrupted() {
    let (shop, all) = busy().await;
    let tail = |more: &[&str]| {
        let config = shop.at.config();
        let line = ["events", "tail", "-o", "jsonl", "--config", config.as_str()];
        Program::start("quittance", &[&line, more].concat(), &[]).unwrap()
    };
    let read = |tail: &Program| {
        let printed = tail.stdout();
        let whole = printed.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let mut from_the_start = tail(&["--after", "0"]);
    let expect = async |tail: &Program, count: usize| {
        let enough = || async { Some(read(tail)).filter(|events| events.len() >= count) };
        wait::until("events in the tail", SOON, enough).await.unwrap()
    };
    assert_eq!(expect(&from_the_start, COUNT).await, all);

    shop.import(&["A-1"]);
    shop.simulate("paid", "A-1").ends_with(0);
    let events = expect(&from_the_start, COUNT + 1).await;
    assert_eq!(events[COUNT]["event"]["subject"], "order/A-1");
    from_the_start.signal("INT").unwrap();
    assert_eq!(from_the_start.wait_end(SOON).await.unwrap().code(), Some(0));
    assert_eq!(from_the_start.stderr(), "");
}
