//! What people do about cases, orders that run out, and test orders.

use anyhow::{Context as _, ensure};
use shared::broker::Broker;
use shared::case::{CaseKind, CaseVerdict};
use shared::order::{Mode, OrderStatus};
use shared::process;
use time::Duration as Span;
use worker::ledger::records::{
    Act, CaseAct, CaseActed, CaseFilter, CaseRecord, Imported, NewOrder,
};
use worker::ledger::{Bucket, Ledger, Session};

use super::words::{Ingress, PAID_AT, Says, cases, events, import, order, settle, show};
use crate::world::{REFUND_WITHIN, World};

fn named(kind: &str, status: &str) -> (String, String) {
    (kind.to_owned(), status.to_owned())
}

async fn act(
    session: &mut impl Session,
    case: &CaseRecord,
    act: CaseAct,
) -> anyhow::Result<CaseActed> {
    let by = Act {
        actor: "test:ana".into(),
        action: act.action().into(),
        subject: format!("case/{}", case.id),
        reason: "because".into(),
    };
    Ok(session.act_on_case(case.id, &act, &by, process::now()).await?)
}

fn says(verdict: CaseVerdict, saw_minor: i64) -> CaseAct {
    CaseAct::Resolve { verdict, saw_minor }
}

pub(crate) async fn a_case_that_is_fulfilled_pays_once_and_is_on_file<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    settle(&mut session, &[ingress.message(&Says::paid("A", "T1", 9))]).await?;
    let case = show(&mut session, "A").await?.cases.remove(0);
    ensure!(case.refund_by == Some(PAID_AT + REFUND_WITHIN), "{case:?}");
    let stale = act(&mut session, &case, says(CaseVerdict::Fulfil, 8)).await?;
    ensure!(matches!(&stale, CaseActed::Changed(case) if case.amount == 9), "{stale:?}");
    let done = act(&mut session, &case, says(CaseVerdict::Fulfil, 9)).await?;
    ensure!(matches!(&done, CaseActed::Done(case) if case.resolution.as_deref() == Some("fulfil")));
    let again = act(&mut session, &case, says(CaseVerdict::Fulfil, 9)).await?;
    ensure!(matches!(again, CaseActed::Closed(_)), "{again:?}");

    let order = show(&mut session, "A").await?;
    ensure!(order.summary.status == OrderStatus::Paid && order.fulfilments.len() == 1);
    ensure!(cases(&order.cases) == [named("amount_mismatch", "resolved")]);
    let accepted: Vec<_> =
        order.accepted.iter().map(|one| (one.kind, one.payment.is_some(), one.by_policy)).collect();
    ensure!(accepted == [(CaseKind::AmountMismatch, true, false)], "{accepted:?}");
    ensure!(events(&order) == ["case.opened.v1", "order.paid.v1", "case.resolved.v1"]);
    // The word stands when more is told of it.
    settle(&mut session, &[ingress.message(&Says::paid("A", "T1", 9).refunded(4))]).await?;
    let order = show(&mut session, "A").await?;
    ensure!(order.summary.status == OrderStatus::PartiallyRefunded, "{order:?}");

    let file = session.case_file(case.id).await?.context("a file")?;
    ensure!(file.resolutions.len() == 1 && file.resolutions[0].actor == "test:ana");
    ensure!(file.evidence.len() == 2 && file.evidence[0].outcome == "case", "{file:?}");
    Ok(())
}

pub(crate) async fn a_case_that_is_closed_opens_again_for_more_money<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    for transaction in ["T1", "T2"] {
        settle(&mut session, &[ingress.message(&Says::paid("A", transaction, 10))]).await?;
    }
    let case = show(&mut session, "A").await?.cases.remove(0);
    let refused = act(&mut session, &case, says(CaseVerdict::Fulfil, 10)).await?;
    ensure!(matches!(refused, CaseActed::Impossible(_)), "{refused:?}");
    act(&mut session, &case, says(CaseVerdict::Refund, 10)).await?;
    let back = ingress.message(&Says::paid("A", "T2", 10).refunded(10));
    settle(&mut session, &[back]).await?;
    let order = show(&mut session, "A").await?;
    ensure!(cases(&order.cases) == [named("duplicate_payment", "resolved")]);
    let third = ingress.message(&Says::paid("A", "T3", 10));
    ensure!(settle(&mut session, &[third]).await? == [Bucket::Case]);
    let order = show(&mut session, "A").await?;
    ensure!(cases(&order.cases) == [named("duplicate_payment", "open")]);
    Ok(())
}

