//! What a ledger says that everything came to.

use anyhow::{Context as _, ensure};
use worker::ledger::Session;
use worker::ledger::records::{
    CaseFilter, CaseRecord, EventLine, OrderRecord, SubscriptionFilter, SubscriptionRecord,
};

use super::super::end::{End, Open, Stands};
use super::super::history::History;

/// All cases that wait for a person.
pub(in super::super) async fn open_cases(
    session: &mut impl Session,
) -> anyhow::Result<Vec<CaseRecord>> {
    let mut open = vec![];
    for status in ["open", "acknowledged"] {
        let status = Some(status.to_owned());
        let limit = i64::from(i32::MAX);
        let filter = CaseFilter { status, limit, ..CaseFilter::default() };
        open.extend(session.cases(&filter).await?);
    }
    Ok(open)
}

/// What a history came to, as far as its phases were told.
pub(in super::super) async fn end(
    session: &mut impl Session,
    history: &History,
    phase: usize,
    open: &[CaseRecord],
) -> anyhow::Result<End> {
    let told = &history.phases[..=phase];
    let (mut orders, mut subscriptions) = (vec![], vec![]);
    for planned in told.iter().flat_map(|phase| &phase.orders) {
        let order = session.order(&planned.order.order_no).await?.context("it was written")?;
        orders.push(stands(order)?);
    }
    orders.sort_by(|one, other| one.order_no.cmp(&other.order_no));
    for one in told.iter().flat_map(|phase| &phase.subscriptions) {
        let subscription_no = Some(one.new.subscription_no.clone());
        let filter = SubscriptionFilter { subscription_no, status: None, limit: 1 };
        let found = session.subscriptions(&filter).await?.into_iter().next();
        let found = found.context("it was written")?;
        contiguous(&found.events)?;
        subscriptions.push(SubscriptionRecord { events: vec![], ..found });
    }
    subscriptions.sort_by(|one, other| one.subscription_no.cmp(&other.subscription_no));
    let ours = open.iter().map(waiting).filter(|case| history.owns(&case.about));
    Ok(End { orders, cases: ours.collect(), subscriptions })
}

fn stands(order: OrderRecord) -> anyhow::Result<Stands> {
    ensure!(order.fulfilments.len() <= 1, "fulfilled twice: {order:?}");
    contiguous(&order.events)?;
    let summary = order.summary;
    ensure!(summary.refunded_amount <= summary.paid_amount, "{summary:?}");
    let payments = order.payments.into_iter().map(|payment| {
        let (account, transaction) = (payment.account, payment.transaction);
        (account, transaction, payment.status, payment.amount, payment.occurred_at)
    });
    Ok(Stands {
        order_no: summary.order_no,
        status: summary.status,
        paid_minor: summary.paid_amount,
        refunded_minor: summary.refunded_amount,
        paid_at: summary.paid_at,
        fulfilment: order.fulfilments.first().map(|fulfilment| fulfilment.active),
        payments: payments.collect(),
        refunds: order.refunds,
    })
}

fn contiguous(events: &[EventLine]) -> anyhow::Result<()> {
    let sequences: Vec<i64> = events.iter().map(|event| event.sequence).collect();
    ensure!(sequences.iter().copied().eq(1..=sequences.len() as i64), "{sequences:?}");
    Ok(())
}

fn waiting(case: &CaseRecord) -> Open {
    let case = case.clone();
    Open {
        id: case.id,
        about: case.transaction.unwrap_or(case.order_number),
        kind: case.kind,
        status: case.status,
        amount: case.amount,
        currency: case.currency,
        policy: case.policy,
    }
}
