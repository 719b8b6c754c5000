//! Clocks that jump back: ours between two batches, and the providers' between two notifications.

use anyhow::ensure;
use shared::broker::Broker;
use shared::money::{Currency, Money};
use shared::notification::{Evidence, Fact, PaymentFact, PaymentStatus, RefundFact, RefundStatus};
use shared::order::OrderStatus;
use shared::process;
use time::Duration as Span;
use worker::ledger::records::{NewOrder, OrderRecord};
use worker::ledger::{Ledger, Session};

use super::words::{Ingress, PAID_AT, Says, cases, events, order, show};
use crate::world::World;

/// How far ours jumps.
const JUMP: Span = Span::days(3);

/// Its events, counted from 1 without a gap.
fn announced(order: &OrderRecord) -> anyhow::Result<Vec<&str>> {
    let numbers = order.events.iter().map(|event| event.sequence);
    ensure!(numbers.eq(1..=i64::try_from(order.events.len())?), "{:?}", order.events);
    Ok(events(order))
}

pub(crate) async fn a_clock_that_jumps_back_changes_no_end<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    let now = process::now();
    let back = now - JUMP;
    session.import(&[order("A", 10)], now).await?;
    session.settle(&[ingress.message(&Says::paid("A", "T1", 10))], now).await?;
    session.settle(&[ingress.message(&Says::paid("A", "T1", 10).refunded(4))], back).await?;
    session.sweep(back, 100).await?;
    let settled = show(&mut session, "A").await?;
    ensure!(settled.summary.status == OrderStatus::PartiallyRefunded, "{settled:?}");
    ensure!(announced(&settled)? == ["order.paid.v1", "order.refunded.v1"]);

    // What waits goes on waiting, is a case at its deadline, and settles when its order appears.
    session.settle(&[ingress.message(&Says::paid("B", "T2", 10))], now).await?;
    ensure!(session.sweep(back, 100).await?.subjects == 0);
    session.sweep(now + Span::minutes(11), 100).await?;
    session.import(&[order("B", 10)], back).await?;
    session.sweep(back, 100).await?;
    let late = show(&mut session, "B").await?;
    ensure!(late.summary.status == OrderStatus::Paid, "{late:?}");
    ensure!(cases(&late.cases) == [("unknown_order".to_owned(), "resolved".to_owned())]);
    ensure!(announced(&late)? == ["case.opened.v1", "order.paid.v1", "case.resolved.v1"]);

    let balance = session.balance().await?;
    ensure!((balance.accepted, balance.in_flight, balance.unaccounted) == (3, 0, 0), "{balance:?}");
    Ok(())
}

pub(crate) async fn an_order_that_ran_out_stays_so_when_the_clock_jumps_back<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    let now = process::now();
    let ends = NewOrder { expires_at: Some(now - Span::hours(1)), ..order("A", 10) };
    session.import(&[ends], now - Span::hours(2)).await?;
    session.sweep(now, 100).await?;
    // Whoever's clock stands behind hears that somebody begins to pay.
    let begun = paid("T1", PaymentStatus::Pending, now - Span::minutes(1));
    session.settle(&[ingress.tell(begun)], now - JUMP).await?;
    session.sweep(now - JUMP, 100).await?;
    let found = show(&mut session, "A").await?;
    ensure!(found.summary.status == OrderStatus::Cancelled, "{found:?}");
    ensure!(announced(&found)? == ["order.cancelled.v1"]);
    // In time is in time.
    let paid = paid("T1", PaymentStatus::Succeeded, now - Span::hours(1));
    session.settle(&[ingress.tell(paid)], now - JUMP).await?;
    let found = show(&mut session, "A").await?;
    ensure!(found.summary.status == OrderStatus::Paid, "{found:?}");
    ensure!(announced(&found)? == ["order.cancelled.v1", "order.paid.v1"]);
    Ok(())
}

/// A refund that bears a time before its payment, and a second payment that bears one before the first.
pub(crate) async fn facts_whose_times_run_backwards_end_as_those_that_do_not<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    for (number, step) in [("A", Span::HOUR), ("B", -Span::HOUR)] {
        session.import(&[order(number, 10)], process::now()).await?;
        let told = facts(number, step).map(|fact| ingress.tell(fact));
        for work in told {
            session.settle(&[work], process::now()).await?;
        }
        let found = show(&mut session, number).await?;
        let summary = &found.summary;
        ensure!(summary.status == OrderStatus::Paid && summary.refunded_amount == 4, "{found:?}");
        ensure!(summary.paid_at == Some(PAID_AT.min(PAID_AT + step * 2)), "{summary:?}");
        ensure!(cases(&found.cases) == [("duplicate_payment".to_owned(), "open".to_owned())]);
        ensure!(
            announced(&found)? == ["order.paid.v1", "order.refunded.v1", "case.opened.v1"],
            "{:?}",
            events(&found)
        );
    }
    Ok(())
}

fn facts(number: &str, step: Span) -> [Fact; 3] {
    let named = |transaction: &str, at| {
        let mut fact = paid(&format!("{number}{transaction}"), PaymentStatus::Succeeded, at);
        if let Fact::Payment(fact) = &mut fact {
            fact.order_number = number.into();
        }
        fact
    };
    let refund = Fact::Refund(RefundFact {
        transaction: format!("{number}T1"),
        refund: "R1".into(),
        order_number: None,
        refund_no: None,
        status: RefundStatus::Succeeded,
        amount: Money { minor: 4, currency: Currency::CNY },
        occurred_at: PAID_AT + step,
        evidence: Evidence::Signed,
    });
    [named("T1", PAID_AT), refund, named("T2", PAID_AT + step * 2)]
}

fn paid(transaction: &str, status: PaymentStatus, at: time::OffsetDateTime) -> Fact {
    Fact::Payment(PaymentFact {
        transaction: transaction.into(),
        order_number: "A".into(),
        status,
        amount: Money { minor: 10, currency: Currency::CNY },
        occurred_at: at,
        refund_total: None,
        agreement: None,
    })
}
