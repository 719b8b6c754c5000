//! The suite of faults: signed notifications flow through two doors and two workers on servers of its own,
//! while a schedule injects faults. After each, everything must be where it belongs.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use harness::wait;

mod crew;
pub(crate) mod fault;
mod forced;
mod plan;
mod rivals;
mod row;
mod servers;
pub(crate) mod stage;
mod subscriber;
mod traffic;
mod verdict;

use fault::Fault;
use plan::{Plan, Planned, Turn, names, turns};
use row::Row;
use stage::Stage;
use traffic::Traffic;

/// The first seed, and how many follow each other; `./test faults` sets them.
const SEED: &str = "QUITTANCE_FAULTS_SEED";
const SCHEDULES: &str = "QUITTANCE_FAULTS_SCHEDULES";
/// Orders in each step of a schedule.
const ORDERS: usize = 90;
/// What is still sent once the last fault has ended.
const TAIL: Duration = Duration::from_millis(600);
/// How long a shop tries to write an order.
const SHOP_PATIENCE: Duration = Duration::from_secs(120);

/// Runs a schedule from its beginning to rest, and prints a row for each step.
async fn run(plan: &Plan) -> anyhow::Result<Vec<Row>> {
    run_on(Stage::set().await?, plan).await
}

async fn run_on(mut stage: Stage, plan: &Plan) -> anyhow::Result<Vec<Row>> {
    let mut traffic = Traffic::default();
    let outcome = async {
        let mut rows = vec![];
        for (index, step) in plan.steps.iter().enumerate() {
            let seed = plan.seed.wrapping_mul(1_000).wrapping_add(index as u64);
            let row = self::step(&mut stage, &mut traffic, step, seed).await;
            let row = row.with_context(|| names(step))?;
            println!("{row}, repeats {}", stage.subscriber.repeats);
            rows.push(row);
        }
        verdict::at_rest(&mut stage, &traffic).await.context("at rest")?;
        ensure!(plan.seed != 0 || stage.unreached.is_empty(), "nobody: {:?}", stage.unreached);
        Ok(rows)
    };
    let outcome = outcome.await;
    outcome.map_err(|error| {
        let again = format!("./test faults --seed {} --schedules 1", plan.seed);
        stage.crew.explain(error).context(again)
    })
}

async fn step(
    stage: &mut Stage,
    traffic: &mut Traffic,
    step: &[Planned],
    seed: u64,
) -> anyhow::Result<Row> {
    let first = traffic.orders.len();
    let places = traffic.add(&stage.installation.signer, (seed, ORDERS))?;
    if let Some(orders) = traffic.shop_writes(first, false) {
        stage.sql(&orders).await?;
    }
    let turns = turns(step);
    let last = turns.last().map_or(Duration::ZERO, |(at, _)| *at);
    let before = traffic.answers();
    let (urls, database) = (stage.crew.urls(), stage.database()?.to_owned());
    let late = traffic.shop_writes(first, true);
    let begun = Instant::now();
    let acting = async {
        for (at, turn) in turns {
            let due = wait::until("a turn", at + SHOP_PATIENCE, || async {
                (begun.elapsed() >= at).then_some(())
            });
            due.await?;
            match turn {
                Turn::Begin(fault) => stage.begin(fault).await,
                Turn::End(fault) => stage.end(fault).await,
            }
            .with_context(|| format!("{turn:?}"))?;
        }
        anyhow::Ok(Instant::now())
    };
    let sending = traffic.send(&urls, places, (seed, last + TAIL));
    let writing = write_late(&database, late, (begun, last / 2));
    let (ended, sent, written) = tokio::join!(acting, sending, writing);
    let ended = ended?;
    sent?;
    written?;
    verdict::settled(stage, traffic).await?;
    let recovery = ended.elapsed();
    let tally = verdict::sound(stage, traffic).await?;
    let after = traffic.answers();
    let (accepted, refused) = (after.0 - before.0, after.1 - before.1);
    Ok(Row { faults: names(step), accepted, refused, tally, recovery })
}

/// The shop writes its late orders as soon as the ledger lets it.
async fn write_late(
    database: &str,
    orders: Option<String>,
    (begun, at): (Instant, Duration),
) -> anyhow::Result<()> {
    let Some(orders) = orders else { return Ok(()) };
    wait::until("the shop's orders to be written", SHOP_PATIENCE, || async {
        let due = begun.elapsed() >= at;
        (due && harness::postgres::sql(database, &orders).await.is_ok()).then_some(())
    })
    .await
}

/// With `QUITTANCE_FAULTS_SCHEDULES` the long selection, as `./test faults` asks for it.
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Each of these faults alone: in the long selection all of them, else those that are soon over.
async fn alone(befalls: impl Fn(&Fault) -> bool) -> anyhow::Result<()> {
    let is_long = number(SCHEDULES).is_some();
    let faults = if is_long { Fault::all() } else { Fault::QUICK.to_vec() };
    let faults: Vec<Fault> = faults.into_iter().filter(befalls).collect();
    let rows = run(&Plan::in_turn(&faults)).await?;
    // Beside the other suites it may take longer: only the long selection has the machine for itself.
    let late = if is_long { row::late(&rows) } else { vec![] };
    ensure!(late.is_empty(), "longer than {:?}: {late:#?}", row::RESUMES_WITHIN);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_befalls_our_programs_nothing_is_lost_and_nothing_doubled() {
    alone(|fault| !fault.target().is_server()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_befalls_the_servers_nothing_is_lost_and_nothing_doubled() {
    alone(|fault| fault.target().is_server()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_whose_disk_is_full_loses_nothing_and_doubles_nothing() {
    match Stage::set_on_small_disk().await.unwrap() {
        Some(stage) => {
            run_on(stage, &Plan::in_turn(&[Fault::LedgerDiskFull])).await.unwrap();
        }
        None => {
            println!("left out: PostgreSQL's disk full, as this user may not mount a small one")
        }
    }
}

/// Three nodes take half a minute to begin: for the long selection.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_loses_a_node_loses_nothing_and_doubles_nothing() {
    if number(SCHEDULES).is_none() {
        println!("left to `./test faults`: a cluster of three nodes");
        return;
    }
    let stage = Stage::set_on_cluster().await.unwrap();
    run_on(stage, &Plan::in_turn(&[Fault::BrokerNodeKilled])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_faults_come_together_nothing_is_lost_and_nothing_doubled() {
    let first = number(SEED).unwrap_or(1);
    let (mut rows, mut failed) = (vec![], vec![]);
    let schedules = number(SCHEDULES).unwrap_or(2);
    for seed in first..first + schedules {
        println!("seed {seed}: to run it again, ./test faults --seed {seed} --schedules 1");
        match run(&Plan::random(seed)).await {
            Ok(some) => rows.extend(some),
            Err(error) => {
                println!("seed {seed} failed: {error:#}");
                failed.push(seed);
            }
        }
    }
    println!("{}", row::sum(usize::try_from(schedules).unwrap() - failed.len(), &rows));
    assert!(failed.is_empty(), "seeds that failed, each told of above: {failed:?}");
}
