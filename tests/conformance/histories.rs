//! Random histories, told to the pure policy, to SQLite and to PostgreSQL: at rest all three agree.
//!
//! `QUITTANCE_HISTORIES=5000` plays more of them, `QUITTANCE_SEED=7` those of one seed.

mod engine;
mod history;
mod pure;

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use shared::rules::Rules;
use worker::ledger::Ledger;

use self::engine::Played;
use self::history::{History, NOW, Repeats};

/// Histories of one run on one engine, where nobody asks for more.
const HISTORIES: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_ends_as_the_pure_policy_does() {
    let world = crate::world::embedded().unwrap();
    agrees(&world.ledger, Repeats::SameIdentity).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_does_so_without_knowing_a_repeat() {
    let world = crate::world::embedded().unwrap();
    agrees(&world.ledger, Repeats::NewIdentity).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_ends_as_the_pure_policy_does() {
    let world = crate::world::servers().await.unwrap();
    agrees(&world.ledger, Repeats::SameIdentity).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_does_so_without_knowing_a_repeat() {
    let world = crate::world::servers().await.unwrap();
    agrees(&world.ledger, Repeats::NewIdentity).await.unwrap();
}

/// All histories at once: shuffled among one another, in batches cut anywhere, by two workers.
async fn agrees(ledger: &impl Ledger, repeats: Repeats) -> anyhow::Result<()> {
    let seed = match env::var("QUITTANCE_SEED") {
        Ok(seed) => seed.parse().context("QUITTANCE_SEED is no number")?,
        Err(_) => SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos().into(),
    };
    let count = match env::var("QUITTANCE_HISTORIES") {
        Ok(count) => count.parse().context("QUITTANCE_HISTORIES is no number")?,
        Err(_) => HISTORIES,
    };
    let mut random = StdRng::seed_from_u64(seed);
    let histories: Vec<History> =
        (0..count).map(|number| History::draw(number, &mut random)).collect();
    let played = Played::play(ledger, &histories, repeats, &mut random).await;
    compare(ledger, &histories, played).await.with_context(|| format!("QUITTANCE_SEED={seed}"))
}

async fn compare(
    ledger: &impl Ledger,
    histories: &[History],
    played: anyhow::Result<Played>,
) -> anyhow::Result<()> {
    let messages = played?.messages;
    let mut session = ledger.open().await?;
    for now in [NOW, NOW + Rules::PATIENCE] {
        engine::rest(&mut session, now).await?;
        let open = engine::open_cases(&mut session).await?;
        for history in histories {
            let ours = pure::end(history, now);
            let theirs = engine::end(&mut session, history, &open).await?;
            ensure!(ours == theirs, "{history:#?}\npure: {ours:#?}\nrecorded: {theirs:#?}");
        }
    }
    let balance = engine::balance(&mut session).await?;
    ensure!(balance.accepted == messages, "{messages} messages, {balance:?}");
    let counted = [balance.settled, balance.duplicate, balance.no_op, balance.case];
    ensure!(counted.iter().sum::<i64>() == messages, "{messages} messages, {balance:?}");
    Ok(())
}
