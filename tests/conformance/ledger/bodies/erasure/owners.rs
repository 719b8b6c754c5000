//! Whose an agreement or a charge is: an erased subscription takes its own along, and nobody else's.

use anyhow::{Context as _, ensure};
use shared::broker::Broker;
use shared::notification::{AgreementChange, PaymentStatus, RefundStatus};
use shared::process;
use worker::ledger::dead_letters::{DeadLetters as _, LetterAct};
use worker::ledger::records::{NewOrder, NewSubscription};
use worker::ledger::{Ledger, Session, Work};

use super::agreements::{SIGNED, agreement, are_erased, are_open, charge, subscription_of};
use super::{done, noted};
use crate::ledger::dead_letters::{act, letter};
use crate::ledger::words::{Ingress, Says, order, refund, settle, subscription};
use crate::world::World;

pub(crate) async fn a_charge_that_an_order_pays_is_stripped_with_its_subscription<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    session.subscribe(&[subscription("S-1")], process::now()).await?;
    let extending = |number| NewOrder { subscription_no: Some("S-1".into()), ..order(number, 10) };
    let orders = [extending("A"), extending("B"), order("C", 10)];
    session.import(&orders, process::now()).await?;
    let mut ingress = Ingress::new();
    let first = [ingress.message(&Says::paid("A", "T1", 10))];
    settle(&mut session, &first).await?;
    done(&mut session, &noted(subscription_of("S-1"))).await?.context("it is there")?;
    ensure!(are_erased(&mut session, &first).await?);

    let later = [
        ingress.message_with(&Says::paid("B", "T2", 10), "month 2"),
        // The provider says it again.
        ingress.message_with(&Says::paid("B", "T2", 10), "month 2"),
        ingress.tell(refund("T2", "R1", 4, RefundStatus::Succeeded)),
    ];
    let other = [ingress.message(&Says::paid("C", "T3", 10))];
    for work in later.iter().chain(&other) {
        settle(&mut session, std::slice::from_ref(work)).await?;
    }
    ensure!(are_erased(&mut session, &later).await? && are_open(&mut session, &other).await?);
    Ok(())
}

/// The same by another account.
fn elsewhere(mut work: Work) -> Work {
    if let Work::Reading(reading) = &mut work {
        reading.message.account = "other".into();
    }
    work
}

pub(crate) async fn an_erased_subscription_takes_no_agreement_of_another<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let named = NewSubscription { agreement_no: Some("G-2".into()), ..subscription("S-2") };
    session.subscribe(&[subscription("S-1"), named], process::now()).await?;
    let mut ingress = Ingress::new();
    let before = [
        elsewhere(ingress.tell(agreement("G-3", Some("S-1"), SIGNED))),
        ingress.tell(agreement("G-4", Some("S-1"), SIGNED)),
    ];
    settle(&mut session, &before).await?;
    // What nobody reads yet may repeat the number too.
    let dead = ingress.tell(agreement("G-2", Some("S-1"), SIGNED));
    let dead = letter(&dead, "refused")?;
    session.bury(std::slice::from_ref(&dead), process::now()).await?;
    let erased = done(&mut session, &noted(subscription_of("S-1"))).await?;
    let erased = erased.context("it is there")?;
    ensure!((erased.agreements, erased.destroyed) == (1, 1), "its own alone: {erased:?}");
    ensure!(are_open(&mut session, &before[..1]).await?);

    let others = [
        ingress.tell(agreement("G-2", Some("S-1"), SIGNED)),
        ingress.tell(charge("G-2", "T2", PaymentStatus::Succeeded)),
        elsewhere(ingress.tell(agreement("G-3", Some("S-1"), AgreementChange::Ended))),
        elsewhere(ingress.tell(agreement("G-5", Some("S-1"), SIGNED))),
        elsewhere(ingress.tell(charge("G-3", "T3", PaymentStatus::Succeeded))),
        elsewhere(ingress.tell(charge("G-5", "T5", PaymentStatus::Succeeded))),
    ];
    let own = [
        ingress.tell(agreement("G-6", Some("S-1"), SIGNED)),
        ingress.tell(charge("G-6", "T6", PaymentStatus::Succeeded)),
        ingress.tell(charge("G-4", "T4", PaymentStatus::Succeeded)),
    ];
    // Each alone, once more as its own repeat, and none hands on what another must not have.
    for work in others.iter().chain(&own) {
        settle(&mut session, std::slice::from_ref(work)).await?;
        settle(&mut session, std::slice::from_ref(work)).await?;
    }
    let by = act("dead_letters.discard");
    session.act_on_letters(&[dead.id], LetterAct::Discard, &by, process::now()).await?;
    let next = [ingress.tell(charge("G-2", "T7", PaymentStatus::Succeeded))];
    settle(&mut session, &next).await?;
    ensure!(are_open(&mut session, &others).await?, "the others' stay");
    ensure!(are_open(&mut session, &next).await?);
    ensure!(are_erased(&mut session, &own).await?, "its own go");
    let file = session.letter(dead.id).await?.context("it is kept")?;
    ensure!(!super::is_erased(&file.body), "{:?}", file.body);
    Ok(())
}
