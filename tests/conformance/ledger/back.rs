//! Money that goes back: refunds that the provider names, and disputes. They name no order, so they
//! find it through their payment, whichever comes first.

use anyhow::{Context as _, ensure};
use shared::broker::Broker;
use shared::notification::{DisputeStatus, Evidence, Fact, RefundStatus};
use shared::order::OrderStatus;
use shared::process;
use time::Duration as Span;
use worker::ledger::records::{CaseFilter, CaseRecord};
use worker::ledger::{Bucket, Ledger, LedgerError, Session, Work};

use super::words::{Ingress, Says, cases, dispute, events, import, refund, settle, show};
use crate::world::World;

const ORDERS: [&str; 12] = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L"];

async fn open_cases(session: &mut impl Session) -> anyhow::Result<Vec<CaseRecord>> {
    let filter = CaseFilter { status: Some("open".into()), limit: 100, ..CaseFilter::default() };
    Ok(session.cases(&filter).await?)
}

pub(crate) async fn a_named_refund_counts_and_its_reversal_gives_the_money_back<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    let (pending, succeeded) = (RefundStatus::Pending, RefundStatus::Succeeded);
    let batch = [
        ingress.message(&Says::paid("A", "T1", 10)),
        ingress.tell(refund("T1", "R1", 4, pending)),
        ingress.tell(refund("T1", "R1", 4, succeeded)),
        ingress.tell(refund("T1", "R1", 4, pending)),
        ingress.tell(refund("T1", "R1", 4, succeeded)),
    ];
    let expected =
        [Bucket::Settled, Bucket::NoOp, Bucket::Settled, Bucket::NoOp, Bucket::Duplicate];
    ensure!(settle(&mut session, &batch).await? == expected);
    let rest = [ingress.tell(refund("T1", "R2", 6, succeeded))];
    ensure!(settle(&mut session, &rest).await? == [Bucket::Settled]);
    let order = show(&mut session, "A").await?;
    ensure!(order.summary.status == OrderStatus::Refunded && order.summary.refunded_amount == 10);
    ensure!(order.refunds.iter().map(|refund| refund.amount).collect::<Vec<_>>() == [4, 6]);

    let reversed = [ingress.tell(refund("T1", "R2", 6, RefundStatus::Reversed))];
    ensure!(settle(&mut session, &reversed).await? == [Bucket::Settled]);
    let order = show(&mut session, "A").await?;
    ensure!(order.summary.status == OrderStatus::PartiallyRefunded);
    ensure!(order.summary.refunded_amount == 4 && order.fulfilments[0].active);
    let told = ["order.paid.v1", "order.refunded.v1", "order.refunded.v1", "order.paid.v1"];
    ensure!(events(&order) == told, "{:?}", events(&order));
    Ok(())
}

pub(crate) async fn a_refund_before_its_payment_takes_effect_with_it<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    let early = [ingress.tell(refund("T1", "R1", 10, RefundStatus::Succeeded))];
    ensure!(settle(&mut session, &early).await? == [Bucket::Waiting]);
    ensure!(session.balance().await?.in_flight == 1);
    ensure!(session.sweep(process::now(), 100).await?.subjects == 0);
    let paid = [ingress.message(&Says::paid("A", "T1", 10))];
    ensure!(settle(&mut session, &paid).await? == [Bucket::Settled]);
    let order = show(&mut session, "A").await?;
    ensure!(order.summary.status == OrderStatus::Refunded && !order.fulfilments[0].active);
    ensure!(events(&order) == ["order.paid.v1", "order.refunded.v1"]);
    let balance = session.balance().await?;
    ensure!((balance.settled, balance.in_flight) == (2, 0), "{balance:?}");
    ensure!(session.sweep(process::now() + Span::hours(1), 100).await?.subjects == 0);
    Ok(())
}

