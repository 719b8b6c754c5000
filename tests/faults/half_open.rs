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

/// Of a worker that begins while its wire says nothing any more: it must not keep all others from beginning.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_whose_wire_swallows_everything_is_given_up_and_another_goes_on() {
    let installation = Installation::on_servers().await.unwrap();
    let url = installation.database.as_ref().unwrap().url.clone();
    // The newest migration is missing again.
    postgres::sql(
        &url,
        "alter table quittance.replay_jobs drop column judged_from; \
         delete from quittance.__diesel_schema_migrations where version = '20261130000022'",
    )
    .await
    .unwrap();
    // Somebody keeps the table that it needs.
    let (client, connection) =
        (url.clone(), "begin; select from quittance.replay_jobs; select pg_sleep(4)");
    let keeping = tokio::spawn(async move { postgres::sql(&client, connection).await });
    let waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    let kept = "select count(*) from pg_locks l join pg_class c on c.oid = l.relation \
         where c.relname = 'replay_jobs' and l.granted";
    let is = async |question: &str, answer: &str| {
        wait::until(question, SOON, || async {
            let answered = postgres::sql(&url, question).await.ok()?;
            (answered.trim() == answer).then_some(())
        })
        .await
    };
    is(kept, "1").await.unwrap();
    let (wire, through) = Wire::before(&url).await.unwrap();
    let swallowed = Postgres::new(Secret::new(through));
    let migrating = tokio::spawn(async move { swallowed.migrate().await });
    is(waits, "1").await.unwrap();
    wire.set(Mode::HalfOpen);
    is(waits, "0").await.unwrap();
    wire.set(Mode::Open);
    let Err(LedgerError::Unreachable(why)) = migrating.await.unwrap() else {
        panic!("it was answered");
    };
    assert_eq!(why, "the server waits for us, and we for it");
    keeping.await.unwrap().unwrap();
    Postgres::new(Secret::new(url.clone())).migrate().await.unwrap();
    is("select count(judged_from) from quittance.replay_jobs", "0").await.unwrap();
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
