//! What operators do under load: every process is replaced, and the schema grows under running workers.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, ensure};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use harness::driver::{Burst, payments, post};
use harness::installation::{Door, Installation};
use harness::postgres;
use reqwest::Client;

use crate::watch::{PATIENCE, answers};

const CONCURRENCY: usize = 16;
const NOTIFICATIONS: usize = 1_000;
const PAID: &str = "select count(*) from quittance.orders where status = 'paid'";
const ANNOUNCED: &str = "select count(*), count(distinct subject) from quittance.event_log";
const SETTLED: &str = "select count(*) from quittance.receipts";

/// Where a door is reached, and where it says whether it is ready.
pub(crate) type Instance = (String, String);

/// As a load balancer does: it looks whether an instance is ready before it sends there, and takes another one where
/// nobody takes the connection, and only there. What is answered is what a provider reads.
pub(crate) struct Balancer(pub(crate) Mutex<Vec<Instance>>);

impl Balancer {
    fn instances(&self) -> MutexGuard<'_, Vec<Instance>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn replace(&self, index: usize, door: &Door) {
        self.instances()[index] = instance(door);
    }

    /// The answer of the first instance that is ready and takes it.
    async fn forward(
        &self,
        client: &Client,
        turn: usize,
        body: &str,
    ) -> anyhow::Result<(u16, String)> {
        let count = self.instances().len();
        let mut reasons = vec![];
        for place in (0..count).cycle().skip(turn % count).take(2 * count) {
            // As it stands now: another may have come in its place meanwhile.
            let (url, ready) = self.instances()[place].clone();
            let probed = async { client.get(&ready).send().await?.error_for_status() };
            if let Err(not_ready) = probed.await {
                reasons.push(format!("{not_ready:#}"));
                continue;
            }
            match post(client, &url, body).await {
                Ok(answer) => return Ok(answer),
                Err(refused) if is_refused(&refused) => reasons.push(format!("{refused:#}")),
                Err(dropped) => return Err(dropped.context("a door dropped what it had taken")),
            }
        }
        anyhow::bail!("no instance took it: {reasons:?}")
    }

    /// Sends each once, and again and again until told that it is enough; every answer must be success.
    pub(crate) async fn send(&self, burst: &Burst, enough: &AtomicBool) -> anyhow::Result<()> {
        // A connection each, so that none is kept that an instance is about to close.
        let client = Client::builder().timeout(PATIENCE).pool_max_idle_per_host(0).build()?;
        let wanted = |turn: &usize| *turn < burst.bodies.len() || !enough.load(Ordering::Relaxed);
        let turns = (0..).take_while(wanted);
        stream::iter(turns.zip(burst.bodies.iter().cycle()))
            .map(anyhow::Ok)
            .try_for_each_concurrent(CONCURRENCY, |(turn, body)| {
                let client = &client;
                async move {
                    let answer = self.forward(client, turn, body).await?;
                    ensure!(answer == (200, "success".to_owned()), "{turn}: {answer:?}");
                    Ok(())
                }
            })
            .await
    }
}

/// Did nobody take the connection?
fn is_refused(error: &anyhow::Error) -> bool {
    error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect)
}

pub(crate) fn instance(door: &Door) -> Instance {
    (door.url.clone(), format!("{}/readyz", door.admin_url))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_process_is_replaced_under_load_and_no_request_is_refused() {
    let installation = Installation::on_servers().await.unwrap();
    let burst = payments(&installation.signer, NOTIFICATIONS, 0, 71).unwrap();
    installation.import(burst.orders.iter().cloned()).unwrap();
    let mut doors = [installation.ingress().await.unwrap(), installation.ingress().await.unwrap()];
    let mut workers =
        [installation.worker(&[]).await.unwrap(), installation.worker(&[]).await.unwrap()];
    let balancer = Balancer(Mutex::new(doors.iter().map(instance).collect()));
    let replaced = AtomicBool::new(false);
    let sending = balancer.send(&burst, &replaced);
    let replacing = async {
        for index in 0..2 {
            let status = doors[index].program.terminate().await?;
            ensure!(status.success(), "a door ended with {status}");
            doors[index] = installation.ingress().await?;
            balancer.replace(index, &doors[index]);
            let status = workers[index].terminate().await?;
            ensure!(status.success(), "a worker ended with {status}");
            workers[index] = installation.worker(&[]).await?;
        }
        replaced.store(true, Ordering::Relaxed);
        anyhow::Ok(())
    };
    tokio::try_join!(sending, replacing).unwrap();
    all_settled(&installation, &burst).await.unwrap();
}

/// Each once, announced once, and nothing is missing once the doors have stated what they accepted.
pub(crate) async fn all_settled(installation: &Installation, burst: &Burst) -> anyhow::Result<()> {
    let orders = burst.orders.len();
    answers(installation, PAID, &orders.to_string()).await?;
    answers(installation, ANNOUNCED, &format!("{orders}|{orders}")).await?;
    let balance: serde_json::Value =
        serde_json::from_str(&installation.answer(&["balance", "-o", "json"])?)?;
    ensure!(balance["settled"] == orders && balance["unaccounted"] == 0, "{balance}");
    Ok(())
}

/// A schema to come, as a migration may bring it: it adds, and so it can go before its workers.
#[tokio::test(flavor = "multi_thread")]
async fn the_schema_grows_under_running_workers() {
    let installation = Installation::on_servers().await.unwrap();
    let burst = payments(&installation.signer, NOTIFICATIONS, 0, 72).unwrap();
    installation.import(burst.orders.iter().cloned()).unwrap();
    let door = installation.ingress().await.unwrap();
    let mut worker = installation.worker(&[]).await.unwrap();
    let balancer = Balancer(Mutex::new(vec![instance(&door)]));
    let database = installation.database.as_ref().unwrap().url.clone();
    let grown = AtomicBool::new(false);
    let sending = balancer.send(&burst, &grown);
    let growing = async {
        let tables = "select tablename from pg_tables where schemaname = 'quittance' order by 1";
        let tables = postgres::sql(&database, tables).await?;
        answers(&installation, &format!("select ({SETTLED}) > 100"), "t").await?;
        for table in tables.lines() {
            let grow = format!(
                "alter table quittance.{table} add column from_the_future text not null default 'x'; \
                 create index on quittance.{table} (from_the_future)"
            );
            postgres::sql(&database, &grow).await.with_context(|| table.to_owned())?;
        }
        grown.store(true, Ordering::Relaxed);
        anyhow::Ok(())
    };
    tokio::try_join!(sending, growing).unwrap();
    all_settled(&installation, &burst).await.unwrap();
    let log = worker.stdout() + &worker.stderr();
    let troubles: BTreeSet<&str> = ["not settled", "starts again", "waiting with"]
        .into_iter()
        .filter(|it| log.contains(it))
        .collect();
    assert!(troubles.is_empty(), "{troubles:?}: {log}");
    assert!(worker.terminate().await.unwrap().success());
}
