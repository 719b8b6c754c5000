//! What a broker owes.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::try_join_all;
use harness::wait;
use shared::broker::{
    Broker, Consumer, Delivery, LISTENER_WAITING_MAX, Listener, Publisher, Route,
};
use shared::message::parcel::{Header, Parcel};
use tokio::time::timeout;
use uuid::Uuid;
use worker::ledger::Ledger;

use crate::world::World;

mod listener;

pub(crate) use self::listener::{
    a_listener_hears_each_event_of_an_order_and_nothing_else,
    a_listener_that_does_not_keep_up_holds_nobody_up,
};

const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough for a delivery that should not come to come.
const SILENCE: Duration = Duration::from_millis(400);
/// A tier of the schedule.
const HOUR: Duration = Duration::from_secs(3_600);
const FIRST: Route = Route::Notifications { shard: 0 };

fn parcel(body: &str) -> Parcel {
    Parcel {
        id: Uuid::now_v7().to_string(),
        kind: "alipay".into(),
        content_type: Some("text/plain".into()),
        timestamp_s: 1_700_000_000,
        headers: vec![
            ("quittance-attempt".into(), Header::Number(0)),
            ("quittance-account".into(), Header::Text("shop".into())),
        ],
        body: Bytes::from(body.to_owned()),
    }
}

async fn next(consumer: &mut impl Consumer) -> anyhow::Result<Delivery> {
    Ok(timeout(PATIENCE, consumer.next()).await.context("no delivery in time")??)
}

async fn is_silent(consumer: &mut impl Consumer) -> bool {
    timeout(SILENCE, consumer.next()).await.is_err()
}

pub(crate) async fn what_is_published_is_delivered_once_it_is_confirmed<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let sent = parcel("a=b&c=%2B");
    world.broker.publisher().publish(FIRST, sent.clone()).await?;
    let mut consumer = world.broker.consumer(0, 10).await?;
    let delivery = next(&mut consumer).await?;
    let mut received = delivery.parcel.without_broker_headers();
    received.headers.sort_by(|a, b| a.0.cmp(&b.0));
    let mut sent = sent;
    sent.headers.sort_by(|a, b| a.0.cmp(&b.0));
    ensure!(received == sent, "{received:?} is not {sent:?}");
    ensure!(delivery.returns == 0);
    consumer.ack_through(delivery.tag).await?;
    ensure!(is_silent(&mut consumer).await);
    Ok(())
}

pub(crate) async fn what_is_not_acknowledged_comes_back<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    world.broker.publisher().publish(FIRST, parcel("1")).await?;
    let mut consumer = world.broker.consumer(0, 10).await?;
    next(&mut consumer).await?;
    drop(consumer);
    let mut consumer = world.broker.consumer(0, 10).await?;
    let again = next(&mut consumer).await?;
    ensure!(again.returns == 1, "{} returns", again.returns);
    ensure!(again.parcel.body == "1");
    Ok(())
}

pub(crate) async fn acknowledging_through_a_delivery_takes_all_before_it<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let publisher = world.broker.publisher();
    for body in ["1", "2", "3"] {
        publisher.publish(FIRST, parcel(body)).await?;
    }
    let mut consumer = world.broker.consumer(0, 10).await?;
    next(&mut consumer).await?;
    let second = next(&mut consumer).await?;
    next(&mut consumer).await?;
    consumer.ack_through(second.tag).await?;
    drop(consumer);
    let mut consumer = world.broker.consumer(0, 10).await?;
    let left = next(&mut consumer).await?;
    ensure!(left.parcel.body == "3");
    ensure!(is_silent(&mut consumer).await);
    Ok(())
}

pub(crate) async fn a_retry_comes_back_after_its_delay_and_not_before<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let delay = Duration::from_secs(1);
    let mut consumer = world.broker.consumer(0, 10).await?;
    let begun = Instant::now();
    world.broker.publisher().publish(Route::Retry { delay, shard: 0 }, parcel("1")).await?;
    let delivery = next(&mut consumer).await?;
    ensure!(begun.elapsed() >= delay, "after {:?}", begun.elapsed());
    ensure!(delivery.parcel.body == "1");
    Ok(())
}

pub(crate) async fn what_is_buried_is_delivered_to_the_morgue_alone<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    for body in ["1", "2"] {
        world.broker.publisher().publish(Route::Dead, parcel(body)).await?;
    }
    ensure!(is_silent(&mut world.broker.consumer(0, 10).await?).await);
    let mut morgue = world.broker.dead_letters(10).await?;
    let first = next(&mut morgue).await?;
    ensure!(first.parcel.body == "1" && next(&mut morgue).await?.parcel.body == "2");
    morgue.ack_through(first.tag).await?;
    drop(morgue);
    let mut morgue = world.broker.dead_letters(10).await?;
    let left = next(&mut morgue).await?;
    ensure!(left.parcel.body == "2", "what it did not acknowledge comes back");
    morgue.ack_through(left.tag).await?;
    ensure!(is_silent(&mut morgue).await);
    Ok(())
}

