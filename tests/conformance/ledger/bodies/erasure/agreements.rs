//! Erasing what tells who paid for a subscription: its agreements, and the charges under them.

use anyhow::{Context as _, ensure};
use shared::broker::Broker;
use shared::money::{Currency, Money};
use shared::notification::{
    AgreementChange, AgreementFact, Fact, PaymentFact, PaymentStatus, RefundStatus, Revival,
};
use shared::process;
use worker::ledger::bodies::StoredBody;
use worker::ledger::erasure::{Erased, Shared, Subject};
use worker::ledger::records::{NewOrder, NewSubscription, SubscriptionFilter, SubscriptionRecord};
use worker::ledger::{Ledger, LedgerError, Session, Work};

use super::{asked, done, erase, is_erased, noted};
use crate::ledger::bodies::{body, id};
use crate::ledger::words::{Ingress, PAID_AT, Says, order, refund, settle, subscription};
use crate::world::World;

pub(super) const SIGNED: AgreementChange = AgreementChange::Signed { valid_until: None };

/// What was said of an agreement; a signing may repeat the shop's number.
pub(super) fn agreement(agreement: &str, number: Option<&str>, change: AgreementChange) -> Fact {
    Fact::Agreement(AgreementFact {
        agreement: agreement.into(),
        subscription_no: number.map(ToOwned::to_owned),
        change,
        occurred_at: PAID_AT,
        revival: Revival::Never,
    })
}

pub(super) fn failed() -> AgreementChange {
    AgreementChange::ChargeFailed { charge: "attempt".into(), amount: None }
}

pub(super) fn charge(agreement: &str, transaction: &str, status: PaymentStatus) -> Fact {
    Fact::Payment(PaymentFact {
        transaction: transaction.into(),
        order_number: format!("{transaction}-number"),
        status,
        amount: Money { minor: 10, currency: Currency::CNY },
        occurred_at: PAID_AT,
        refund_total: None,
        agreement: Some(agreement.into()),
    })
}

pub(super) fn subscription_of(number: &str) -> Subject {
    Subject::Subscription(number.to_owned())
}

async fn read(session: &mut impl Session, number: &str) -> anyhow::Result<SubscriptionRecord> {
    let subscription_no = Some(number.to_owned());
    let filter = SubscriptionFilter { subscription_no, status: None, limit: 1 };
    session.subscriptions(&filter).await?.into_iter().next().context("no such subscription")
}

