//! The ledger or the broker is wrong: messages wait, and nothing is lost or done twice.

use std::process::Command;

use harness::driver::{payments, send};
use harness::installation::Installation;
use harness::program::Program;
use harness::{postgres, rabbitmq, wait};

use crate::watch::{PATIENCE, answers, readiness};

const PAID: &str = "select count(*) from quittance.orders where status = 'paid'";
const RETRYING: &str = "select count(*) from quittance.receipts where bucket = 'retrying'";
const ANNOUNCED: &str = "select count(*), count(distinct subject) from quittance.event_log";

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_somebody_keeps_locked_is_retried_and_then_settles() {
    let installation = Installation::on_servers().await.unwrap();
    let burst = payments(&installation.signer, 5, 0, 31).unwrap();
    installation.import(burst.orders.iter().cloned()).unwrap();
    let database = installation.database.as_ref().unwrap().url.clone();
    let mut psql = Command::new("psql");
    let lock = "begin; select from quittance.orders where order_no like '%000002' for update;";
    psql.args(["-X", "-q", "-c", &format!("{lock} select pg_sleep(600);"), &database]);
    let mut locker = Program::launch("psql", psql).unwrap();
    let locks = "select count(*) > 0 from pg_stat_activity where query like 'begin; select from%' \
                 and wait_event = 'PgSleep' and datname = current_database()";
    answers(&installation, locks, "t").await.unwrap();

    let door = installation.ingress().await.unwrap();
    let mut worker = installation.worker(&[]).await.unwrap();
    send(std::slice::from_ref(&door.url), &burst.bodies).await.unwrap();
    // The four others are settled although they shared its batch.
    answers(&installation, PAID, "4").await.unwrap();
    answers(&installation, RETRYING, "1").await.unwrap();
    let release = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                   where query like 'begin; select from%' and datname = current_database()";
    postgres::sql(&database, release).await.unwrap();
    answers(&installation, PAID, "5").await.unwrap();
    answers(&installation, RETRYING, "0").await.unwrap();
    locker.kill().await.unwrap();
    assert!(worker.terminate().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_is_away_costs_no_attempt() {
    outage("allow_connections false", "allow_connections true").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_takes_no_writes_costs_no_attempt() {
    outage("set default_transaction_read_only = on", "reset default_transaction_read_only").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_begins_while_the_ledger_takes_no_writes_waits_for_it() {
    let installation = Installation::on_servers().await.unwrap();
    let burst = payments(&installation.signer, 5, 0, 34).unwrap();
    installation.import(burst.orders.iter().cloned()).unwrap();
    let server = postgres::server().await.unwrap();
    let name = installation.database.as_ref().unwrap().name.clone();
    let statement = format!("alter database {name} set default_transaction_read_only = on");
    postgres::sql(server.url(), &statement).await.unwrap();
    let door = installation.ingress().await.unwrap();
    send(std::slice::from_ref(&door.url), &burst.bodies).await.unwrap();
    let config = installation.config();
    let admin = format!("127.0.0.1:{}", harness::ports::free().unwrap());
    let variables = [("QUITTANCE__WORKER__ADMIN_LISTEN", admin.as_str())];
    let mut worker =
        Program::start("quittance-worker", &["--config", &config], &variables).unwrap();
    wait::until("the worker to have tried often", PATIENCE, || async {
        (worker.stderr().matches("the ledger is out of reach").count() > 3).then_some(())
    })
    .await
    .unwrap();
    let statement = format!("alter database {name} reset default_transaction_read_only");
    postgres::sql(server.url(), &statement).await.unwrap();
    answers(&installation, PAID, "5").await.unwrap();
    assert!(worker.terminate().await.unwrap().success());
}

/// For one database alone the server is gone while notifications come, and then it is back.
#[expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]
async fn outage(begin: &str, end: &str) {
    let installation = Installation::on_servers().await.unwrap();
    let burst = payments(&installation.signer, 200, 0, 32).unwrap();
    installation.import(burst.orders.iter().cloned()).unwrap();
    let server = postgres::server().await.unwrap();
    let name = installation.database.as_ref().unwrap().name.clone();
    let door = installation.ingress().await.unwrap();
    let admin = format!("127.0.0.1:{}", harness::ports::free().unwrap());
    let variables = [("QUITTANCE__WORKER__ADMIN_LISTEN", admin.as_str())];
    let arguments = ["--config", &installation.config()];
    let mut worker = Program::start("quittance-worker", &arguments, &variables).unwrap();
    let admin_url = format!("http://{admin}");
    readiness(&admin_url, 200, "").await.unwrap();
    let (before, during) = burst.bodies.split_at(100);
    send(std::slice::from_ref(&door.url), before).await.unwrap();

    postgres::sql(server.url(), &format!("alter database {name} {begin}")).await.unwrap();
    let cut = format!(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = '{name}'"
    );
    postgres::sql(server.url(), &cut).await.unwrap();
    let sent = send(std::slice::from_ref(&door.url), during).await.unwrap();
    assert_eq!(sent.repeated, 0, "the door needs no ledger");
    wait::until("the lanes to have tried often", PATIENCE, || async {
        (worker.stderr().matches("waiting with what is in hand").count() > 10).then_some(())
    })
    .await
    .unwrap();
    for check in ["lane-0", "morgue", "replay"] {
        let words = format!("{check}: the ledger is out of reach");
        readiness(&admin_url, 503, &words).await.unwrap();
    }

    postgres::sql(server.url(), &format!("alter database {name} {end}")).await.unwrap();
    for check in ["lane-0: ok", "morgue: ok", "replay: ok"] {
        readiness(&admin_url, 200, check).await.unwrap();
    }
    answers(&installation, PAID, "200").await.unwrap();
    answers(&installation, ANNOUNCED, "200|200").await.unwrap();
    let stderr = worker.stderr();
    assert!(!stderr.contains("RetryIn") && !stderr.contains("Bury"), "{stderr}");
    assert!(worker.terminate().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_the_broker_closes_lose_nothing() {
    let installation = Installation::on_servers().await.unwrap();
    let burst = payments(&installation.signer, 3_000, 20, 33).unwrap();
    installation.import(burst.orders.iter().cloned()).unwrap();
    let mut door = installation.ingress().await.unwrap();
    let mut worker = installation.worker(&[]).await.unwrap();
    let (urls, bodies) = ([door.url.clone()], burst.bodies.clone());
    let sending = tokio::spawn(async move { send(&urls, &bodies).await });
    for paid_at_least in [200, 800] {
        let question = format!(
            "select count(*) >= {paid_at_least} from quittance.orders where status = 'paid'"
        );
        answers(&installation, &question, "t").await.unwrap();
        let server = rabbitmq::server().await.unwrap();
        server.control(&["close_all_connections", "a test"]).await.unwrap();
    }
    sending.await.unwrap().unwrap();
    let orders = burst.orders.len();
    answers(&installation, PAID, &orders.to_string()).await.unwrap();
    answers(&installation, ANNOUNCED, &format!("{orders}|{orders}")).await.unwrap();
    assert!(door.program.terminate().await.unwrap().success());
    assert!(worker.terminate().await.unwrap().success());
}