pub(crate) async fn a_consumer_holds_no_more_than_its_prefetch<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let publisher = world.broker.publisher();
    for body in ["1", "2", "3"] {
        publisher.publish(FIRST, parcel(body)).await?;
    }
    let mut consumer = world.broker.consumer(0, 1).await?;
    let first = next(&mut consumer).await?;
    ensure!(is_silent(&mut consumer).await, "a second one came at prefetch 1");
    consumer.ack_through(first.tag).await?;
    consumer.widen(10).await?;
    let second = next(&mut consumer).await?;
    let third = next(&mut consumer).await?;
    ensure!(second.parcel.body == "2" && third.parcel.body == "3");
    ensure!(second.returns <= 1 && third.returns == 0, "widening returns only what was on its way");
    consumer.ack_through(third.tag).await?;
    drop(consumer);

    // What comes while the prefetch changes is neither lost nor acknowledged unseen.
    let mut consumer = world.broker.consumer(0, 1).await?;
    let sent = try_join_all((0..20).map(|index| {
        let (publisher, body) = (publisher.clone(), index.to_string());
        async move { publisher.publish(FIRST, parcel(&body)).await }
    }));
    let (sent, widened) = tokio::join!(sent, consumer.widen(100));
    sent?;
    widened?;
    let mut bodies = std::collections::BTreeSet::new();
    let mut last = 0;
    for _ in 0..20 {
        let delivery = next(&mut consumer).await?;
        bodies.insert(delivery.parcel.body);
        last = delivery.tag;
    }
    consumer.ack_through(last).await?;
    ensure!(bodies.len() == 20, "{} of 20", bodies.len());
    Ok(())
}

pub(crate) async fn an_unknown_shard_goes_to_the_first<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let route = Route::Notifications { shard: 77 };
    world.broker.publisher().publish(route, parcel("1")).await?;
    let mut consumer = world.broker.consumer(0, 10).await?;
    ensure!(next(&mut consumer).await?.parcel.body == "1");
    Ok(())
}

pub(crate) async fn an_event_needs_no_subscriber<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let route = Route::Fulfilment { routing_key: "order.paid.v1".into() };
    let publisher = world.broker.publisher();
    publisher.publish(route, parcel("{}")).await?;
    publisher.probe().await?;
    Ok(())
}

pub(crate) async fn many_publishes_at_once_are_each_confirmed<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    const COUNT: u64 = 1_000;
    let publisher = world.broker.publisher();
    let publishing = (0..COUNT).map(|index| publisher.publish(FIRST, parcel(&index.to_string())));
    try_join_all(publishing).await?;
    let mut consumer = world.broker.consumer(0, 2_000).await?;
    let mut bodies = std::collections::BTreeSet::new();
    let mut last = 0;
    for _ in 0..COUNT {
        let delivery = next(&mut consumer).await?;
        bodies.insert(delivery.parcel.body);
        last = delivery.tag;
    }
    consumer.ack_through(last).await?;
    ensure!(bodies.len() as u64 == COUNT);
    ensure!(is_silent(&mut consumer).await);
    Ok(())
}

pub(crate) async fn whoever_looks_sees_consumers_and_what_waits<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let publisher = world.broker.publisher();
    let first = world.broker.depths().await;
    // Nothing is declared before somebody connects; then there is nothing to see.
    ensure!(first.is_err() || first.is_ok_and(|depths| depths.consumers[0] == 0));
    publisher.publish(Route::Dead, parcel("dead")).await?;
    publisher.publish(Route::Retry { delay: HOUR, shard: 0 }, parcel("late")).await?;
    let consumer = world.broker.consumer(0, 10).await?;
    let seen = async |consumers, retrying| {
        wait::until("what waits to be seen", PATIENCE, || async {
            let depths = world.broker.depths().await.ok()?;
            let all = depths.consumers[0] == consumers && depths.dead == 1;
            (all && depths.retrying == retrying).then_some(())
        })
        .await
    };
    seen(1, 1).await?;
    drop(consumer);
    seen(0, 1).await?;
    let _morgue = world.broker.dead_letters(1).await?;
    wait::until("the morgue to be seen", PATIENCE, || async {
        let depths = world.broker.depths().await.ok()?;
        (depths.morgues == 1).then_some(())
    })
    .await
}

pub(crate) async fn a_round_trip_loses_nothing<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let publisher = world.broker.publisher();
    let mut consumer = world.broker.consumer(0, 10).await?;
    consumer.catch_up().await?;
    ensure!(consumer.next().now_or_never().is_none(), "nothing was sent");
    for body in ["1", "2", "3"] {
        publisher.publish(FIRST, parcel(body)).await?;
    }
    let mut bodies = vec![];
    for _ in 0..3 {
        consumer.catch_up().await?;
        bodies.push(next(&mut consumer).await?.parcel.body);
    }
    ensure!(bodies == ["1", "2", "3"], "{bodies:?}");
    Ok(())
}
