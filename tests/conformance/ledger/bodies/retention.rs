//! What a sweep does of what stands there: rows of a former version, rows that nothing opens, and what shops wrote.

use anyhow::{Context as _, ensure};
use shared::broker::Broker;
use shared::notification::DisputeStatus;
use shared::process;
use shared::secret::bodies::Bodies;
use shared::secret::envelope::BodyKeys;
use time::{Duration, OffsetDateTime};
use worker::ledger::bodies::{StoredBody, Tended};
use worker::ledger::dead_letters::DeadLetters as _;
use worker::ledger::privacy::Privacy as _;
use worker::ledger::records::{NewOrder, NewSubscription};
use worker::ledger::{Ledger, Session, Work};

use super::{body, id, open, ring};
use crate::ledger::dead_letters::letter;
use crate::ledger::words::{Ingress, PAID_AT, Says, dispute, order, settle, subscription};
use crate::world::World;

const KEEP: Duration = Duration::days(30);

/// So many requests, recorded one after the other.
async fn recorded(session: &mut impl Session, count: usize) -> anyhow::Result<Vec<Work>> {
    let mut ingress = Ingress::new();
    let works: Vec<Work> = (0..count).map(|_| ingress.message(&Says::paid("A", "T", 10))).collect();
    settle(session, &works).await?;
    Ok(works)
}

/// Sweeps of at most two rows, until nothing is left to do.
async fn swept(session: &mut impl Session) -> anyhow::Result<Vec<Tended>> {
    let mut all = vec![];
    for _ in 0..10 {
        let tended = session.tend(process::now(), 2).await?;
        all.push(tended);
        if !tended.is_full(2) {
            return Ok(all);
        }
    }
    anyhow::bail!("no end: {all:?}")
}

fn sum(all: &[Tended], of: fn(&Tended) -> usize) -> usize {
    all.iter().map(of).sum()
}

pub(crate) async fn bodies_of_a_former_version_move_and_are_sealed<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let works = recorded(&mut session, 5).await?;
    // As the former version left them: with their notifications, in the clear.
    for work in &works {
        let id = id(work)?;
        for statement in [
            format!("delete from bodies where message_id = '{id}'"),
            format!("update notifications set body = {{bytes:32}} where message_id = '{id}'"),
        ] {
            world.sql(&statement).await?;
        }
    }
    let all = swept(&mut session).await?;
    let counts = [sum(&all, |one| one.moved), sum(&all, |one| one.sealed)];
    ensure!(counts == [5, 5], "{all:?}");
    let left = "select count(*) from notifications where body is not null";
    ensure!(world.sql(left).await? == "0");
    let clear = "select count(*) from bodies where key_id is null";
    ensure!(world.sql(clear).await? == "0");
    let expected = StoredBody::Open { bytes: vec![0; 32], redacted_at: None };
    for work in &works {
        ensure!(body(&mut session, id(work)?).await? == expected);
    }
    Ok(())
}

pub(crate) async fn bodies_that_nothing_opens_hold_up_no_others<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let (old, new) = (BodyKeys::generate(), BodyKeys::generate());
    let mut session = world.ledger.clone().keeping(ring(&old)?).open().await?;
    let works = recorded(&mut session, 6).await?;
    let (changed, whole) = works.split_at(4);
    for work in changed {
        let id = id(work)?;
        let change = format!("update bodies set wrapped = {{bytes:32}} where message_id = '{id}'");
        world.sql(&change).await?;
    }
    let mut both = world.ledger.clone().keeping(ring(&format!("{new}{old}"))?).open().await?;
    let all = swept(&mut both).await?;
    let counts = [sum(&all, |one| one.rewrapped), sum(&all, |one| one.unopened)];
    ensure!(counts == [2, 4], "{all:?}");
    ensure!(swept(&mut both).await? == [Tended::default()], "each is found once");
    let mut only_new = world.ledger.clone().keeping(ring(&new)?).open().await?;
    for work in whole {
        ensure!(body(&mut only_new, id(work)?).await? == open());
    }
    for work in changed {
        ensure!(matches!(body(&mut both, id(work)?).await?, StoredBody::Closed { .. }));
    }
    Ok(())
}

