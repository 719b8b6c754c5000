//! Subscriptions: agreements, charges, and what the shop writes.

use anyhow::{Context as _, ensure};
use shared::broker::Broker;
use shared::money::{Currency, Money};
use shared::notification::{
    AgreementChange, AgreementFact, Fact, PaymentFact, PaymentStatus, RefundTotal, Revival,
};
use shared::process;
use shared::subscription::{EndReason, SubscriptionStatus};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use worker::ledger::records::{
    CaseFilter, Imported, NewOrder, NewSubscription, SubscriptionFilter, SubscriptionRecord,
};
use worker::ledger::{Bucket, Ledger, Session};

use super::words::{Ingress, PAID_AT, Says, import, order, settle, show, subscription};
use crate::world::World;

const SIGNED_AT: OffsetDateTime = datetime!(2026-01-31 8:00 UTC);

fn monthly() -> NewSubscription {
    NewSubscription { amount: 1_500, grace: "P3D".into(), ..subscription("S-1") }
}

fn says(change: AgreementChange, day: i64) -> Fact {
    let signed = matches!(change, AgreementChange::Signed { .. });
    Fact::Agreement(AgreementFact {
        agreement: "G-1".into(),
        subscription_no: signed.then(|| "S-1".to_owned()),
        change,
        occurred_at: SIGNED_AT + Duration::days(day),
        revival: Revival::Never,
    })
}

fn signed() -> Fact {
    says(AgreementChange::Signed { valid_until: None }, 0)
}

fn charged(transaction: &str, day: i64, refunded: Option<i64>) -> Fact {
    let occurred_at = SIGNED_AT + Duration::days(day);
    Fact::Payment(PaymentFact {
        transaction: transaction.into(),
        order_number: format!("{transaction}-number"),
        status: PaymentStatus::Succeeded,
        amount: Money { minor: 1_500, currency: Currency::CNY },
        occurred_at,
        refund_total: refunded.map(|total_minor| RefundTotal {
            total_minor,
            refund_no: None,
            occurred_at,
        }),
        agreement: Some("G-1".into()),
    })
}

async fn tell(
    session: &mut impl Session,
    ingress: &mut Ingress,
    fact: Fact,
) -> anyhow::Result<Bucket> {
    let buckets = settle(session, &[ingress.tell(fact)]).await?;
    buckets.into_iter().next().context("no bucket")
}

async fn write(session: &mut impl Session, one: NewSubscription) -> anyhow::Result<Imported> {
    let imported = session.subscribe(&[one], process::now()).await?;
    imported.into_iter().next().context("no answer")
}

async fn read(session: &mut impl Session) -> anyhow::Result<SubscriptionRecord> {
    let subscription_no = Some("S-1".to_owned());
    let filter = SubscriptionFilter { subscription_no, status: None, limit: 1 };
    session.subscriptions(&filter).await?.into_iter().next().context("no such subscription")
}

async fn sweep(session: &mut impl Session, later: Duration) -> anyhow::Result<()> {
    while session.sweep(process::now() + later, 100).await?.subjects > 0 {}
    Ok(())
}