pub(crate) async fn a_case_keeps_its_owner_and_its_notes<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    for transaction in ["T1", "T2"] {
        settle(&mut session, &[ingress.message(&Says::paid("A", transaction, 10))]).await?;
    }
    let case = show(&mut session, "A").await?.cases.remove(0);
    act(&mut session, &case, CaseAct::Assign { owner: "ana".into() }).await?;
    act(&mut session, &case, CaseAct::Note { text: "asked them".into() }).await?;
    // More money comes to be at stake: it stays hers.
    settle(&mut session, &[ingress.message(&Says::paid("A", "T3", 10))]).await?;
    let hers = CaseFilter {
        status: Some("acknowledged".into()),
        kind: Some("duplicate_payment".into()),
        account: Some("shop".into()),
        number: Some("A".into()),
        owner: Some("ana".into()),
        limit: 10,
    };
    let found = session.cases(&hers).await?;
    ensure!(found.len() == 1 && found[0].amount == 20, "{found:?}");
    let others = CaseFilter { account: Some("nobody".into()), ..hers };
    ensure!(session.cases(&others).await?.is_empty());
    let file = session.case_file(case.id).await?.context("a file")?;
    ensure!(file.notes.len() == 1 && file.notes[0].text == "asked them", "{file:?}");
    Ok(())
}

pub(crate) async fn an_order_runs_out_and_what_was_paid_in_time_still_pays<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let now = process::now();
    let until =
        |order_no, expires_at| NewOrder { expires_at: Some(expires_at), ..order(order_no, 10) };
    let orders = [until("in-time", PAID_AT), until("late", PAID_AT - Span::SECOND)];
    session.import(&orders, now).await?;
    session.sweep(now, 100).await?;
    for number in ["in-time", "late"] {
        let order = show(&mut session, number).await?;
        ensure!(order.summary.status == OrderStatus::Cancelled, "{number}");
        ensure!(events(&order) == ["order.cancelled.v1"], "{number}");
    }
    ensure!(session.sweep(now, 100).await?.subjects == 0);
    let mut ingress = Ingress::new();
    let batch = [
        ingress.message(&Says::paid("in-time", "T1", 10)),
        ingress.message(&Says::paid("late", "T2", 10)),
    ];
    ensure!(settle(&mut session, &batch).await? == [Bucket::Settled, Bucket::Case]);
    ensure!(show(&mut session, "in-time").await?.summary.status == OrderStatus::Paid);
    let order = show(&mut session, "late").await?;
    ensure!(cases(&order.cases) == [named("paid_after_cancel", "open")]);
    act(&mut session, &order.cases[0], says(CaseVerdict::Fulfil, 10)).await?;
    ensure!(show(&mut session, "late").await?.summary.status == OrderStatus::Paid);
    Ok(())
}

pub(crate) async fn a_cancelled_order_that_was_accepted_holds_up_no_sweep<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    session.cancel("A", "sold out", "test", process::now()).await?;
    let mut ingress = Ingress::new();
    settle(&mut session, &[ingress.message(&Says::paid("A", "T1", 10))]).await?;
    let case = show(&mut session, "A").await?.cases.remove(0);
    act(&mut session, &case, says(CaseVerdict::Fulfil, 10)).await?;
    ensure!(show(&mut session, "A").await?.summary.status == OrderStatus::Paid);
    // There is room for one, and it is not the one that is done.
    ensure!(session.sweep(process::now(), 1).await?.subjects == 0);
    let over = NewOrder { expires_at: Some(PAID_AT), ..order("B", 10) };
    session.import(&[over], process::now()).await?;
    session.sweep(process::now(), 1).await?;
    ensure!(show(&mut session, "B").await?.summary.status == OrderStatus::Cancelled);
    Ok(())
}

pub(crate) async fn live_money_never_pays_a_test_order<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let test = NewOrder { mode: Some(Mode::Test), ..order("A", 10) };
    let nothing = NewOrder { currency: "XXX".parse()?, ..order("B", 10) };
    let imported = session.import(&[test, nothing], process::now()).await?;
    ensure!(imported[0] == Imported::Inserted);
    ensure!(matches!(imported[1], Imported::Refused(_)), "{imported:?}");
    let mut ingress = Ingress::new();
    let batch = [ingress.message(&Says::paid("A", "T1", 10))];
    ensure!(settle(&mut session, &batch).await? == [Bucket::Case]);
    let order = show(&mut session, "A").await?;
    ensure!(order.summary.mode == Mode::Test);
    ensure!(cases(&order.cases) == [named("wrong_payee", "open")]);
    let refused = act(&mut session, &order.cases[0], says(CaseVerdict::Fulfil, 10)).await?;
    ensure!(matches!(refused, CaseActed::Impossible(_)), "{refused:?}");
    Ok(())
}