pub(crate) async fn a_refund_and_its_payment_in_one_batch_both_settle<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    let batch = [
        ingress.tell(refund("T1", "R1", 10, RefundStatus::Succeeded)),
        ingress.message(&Says::paid("A", "T1", 10)),
        // Its order is not there: both wait.
        ingress.tell(refund("T2", "R1", 10, RefundStatus::Succeeded)),
        ingress.message(&Says::paid("B", "T2", 10)),
    ];
    let expected = [Bucket::Settled, Bucket::Settled, Bucket::Waiting, Bucket::Waiting];
    ensure!(settle(&mut session, &batch).await? == expected);
    ensure!(show(&mut session, "A").await?.summary.status == OrderStatus::Refunded);
    import(&mut session, "B", 10).await?;
    session.sweep(process::now(), 100).await?;
    ensure!(show(&mut session, "B").await?.summary.status == OrderStatus::Refunded);
    let balance = session.balance().await?;
    ensure!((balance.settled, balance.in_flight) == (4, 0), "{balance:?}");
    Ok(())
}

pub(crate) async fn a_refund_whose_payment_never_comes_is_a_case_at_its_deadline<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    let early = || refund("T1", "R1", 7, RefundStatus::Succeeded);
    settle(&mut session, &[ingress.tell(early())]).await?;
    let late = process::now() + Span::minutes(11);
    ensure!(session.sweep(late, 100).await?.subjects == 1);
    ensure!(session.sweep(late, 100).await?.subjects == 0);
    let open = open_cases(&mut session).await?;
    ensure!(open.len() == 1 && open[0].kind == "unproven_payment" && open[0].amount == 7);
    let balance = session.balance().await?;
    ensure!((balance.case, balance.in_flight) == (1, 0), "{balance:?}");

    let evidence = async |session: &mut L::Session| {
        let file = session.case_file(open[0].id).await?.context("a file")?;
        anyhow::Ok(file.evidence.into_iter().map(|told| told.outcome).collect::<Vec<_>>())
    };
    ensure!(evidence(&mut session).await? == ["case"], "by its transaction alone");

    // The payment appears after all: the case closes by itself.
    import(&mut session, "A", 10).await?;
    settle(&mut session, &[ingress.message(&Says::paid("A", "T1", 10))]).await?;
    settle(&mut session, &[ingress.tell(early())]).await?;
    ensure!(evidence(&mut session).await? == ["case", "settled", "duplicate"]);
    let trail = session.trail("A").await?.context("a trail")?;
    ensure!(trail.notifications.len() == 3, "{trail:?}");
    ensure!(open_cases(&mut session).await?.is_empty());
    let order = show(&mut session, "A").await?;
    ensure!(order.summary.refunded_amount == 7);
    ensure!(cases(&order.cases) == [("unproven_payment".to_owned(), "resolved".to_owned())]);
    Ok(())
}

pub(crate) async fn a_refund_and_its_payment_at_once_never_miss_each_other<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    for order in ORDERS {
        import(&mut session, order, 10).await?;
    }
    let settle_all = async |works: Vec<Work>, batch: usize| {
        let mut session = world.ledger.open().await?;
        for works in works.chunks(batch) {
            // A conflict is run again, as a lane does.
            while let Err(error) = session.settle(works, process::now()).await {
                ensure!(matches!(error, LedgerError::Conflict(_)), "{error}");
            }
        }
        Ok(())
    };
    let (mut one, mut other) = (Ingress::new(), Ingress::new());
    let paid = ORDERS.iter().map(|order| one.message(&Says::paid(order, order, 10))).collect();
    let back = ORDERS.iter().rev();
    let back = back.map(|order| other.tell(refund(order, "R1", 10, RefundStatus::Succeeded)));
    let (paid, back) = tokio::join!(settle_all(paid, 3), settle_all(back.collect(), 2));
    paid?;
    back?;
    for order in ORDERS {
        let order = show(&mut session, order).await?;
        ensure!(order.summary.status == OrderStatus::Refunded, "{:?}", order.summary);
    }
    let balance = session.balance().await?;
    ensure!((balance.settled, balance.in_flight) == (24, 0), "{balance:?}");
    Ok(())
}

