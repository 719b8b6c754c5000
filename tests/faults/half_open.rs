//! A wire that swallows everything and says nothing: who waits at its end must find out by itself.

use std::time::{Duration, Instant};

use harness::driver::{payments, send};
use harness::installation::Installation;
use harness::wire::{Mode, Wire};
use harness::{postgres, rabbitmq, wait};
use shared::broker::amqp::Amqp;
use shared::broker::topology::Topology;
use shared::broker::{Broker as _, Publisher as _};
use shared::retry::Schedule;
use shared::secret::Secret;
use worker::ledger::postgres::Postgres;
use worker::ledger::{Ledger as _, LedgerError, Session as _};

use crate::watch::answers;

/// The shutdown's limit, and what a busy machine adds.
const ENDS: Duration = Duration::from_secs(6);
/// A server's own limits are minutes.
const SOON: Duration = Duration::from_secs(45);

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_call_was_swallowed_is_given_up() {
    let installation = Installation::on_servers().await.unwrap();
    let url = &installation.database.as_ref().unwrap().url;
    let (wire, through) = Wire::before(url).await.unwrap();
    let mut session = Postgres::new(Secret::new(through)).open().await.unwrap();
    session.unsent(0, 1).await.unwrap();
    wire.set(Mode::HalfOpen);
    let asking = tokio::spawn(async move { session.unsent(0, 1).await });
    // The server is asked what it does, on a connection that works.
    let open = "select count(*) from pg_stat_activity where datname = current_database()";
    postgres::sql(url, open).await.unwrap();
    wire.set(Mode::Open);
    let Err(LedgerError::Unreachable(why)) = asking.await.unwrap() else {
        panic!("it was answered");
    };
    assert_eq!(why, "the server waits for us, and we for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_on_a_swallowing_wire_connects_anew() {
    let server = rabbitmq::server().await.unwrap();
    let (wire, url) = Wire::before(server.url()).await.unwrap();
    let topology =
        Topology { prefix: rabbitmq::prefix(), shards: 1, schedule: Schedule::default() };
    let publish_timeout = Duration::from_secs(3);
    let publisher = Amqp { url, topology, publish_timeout }.publisher();
    wait::until("a first probe", SOON, || async { publisher.probe().await.ok() }).await.unwrap();
    wire.set(Mode::HalfOpen);
    assert!(publisher.probe().await.is_err());
    wire.set(Mode::Open);
    wait::until("another probe", SOON, || async { publisher.probe().await.ok() }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_ledger_says_nothing_ends_in_time_and_well() {
    let installation = Installation::on_servers().await.unwrap();
    let burst = payments(&installation.signer, 20, 0, 35).unwrap();
    installation.import(burst.orders.iter().cloned()).unwrap();
    let url = installation.database.as_ref().unwrap().url.clone();
    let (wire, through) = Wire::before(&url).await.unwrap();
    let variables =
        [("QUITTANCE__DATABASE__URL", &*through), ("QUITTANCE__PROCESS__SHUTDOWN_TIMEOUT", "2s")];
    let mut worker = installation.worker(&variables).await.unwrap();
    let door = installation.ingress().await.unwrap();
    wire.set(Mode::HalfOpen);
    send(std::slice::from_ref(&door.url), &burst.bodies).await.unwrap();
    let begun = Instant::now();
    let status = worker.terminate().await.unwrap();
    assert!(status.success(), "{status}: {}", worker.stderr());
    assert!(begun.elapsed() < ENDS, "{:?}", begun.elapsed());

    // Whoever comes next gets what it had in hand.
    let mut next = installation.worker(&[]).await.unwrap();
    answers(&installation, "select count(*) from quittance.orders where status = 'paid'", "20")
        .await
        .unwrap();
    assert!(next.terminate().await.unwrap().success());
}
