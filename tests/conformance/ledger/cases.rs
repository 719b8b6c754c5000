//! Money that waits, and money that fits no rule.

use anyhow::ensure;
use shared::broker::Broker;
use shared::order::OrderStatus;
use shared::process;
use time::Duration as Span;
use worker::ledger::records::Cancelled;
use worker::ledger::resting::REST;
use worker::ledger::{Bucket, Ledger, Session};

use super::words::{Ingress, Says, cases, events, import, settle, show};
use crate::world::World;

fn named(kind: &str, status: &str) -> (String, String) {
    (kind.to_owned(), status.to_owned())
}

pub(crate) async fn a_payment_waits_for_its_order_and_is_joined<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    let batch = [ingress.message(&Says::paid("A", "T1", 10))];
    ensure!(settle(&mut session, &batch).await? == [Bucket::Waiting]);
    ensure!(session.sweep(process::now(), 100).await?.subjects == 0);
    ensure!(session.balance().await?.in_flight == 1);
    import(&mut session, "A", 10).await?;
    ensure!(session.sweep(process::now(), 100).await?.subjects == 1);
    let order = show(&mut session, "A").await?;
    ensure!(order.summary.status == OrderStatus::Paid);
    ensure!(events(&order) == ["order.paid.v1"]);
    let balance = session.balance().await?;
    ensure!((balance.settled, balance.in_flight) == (1, 0), "{balance:?}");
    ensure!(session.sweep(process::now(), 100).await?.subjects == 0);
    Ok(())
}

pub(crate) async fn a_payment_without_an_order_becomes_a_case_and_settles_when_it_appears<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    settle(&mut session, &[ingress.message(&Says::paid("A", "T1", 10))]).await?;
    let late = process::now() + Span::minutes(11);
    ensure!(session.sweep(late, 100).await?.subjects == 1);
    let filter = worker::ledger::records::CaseFilter {
        status: Some("open".into()),
        limit: 10,
        ..Default::default()
    };
    let open = session.cases(&filter).await?;
    ensure!(cases(&open) == [named("unknown_order", "open")]);
    ensure!(session.case(open[0].id).await?.is_some_and(|case| case.amount == 10));
    ensure!(session.balance().await?.case == 1);
    import(&mut session, "A", 10).await?;
    session.sweep(late, 100).await?;
    let order = show(&mut session, "A").await?;
    ensure!(order.summary.status == OrderStatus::Paid);
    ensure!(cases(&order.cases) == [named("unknown_order", "resolved")]);
    ensure!(events(&order) == ["case.opened.v1", "order.paid.v1", "case.resolved.v1"]);
    Ok(())
}

pub(crate) async fn a_wrong_amount_is_a_case<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    let wrong = [ingress.message(&Says::paid("A", "T1", 9))];
    ensure!(settle(&mut session, &wrong).await? == [Bucket::Case]);
    let order = show(&mut session, "A").await?;
    ensure!(order.summary.status == OrderStatus::Pending && order.fulfilments.is_empty());
    ensure!(cases(&order.cases) == [named("amount_mismatch", "open")]);
    // The right payment is not held up by it.
    let right = [ingress.message(&Says::paid("A", "T2", 10))];
    ensure!(settle(&mut session, &right).await? == [Bucket::Settled]);
    ensure!(show(&mut session, "A").await?.summary.status == OrderStatus::Paid);
    Ok(())
}

pub(crate) async fn refunds_are_the_differences_of_their_totals<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    for total in [7, 3, 10, 7] {
        let says = Says::paid("A", "T1", 10).refunded(total);
        settle(&mut session, &[ingress.message(&says)]).await?;
    }
    let order = show(&mut session, "A").await?;
    let amounts: Vec<i64> = order.refunds.iter().map(|refund| refund.amount).collect();
    ensure!(amounts == [3, 4, 3], "{amounts:?}");
    ensure!(order.summary.status == OrderStatus::Refunded);
    ensure!(order.summary.refunded_amount == 10);
    ensure!(order.fulfilments.len() == 1 && !order.fulfilments[0].active);
    ensure!(events(&order)[..2] == ["order.paid.v1", "order.refunded.v1"]);
    Ok(())
}