pub(crate) async fn a_hint_is_a_case_until_it_is_signed<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    settle(&mut session, &[ingress.message(&Says::paid("A", "T1", 10))]).await?;
    let signed = refund("T1", "R1", 4, RefundStatus::Succeeded);
    let mut hint = signed.clone();
    if let Fact::Refund(fact) = &mut hint {
        fact.evidence = Evidence::Hint;
    }
    ensure!(settle(&mut session, &[ingress.tell(hint)]).await? == [Bucket::Case]);
    let order = show(&mut session, "A").await?;
    ensure!(order.summary.refunded_amount == 0 && order.refunds[0].evidence == "hint");
    ensure!(cases(&order.cases) == [("refund_unconfirmed".to_owned(), "open".to_owned())]);
    ensure!(order.cases[0].amount == 4);
    ensure!(settle(&mut session, &[ingress.tell(signed)]).await? == [Bucket::Settled]);
    let order = show(&mut session, "A").await?;
    ensure!(order.summary.refunded_amount == 4 && order.cases[0].status == "resolved");
    Ok(())
}

pub(crate) async fn a_dispute_is_a_case_until_it_ends<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    for (order, end, status) in [
        ("A", DisputeStatus::Won, OrderStatus::Paid),
        ("B", DisputeStatus::Lost, OrderStatus::Refunded),
    ] {
        import(&mut session, order, 10).await?;
        let batch = [
            ingress.message(&Says::paid(order, order, 10)),
            ingress.tell(dispute(order, 10, DisputeStatus::Opened)),
        ];
        ensure!(settle(&mut session, &batch).await? == [Bucket::Settled, Bucket::Case]);
        let shown = show(&mut session, order).await?;
        ensure!(shown.summary.status == OrderStatus::Paid && shown.cases[0].kind == "dispute");
        settle(&mut session, &[ingress.tell(dispute(order, 10, end))]).await?;
        let shown = show(&mut session, order).await?;
        ensure!(shown.summary.status == status && shown.cases[0].status == "resolved");
        ensure!(shown.disputes[0].status == end.as_str());
    }
    Ok(())
}

pub(crate) async fn a_dispute_before_its_payment_waits_for_it<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    let opened = [ingress.tell(dispute("T1", 10, DisputeStatus::Opened))];
    ensure!(settle(&mut session, &opened).await? == [Bucket::Waiting]);
    let late = process::now() + Span::minutes(11);
    session.sweep(late, 100).await?;
    let before = open_cases(&mut session).await?;
    ensure!(before.len() == 1 && before[0].kind == "dispute");
    settle(&mut session, &[ingress.message(&Says::paid("A", "T1", 10))]).await?;
    // The same case, and now it is found by its order.
    let order = show(&mut session, "A").await?;
    ensure!(order.cases.len() == 1 && order.cases[0].id == before[0].id);
    ensure!(order.cases[0].status == "open" && order.cases[0].opened_at == before[0].opened_at);
    settle(&mut session, &[ingress.tell(dispute("T1", 10, DisputeStatus::Won))]).await?;
    ensure!(open_cases(&mut session).await?.is_empty());
    Ok(())
}

pub(crate) async fn named_refunds_and_totals_are_one_account<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    let batch = [
        ingress.message(&Says::paid("A", "T1", 10).refunded(7)),
        ingress.tell(refund("T1", "R1", 4, RefundStatus::Succeeded)),
    ];
    settle(&mut session, &batch).await?;
    let order = show(&mut session, "A").await?;
    ensure!(order.summary.refunded_amount == 7, "the total knows of a refund that has no name yet");
    ensure!(order.refunds.iter().map(|refund| refund.amount).sum::<i64>() == 7);
    settle(&mut session, &[ingress.tell(refund("T1", "R2", 3, RefundStatus::Succeeded))]).await?;
    ensure!(show(&mut session, "A").await?.summary.refunded_amount == 7);
    settle(&mut session, &[ingress.tell(refund("T1", "R2", 3, RefundStatus::Reversed))]).await?;
    let order = show(&mut session, "A").await?;
    ensure!(order.summary.refunded_amount == 4, "totals count without what was reversed");
    ensure!(order.summary.status == OrderStatus::PartiallyRefunded);
    Ok(())
}
