//! What shops and operators do.

use anyhow::ensure;
use shared::broker::Broker;
use shared::order::OrderStatus;
use shared::process;
use worker::ledger::records::{Cancelled, Imported, NewOrder, OrderFilter};
use worker::ledger::{Bucket, Ledger, Session};

use super::words::{Ingress, Says, import, order, settle, show};
use crate::world::World;

pub(crate) async fn a_paid_order_cannot_be_cancelled<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let now = process::now();
    ensure!(session.cancel("A", "r", "test", now).await? == Cancelled::NotFound);
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    settle(&mut session, &[ingress.message(&Says::paid("A", "T1", 10))]).await?;
    let refused = session.cancel("A", "r", "test", now).await?;
    ensure!(refused == Cancelled::Paid(OrderStatus::Paid), "{refused:?}");
    ensure!(show(&mut session, "A").await?.summary.status == OrderStatus::Paid);

    // Nor one whose payment came first and was not joined yet.
    settle(&mut session, &[ingress.message(&Says::paid("B", "T2", 10))]).await?;
    import(&mut session, "B", 10).await?;
    let refused = session.cancel("B", "r", "test", now).await?;
    ensure!(refused == Cancelled::Paid(OrderStatus::Paid), "{refused:?}");
    Ok(())
}

pub(crate) async fn an_import_updates_until_something_is_paid<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let now = process::now();
    let bad = NewOrder { amount: 0, ..order("B", 1) };
    let first = session.import(&[order("A", 10), bad], now).await?;
    ensure!(matches!(&first[..], [Imported::Inserted, Imported::Refused(_)]), "{first:?}");
    ensure!(session.import(&[order("A", 10)], now).await? == [Imported::Unchanged]);
    ensure!(session.import(&[order("A", 11)], now).await? == [Imported::Updated]);
    let thief = NewOrder { numbers: vec!["A".into()], ..order("C", 1) };
    let thief = session.import(&[thief], now).await?;
    ensure!(matches!(&thief[..], [Imported::Refused(_)]), "{thief:?}");
    let mut ingress = Ingress::new();
    settle(&mut session, &[ingress.message(&Says::paid("A", "T1", 11))]).await?;
    let late = session.import(&[order("A", 12)], now).await?;
    ensure!(matches!(&late[..], [Imported::Refused(_)]), "{late:?}");
    let filter = OrderFilter { status: Some(OrderStatus::Paid), limit: 10 };
    let listed = session.orders(&filter).await?;
    ensure!(listed.len() == 1 && listed[0].amount == 11);
    Ok(())
}

pub(crate) async fn an_order_may_be_paid_under_any_of_its_numbers<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let order = NewOrder { numbers: vec!["A-try-2".into()], ..order("A", 10) };
    session.import(&[order], process::now()).await?;
    let mut ingress = Ingress::new();
    let batch = [
        ingress.message(&Says::paid("A-try-2", "T2", 10)),
        ingress.message(&Says::paid("A", "T1", 10)),
    ];
    ensure!(settle(&mut session, &batch).await? == [Bucket::Settled, Bucket::Case]);
    let order = show(&mut session, "A-try-2").await?;
    ensure!(order.summary.order_no == "A" && order.payments.len() == 2);
    Ok(())
}