pub(crate) async fn a_second_payment_is_a_case_that_its_refund_closes<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    let batch =
        [ingress.message(&Says::paid("A", "T1", 10)), ingress.message(&Says::paid("A", "T2", 10))];
    ensure!(settle(&mut session, &batch).await? == [Bucket::Settled, Bucket::Case]);
    let order = show(&mut session, "A").await?;
    ensure!(cases(&order.cases) == [named("duplicate_payment", "open")]);
    ensure!(order.fulfilments.len() == 1);
    let refund = ingress.message(&Says::paid("A", "T2", 10).refunded(10));
    ensure!(settle(&mut session, &[refund]).await? == [Bucket::Settled]);
    let order = show(&mut session, "A").await?;
    ensure!(cases(&order.cases) == [named("duplicate_payment", "resolved")]);
    ensure!(order.summary.status == OrderStatus::Paid);
    Ok(())
}

pub(crate) async fn a_payment_after_cancel_is_a_case<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let now = process::now();
    ensure!(session.cancel("A", "changed their mind", "test", now).await? == Cancelled::Done);
    ensure!(session.cancel("A", "again", "test", now).await? == Cancelled::Already);
    let mut ingress = Ingress::new();
    let batch = [ingress.message(&Says::paid("A", "T1", 10))];
    ensure!(settle(&mut session, &batch).await? == [Bucket::Case]);
    let order = show(&mut session, "A").await?;
    ensure!(order.summary.status == OrderStatus::Cancelled && order.fulfilments.is_empty());
    ensure!(cases(&order.cases) == [named("paid_after_cancel", "open")]);
    ensure!(events(&order) == ["order.cancelled.v1", "case.opened.v1"]);
    Ok(())
}

pub(crate) async fn an_order_that_cannot_be_derived_holds_up_no_other<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    for (number, transaction) in [("A", "T1"), ("B", "T2"), ("C", "T3")] {
        settle(&mut session, &[ingress.message(&Says::paid(number, transaction, 10))]).await?;
        import(&mut session, number, 10).await?;
    }
    // Somebody took the number that B's next event will have.
    let id = uuid::Uuid::now_v7();
    world.sql("insert into subjects (subject, last_seq) values ('order/B', 1)").await?;
    let taken = format!(
        "insert into events (subject, sequence, id, type, body, occurred_at)
         values ('order/B', 2, '{id}', 'order.paid.v1', '{{}}', {{now}})"
    );
    world.sql(&taken).await?;
    let swept = session.sweep(process::now(), 100).await?;
    ensure!((swept.subjects, swept.refused.len()) == (2, 1), "{swept:?}");
    for (number, status) in
        [("A", OrderStatus::Paid), ("B", OrderStatus::Pending), ("C", OrderStatus::Paid)]
    {
        ensure!(show(&mut session, number).await?.summary.status == status, "{number}");
    }
    let swept = session.sweep(process::now(), 100).await?;
    ensure!((swept.subjects, swept.refused.len()) == (0, 1), "it is told of still: {swept:?}");
    let later = process::now() + REST;
    let swept = session.sweep(later, 100).await?;
    ensure!((swept.subjects, swept.refused.len()) == (0, 1), "it is tried again: {swept:?}");
    world.sql("delete from events where subject = 'order/B'").await?;
    ensure!(session.sweep(later + REST, 100).await?.subjects == 1, "and mended");
    ensure!(show(&mut session, "B").await?.summary.status == OrderStatus::Paid);
    Ok(())
}

pub(crate) async fn more_refused_orders_than_a_sweep_takes_hold_up_no_other<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    for number in ["A", "B", "C", "D", "E", "Z"] {
        settle(&mut session, &[ingress.message(&Says::paid(number, number, 10))]).await?;
        import(&mut session, number, 10).await?;
        if number == "Z" {
            continue;
        }
        let subject =
            format!("insert into subjects (subject, last_seq) values ('order/{number}', 1)");
        world.sql(&subject).await?;
        let id = uuid::Uuid::now_v7();
        let taken = format!(
            "insert into events (subject, sequence, id, type, body, occurred_at)
             values ('order/{number}', 2, '{id}', 'order.paid.v1', '{{}}', {{now}})"
        );
        world.sql(&taken).await?;
    }
    // Two at a time: the last comes third, and those before it are left alone then.
    for (subjects, refused) in [(0, 2), (0, 4), (1, 5), (0, 5)] {
        let swept = session.sweep(process::now(), 2).await?;
        ensure!((swept.subjects, swept.refused.len()) == (subjects, refused), "{swept:?}");
    }
    ensure!(show(&mut session, "Z").await?.summary.status == OrderStatus::Paid);
    Ok(())
}
