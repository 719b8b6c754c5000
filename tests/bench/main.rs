//! `quittance-bench`: how fast it is, as ratios to what the machine and its servers can do at all,
//! all in one run, because machines are noisy.
//!
//! `cargo run --release -p tests --bin quittance-bench -- [NOTIFICATIONS]`, after
//! `cargo build --release --workspace`.

mod flood;
mod limits;
mod load;
mod report;

use std::time::Instant;

use anyhow::Context as _;
use harness::driver::{Burst, payments};
use harness::installation::Installation;
use harness::{postgres, wait};
use worker::ledger::{Ledger as _, Session as _};

use self::report::Report;

const ROUNDS: usize = 3;
const DEFAULT_NOTIFICATIONS: usize = 30_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let count = match std::env::args().nth(1) {
        Some(count) => count.parse().context("usage: quittance-bench [NOTIFICATIONS]")?,
        None => DEFAULT_NOTIFICATIONS,
    };
    let mut report = Report::default();
    eprintln!("signing {} notifications", 2 * count);
    let installation = Installation::on_servers().await?;
    let first = payments(&installation.signer, count, 0, 7)?;
    let second = payments(&installation.signer, count, 0, 8)?;
    let order_count = first.orders.len() + second.orders.len();
    installation.import(first.orders.iter().chain(&second.orders).cloned())?;
    eprintln!("{order_count} orders are in the ledger");

    let (mut openssl, mut verified) = (0.0_f64, 0.0_f64);
    // In turns, and the best of each: a neighbour's load would otherwise fall on one of them.
    for _ in 0..ROUNDS {
        openssl = openssl.max(limits::openssl_verifications_per_second()?);
        verified = verified.max(limits::verifications_per_second(&installation, &first.bodies)?);
    }
    report.limit("openssl speed rsa2048, verifications, one core", openssl);
    report.ours("verify: whole notifications, one core", verified, openssl);

    let published = limits::publishes_per_second(count).await?;
    report.limit("lapin: pipelined publish with confirms, 1.5 kB, one quorum queue", published);
    let batches = limits::set_based_per_second().await?;
    report.limit("pgbench: the same rows set-based, 100 a transaction, 2 clients", batches);

    let alone = accepted_alone(&installation, &first).await?;
    report.ours("accepted by one ingress alone", alone, published);
    let settled = settled_alone(&installation, count).await?;
    report.ours("settled by one worker alone, from a full queue", settled, batches);
    let (accepted, through) = end_to_end(&installation, &second).await?;
    report.ours("end to end: accepted, with the worker at work", accepted, published);
    report.ours("end to end: settled and announced", through, batches);
    flood::measure(&installation, &first.bodies, alone, &mut report).await?;
    report.print();
    Ok(())
}

async fn accepted_alone(installation: &Installation, burst: &Burst) -> anyhow::Result<f64> {
    eprintln!("one ingress alone");
    let mut door = installation.ingress().await?;
    let begun = Instant::now();
    load::send(&door.url, &burst.bodies).await?;
    let rate = burst.bodies.len() as f64 / begun.elapsed().as_secs_f64();
    door.program.terminate().await?;
    Ok(rate)
}

async fn settled_alone(installation: &Installation, count: usize) -> anyhow::Result<f64> {
    eprintln!("one worker alone, from a full queue");
    // From the first receipt to the last, as the ledger's own clock tells.
    let mut worker = installation.worker(&[("QUITTANCE__LOG__FORMAT", "json")]).await?;
    settled(installation, count).await?;
    let seconds: f64 = ask(
        installation,
        "select extract(epoch from max(recorded_at) - min(recorded_at)) from quittance.receipts",
    )
    .await?
    .parse()?;
    worker.terminate().await?;
    Ok(count as f64 / seconds)
}

async fn end_to_end(installation: &Installation, burst: &Burst) -> anyhow::Result<(f64, f64)> {
    eprintln!("one ingress, one worker, and this load");
    let mut door = installation.ingress().await?;
    let mut worker = installation.worker(&[]).await?;
    let all = 2 * burst.orders.len();
    let begun = Instant::now();
    load::send(&door.url, &burst.bodies).await?;
    let accepted = burst.bodies.len() as f64 / begun.elapsed().as_secs_f64();
    settled(installation, all).await?;
    let through = burst.bodies.len() as f64 / begun.elapsed().as_secs_f64();
    door.program.terminate().await?;
    worker.terminate().await?;
    Ok((accepted, through))
}

/// Waits until so many events are published, which each order's payment is.
async fn settled(installation: &Installation, count: usize) -> anyhow::Result<()> {
    let last = i64::try_from(count)?;
    let mut session = installation.ledger()?.open().await?;
    loop {
        // Asking costs one look at an index, so that it does not weigh on what is measured.
        if !session.events(last - 1, 1).await?.is_empty() {
            return Ok(());
        }
        wait::a_moment().await;
    }
}

async fn ask(installation: &Installation, query: &str) -> anyhow::Result<String> {
    let database = installation.database.as_ref().context("no database")?;
    Ok(postgres::sql(&database.url, query).await?.trim().to_owned())
}
