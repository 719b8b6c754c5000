//! Random histories, told to the pure policy, to SQLite and to PostgreSQL: at rest all three agree.
//!
//! `QUITTANCE_HISTORIES=5000` plays more of them, `QUITTANCE_SEED=7` those of one seed.

mod accounts;
mod end;
mod engine;
mod history;
mod pure;
mod says;
mod script;

use std::collections::{BTreeSet, HashMap};
use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use shared::case::CaseKind;
use time::OffsetDateTime;
use worker::ledger::records::CaseRecord;
use worker::ledger::{Ledger, Session as _};

use self::end::{Act, Open, Stands};
use self::history::{History, PHASES, Repeats, rests_at};
use self::pure::Pure;
use crate::world::World;

/// Histories of one run on one engine, where nobody asks for more.
const HISTORIES: usize = 300;
/// The kinds that open at the deadline of something that waits.
const WAITING: [CaseKind; 4] = [
    CaseKind::UnknownOrder,
    CaseKind::UnprovenPayment,
    CaseKind::RefundUnconfirmed,
    CaseKind::Dispute,
];

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_ends_as_the_pure_policy_does() {
    let world = crate::world::embedded_by(accounts::choices()).unwrap();
    agrees(&world, Repeats::SameIdentity).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_does_so_without_knowing_a_repeat() {
    let world = crate::world::embedded_by(accounts::choices()).unwrap();
    agrees(&world, Repeats::NewIdentity).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_ends_as_the_pure_policy_does() {
    let world = crate::world::servers_by(accounts::choices()).await.unwrap();
    agrees(&world, Repeats::SameIdentity).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_does_so_without_knowing_a_repeat() {
    let world = crate::world::servers_by(accounts::choices()).await.unwrap();
    agrees(&world, Repeats::NewIdentity).await.unwrap();
}

/// All histories at once: shuffled among one another, in batches cut anywhere, by two workers.
async fn agrees<B, L: Ledger>(world: &World<B, L>, repeats: Repeats) -> anyhow::Result<()> {
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
    let played = play(world, &histories, repeats, &mut random).await;
    played.with_context(|| format!("QUITTANCE_SEED={seed}"))
}

async fn play<B, L: Ledger>(
    world: &World<B, L>,
    histories: &[History],
    repeats: Repeats,
    random: &mut StdRng,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut pure: Vec<Pure> = histories.iter().map(|_| Pure::default()).collect();
    let mut messages = 0;
    for phase in 0..PHASES {
        let theirs = engine::begin(world, histories, phase).await?;
        let begin =
            |(pure, history): (&mut Pure, &History)| pure.begin(&history.phases[phase], phase);
        agree_on(pure.iter_mut().zip(histories).flat_map(begin).collect(), theirs)?;
        messages += engine::tell(world, histories, phase, repeats, random).await?;
        pure.iter_mut().zip(histories).for_each(|(pure, one)| pure.tell(one, phase, repeats));
        for now in rests_at(phase) {
            engine::rest(&mut session, now).await?;
            pure.iter_mut().for_each(|pure| pure.sweep(now));
            compare(&mut session, histories, &pure, (phase, now)).await?;
        }
        let [_, now] = rests_at(phase);
        let open = engine::open_cases(&mut session).await?;
        let theirs = engine::resolve(&mut session, open, phase, now).await?;
        agree_on(pure.iter_mut().flat_map(|pure| pure.resolve(phase, now)).collect(), theirs)?;
        engine::rest(&mut session, now).await?;
        pure.iter_mut().for_each(|pure| pure.sweep(now));
        compare(&mut session, histories, &pure, (phase, now)).await?;
    }
    let newest = engine::log(&mut session).await?;
    for order in pure.iter().flat_map(|pure| pure.end().orders) {
        told(&order, &newest)?;
    }
    let balance = session.balance().await?;
    ensure!(balance.in_flight == 0 && balance.dead == 0, "{balance:?}");
    let counted = [balance.settled, balance.duplicate, balance.no_op, balance.case];
    ensure!(balance.accepted == messages, "{messages} messages, {balance:?}");
    ensure!(counted.iter().sum::<i64>() == messages, "{messages} messages, {balance:?}");
    Ok(())
}

async fn compare(
    session: &mut impl worker::ledger::Session,
    histories: &[History],
    pure: &[Pure],
    (phase, now): (usize, OffsetDateTime),
) -> anyhow::Result<()> {
    let open: Vec<CaseRecord> = engine::open_cases(session).await?;
    for (history, pure) in histories.iter().zip(pure) {
        let ours = pure.end();
        let theirs = engine::end(session, history, phase, &open).await?;
        // Until its deadline it may depend on what came first whether a transaction waits, or was given up.
        let of_waiting = |case: &&Open| WAITING.iter().any(|kind| kind.as_str() == case.kind);
        let at_rest = |cases: &BTreeSet<Open>| -> Vec<Open> {
            let in_time = now < rests_at(phase)[1];
            cases.iter().filter(|case| !in_time || !of_waiting(case)).cloned().collect()
        };
        let told =
            || format!("{history:#?}\nphase {phase}, at {now}, of history {}", history.number);
        let (our, their) = (&ours.orders, &theirs.orders);
        ensure!(our == their, "{}\npure: {our:#?}\nrecorded: {their:#?}", told());
        let (our, their) = (at_rest(&ours.cases), at_rest(&theirs.cases));
        ensure!(our == their, "{}\npure: {our:#?}\nrecorded: {their:#?}", told());
        let (our, their) = (&ours.subscriptions, &theirs.subscriptions);
        ensure!(our == their, "{}\npure: {our:#?}\nrecorded: {their:#?}", told());
    }
    Ok(())
}

/// What the shop and people did came to the same.
fn agree_on(mut ours: Vec<Act>, mut theirs: Vec<Act>) -> anyhow::Result<()> {
    let by_text = |act: &Act| format!("{act:?}");
    ours.sort_by_key(by_text);
    theirs.sort_by_key(by_text);
    let different: Vec<_> = ours.iter().zip(&theirs).filter(|(our, their)| our != their).collect();
    ensure!(ours.len() == theirs.len() && different.is_empty(), "{different:#?}");
    Ok(())
}

/// Who applies the newest snapshot that he saw believes what is true.
fn told(order: &Stands, newest: &HashMap<String, Value>) -> anyhow::Result<()> {
    let event = newest.get(&format!("order/{}", order.order_no));
    let snapshot = event.map(|event| &event["data"]).filter(|data| data["order_no"].is_string());
    let told = snapshot.map_or((json!("pending"), json!(false)), |snapshot| {
        (snapshot["status"].clone(), snapshot["entitled"].clone())
    });
    let truth = (json!(order.status.as_str()), json!(order.fulfilment == Some(true)));
    ensure!(told == truth, "{order:#?}\n{event:#?}");
    Ok(())
}
