//! Histories told to a ledger, as they come: by two workers at once, while the shop writes its orders
//! and the sweep comes by.

use std::collections::BTreeSet;

use anyhow::{Context as _, bail, ensure};
use rand::Rng as _;
use rand::rngs::StdRng;
use shared::case::CaseKind;
use shared::message::Number;
use shared::order::OrderStatus;
use time::OffsetDateTime;
use uuid::Uuid;
use worker::decide::fold::Reading;
use worker::ledger::records::{Balance, Cancelled, CaseFilter, CaseRecord, Imported};
use worker::ledger::{Ledger, LedgerError, Session, Work};

use super::history::{History, NOW, Planned, Repeats};
use super::pure::{message, notification};

/// Messages in one batch, at most.
const BATCH_MAX: usize = 40;
/// Messages with more than one notification in them.
const TOGETHER: f64 = 0.1;
const SWEEP_MAX: i64 = 50;

/// What a history comes to, whoever tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub(super) orders: BTreeSet<Stands>,
    /// The open ones: kind, order or transaction, amount at stake.
    pub(super) cases: BTreeSet<(CaseKind, String, i64)>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stands {
    pub(super) order_no: String,
    pub(super) status: OrderStatus,
    pub(super) paid_minor: i64,
    pub(super) refunded_minor: i64,
    /// Is it active? Nothing: there is none.
    pub(super) fulfilment: Option<bool>,
}

/// What was told.
pub(super) struct Played {
    /// Distinct messages.
    pub(super) messages: i64,
}

impl Played {
    pub(super) async fn play(
        ledger: &impl Ledger,
        histories: &[History],
        repeats: Repeats,
        random: &mut StdRng,
    ) -> anyhow::Result<Self> {
        let script = messages(histories, repeats, random);
        let messages = i64::try_from(script.len())?;
        let mut orders: Vec<&Planned> =
            histories.iter().flat_map(|history| &history.orders).collect();
        orders.sort_by_key(|planned| planned.appears_at);
        let (first, later) =
            orders.split_at(orders.partition_point(|planned| planned.appears_at == 0));
        let mut session = ledger.open().await?;
        appear(&mut session, first).await?;
        let (one, other) = deal(script, random);
        let shop = async {
            for planned in later.chunks(7) {
                appear(&mut session, planned).await?;
                sweep(&mut session, NOW).await?;
            }
            anyhow::Ok(())
        };
        tokio::try_join!(settle(ledger, one), settle(ledger, other), shop)?;
        Ok(Self { messages })
    }
}

/// Sweeps until nothing is left to do.
pub(super) async fn rest(session: &mut impl Session, now: OffsetDateTime) -> anyhow::Result<()> {
    while sweep(session, now).await? > 0 {}
    Ok(())
}

/// The open cases, all of them.
pub(super) async fn open_cases(session: &mut impl Session) -> anyhow::Result<Vec<CaseRecord>> {
    let filter = CaseFilter {
        status: Some("open".to_owned()),
        limit: i64::from(i32::MAX),
        ..CaseFilter::default()
    };
    Ok(session.cases(&filter).await?)
}

pub(super) async fn end(
    session: &mut impl Session,
    history: &History,
    open: &[CaseRecord],
) -> anyhow::Result<End> {
    let mut orders = BTreeSet::new();
    for planned in &history.orders {
        let order = session.order(&planned.order.order_no).await?.context("it was imported")?;
        ensure!(order.fulfilments.len() <= 1, "fulfilled twice: {order:?}");
        let sequences: Vec<i64> = order.events.iter().map(|event| event.sequence).collect();
        ensure!(sequences.iter().copied().eq(1..=sequences.len() as i64), "{sequences:?}");
        let summary = order.summary;
        ensure!(summary.refunded_amount <= summary.paid_amount, "{summary:?}");
        orders.insert(Stands {
            order_no: summary.order_no,
            status: summary.status,
            paid_minor: summary.paid_amount,
            refunded_minor: summary.refunded_amount,
            fulfilment: order.fulfilments.first().map(|fulfilment| fulfilment.active),
        });
    }
    let cases = open.iter().map(|case| {
        let about = case.transaction.as_ref().unwrap_or(&case.order_number);
        let kind = CaseKind::from_word(&case.kind).context("an unknown kind")?;
        Ok((kind, about.clone(), case.amount))
    });
    let cases: anyhow::Result<BTreeSet<_>> = cases.collect();
    let ours = |about: &String| about.starts_with(&history.prefix);
    Ok(End { orders, cases: cases?.into_iter().filter(|(_, about, _)| ours(about)).collect() })
}

