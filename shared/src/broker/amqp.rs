//! RabbitMQ behind the port, through lapin.
//!
//! **Invariant**: consuming and publishing never share a connection, and a connection in doubt is
//! dropped whole and built anew; lapin's own recovery stays off.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::uri::AMQPUri;
use lapin::{Acker, Channel, Connection, ConnectionProperties, ErrorKind};
use tokio::time::timeout;

use super::topology::{Finding, Topology};
use super::{Broker, BrokerError, Consumer, Delivery, Depths};

pub mod listener;
pub mod publisher;
mod wire;

/// A connection that is silent for twice this long is dropped, unless the url says otherwise. The server's
/// own 60 s would leave a half-open one unnoticed for minutes.
/// With 3 s work goes on within 10 s; whoever is dropped for being slow only connects again.
const HEARTBEAT_S: u16 = 3;
/// How long reaching the server may take: a wire that swallows everything must not hold up the next try.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long declaring, consuming or acknowledging may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// The client gives up the connection on a message whose names or short properties are not UTF-8, and the
/// broker hands it out again.
const UNPARSABLE: &str = "a message in the queue has a property or a header's name that is not UTF-8; \
    set it aside: see deploy/set_aside.py";

/// How to reach RabbitMQ.
#[derive(Clone)]
pub struct Amqp {
    pub url: String,
    pub topology: Topology,
    pub publish_timeout: Duration,
}

/// A consumer on a connection of its own.
pub struct AmqpConsumer {
    connection: Connection,
    channel: Channel,
    queue: ShortString,
    stream: lapin::Consumer,
    unacknowledged: VecDeque<Acker>,
    prefetch: u16,
    tag: u64,
    acknowledged: u64,
}

impl Amqp {
    /// Connects, within a limit of time, and makes sure of the topology.
    pub async fn connect(&self, name: &str) -> Result<Connection, ConnectError> {
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let connection = self.reach(properties).await?;
        match timeout(STEP_TIMEOUT, self.topology.declare(&connection)).await {
            Ok(Ok(())) => Ok(connection),
            Ok(Err(_)) if !connection.status().connected() => {
                Err(ConnectError::Unreachable("lost while declaring".to_owned()))
            }
            Ok(Err(finding)) => Err(ConnectError::Unsafe(finding)),
            Err(_) => Err(ConnectError::Unreachable("declaring took too long".to_owned())),
        }
    }

    /// A consumer of this queue, on a connection of its own.
    async fn reader(
        &self,
        name: &str,
        queue: String,
        prefetch: u16,
    ) -> Result<AmqpConsumer, BrokerError> {
        let connection =
            self.connect(name).await.map_err(|error| BrokerError(error.to_string()))?;
        let queue = ShortString::try_new(queue).unwrap_or_default();
        let opened = async {
            let channel = connection.create_channel().await.map_err(lost)?;
            let stream = consume(&channel, &queue, prefetch).await?;
            Ok((channel, stream))
        };
        let (channel, stream) = timeout(STEP_TIMEOUT, opened)
            .await
            .map_err(|_| BrokerError("consuming took too long to begin".to_owned()))??;
        Ok(AmqpConsumer {
            connection,
            channel,
            queue,
            stream,
            unacknowledged: VecDeque::new(),
            prefetch,
            tag: 0,
            acknowledged: 0,
        })
    }

    /// Connects without declaring anything, to look.
    pub async fn connect_bare(&self) -> Result<Connection, ConnectError> {
        self.reach(ConnectionProperties::default()).await
    }

    async fn reach(&self, properties: ConnectionProperties) -> Result<Connection, ConnectError> {
        let mut uri: AMQPUri = self.url.parse().map_err(ConnectError::Unreachable)?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT_S);
        timeout(CONNECT_TIMEOUT, Connection::connect_uri(uri, properties))
            .await
            .map_err(|_| ConnectError::Unreachable("no answer in time".to_owned()))?
            .map_err(|error| ConnectError::Unreachable(error.to_string()))
    }
}

/// Why there is no usable connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    #[error("rabbitmq is out of reach: {0}")]
    Unreachable(String),
    #[error("`{}` is unsafe: {}; {}", .0.object, .0.wrong, .0.mend)]
    Unsafe(Finding),
}