pub(super) async fn are_erased(session: &mut impl Session, works: &[Work]) -> anyhow::Result<bool> {
    for work in works {
        if !is_erased(&body(session, id(work)?).await?) {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) async fn are_open(session: &mut impl Session, works: &[Work]) -> anyhow::Result<bool> {
    for work in works {
        if !matches!(body(session, id(work)?).await?, StoredBody::Open { .. }) {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(crate) async fn an_erased_subscription_keeps_its_money_and_loses_its_bodies<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let metadata = Some(serde_json::json!({ "name": "Han Meimei" }));
    let written = [
        NewSubscription { metadata, ..subscription("S-1") },
        NewSubscription { agreement_no: Some("G-2".into()), ..subscription("S-2") },
    ];
    session.subscribe(&written, process::now()).await?;
    let extending = NewOrder { subscription_no: Some("S-1".into()), ..order("A", 10) };
    session.import(&[extending], process::now()).await?;
    let mut ingress = Ingress::new();
    let own = [
        ingress.tell(agreement("G-1", Some("S-1"), SIGNED)),
        ingress.tell(charge("G-1", "T1", PaymentStatus::Succeeded)),
        ingress.tell(charge("G-1", "T2", PaymentStatus::Failed)),
        ingress.tell(agreement("G-1", None, failed())),
        ingress.message(&Says::paid("A", "T3", 10)),
        ingress.tell(refund("T1", "R1", 4, RefundStatus::Succeeded)),
    ];
    let others = [
        // The shop named it for another, whatever its signing repeats.
        ingress.tell(agreement("G-2", Some("S-1"), SIGNED)),
        ingress.tell(charge("G-2", "T4", PaymentStatus::Succeeded)),
    ];
    settle(&mut session, &own).await?;
    settle(&mut session, &others).await?;
    let (stood, balance) = (read(&mut session, "S-1").await?, session.balance().await?);

    let would = done(&mut session, &asked(subscription_of("S-1"))).await?;
    let expected = Erased {
        subject: subscription_of("S-1"),
        numbers: vec![],
        agreements: 1,
        transactions: 3,
        destroyed: own.len(),
        redacted: 0,
        shared: Shared::default(),
        open_letters: vec![],
        metadata: 1,
        beside: vec![Subject::Order("A".into())],
        cases: 0,
        notes: 0,
    };
    ensure!(would.as_ref() == Some(&expected), "{would:?}");
    ensure!(are_open(&mut session, &own).await?, "it was only asked");
    let did = done(&mut session, &noted(subscription_of("S-1"))).await?;
    ensure!(did == would, "{did:?}");
    ensure!(are_erased(&mut session, &own).await? && are_open(&mut session, &others).await?);
    ensure!(read(&mut session, "S-1").await? == stood);
    ensure!(session.balance().await? == balance);

    // What comes later settles without its body; so does a refund that names a later charge alone.
    let later = [
        ingress.tell(charge("G-1", "T5", PaymentStatus::Succeeded)),
        ingress.tell(refund("T5", "R2", 4, RefundStatus::Succeeded)),
        ingress.tell(agreement("G-1", None, AgreementChange::Ended)),
    ];
    settle(&mut session, &later).await?;
    ensure!(are_erased(&mut session, &later).await?);
    let others = [ingress.tell(charge("G-2", "T6", PaymentStatus::Succeeded))];
    settle(&mut session, &others).await?;
    ensure!(are_open(&mut session, &others).await?);
    ensure!(read(&mut session, "S-1").await?.periods == stood.periods + 1);
    let again = done(&mut session, &noted(subscription_of("S-1"))).await?;
    let again = again.context("it is still there")?;
    ensure!((again.destroyed, again.metadata, again.transactions) == (0, 0, 4), "{again:?}");
    ensure!(done(&mut session, &noted(subscription_of("none"))).await?.is_none());
    Ok(())
}

pub(crate) async fn an_agreement_that_is_signed_after_its_subscription_was_erased_is_stripped<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let named = NewSubscription { agreement_no: Some("G-2".into()), ..subscription("S-2") };
    session.subscribe(&[subscription("S-1"), named], process::now()).await?;
    for (number, agreements) in [("S-1", 0), ("S-2", 1)] {
        let erased = done(&mut session, &noted(subscription_of(number))).await?;
        ensure!(erased.context("it is there")?.agreements == agreements, "{number}");
    }
    let mut ingress = Ingress::new();
    let works = [
        ingress.tell(agreement("G-1", Some("S-1"), SIGNED)),
        ingress.tell(charge("G-1", "T1", PaymentStatus::Succeeded)),
        ingress.tell(agreement("G-2", None, SIGNED)),
        ingress.tell(charge("G-2", "T2", PaymentStatus::Succeeded)),
    ];
    for work in &works {
        settle(&mut session, std::slice::from_ref(work)).await?;
    }
    ensure!(are_erased(&mut session, &works).await?);
    // One that nobody wrote is erased by what its signing repeats.
    let unwritten = [ingress.tell(agreement("G-3", Some("S-3"), SIGNED))];
    settle(&mut session, &unwritten).await?;
    ensure!(are_open(&mut session, &unwritten).await?);
    let erased = done(&mut session, &noted(subscription_of("S-3"))).await?;
    ensure!(erased.context("it was told of")?.destroyed == 1);
    ensure!(are_erased(&mut session, &unwritten).await?);
    Ok(())
}

pub(crate) async fn an_erased_order_leaves_its_subscription_alone<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    session.subscribe(&[subscription("S-1")], process::now()).await?;
    session.import(&[order("T1-number", 10)], process::now()).await?;
    let mut ingress = Ingress::new();
    let signed = ingress.tell(agreement("G-1", Some("S-1"), SIGNED));
    let charged = ingress.tell(charge("G-1", "T1", PaymentStatus::Succeeded));
    settle(&mut session, &[signed.clone(), charged.clone()]).await?;
    let erased = erase(&mut session, "T1-number").await?;
    ensure!(erased.beside == [subscription_of("S-1")], "{erased:?}");
    ensure!((erased.destroyed, erased.agreements) == (1, 0), "{erased:?}");
    let next = ingress.tell(charge("G-1", "T2", PaymentStatus::Succeeded));
    settle(&mut session, std::slice::from_ref(&next)).await?;
    ensure!(are_erased(&mut session, &[charged]).await?);
    ensure!(are_open(&mut session, &[signed, next]).await?);
    Ok(())
}

pub(crate) async fn no_charge_slips_past_an_erasure<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut erasing = world.ledger.open().await?;
    erasing.subscribe(&[subscription("S-1")], process::now()).await?;
    let mut ingress = Ingress::new();
    let signed = ingress.tell(agreement("G-1", Some("S-1"), SIGNED));
    settle(&mut erasing, std::slice::from_ref(&signed)).await?;
    let mut works = vec![];
    for month in 0..24 {
        works.push(ingress.tell(charge("G-1", &format!("T{month}"), PaymentStatus::Succeeded)));
        works.push(ingress.tell(refund(&format!("T{month}"), "R", 4, RefundStatus::Succeeded)));
    }
    // Two lanes hand tombstones on while somebody erases.
    let lane = async |works: &[Work]| {
        let mut session = world.ledger.open().await?;
        for batch in works.chunks(3) {
            while let Err(error) = session.settle(batch, process::now()).await {
                ensure!(matches!(error, LedgerError::Conflict(_)), "{error}");
            }
        }
        anyhow::Ok(())
    };
    let (first, second) = works.split_at(24);
    let erasure = noted(subscription_of("S-1"));
    let erased = done(&mut erasing, &erasure);
    let (first, second, erased) = tokio::join!(lane(first), lane(second), erased);
    first?;
    second?;
    ensure!(erased?.is_some());
    ensure!(are_erased(&mut erasing, &works).await? && are_erased(&mut erasing, &[signed]).await?);
    Ok(())
}
