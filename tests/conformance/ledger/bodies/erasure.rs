//! Erasing what tells who paid: the money stays, and a tombstone strips what comes later.

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use shared::broker::Broker;
use shared::notification::RefundStatus;
use shared::process;
use shared::secret::bodies::Bodies;
use worker::ledger::bodies::StoredBody;
use worker::ledger::erasure::Erased;
use worker::ledger::privacy::Privacy as _;
use worker::ledger::records::Act;
use worker::ledger::{Ledger, Session, Work};

use super::{body, id};
use crate::ledger::words::{Ingress, Says, order, refund, settle, show};
use crate::world::World;

const BATCH: &[u8] = br#"{"notificationItems":[{"about":"first"},{"about":"second"}]}"#;

fn act() -> Act {
    Act {
        actor: "cli:test".into(),
        action: "privacy.erase".into(),
        subject: "order/A".into(),
        reason: "asked for".into(),
    }
}

async fn erase(session: &mut impl Session, number: &str) -> anyhow::Result<Erased> {
    session.erase(number, Some(&act()), process::now()).await?.context("nothing to erase")
}

fn is_erased(body: &StoredBody) -> bool {
    matches!(body, StoredBody::Removed { reason, .. } if reason == "erased")
}

/// One request about two orders, as Adyen may send it.
fn batch(ingress: &mut Ingress, first: &Says, second: &Says) -> Work {
    let (mut work, other) = (ingress.message(first), ingress.message(second));
    if let (Work::Reading(batch), Work::Reading(other)) = (&mut work, other) {
        batch.message.kind = "adyen".into();
        batch.message.body = Bytes::from_static(BATCH);
        batch.notifications.extend(other.notifications);
    }
    work
}

pub(crate) async fn an_erased_order_keeps_its_money_and_loses_its_bodies<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut new = order("A", 10);
    new.numbers = vec!["A-2".into()];
    new.metadata = Some(serde_json::json!({ "name": "Li Lei" }));
    session.import(&[new, order("B", 10)], process::now()).await?;
    let mut ingress = Ingress::new();
    let works = [
        ingress.message(&Says::paid("A-2", "T1", 10)),
        ingress.message(&Says::paid("A", "T1", 10).refunded(4)),
        ingress.message(&Says::paid("B", "T2", 10)),
    ];
    settle(&mut session, &works[..1]).await?;
    settle(&mut session, &works[2..]).await?;
    let (money, balance) = (show(&mut session, "A").await?, session.balance().await?);

    let would = session.erase("A", None, process::now()).await?.context("it is there")?;
    let expected = Erased {
        numbers: vec!["A".into(), "A-2".into()],
        transactions: 1,
        destroyed: 1,
        redacted: 0,
        metadata: 1,
    };
    ensure!(would == expected, "{would:?}");
    ensure!(matches!(body(&mut session, id(&works[0])?).await?, StoredBody::Open { .. }));

    ensure!(erase(&mut session, "A-2").await? == expected, "by any of its numbers");
    ensure!(is_erased(&body(&mut session, id(&works[0])?).await?));
    ensure!(matches!(body(&mut session, id(&works[2])?).await?, StoredBody::Open { .. }));
    ensure!(show(&mut session, "A").await? == money);
    ensure!(session.balance().await? == balance);
    let again = erase(&mut session, "A").await?;
    ensure!(again == Erased { destroyed: 0, metadata: 0, ..expected }, "{again:?}");

    // What comes later, and what comes again, settles without its body.
    settle(&mut session, &works[..2]).await?;
    for work in &works[..2] {
        ensure!(is_erased(&body(&mut session, id(work)?).await?));
    }
    ensure!(show(&mut session, "A").await?.summary.refunded_amount == 4);
    ensure!(session.erase("nobody", Some(&act()), process::now()).await?.is_none());
    Ok(())
}

pub(crate) async fn what_is_known_by_its_transaction_alone_is_erased_too<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    session.import(&[order("A", 10)], process::now()).await?;
    let mut ingress = Ingress::new();
    // It names no order, and came before its payment.
    let early = ingress.tell(refund("T1", "R1", 4, RefundStatus::Succeeded));
    let other = ingress.tell(refund("T2", "R1", 4, RefundStatus::Succeeded));
    let paid = ingress.message(&Says::paid("A", "T1", 10));
    for work in [&early, &other, &paid] {
        settle(&mut session, std::slice::from_ref(work)).await?;
    }
    let erased = erase(&mut session, "A").await?;
    ensure!((erased.transactions, erased.destroyed) == (1, 2), "{erased:?}");
    ensure!(is_erased(&body(&mut session, id(&early)?).await?));
    ensure!(matches!(body(&mut session, id(&other)?).await?, StoredBody::Open { .. }));
    Ok(())
}

pub(crate) async fn a_shared_body_loses_only_what_was_erased<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    let (first, second) = (Says::paid("A", "T1", 10), Says::paid("B", "T2", 10));
    let before = batch(&mut ingress, &first, &second);
    settle(&mut session, std::slice::from_ref(&before)).await?;
    let mut closed = world.ledger.clone().keeping(Bodies::default()).open().await?;
    ensure!(closed.erase("A", Some(&act()), process::now()).await.is_err(), "it must be opened");
    let erased = erase(&mut session, "A").await?;
    ensure!((erased.destroyed, erased.redacted) == (0, 1), "{erased:?}");
    let after = batch(&mut ingress, &first, &second);
    settle(&mut session, std::slice::from_ref(&after)).await?;
    for work in [&before, &after] {
        let StoredBody::Open { bytes, redacted_at } = body(&mut session, id(work)?).await? else {
            anyhow::bail!("not open");
        };
        let left = String::from_utf8(bytes)?;
        ensure!(!left.contains("first") && left.contains("second"), "{left}");
        ensure!(redacted_at.is_some());
    }
    ensure!(erase(&mut session, "A").await?.redacted == 0);
    let erased = erase(&mut session, "B").await?;
    ensure!((erased.destroyed, erased.redacted) == (2, 0), "{erased:?}");
    ensure!(is_erased(&body(&mut session, id(&before)?).await?));
    Ok(())
}

pub(crate) async fn no_body_slips_past_an_erasure<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut settling = world.ledger.open().await?;
    let mut erasing = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    let works: Vec<Work> = (0..40).map(|_| ingress.message(&Says::paid("A", "T", 10))).collect();
    settle(&mut settling, &works[..1]).await?;
    let told = async {
        for work in &works[1..] {
            settle(&mut settling, std::slice::from_ref(work)).await?;
        }
        anyhow::Ok(())
    };
    let (told, erased) = tokio::join!(told, erase(&mut erasing, "A"));
    told?;
    erased?;
    for work in &works {
        let stored = body(&mut settling, id(work)?).await?;
        ensure!(is_erased(&stored), "{stored:?}");
    }
    Ok(())
}
