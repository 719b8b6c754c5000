//! On RabbitMQ alone: what nobody but ourselves hears is unrouted, so that an operator learns of it.

use std::time::Duration;

use harness::wait;
use lapin::options::{BasicGetOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use shared::broker::{Broker as _, Listener as _, Publisher as _, Route};
use shared::message::parcel::Parcel;

use crate::world;

const PATIENCE: Duration = Duration::from_secs(20);

/// What came into the queue next.
async fn taken(channel: &Channel, queue: &str) -> anyhow::Result<Vec<u8>> {
    wait::until("an event in the queue", PATIENCE, || async {
        let no_ack = BasicGetOptions { no_ack: true };
        let got = channel.basic_get(queue.into(), no_ack).await.ok()?;
        got.map(|message| message.delivery.data.clone())
    })
    .await
}

fn event(body: &'static str) -> (Route, Parcel) {
    let id = uuid::Uuid::now_v7().to_string();
    let route = Route::Fulfilment { routing_key: "order.paid.v1".to_owned() };
    (route, Parcel { id, body: body.into(), ..Parcel::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_no_shop_hears_is_unrouted_though_a_return_page_hears_it() {
    let world = world::servers().await.unwrap();
    let (publisher, topology) = (world.broker.publisher(), &world.broker.topology);
    let mut listener = world.broker.listener().await.unwrap();
    let connection = Connection::connect(&world.broker.url, ConnectionProperties::default());
    let connection = connection.await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let unrouted = format!("{}.unrouted", topology.fulfilment());

    let (route, parcel) = event("nobody");
    publisher.publish(route, parcel).await.unwrap();
    assert_eq!(listener.next().await.unwrap().body, "nobody");
    assert_eq!(taken(&channel, &unrouted).await.unwrap(), b"nobody");

    let own = QueueDeclareOptions { exclusive: true, ..Default::default() };
    let none = FieldTable::default();
    let shop = channel.queue_declare("".into(), own, none.clone()).await.unwrap();
    let name = shop.name().clone();
    let bind = QueueBindOptions::default();
    let exchange = topology.fulfilment();
    channel
        .queue_bind(name.clone(), exchange.as_str().into(), "order.#".into(), bind, none)
        .await
        .unwrap();
    let (route, parcel) = event("a shop");
    publisher.publish(route, parcel).await.unwrap();
    assert_eq!(listener.next().await.unwrap().body, "a shop");
    assert_eq!(taken(&channel, name.as_str()).await.unwrap(), b"a shop");
    let left = channel.basic_get(unrouted.as_str().into(), BasicGetOptions::default()).await;
    assert!(left.unwrap().is_none());
}
