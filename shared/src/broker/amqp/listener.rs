//! A listener's own queue: exclusive to its connection, gone with it, and bounded.
//!
//! **Invariant**: it never holds a publisher up: the queue drops its oldest.

use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Connection};
use tokio::time::timeout;
use uuid::Uuid;

use super::{Amqp, STEP_TIMEOUT, lost, wire};
use crate::broker::{BrokerError, LISTENER_KEYS, LISTENER_WAITING_MAX, Listener};
use crate::message::parcel::Parcel;

/// Events on their way to a listener; the rest waits in the queue, which is bounded.
const PREFETCH: u16 = 256;

pub struct AmqpListener {
    stream: lapin::Consumer,
    /// The queue lives as long as the connection.
    _connection: Connection,
}

impl AmqpListener {
    pub(super) async fn open(amqp: &Amqp) -> Result<Self, BrokerError> {
        let connection = amqp
            .connect("quittance listener")
            .await
            .map_err(|error| BrokerError(error.to_string()))?;
        let opened = async {
            let channel = connection.create_channel().await.map_err(lost)?;
            listen(&channel, amqp).await.map_err(lost)
        };
        let stream = timeout(STEP_TIMEOUT, opened)
            .await
            .map_err(|_| BrokerError("listening took too long to begin".to_owned()))??;
        Ok(Self { stream, _connection: connection })
    }
}

impl Listener for AmqpListener {
    async fn next(&mut self) -> Result<Parcel, BrokerError> {
        let delivery = match self.stream.next().await {
            Some(delivery) => delivery.map_err(lost)?,
            None => return Err(BrokerError("the broker ended the listener".to_owned())),
        };
        let acked = timeout(STEP_TIMEOUT, delivery.acker.ack(BasicAckOptions::default()));
        match acked.await {
            Ok(Ok(true)) => Ok(wire::parcel(delivery)),
            Ok(Ok(false)) => Err(BrokerError("the channel is gone".to_owned())),
            Ok(Err(error)) => Err(lost(error)),
            Err(_) => Err(BrokerError("acknowledging took too long".to_owned())),
        }
    }
}

/// A classic queue, because only such a one can be exclusive. It lies in memory of one node: what is
/// lost with it is shown later, not lost.
async fn listen(channel: &Channel, amqp: &Amqp) -> lapin::Result<lapin::Consumer> {
    let topology = &amqp.topology;
    // Under the prefix, as an operator may have limited us to such names.
    let name = format!("{}.listener.{}", topology.prefix, Uuid::now_v7());
    let queue = ShortString::try_new(name).unwrap_or_default();
    let exchange = ShortString::try_new(topology.events()).unwrap_or_default();
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("classic".into()));
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(i32::from(LISTENER_WAITING_MAX)));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("drop-head".into()));
    let own = QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
    channel.queue_declare(queue.clone(), own, arguments).await?;
    let bind = QueueBindOptions::default();
    let none = FieldTable::default();
    channel.queue_bind(queue.clone(), exchange, LISTENER_KEYS.into(), bind, none.clone()).await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let consume = BasicConsumeOptions { exclusive: true, ..Default::default() };
    channel.basic_consume(queue, "".into(), consume, none).await
}
