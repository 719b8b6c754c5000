//! What must be true once everything has come to rest, asked through the command line like anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use harness::driver::Burst;
use harness::installation::Installation;
use harness::wait;
use serde_json::Value;

/// How long everything may take to come to rest.
const REST: Duration = Duration::from_secs(180);

/// How the ingresses ended: a killed one leaves unproven what it did not live to state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ingresses {
    Stopped,
    Killed,
}

/// Each order paid once, fulfilled once, announced once; every accepted message accounted for.
pub(crate) async fn each_order_was_paid_once(
    installation: &Installation,
    burst: &Burst,
    ingresses: Ingresses,
) -> anyhow::Result<()> {
    let bodies = burst.bodies.len() as u64;
    let balance = wait::until("the balance at rest", REST, || async {
        let balance = balance(installation).ok()?;
        let at_rest = balance["in_flight"] == 0
            && (balance["unproven"] == 0 || ingresses == Ingresses::Killed)
            && balance["settled"] == burst.orders.len()
            && balance["accepted"].as_u64()? >= bodies;
        at_rest.then_some(balance)
    })
    .await
    .with_context(|| format!("{:?}", balance(installation)))?;
    let bucket = |name: &str| balance[name].as_u64().unwrap_or(u64::MAX);
    ensure!(bucket("unaccounted") == 0, "{balance}");
    // Who was accepted but never heard so has sent again.
    ensure!(bucket("accepted") == bodies || ingresses == Ingresses::Killed, "{balance}");
    let sum: u64 =
        ["settled", "duplicate", "no_op", "case", "dead", "in_flight"].map(bucket).iter().sum();
    ensure!(bucket("accepted") == sum, "{balance}");
    ensure!(bucket("dead") == 0 && bucket("case") == 0, "{balance}");

    let orders =
        lines(&installation.answer(&["orders", "list", "--limit", "100000", "-o", "jsonl"])?)?;
    ensure!(orders.len() == burst.orders.len(), "{} orders", orders.len());
    for order in &orders {
        ensure!(order["status"] == "paid" && order["paid_amount"] == order["amount"], "{order}");
    }
    events_are_complete(installation, burst).await
}

/// One `order.paid` for each order, each subject counted from 1 without a gap.
async fn events_are_complete(installation: &Installation, burst: &Burst) -> anyhow::Result<()> {
    let events = wait::until("every event published", REST, || async {
        let events = events(installation).ok()?;
        (events.len() >= burst.orders.len()).then_some(events)
    })
    .await?;
    let mut sequences: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for event in &events {
        ensure!(event["type"] == "io.quittance.order.paid.v1", "{event}");
        let subject = event["subject"].as_str().context("no subject")?.to_owned();
        let sequence = event["sequencenumber"].as_u64().context("no sequence")?;
        ensure!(sequences.entry(subject).or_default().insert(sequence), "twice: {event}");
    }
    let expected: BTreeMap<String, BTreeSet<u64>> = burst
        .orders
        .iter()
        .map(|(number, _)| (format!("order/{number}"), BTreeSet::from([1])))
        .collect();
    ensure!(sequences == expected, "the events are not one for each order");
    Ok(())
}

/// The balance as the command line prints it.
pub(crate) fn balance(installation: &Installation) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&installation.answer(&["balance", "-o", "json"])?)?)
}

/// All published events, page by page.
fn events(installation: &Installation) -> anyhow::Result<Vec<Value>> {
    let mut events = vec![];
    let mut after = 0;
    loop {
        let page = installation.answer(&[
            "events",
            "list",
            "--after",
            &after.to_string(),
            "--limit",
            "1000",
            "-o",
            "jsonl",
        ])?;
        let page = lines(&page)?;
        let Some(last) = page.last() else { return Ok(events) };
        after = last["position"].as_u64().context("no position")?;
        events.extend(page.into_iter().map(|mut line| line["event"].take()));
    }
}

fn lines(text: &str) -> anyhow::Result<Vec<Value>> {
    text.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

/// The same told by the tables alone, where a killed ingress leaves numbers that nobody stated.
pub(crate) async fn each_order_settled_once(database: &str, burst: &Burst) -> anyhow::Result<()> {
    const COUNTS: &str = "
        select (select count(*) from quittance.orders where status = 'paid' and paid_amount = amount),
               (select count(*) from quittance.fulfilments where active),
               (select count(*) from quittance.event_log join quittance.events using (subject, sequence) where type = 'order.paid.v1'),
               (select count(*) from quittance.events),
               (select count(*) from quittance.receipts where bucket not in ('settled', 'duplicate'))";
    let orders = burst.orders.len();
    let expected = format!("{orders}|{orders}|{orders}|{orders}|0");
    wait::until(&expected, REST, || async {
        let counts = harness::postgres::sql(database, COUNTS).await.ok()?;
        (counts.trim() == expected).then_some(())
    })
    .await
}
