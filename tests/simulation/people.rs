//! People: the shop that writes orders, and the operator who replays dead letters. No fault befalls them; they look
//! at the ledger as it is.

use anyhow::ensure;
use shared::message::seal::SealKeys;
use shared::money::Currency;
use shared::process;
use uuid::Uuid;
use worker::ledger::dead_letters::{
    DeadLetters as _, LetterFilter, LetterRecord, LetterState, Wanted,
};
use worker::ledger::records::{Act, Imported, NewOrder};
use worker::ledger::replays::{Course, JobRecord, Replays as _, Started};
use worker::ledger::{Ledger, Session};
use worker::replay::plan::plan;

use crate::pool::{Ending, Order, readers};

/// More than any run has.
pub(crate) const ALL: i64 = 10_000;

/// The shop writes what it wrote in time, or late.
pub(crate) async fn write<'a, L: Ledger>(
    ledger: &L,
    orders: impl Iterator<Item = &'a Order>,
    late: bool,
) -> anyhow::Result<()> {
    let known = orders.filter(|order| {
        order.ending.status().is_some() && (order.ending == Ending::PaidLate) == late
    });
    let rows: Vec<NewOrder> = known
        .map(|order| NewOrder {
            order_no: order.number.clone(),
            amount: order.amount,
            currency: Currency::CNY,
            account: None,
            numbers: vec![],
            expires_at: None,
            mode: None,
            subscription_no: None,
            period: None,
            metadata: None,
        })
        .collect();
    let imported = ledger.open().await?.import(&rows, process::now()).await?;
    ensure!(imported.iter().all(|one| *one == Imported::Inserted), "{imported:?}");
    Ok(())
}

/// Plans a replay of every letter that stands open, and starts it; nothing where none stands.
pub(crate) async fn replay<L: Ledger>(
    ledger: &L,
    keys: &SealKeys,
    course: Course,
) -> anyhow::Result<Option<Uuid>> {
    let mut session = ledger.open().await?;
    let filter = LetterFilter {
        state: Wanted::In(LetterState::Open),
        limit: ALL,
        ..LetterFilter::default()
    };
    let open = session.letters(&filter).await?;
    if open.is_empty() {
        return Ok(None);
    }
    let (job, readers) = (Uuid::now_v7(), readers(true));
    let items = plan(&mut session, open, (job, keys, &readers), process::now()).await?;
    session.plan((job, "everything"), &items, &act("replay.plan"), process::now()).await?;
    let started = session.start(job, &course, &act("replay.start"), process::now()).await?;
    ensure!(started == Started::Done, "{started:?}");
    Ok(Some(job))
}

pub(crate) async fn letters<L: Ledger>(ledger: &L) -> anyhow::Result<Vec<LetterRecord>> {
    let filter = LetterFilter { limit: ALL, ..LetterFilter::default() };
    Ok(ledger.open().await?.letters(&filter).await?)
}

pub(crate) async fn jobs<L: Ledger>(ledger: &L) -> anyhow::Result<Vec<JobRecord>> {
    Ok(ledger.open().await?.jobs(ALL).await?)
}

fn act(action: &str) -> Act {
    Act {
        actor: "an operator".to_owned(),
        action: action.to_owned(),
        subject: "replay".to_owned(),
        reason: "mended".to_owned(),
    }
}