pub(crate) async fn a_body_that_states_no_fact_ends_before_the_others<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    let stated = ingress.message(&Says::paid("A", "T", 10));
    let mixed = ingress.batch(vec![None, Some(dispute("T", 10, DisputeStatus::Opened)), None]);
    let ignored = [1, 1, 2].map(|parts| ingress.batch(vec![None; parts]));
    let works = [&[stated.clone(), mixed.clone()], &ignored[..]].concat();
    settle(&mut session, &works).await?;
    // Whoever finds out why it died needs its body, whatever it states.
    let dead = letter(&ingress.batch(vec![None]), "refused")?;
    session.bury(std::slice::from_ref(&dead), process::now()).await?;

    let (minute, week) = (Duration::MINUTE, Bodies::KEEP_IGNORED);
    let early = session.tend(process::now() + week - minute, 2).await?;
    ensure!((early.expired, early.ignored) == (0, 0), "{early:?}");
    let later = process::now() + week + minute;
    for expected in [2, 1, 0] {
        let tended = session.tend(later, 2).await?;
        ensure!((tended.expired, tended.ignored) == (0, expected), "{tended:?}");
    }
    let gone = StoredBody::Removed { at: later, reason: "expired".to_owned() };
    // The same message once more brings no body back.
    settle(&mut session, &works).await?;
    for work in &ignored {
        ensure!(body(&mut session, id(work)?).await? == gone);
    }
    for work in [&stated, &mixed] {
        ensure!(body(&mut session, id(work)?).await? == open());
    }
    let file = session.letter(dead.id).await?.context("no letter")?;
    ensure!(matches!(file.body, StoredBody::Open { .. }), "{:?}", file.body);
    let later = process::now() + Bodies::KEEP + minute;
    let tended = session.tend(later, 10).await?;
    ensure!((tended.expired, tended.ignored) == (3, 0), "{tended:?}");
    Ok(())
}

/// A is paid, and extends S; B is cancelled, C runs out later, D waits. T is never charged.
async fn a_shop_with_metadata(session: &mut impl Session) -> anyhow::Result<()> {
    let written = PAID_AT - Duration::days(10);
    let metadata = Some(serde_json::json!({ "name": "Li Lei" }));
    let subscriptions = ["S", "T"]
        .map(|number| NewSubscription { metadata: metadata.clone(), ..subscription(number) });
    session.subscribe(&subscriptions, written).await?;
    let mut orders = ["A", "B", "C", "D"]
        .map(|number| NewOrder { metadata: metadata.clone(), ..order(number, 10) });
    orders[0].subscription_no = Some("S".into());
    orders[2].expires_at = Some(PAID_AT + Duration::days(60));
    session.import(&orders, written).await?;
    session.cancel("B", "r", "test", PAID_AT + Duration::days(5)).await?;
    settle(session, &[Ingress::new().message(&Says::paid("A", "T1", 10))]).await?;
    Ok(())
}

pub(crate) async fn metadata_ends_a_while_after_its_order_is_over<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    a_shop_with_metadata(&mut session).await?;
    let left = async || {
        let orders = "select order_no from orders where metadata is not null order by 1";
        let others =
            "select subscription_no from subscriptions where metadata is not null order by 1";
        let found = [world.sql(orders).await?, world.sql(others).await?];
        anyhow::Ok(found.join("\n").split_whitespace().collect::<String>())
    };
    let day = |days| PAID_AT + Duration::days(days);
    let tended = session.tend(day(3_000), 10).await?;
    ensure!(tended.forgotten == 0 && left().await? == "ABCDST", "unless it is told to");

    let keep_metadata = Some(KEEP.unsigned_abs());
    let bodies = Bodies { keep_metadata, ..Bodies::default() };
    let mut forgetting = world.ledger.clone().keeping(bodies).open().await?;
    let stages: [(OffsetDateTime, &str); 5] = [
        (day(19), "ABCDST"),
        // D and T, from when they were written.
        (day(21), "ABCS"),
        (day(31), "BCS"),
        (day(36), "CS"),
        (day(89), "CS"),
    ];
    for (at, expected) in stages {
        forgetting.tend(at, 1).await?;
        let found = left().await?;
        ensure!(found == expected, "{at}: {found}");
    }
    ensure!(forgetting.tend(day(91), 10).await?.forgotten == 1, "C ran out");
    ensure!(left().await? == "S", "as long as it goes on");
    session.sweep(day(91), 10).await?;
    ensure!(forgetting.tend(day(91), 10).await?.forgotten == 1 && left().await?.is_empty());
    Ok(())
}