fn told(one: &SubscriptionRecord) -> Vec<&str> {
    let types = one.events.iter().map(|event| event.r#type.as_str());
    types.map(|key| key.trim_start_matches("subscription.").trim_end_matches(".v1")).collect()
}

pub(crate) async fn a_subscription_is_signed_charged_refunded_and_ended<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    ensure!(write(&mut session, monthly()).await? == Imported::Inserted);
    ensure!(write(&mut session, monthly()).await? == Imported::Unchanged);
    ensure!(tell(&mut session, &mut ingress, signed()).await? == Bucket::Settled);
    ensure!(tell(&mut session, &mut ingress, signed()).await? == Bucket::Duplicate);
    for (transaction, day) in [("T1", 0), ("T2", 28), ("T3", 59)] {
        let fact = charged(transaction, day, None);
        ensure!(tell(&mut session, &mut ingress, fact).await? == Bucket::Settled, "{transaction}");
    }
    let one = read(&mut session).await?;
    ensure!((one.status, one.periods) == (SubscriptionStatus::Active, 3), "{one:?}");
    ensure!(one.paid_through == Some(datetime!(2026-04-30 8:00 UTC)), "{one:?}");
    ensure!(one.entitled_until == Some(datetime!(2026-05-03 8:00 UTC)), "{one:?}");
    let starts: Vec<_> = one.charges.iter().filter_map(|charge| charge.starts_at).collect();
    let expected = [SIGNED_AT, datetime!(2026-02-28 8:00 UTC), datetime!(2026-03-31 8:00 UTC)];
    ensure!(starts == expected, "{starts:?}");

    let charge = "attempt".to_owned();
    let failed = says(AgreementChange::ChargeFailed { charge, amount: None }, 90);
    ensure!(tell(&mut session, &mut ingress, failed).await? == Bucket::Settled);
    ensure!(read(&mut session).await?.status == SubscriptionStatus::PastDue);
    let refunded = charged("T2", 28, Some(1_500));
    ensure!(tell(&mut session, &mut ingress, refunded).await? == Bucket::Settled);
    ensure!(read(&mut session).await?.periods == 2);
    let ended = says(AgreementChange::Ended, 100);
    ensure!(tell(&mut session, &mut ingress, ended).await? == Bucket::Settled);
    sweep(&mut session, Duration::ZERO).await?;
    let one = read(&mut session).await?;
    ensure!(one.status == SubscriptionStatus::Ended && one.ended == Some(EndReason::Unsigned));
    ensure!(one.entitled_until == one.paid_through, "no grace once it ended: {one:?}");
    let expected =
        ["activated", "renewed", "renewed", "renewed", "charge_failed", "refunded", "ended"];
    ensure!(told(&one) == expected, "{:?}", told(&one));
    ensure!(one.events.iter().map(|event| event.sequence).eq(1..=7));
    let balance = session.balance().await?;
    ensure!((balance.in_flight, balance.case) == (0, 0), "{balance:?}");

    let dearer = NewSubscription { amount: 2_000, ..monthly() };
    ensure!(matches!(write(&mut session, dearer).await?, Imported::Refused(_)));
    let kinder = NewSubscription { grace: "P7D".into(), ..monthly() };
    ensure!(write(&mut session, kinder).await? == Imported::Updated);
    Ok(())
}

pub(crate) async fn whatever_comes_first_a_charge_joins_its_subscription<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    let first = tell(&mut session, &mut ingress, charged("T1", 0, None)).await?;
    ensure!(first == Bucket::Waiting, "{first:?}");
    ensure!(tell(&mut session, &mut ingress, signed()).await? == Bucket::NoOp);
    sweep(&mut session, Duration::minutes(11)).await?;
    ensure!(session.balance().await?.case == 1, "an order is missing so far");
    ensure!(write(&mut session, monthly()).await? == Imported::Inserted);
    sweep(&mut session, Duration::minutes(11)).await?;
    let one = read(&mut session).await?;
    ensure!((one.status, one.periods) == (SubscriptionStatus::Active, 1), "{one:?}");
    ensure!(told(&one) == ["activated", "renewed"], "{:?}", told(&one));
    ensure!(one.agreement_changes.len() == 1 && one.agreement_no.as_deref() == Some("G-1"));
    let status = Some("open".to_owned());
    let filter = CaseFilter { status, limit: 10, ..CaseFilter::default() };
    ensure!(session.cases(&filter).await?.is_empty());

    // An order that appears for it is paid, and adds nothing to the subscription.
    import(&mut session, "T1-number", 1_500).await?;
    sweep(&mut session, Duration::minutes(11)).await?;
    ensure!(show(&mut session, "T1-number").await?.summary.paid_amount == 1_500);
    let one = read(&mut session).await?;
    ensure!(one.periods == 1 && one.events.len() == 2, "{one:?}");
    Ok(())
}