/// After the last deadline nothing is in flight.
pub(super) async fn balance(session: &mut impl Session) -> anyhow::Result<Balance> {
    let balance = session.balance().await?;
    ensure!(balance.in_flight == 0 && balance.dead == 0, "{balance:?}");
    Ok(balance)
}

/// Every message, in the order in which they come.
fn messages(histories: &[History], repeats: Repeats, random: &mut StdRng) -> Vec<Work> {
    let epoch = Uuid::now_v7();
    let mut script: Vec<(u8, u32, Reading)> = vec![];
    for (told, index, at) in histories.iter().flat_map(History::arrivals) {
        let identity = match repeats {
            Repeats::SameIdentity => told.identity.clone(),
            Repeats::NewIdentity => format!("{}-{index}", told.identity),
        };
        let message = message(told, Number { epoch, seq: 0 });
        let notifications = vec![notification(told, identity)];
        script.push((at, random.r#gen(), Reading { message, replay: None, notifications }));
    }
    script.sort_by_key(|(at, tie, _)| (*at, *tie));
    let mut works: Vec<Reading> = vec![];
    for (_, _, reading) in script {
        match works.last_mut() {
            Some(last)
                if last.message.account == reading.message.account && random.gen_bool(TOGETHER) =>
            {
                last.notifications.extend(reading.notifications);
            }
            Some(_) | None => works.push(reading),
        }
    }
    let number = |(seq, mut reading): (i64, Reading)| {
        reading.message.number = Number { epoch, seq };
        Work::Reading(Box::new(reading))
    };
    (1..).zip(works).map(number).collect()
}

/// Batches, dealt to two workers.
fn deal(script: Vec<Work>, random: &mut StdRng) -> (Vec<Vec<Work>>, Vec<Vec<Work>>) {
    let (mut one, mut other) = (vec![], vec![]);
    let mut rest = script.as_slice();
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(random.gen_range(1..=BATCH_MAX).min(rest.len()));
        rest = later;
        let worker = if random.gen_bool(0.5) { &mut one } else { &mut other };
        worker.push(batch.to_vec());
        // Now and then the broker delivers a batch again.
        if random.gen_bool(0.1) {
            one.push(batch.to_vec());
        }
    }
    (one, other)
}

/// As a lane does: a conflict is run again.
async fn settle(ledger: &impl Ledger, batches: Vec<Vec<Work>>) -> anyhow::Result<()> {
    let mut session = ledger.open().await?;
    for batch in batches {
        while let Err(error) = session.settle(&batch, NOW).await {
            ensure!(matches!(error, LedgerError::Conflict(_)), "{error}");
        }
    }
    Ok(())
}

async fn appear(session: &mut impl Session, planned: &[&Planned]) -> anyhow::Result<()> {
    let orders: Vec<_> = planned.iter().map(|planned| planned.order.clone()).collect();
    loop {
        match session.import(&orders, NOW).await {
            Ok(imported) => {
                let inserted = |one: &Imported| matches!(one, Imported::Inserted);
                ensure!(imported.iter().all(inserted), "{imported:?}");
                break;
            }
            Err(LedgerError::Conflict(_)) => {}
            Err(other) => bail!(other),
        }
    }
    for planned in planned.iter().filter(|planned| planned.cancelled) {
        let done = session.cancel(&planned.order.order_no, "sold out", "shop", NOW).await?;
        ensure!(done == Cancelled::Done, "{done:?}");
    }
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
