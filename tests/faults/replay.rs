//! Replays on real servers: mended and sent again, also when the worker that runs them is killed.

use harness::driver::{payments, send};
use harness::installation::Installation;
use harness::postgres;
use serde_json::Value;

use crate::watch::answers;

const OPEN: &str = "select count(*) from quittance.dead_letters where state = 'open'";
const PAID: &str = "select count(*) from quittance.orders where status = 'paid'";
const DONE: &str = "select state from quittance.replay_jobs";
const TWICE: &str = "select count(*) from quittance.fulfilments";

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_dead_letters_is_replayed_though_its_worker_is_killed() {
    let at = Installation::on_servers().await.unwrap();
    let burst = payments(&at.signer, 60, 0, 51).unwrap();
    at.import(burst.orders.iter().cloned()).unwrap();
    let database = at.database.as_ref().unwrap().url.clone();
    let rule = "alter table quittance.payments add constraint a_cause check (amount < 0) not valid";
    postgres::sql(&database, rule).await.unwrap();
    let mut door = at.ingress().await.unwrap();
    let mut doomed = at.worker(&[]).await.unwrap();
    send(std::slice::from_ref(&door.url), &burst.bodies).await.unwrap();
    answers(&at, OPEN, "60").await.unwrap();
    let plan = |expected: &str| {
        let plan = at.answer(&["replay", "plan", "-q", "code:refused", "-o", "json"]).unwrap();
        let plan: Value = serde_json::from_str(&plan).unwrap();
        assert_eq!((&plan["count"], &plan["forecast"][expected]), (&60.into(), &60.into()));
        plan["plan"].as_str().unwrap().to_owned()
    };
    plan("dead_again");
    postgres::sql(&database, "alter table quittance.payments drop constraint a_cause")
        .await
        .unwrap();
    let id = plan("settled");
    let start = ["replay", "start", "--plan", &id, "--reason", "mended", "--rate", "20/s"];
    at.answer(&start).unwrap();
    let begun = "select count(*) > 5 from quittance.replay_items where publishes > 0";
    answers(&at, begun, "t").await.unwrap();
    doomed.kill().await.unwrap();
    let mut worker = at.worker(&[]).await.unwrap();
    answers(&at, PAID, "60").await.unwrap();
    answers(&at, &format!("{DONE} where id = '{id}'"), "completed").await.unwrap();
    answers(&at, OPEN, "0").await.unwrap();
    answers(&at, TWICE, "60").await.unwrap();
    let balance = at.answer(&["balance", "-o", "json"]).unwrap();
    let balance: Value = serde_json::from_str(&balance).unwrap();
    assert_eq!((&balance["dead"], &balance["settled"]), (&0.into(), &60.into()), "{balance}");
    assert!(door.program.terminate().await.unwrap().success());
    assert!(worker.terminate().await.unwrap().success());
}