pub(crate) async fn an_order_extends_the_subscription_that_it_names<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    let now = process::now();
    let of = |number: Option<&str>, period: Option<&str>| NewOrder {
        subscription_no: number.map(Into::into),
        period: period.map(Into::into),
        ..order("A", 10)
    };
    // Nobody has written the subscription yet, and what is extended may still change.
    for (order, expected) in [
        (of(Some("S-2"), None), Imported::Inserted),
        (of(Some("S-1"), Some("P1Y")), Imported::Updated),
        (of(Some("S-1"), Some("P1Y")), Imported::Unchanged),
    ] {
        ensure!(session.import(&[order], now).await? == [expected]);
    }
    let bucket = settle(&mut session, &[ingress.message(&Says::paid("A", "T1", 10))]).await?;
    ensure!(bucket == [Bucket::Settled]);
    for order in [of(None, None), of(Some("S-1"), None), of(Some("S-2"), Some("P1Y"))] {
        let refused = session.import(&[order], now).await?;
        ensure!(matches!(&refused[..], [Imported::Refused(_)]), "{refused:?}");
    }
    ensure!(session.import(&[of(Some("S-1"), Some("P1Y"))], now).await? == [Imported::Unchanged]);
    let shown = show(&mut session, "A").await?.summary;
    ensure!(shown.subscription_no.as_deref() == Some("S-1"), "{shown:?}");
    ensure!(shown.period.as_deref() == Some("P1Y"), "{shown:?}");

    write(&mut session, monthly()).await?;
    sweep(&mut session, Duration::ZERO).await?;
    let one = read(&mut session).await?;
    ensure!(one.periods == 1, "{one:?}");
    ensure!(one.paid_through == PAID_AT.replace_year(2027).ok(), "{one:?}");
    Ok(())
}

pub(crate) async fn an_agreement_runs_out_silently<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    write(&mut session, monthly()).await?;
    let until = process::now() + Duration::hours(1);
    let fact = says(AgreementChange::Signed { valid_until: Some(until) }, 0);
    ensure!(tell(&mut session, &mut ingress, fact).await? == Bucket::Settled);
    sweep(&mut session, Duration::minutes(10)).await?;
    ensure!(read(&mut session).await?.status == SubscriptionStatus::Active);
    sweep(&mut session, Duration::hours(2)).await?;
    let one = read(&mut session).await?;
    ensure!(one.status == SubscriptionStatus::Ended && one.ended == Some(EndReason::RunOut));
    ensure!(told(&one) == ["activated", "ended"], "{:?}", told(&one));
    Ok(())
}

pub(crate) async fn a_charge_that_no_terms_explain_is_a_case<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    write(&mut session, NewSubscription { amount: 1_000, ..monthly() }).await?;
    tell(&mut session, &mut ingress, signed()).await?;
    ensure!(tell(&mut session, &mut ingress, charged("T1", 0, None)).await? == Bucket::Case);
    let status = Some("open".to_owned());
    let filter = CaseFilter { status, limit: 10, ..CaseFilter::default() };
    let open = session.cases(&filter).await?;
    ensure!(open.len() == 1 && open[0].kind == "amount_mismatch", "{open:?}");
    // Nothing was charged by these terms yet, so the shop may still mend them.
    ensure!(write(&mut session, monthly()).await? == Imported::Updated);
    sweep(&mut session, Duration::minutes(1)).await?;
    ensure!(session.cases(&filter).await?.is_empty());
    ensure!(read(&mut session).await?.periods == 1);
    Ok(())
}

pub(crate) async fn two_sessions_at_once_extend_a_subscription_by_each_charge<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    write(&mut session, monthly()).await?;
    tell(&mut session, &mut ingress, signed()).await?;
    let mut lanes = vec![];
    for lane in 0..2 {
        let mut session = world.ledger.open().await?;
        let mut ingress = Ingress::new();
        let works: Vec<_> = (0..12)
            .map(|month| ingress.tell(charged(&format!("T{lane}-{month}"), month, None)))
            .collect();
        lanes.push(tokio::spawn(async move {
            for work in works {
                while settle(&mut session, std::slice::from_ref(&work)).await.is_err() {}
            }
        }));
    }
    for lane in lanes {
        lane.await?;
    }
    let one = read(&mut session).await?;
    ensure!(one.periods == 24, "{}", one.periods);
    let mut covers: Vec<_> =
        one.charges.iter().map(|charge| (charge.starts_at, charge.ends_at)).collect();
    covers.sort();
    ensure!(covers.windows(2).all(|pair| pair[0].1 == pair[1].0), "one follows the other");
    ensure!(one.events.iter().map(|event| event.sequence).eq(1..=25));
    Ok(())
}
