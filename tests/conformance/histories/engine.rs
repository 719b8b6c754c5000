//! Histories told to a ledger, as they come: by two workers at once, while the shop writes its orders and the
//! sweep comes by.

use anyhow::{bail, ensure};
use rand::rngs::StdRng;
use time::OffsetDateTime;
use worker::ledger::records::{Act as By, CaseAct, CaseActed, CaseRecord, Imported};
use worker::ledger::{Ledger, LedgerError, Session};

use super::end::{Act, Resolved};
use super::history::{History, Planned, Repeats, Subscribed, told_at, verdict};
use super::script::{Batches, deal};
use crate::world::World;

mod log;
mod read;

pub(super) use self::log::log;
pub(super) use self::read::{end, open_cases};

const SWEEP_MAX: i64 = 50;
/// Orders in one statement by SQL.
const WRITTEN_MAX: usize = 200;

/// What the shop does first, for all histories; answers what became of its cancels.
pub(super) async fn begin<B, L: Ledger>(
    world: &World<B, L>,
    histories: &[History],
    phase: usize,
) -> anyhow::Result<Vec<Act>> {
    let mut session = world.ledger.open().await?;
    let all = histories.iter().map(|history| &history.phases[phase]);
    let first = |appears_at: u8| appears_at == 0;
    let subscribed: Vec<_> = all.clone().flat_map(|phase| &phase.subscriptions).collect();
    let subscribed: Vec<_> = subscribed.into_iter().filter(|one| first(one.appears_at)).collect();
    subscribe(&mut session, &subscribed, told_at(phase)).await?;
    let orders: Vec<_> = all.clone().flat_map(|phase| &phase.orders).collect();
    let orders: Vec<_> = orders.into_iter().filter(|one| first(one.appears_at)).collect();
    appear(world, &mut session, &orders, told_at(phase)).await?;
    rest(&mut session, told_at(phase)).await?;
    let mut acts = vec![];
    for order_no in all.flat_map(|phase| &phase.cancels) {
        let done = session.cancel(order_no, "sold out", "shop", told_at(phase)).await?;
        acts.push(Act::Cancelled(order_no.clone(), done));
    }
    Ok(acts)
}

/// Tells a phase; answers how many messages that was.
pub(super) async fn tell<B, L: Ledger>(
    world: &World<B, L>,
    histories: &[History],
    phase: usize,
    repeats: Repeats,
    random: &mut StdRng,
) -> anyhow::Result<i64> {
    let now = told_at(phase);
    let (messages, [one, other]) = deal(histories, phase, repeats, random);
    let all = histories.iter().map(|history| &history.phases[phase]);
    let mut subscribed: Vec<_> = all.clone().flat_map(|phase| &phase.subscriptions).collect();
    subscribed.retain(|one| one.appears_at > 0);
    let mut orders: Vec<_> = all.flat_map(|phase| &phase.orders).collect();
    orders.retain(|planned| planned.appears_at > 0);
    orders.sort_by_key(|planned| planned.appears_at);
    let shop = async {
        let mut session = world.ledger.open().await?;
        let mut subscribed = subscribed.chunks(5);
        for orders in orders.chunks(7) {
            appear(world, &mut session, orders, now).await?;
            subscribe(&mut session, subscribed.next().unwrap_or_default(), now).await?;
            sweep(&mut session, now).await?;
        }
        for rest in subscribed {
            subscribe(&mut session, rest, now).await?;
        }
        anyhow::Ok(())
    };
    tokio::try_join!(settle(&world.ledger, one), settle(&world.ledger, other), shop)?;
    Ok(messages)
}

/// Sweeps until nothing is left to do.
pub(super) async fn rest(session: &mut impl Session, now: OffsetDateTime) -> anyhow::Result<()> {
    while sweep(session, now).await? > 0 {}
    Ok(())
}