impl Broker for Amqp {
    type Publisher = publisher::AmqpPublisher;
    type Consumer = AmqpConsumer;
    type Listener = listener::AmqpListener;

    fn publisher(&self) -> Self::Publisher {
        publisher::AmqpPublisher::start(self.clone())
    }

    async fn consumer(&self, shard: u16, prefetch: u16) -> Result<AmqpConsumer, BrokerError> {
        self.reader("quittance consumer", self.topology.queue(shard), prefetch).await
    }

    async fn dead_letters(&self, prefetch: u16) -> Result<AmqpConsumer, BrokerError> {
        self.reader("quittance morgue", self.topology.dead(), prefetch).await
    }

    async fn depths(&self) -> Result<Depths, BrokerError> {
        let connection =
            self.connect_bare().await.map_err(|error| BrokerError(error.to_string()))?;
        let looked = timeout(STEP_TIMEOUT, self.topology.depths(&connection)).await;
        looked.map_err(|_| BrokerError("looking at the queues took too long".to_owned()))?
    }

    async fn listener(&self) -> Result<listener::AmqpListener, BrokerError> {
        listener::AmqpListener::open(self).await
    }
}

impl Consumer for AmqpConsumer {
    async fn next(&mut self) -> Result<Delivery, BrokerError> {
        let delivery = match self.stream.next().await {
            Some(delivery) => delivery.map_err(lost)?,
            None => return Err(BrokerError("the broker ended the consumer".to_owned())),
        };
        self.tag += 1;
        self.unacknowledged.push_back(delivery.acker.clone());
        let returns = wire::returns(&delivery);
        Ok(Delivery { tag: self.tag, returns, parcel: wire::parcel(delivery) })
    }

    async fn catch_up(&mut self) -> Result<(), BrokerError> {
        // The same limit again changes nothing; its answer comes behind what the channel had sent.
        let asked = self.channel.basic_qos(self.prefetch, BasicQosOptions::default());
        let answered = timeout(STEP_TIMEOUT, asked).await;
        answered.map_err(|_| BrokerError("the channel is silent".to_owned()))?.map_err(lost)
    }

    async fn ack_through(&mut self, tag: u64) -> Result<(), BrokerError> {
        let count = usize::try_from(tag - self.acknowledged).unwrap_or(usize::MAX);
        let Some(acker) = self.unacknowledged.drain(..count).next_back() else { return Ok(()) };
        self.acknowledged = tag;
        let options = BasicAckOptions { multiple: true };
        match timeout(STEP_TIMEOUT, acker.ack(options)).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(BrokerError("the channel is gone".to_owned())),
            Ok(Err(error)) => Err(lost(error)),
            Err(_) => Err(BrokerError("acknowledging took too long".to_owned())),
        }
    }

    async fn widen(&mut self, prefetch: u16) -> Result<(), BrokerError> {
        // Cancelling would strand a delivery that is on its way: unseen, yet unacknowledged on the same
        // channel, so that a later multiple acknowledgement took it along. A closed channel returns it.
        let reopened = async {
            self.channel.close(200, "widening".into()).await.map_err(lost)?;
            let channel = self.connection.create_channel().await.map_err(lost)?;
            let stream = consume(&channel, &self.queue, prefetch).await?;
            Ok((channel, stream))
        };
        let took_too_long = || BrokerError("widening took too long".to_owned());
        let (channel, stream) =
            timeout(STEP_TIMEOUT, reopened).await.map_err(|_| took_too_long())??;
        (self.channel, self.stream) = (channel, stream);
        self.unacknowledged.clear();
        self.acknowledged = self.tag;
        self.prefetch = prefetch;
        Ok(())
    }
}

async fn consume(
    channel: &Channel,
    queue: &ShortString,
    prefetch: u16,
) -> Result<lapin::Consumer, BrokerError> {
    channel.basic_qos(prefetch, BasicQosOptions::default()).await.map_err(lost)?;
    let options = BasicConsumeOptions::default();
    let none = FieldTable::default();
    channel.basic_consume(queue.clone(), "".into(), options, none).await.map_err(lost)
}

fn lost(error: lapin::Error) -> BrokerError {
    match error.kind() {
        ErrorKind::ParsingError(_) => BrokerError(UNPARSABLE.to_owned()),
        _ => BrokerError(error.to_string()),
    }
}
