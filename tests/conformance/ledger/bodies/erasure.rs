//! Erasing what tells who paid: the money stays, and a tombstone strips what comes later.

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use shared::broker::Broker;
use shared::notification::RefundStatus;
use shared::process;
use worker::ledger::bodies::StoredBody;
use worker::ledger::erasure::{Allowed, Erased, Erasure, Ruling, Shared, Subject};
use worker::ledger::records::{Act, CaseAct};
use worker::ledger::{Ledger, Session, Work};

use super::{body, id};
use crate::ledger::words::{Ingress, Says, order, refund, settle, show};
use crate::world::World;

mod agreements;
mod closed;
mod letters;
mod owners;
mod races;

pub(crate) use self::agreements::{
    an_agreement_that_is_signed_after_its_subscription_was_erased_is_stripped,
    an_erased_order_leaves_its_subscription_alone,
    an_erased_subscription_keeps_its_money_and_loses_its_bodies, no_charge_slips_past_an_erasure,
};
pub(crate) use self::closed::a_shared_body_that_does_not_open_goes_whole_only_when_asked;
pub(crate) use self::letters::{
    a_letter_is_erased_by_all_that_it_names,
    a_letter_that_nobody_could_read_is_erased_by_its_message,
    a_letter_under_a_tombstone_keeps_its_money_until_it_ends,
    an_open_letter_is_in_the_way_of_an_erasure,
};
pub(crate) use self::owners::{
    a_charge_that_an_order_pays_is_stripped_with_its_subscription,
    an_erased_subscription_takes_no_agreement_of_another,
};
pub(crate) use self::races::an_erasure_and_the_ends_of_letters_never_wait_in_a_ring;

const BATCH: &[u8] = br#"{"notificationItems":[{"about":"first"},{"about":"second"}]}"#;

fn act() -> Act {
    Act {
        actor: "cli:test".into(),
        action: "privacy.erase".into(),
        subject: "order/A".into(),
        reason: "asked for".into(),
    }
}

/// An erasure that is noted.
pub(in crate::ledger) fn noted(subject: Subject) -> Erasure {
    Erasure { subject, allowed: Allowed::default(), act: Some(act()) }
}

/// One that is only asked about.
fn asked(subject: Subject) -> Erasure {
    Erasure { act: None, ..noted(subject) }
}

fn order_of(number: &str) -> Subject {
    Subject::Order(number.to_owned())
}

/// What was erased, or would be: nothing is in the way.
pub(in crate::ledger) async fn done(
    session: &mut impl Session,
    erasure: &Erasure,
) -> anyhow::Result<Option<Erased>> {
    match session.erase(erasure, process::now()).await? {
        Some(Ruling::Done(erased)) => Ok(Some(*erased)),
        Some(Ruling::InTheWay(why)) => anyhow::bail!(why),
        None => Ok(None),
    }
}

/// Why nothing was erased.
async fn refused(session: &mut impl Session, erasure: &Erasure) -> anyhow::Result<String> {
    match session.erase(erasure, process::now()).await? {
        Some(Ruling::InTheWay(why)) => Ok(why),
        Some(Ruling::Done(erased)) => anyhow::bail!("{erased:?}"),
        None => anyhow::bail!("nothing was found"),
    }
}

async fn erase(session: &mut impl Session, number: &str) -> anyhow::Result<Erased> {
    done(session, &noted(order_of(number))).await?.context("nothing to erase")
}

pub(in crate::ledger) fn is_erased(body: &StoredBody) -> bool {
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

    let would = done(&mut session, &asked(order_of("A-2"))).await?;
    let would = would.context("it is there")?;
    let expected = Erased {
        subject: order_of("A"),
        numbers: vec!["A".into(), "A-2".into()],
        agreements: 0,
        transactions: 1,
        destroyed: 1,
        redacted: 0,
        shared: Shared::default(),
        open_letters: vec![],
        metadata: 1,
        beside: vec![],
        cases: 0,
        notes: 0,
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
    ensure!(done(&mut session, &noted(order_of("nobody"))).await?.is_none());
    let acts = session.trail("A").await?.context("a trail")?.acts;
    let subjects: Vec<_> = acts.iter().map(|act| act.subject.as_str()).collect();
    ensure!(subjects == ["order/A", "order/A"], "by the number that the order bears: {subjects:?}");
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

pub(crate) async fn a_refund_of_what_was_paid_after_erasing_is_stripped_too<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    session.import(&[order("A", 10), order("B", 10)], process::now()).await?;
    let mut ingress = Ingress::new();
    erase(&mut session, "A").await?;
    let refund = || refund("T1", "R1", 4, RefundStatus::Succeeded);
    let paid = ingress.message(&Says::paid("A", "T1", 10));
    // The provider says it twice, and neither names the order.
    let told = [ingress.tell(refund()), ingress.tell(refund())];
    let other = ingress.message(&Says::paid("B", "T2", 10));
    for work in [&paid, &told[0], &told[1], &other] {
        settle(&mut session, std::slice::from_ref(work)).await?;
    }
    for work in [&paid, &told[0], &told[1]] {
        ensure!(is_erased(&body(&mut session, id(work)?).await?));
    }
    ensure!(matches!(body(&mut session, id(&other)?).await?, StoredBody::Open { .. }));
    ensure!(show(&mut session, "A").await?.summary.refunded_amount == 4);
    Ok(())
}

pub(crate) async fn what_people_wrote_is_counted_and_stays<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    session.import(&[order("A", 10)], process::now()).await?;
    let mut ingress = Ingress::new();
    settle(&mut session, &[ingress.message(&Says::paid("A", "T1", 9))]).await?;
    let case = show(&mut session, "A").await?.cases.remove(0).id;
    let note = CaseAct::Note { text: "she rang".into() };
    session.act_on_case(case, &note, &act(), process::now()).await?;
    let erased = erase(&mut session, "A").await?;
    ensure!((erased.cases, erased.notes) == (1, 1), "{erased:?}");
    let file = session.case_file(case).await?.context("the case")?;
    ensure!(file.notes.len() == 1, "{file:?}");
    Ok(())
}