/// What people say about these cases.
pub(super) async fn resolve(
    session: &mut impl Session,
    mut open: Vec<CaseRecord>,
    phase: usize,
    now: OffsetDateTime,
) -> anyhow::Result<Vec<Act>> {
    open.sort_by_key(|case| case.id);
    let mut acts = vec![];
    for CaseRecord { id, .. } in open {
        let Some(verdict) = verdict(id, phase) else { continue };
        // What was said before may have moved it.
        let Some(case) = session.case(id).await? else { bail!("case {id} is gone") };
        let act = CaseAct::Resolve { verdict, saw_minor: case.amount };
        let (action, subject) = (act.action().to_owned(), format!("case/{id}"));
        let by = By { actor: "test".into(), action, subject, reason: "because".into() };
        let resolved = match session.act_on_case(id, &act, &by, now).await? {
            CaseActed::Done(_) => Resolved::Done,
            CaseActed::Closed(_) => Resolved::Closed,
            CaseActed::Impossible(_) => Resolved::Impossible,
            other @ (CaseActed::NotFound | CaseActed::Changed(_) | CaseActed::TooManyNotes) => {
                bail!("{other:?}")
            }
        };
        acts.push(Act::Resolved(id, verdict, resolved));
    }
    Ok(acts)
}

/// As a lane does: a conflict is run again.
async fn settle(ledger: &impl Ledger, batches: Batches) -> anyhow::Result<()> {
    let mut session = ledger.open().await?;
    for (now, batch) in batches {
        while let Err(error) = session.settle(&batch, now).await {
            ensure!(matches!(error, LedgerError::Conflict(_)), "{error}");
        }
    }
    Ok(())
}

async fn subscribe(
    session: &mut impl Session,
    subscribed: &[&Subscribed],
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let all: Vec<_> = subscribed.iter().map(|one| one.new.clone()).collect();
    loop {
        match session.subscribe(&all, now).await {
            Ok(imported) => return inserted(&imported),
            Err(LedgerError::Conflict(_)) => {}
            Err(other) => bail!(other),
        }
    }
}

/// By SQL or imported.
async fn appear<B, L: Ledger>(
    world: &World<B, L>,
    session: &mut L::Session,
    planned: &[&Planned],
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let (written, imported): (Vec<&Planned>, Vec<&Planned>) =
        planned.iter().copied().partition(|planned| planned.by_sql);
    for some in written.chunks(WRITTEN_MAX) {
        world.sql(&format!("insert into orders (order_no, amount, currency, account, mode, subscription_no, period) values {}", listed(some, row))).await?;
        world
            .sql(&format!(
                "insert into order_numbers (order_no, number) values {}",
                listed(some, further)
            ))
            .await?;
    }
    let orders: Vec<_> = imported.iter().map(|planned| planned.order.clone()).collect();
    loop {
        match session.import(&orders, now).await {
            Ok(imported) => return inserted(&imported),
            Err(LedgerError::Conflict(_)) => {}
            Err(other) => bail!(other),
        }
    }
}

fn listed(planned: &[&Planned], row: fn(&Planned) -> String) -> String {
    planned.iter().map(|planned| row(planned)).collect::<Vec<_>>().join(", ")
}

fn row(planned: &Planned) -> String {
    let text = |text: Option<&str>| text.map_or("null".to_owned(), |text| format!("'{text}'"));
    let order = &planned.order;
    let (subscription_no, period) = planned.extends.clone().unzip();
    format!(
        "('{}', {}, '{}', {}, '{}', {}, {})",
        order.order_no,
        order.amount,
        order.currency,
        text(order.account.as_deref()),
        order.mode.unwrap_or_default().as_str(),
        text(subscription_no.as_deref()),
        text(period.flatten()),
    )
}

fn further(planned: &Planned) -> String {
    let order_no = &planned.order.order_no;
    let rows = planned.order.numbers.iter().map(|number| format!("('{order_no}', '{number}')"));
    rows.collect::<Vec<_>>().join(", ")
}

fn inserted(imported: &[Imported]) -> anyhow::Result<()> {
    let inserted = |one: &Imported| matches!(one, Imported::Inserted);
    ensure!(imported.iter().all(inserted), "{imported:?}");
    Ok(())
}

async fn sweep(session: &mut impl Session, now: OffsetDateTime) -> anyhow::Result<usize> {
    loop {
        match session.sweep(now, SWEEP_MAX).await {
            Ok(swept) => return Ok(swept.subjects),
            Err(LedgerError::Conflict(_)) => {}
            Err(other) => bail!(other),
        }
    }
}
