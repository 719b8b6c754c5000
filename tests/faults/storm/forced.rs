//! What no schedule can hold: messages lost by force, and a message that kills its readers.

use std::time::Duration;

use anyhow::Context as _;
use harness::driver::post;
use harness::installation::Addresses;
use harness::program::Program;
use harness::wait;
use serde_json::Value;

use super::fault::Fault;
use super::stage::Stage;
use super::traffic::Traffic;
use super::verdict;
use crate::watch::{NAMED, readiness};

/// How long until a message that kills its readers is buried: each begins anew in between.
const BURIED: Duration = Duration::from_secs(120);
/// Much shorter than what the door may wait for a confirm.
const PROVIDER_WAITS: Duration = Duration::from_secs(12);
const AT_ONCE: Duration = Duration::ZERO;

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_queue_is_missed_message_by_message() {
    let mut stage = Stage::set().await.unwrap();
    let mut traffic = Traffic::default();
    let signer = &stage.installation.signer;
    let settled = traffic.add(signer, (1, 30)).unwrap();
    let lost = traffic.add(signer, (2, 30)).unwrap();
    let after = traffic.add(signer, (3, 30)).unwrap();
    for late in [false, true] {
        stage.sql(&traffic.shop_writes(0, late).unwrap()).await.unwrap();
    }
    let urls = stage.crew.urls();
    traffic.send(&urls, settled, (1, AT_ONCE)).await.unwrap();
    verdict::settled(&stage, &traffic).await.unwrap();
    let (kept, _) = traffic.answers();

    // Nobody reads, so that all of these lie in the queue.
    for worker in &mut stage.crew.workers {
        worker.kill().await.unwrap();
    }
    traffic.send(&urls, lost, (2, AT_ONCE)).await.unwrap();
    let (told, _) = traffic.answers();
    let queue = format!("{}.notifications.0", stage.prefix().unwrap());
    stage.broker().unwrap().control(&["delete_queue", &queue]).await.unwrap();
    stage.crew.start_missing_workers().unwrap();
    traffic.send(&urls, after, (3, AT_ONCE)).await.unwrap();

    let stolen = told - kept;
    let balance = wait::until("every loss to be named", NAMED, || async {
        let balance = verdict::balance(&stage).ok()?;
        // What was on its way to the queue when it went is lost too.
        let lost = verdict::lost(&stage, &traffic).await.ok()?;
        (lost >= stolen && balance["unaccounted"] == lost).then_some((balance, lost))
    });
    let found = balance.await.with_context(|| format!("{:?}", verdict::balance(&stage)));
    let (balance, lost) = found.unwrap();
    assert!(balance["accepted"].as_u64() >= Some(traffic.answers().0), "{balance}");
    let named: Vec<(String, u64)> =
        balance["missing"].as_array().unwrap().iter().flat_map(numbers).collect();
    let counts = balance["missing"].as_array().unwrap().iter().map(|line| line["count"].as_u64());
    assert_eq!(counts.sum::<Option<u64>>(), Some(lost), "{balance}");
    for (epoch, number) in named {
        let receipts = format!(
            "select count(*) from quittance.receipts where epoch = '{epoch}' and seq = {number}"
        );
        assert_eq!(stage.sql(&receipts).await.unwrap(), "0", "{epoch} {number} is not missing");
    }
}

/// Every number that a line of what is missing names.
#[expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]
fn numbers(missing: &Value) -> Vec<(String, u64)> {
    let epoch = missing["epoch"].as_str().unwrap().to_owned();
    let numbers = missing["numbers"].as_array().unwrap().iter();
    numbers.map(|number| (epoch.clone(), number.as_u64().unwrap())).collect()
}

/// The door may wait for a confirm much longer than the provider here waits for an answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_blocks_is_answered_at_once_with_the_reject_form() {
    let mut stage = Stage::set().await.unwrap();
    let mut traffic = Traffic::default();
    let places = traffic.add(&stage.installation.signer, (6, 1)).unwrap();
    let addresses = Addresses::free().unwrap();
    let mut variables = addresses.variables().to_vec();
    variables.push(("QUITTANCE__INGRESS__PUBLISH_TIMEOUT", "30s"));
    let config = stage.installation.config();
    let _door = Program::start("quittance-ingress", &["--config", &config], &variables).unwrap();
    let urls = [addresses.notify_url()];
    traffic.send(&urls, places.clone(), (6, AT_ONCE)).await.unwrap();
    stage.begin(Fault::BrokerBlocked).await.unwrap();
    let client = reqwest::Client::builder().timeout(PROVIDER_WAITS).build().unwrap();
    for _ in 0..3 {
        let answer = post(&client, &urls[0], &traffic.notes[places.start].body).await.unwrap();
        assert_eq!(answer, (503, "fail".to_owned()));
    }
    stage.end(Fault::BrokerBlocked).await.unwrap();
    traffic.send(&urls, places, (7, AT_ONCE)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ingress_is_ready_only_while_the_broker_takes_messages() {
    let mut stage = Stage::set().await.unwrap();
    let door = stage.installation.ingress().await.unwrap();
    for (fault, words) in
        [(Fault::BrokerBlocked, "has blocked publishing"), (Fault::BrokerStopped, "broker: the ")]
    {
        readiness(&door.admin_url, 200, "broker: ok").await.unwrap();
        stage.begin(fault).await.unwrap();
        readiness(&door.admin_url, 503, words).await.unwrap();
        stage.end(fault).await.unwrap();
    }
    readiness(&door.admin_url, 200, "broker: ok").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_kills_its_readers_is_buried_and_takes_nobody_along() {
    let mut stage = Stage::set().await.unwrap();
    let mut traffic = Traffic::default();
    let places = traffic.add(&stage.installation.signer, (4, 90)).unwrap();
    let (poison, place) = traffic.add_poison(&stage.installation.signer).unwrap();
    for late in [false, true] {
        stage.sql(&traffic.shop_writes(0, late).unwrap()).await.unwrap();
    }
    stage.crew.poison(&poison).await.unwrap();
    let urls = stage.crew.urls();
    traffic.send(&urls, place..place + 1, (4, AT_ONCE)).await.unwrap();
    traffic.send(&urls, places, (5, AT_ONCE)).await.unwrap();
    // Whoever reads it dies until it is in the table: the lanes, and the morgue as well.
    let buried = "select count(*) from quittance.dead_letters d join quittance.failure_groups g \
         on g.id = d.group_id where g.stage = 'crash'";
    let begun = std::time::Instant::now();
    while stage.sql(buried).await.unwrap() == "0" {
        assert!(begun.elapsed() < BURIED, "it is not buried");
        stage.crew.poison(&poison).await.unwrap();
        wait::a_moment().await;
    }
    stage.crew.disarm().await.unwrap();
    verdict::at_rest(&mut stage, &traffic).await.unwrap();
    assert_eq!(stage.sql(buried).await.unwrap(), "1", "no innocent");
}
