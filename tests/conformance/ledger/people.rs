//! What shops and operators do.

use anyhow::ensure;
use shared::broker::Broker;
use shared::order::OrderStatus;
use shared::process;
use time::macros::datetime;
use worker::ledger::erasure::Subject;
use worker::ledger::privacy::Privacy as _;
use worker::ledger::records::{Cancelled, Imported, NewOrder, OrderFilter};
use worker::ledger::{Bucket, Ledger, Session};

use super::bodies::noted;
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
    let metadata = |n: i64| Some(serde_json::json!({ "k": n }));
    let order = |number, amount| NewOrder { metadata: metadata(0), ..order(number, amount) };
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
    ensure!(session.import(&[order("A", 11)], now).await? == [Imported::Unchanged]);
    let later = NewOrder { expires_at: Some(now), ..order("A", 11) };
    let other = NewOrder { metadata: metadata(1), ..order("A", 11) };
    let none = NewOrder { metadata: None, ..order("A", 11) };
    // What is not applied is said, by its field; and nothing else of the line is applied.
    for (changed, field) in [(later, "expires_at: "), (other, "metadata: "), (none, "metadata: ")] {
        let changed = NewOrder { numbers: vec!["A-further".into()], ..changed };
        let answer = session.import(&[changed], now).await?;
        let named = matches!(&answer[..], [Imported::Refused(why)] if why.starts_with(field));
        ensure!(named && session.order("A-further").await?.is_none(), "{answer:?}");
    }
    let filter =
        OrderFilter { status: Some(OrderStatus::Paid), limit: 10, ..OrderFilter::default() };
    let listed = session.orders(&filter).await?;
    ensure!(listed.len() == 1 && listed[0].amount == 11);
    Ok(())
}

pub(crate) async fn an_import_brings_forgotten_metadata_back_while_nothing_is_paid<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let now = process::now();
    let file = ["A", "B", "C"].map(|number| NewOrder {
        metadata: Some(serde_json::json!({ "name": "Li Lei" })),
        ..order(number, 10)
    });
    session.import(&file, now).await?;
    settle(&mut session, &[Ingress::new().message(&Says::paid("A", "T1", 10))]).await?;
    session.cancel("B", "r", "test", now).await?;
    let left = "select order_no from orders where metadata is not null order by 1";
    ensure!(world.sql(left).await? == "A\nB\nC");
    for number in ["A", "B", "C"] {
        session.erase(&noted(Subject::Order(number.into())), now).await?;
    }
    ensure!(world.sql(left).await?.is_empty());
    // A is paid, B is cancelled; C is open.
    let answers = session.import(&file, now).await?;
    ensure!(
        answers == [Imported::Unchanged, Imported::Unchanged, Imported::Updated],
        "{answers:?}"
    );
    ensure!(world.sql(left).await? == "C");
    let further = NewOrder { numbers: vec!["A-2".into()], ..file[0].clone() };
    ensure!(session.import(&[further], now).await? == [Imported::Updated]);
    ensure!(world.sql(left).await? == "C" && session.order("A-2").await?.is_some());
    let (dearer, later) = (
        NewOrder { amount: 11, ..file[0].clone() },
        NewOrder { expires_at: Some(now), ..file[0].clone() },
    );
    let refused = session.import(&[dearer, later], now).await?;
    ensure!(refused.iter().all(|one| matches!(one, Imported::Refused(_))), "{refused:?}");
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

pub(crate) async fn orders_of_one_batch_are_taken_one_after_the_other<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let named =
        |own: &str, number: &str| NewOrder { numbers: vec![number.into()], ..order(own, 10) };
    let batch = [
        order("Z", 10),
        order("Z", 11),
        order("Z", 11),
        NewOrder { amount: 0, ..order("Z", 1) },
        named("B", "shared"),
        // Whoever stands first has the number, whatever the order of their names.
        named("A", "shared"),
        named("C", "Z"),
        order("shared", 10),
    ];
    let imported = session.import(&batch, process::now()).await?;
    let words: Vec<_> = imported
        .iter()
        .map(|imported| match imported {
            Imported::Inserted => "inserted",
            Imported::Updated => "updated",
            Imported::Unchanged => "unchanged",
            Imported::Refused(_) => "refused",
        })
        .collect();
    let expected = [
        "inserted",
        "updated",
        "unchanged",
        "refused",
        "inserted",
        "refused",
        "refused",
        "refused",
    ];
    ensure!(words == expected, "{imported:?}");
    ensure!(show(&mut session, "Z").await?.summary.amount == 11);
    ensure!(show(&mut session, "shared").await?.summary.order_no == "B");
    Ok(())
}

pub(crate) async fn an_order_is_stored_exactly<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let long = "ü".repeat(64);
    let numbers = [
        "=1+1",
        "'; drop table orders; --",
        "\"quoted\", and; with, commas",
        "订单-🧾",
        "a b",
        "\u{feff}A",
        "%_\\",
        "e\u{301}",
        "é",
        long.as_str(),
    ];
    for (index, number) in numbers.into_iter().enumerate() {
        let new = NewOrder {
            currency: if index % 2 == 0 { "JPY".parse()? } else { "KWD".parse()? },
            expires_at: Some(datetime!(9999-12-31 23:59:59.999999 UTC)),
            metadata: Some(serde_json::json!({"note": number, number: [1, 1.5, null]})),
            ..order(number, i64::MAX - index as i64)
        };
        let first = session.import(std::slice::from_ref(&new), process::now()).await?;
        ensure!(first == [Imported::Inserted], "{number}: {first:?}");
        let again = session.import(std::slice::from_ref(&new), process::now()).await?;
        ensure!(again == [Imported::Unchanged], "{number}: {again:?}");
        let shown = show(&mut session, number).await?.summary;
        ensure!(shown.order_no == number && shown.amount == new.amount, "{shown:?}");
        ensure!(shown.currency == new.currency, "{shown:?}");
    }
    let early = NewOrder {
        expires_at: Some(datetime!(0001-01-01 00:00 UTC)),
        ..order("expired before it began", 1)
    };
    ensure!(session.import(&[early], process::now()).await? == [Imported::Inserted]);
    let listed = session.orders(&OrderFilter { limit: 100, ..OrderFilter::default() }).await?;
    ensure!(listed.len() == numbers.len() + 1, "{} orders", listed.len());
    Ok(())
}
