//! What a listener hears, and that it holds nobody up.

use super::*;

pub(crate) async fn a_listener_hears_each_event_of_an_order_and_nothing_else<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let event = |routing_key: &str| Route::Fulfilment { routing_key: routing_key.to_owned() };
    let publisher = world.broker.publisher();
    publisher.publish(event("order.paid.v1"), parcel("before")).await?;
    let mut listeners = [world.broker.listener().await?, world.broker.listener().await?];
    publisher.publish(event("case.opened.v1"), parcel("a case")).await?;
    publisher.publish(FIRST, parcel("a notification")).await?;
    for body in ["1", "2"] {
        publisher.publish(event("order.paid.v1"), parcel(body)).await?;
    }
    publisher.publish(event("order.refunded.v1"), parcel("3")).await?;
    for listener in &mut listeners {
        for body in ["1", "2", "3"] {
            let heard = timeout(PATIENCE, listener.next()).await.context("no event in time")??;
            ensure!(heard.body == body, "{heard:?}");
        }
        ensure!(timeout(SILENCE, listener.next()).await.is_err());
    }
    Ok(())
}

pub(crate) async fn a_listener_that_does_not_keep_up_holds_nobody_up<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    const MORE: u16 = LISTENER_WAITING_MAX * 2;
    let publisher = world.broker.publisher();
    let mut listener = world.broker.listener().await?;
    let publishing = (0..MORE).map(|index| {
        let route = Route::Fulfilment { routing_key: "order.paid.v1".to_owned() };
        publisher.publish(route, parcel(&index.to_string()))
    });
    try_join_all(publishing).await?;
    let mut last = None;
    while last != Some(Bytes::from((MORE - 1).to_string())) {
        let heard = timeout(PATIENCE, listener.next()).await.context("the newest is kept")??;
        last = Some(heard.body);
    }
    Ok(())
}
