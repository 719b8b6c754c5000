//! One exchange or queue: how it is declared, and how it is looked at without creating it.

use lapin::options::{
    ExchangeBindOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Connection, ErrorKind, ExchangeKind};

use super::{Finding, setting};

#[derive(Debug, Clone)]
pub(super) struct Exchange {
    pub(super) name: String,
    pub(super) kind: ExchangeKind,
    pub(super) alternate: Option<String>,
    /// The exchange that it takes everything from.
    pub(super) source: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Queue {
    pub(super) name: String,
    pub(super) arguments: Vec<(&'static str, AMQPValue)>,
    /// Exchange and key of each binding.
    pub(super) bindings: Vec<(String, String)>,
}

impl Exchange {
    pub(super) async fn declare(&self, channel: &Channel) -> lapin::Result<()> {
        let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
        let mut arguments = FieldTable::default();
        if let Some(alternate) = &self.alternate {
            arguments.insert("alternate-exchange".into(), text(alternate));
        }
        channel.exchange_declare(short(&self.name), self.kind.clone(), options, arguments).await
    }

    pub(super) async fn bind(&self, channel: &Channel) -> lapin::Result<()> {
        let Some(source) = &self.source else { return Ok(()) };
        let (name, source) = (short(&self.name), short(source));
        let options = ExchangeBindOptions::default();
        channel.exchange_bind(name, source, "#".into(), options, FieldTable::default()).await
    }

    pub(super) async fn audit(&self, connection: &Connection) -> Option<Finding> {
        let passive = ExchangeDeclareOptions { passive: true, ..Default::default() };
        let probe = match channel(connection, &self.shown()).await {
            Ok(channel) => channel,
            Err(finding) => return Some(finding),
        };
        let none = FieldTable::default();
        let seen =
            probe.exchange_declare(short(&self.name), self.kind.clone(), passive, none).await;
        if let Err(error) = seen {
            return Some(unseen(&self.shown(), &error));
        }
        // It exists, so declaring it creates nothing and compares everything.
        self.declare(&probe).await.err().map(|error| unsafe_object(&self.shown(), &error))
    }

    pub(super) fn shown(&self) -> String {
        format!("exchange {}", self.name)
    }
}

impl Queue {
    pub(super) async fn declare(&self, channel: &Channel) -> lapin::Result<()> {
        let options = QueueDeclareOptions { durable: true, ..Default::default() };
        let mut arguments = FieldTable::default();
        for (name, value) in &self.arguments {
            arguments.insert((*name).into(), value.clone());
        }
        channel.queue_declare(short(&self.name), options, arguments).await.map(drop)
    }

    pub(super) async fn bind(&self, channel: &Channel) -> lapin::Result<()> {
        for (exchange, key) in &self.bindings {
            let (exchange, key, queue) = (short(exchange), short(key), short(&self.name));
            let options = QueueBindOptions::default();
            channel.queue_bind(queue, exchange, key, options, FieldTable::default()).await?;
        }
        Ok(())
    }

    pub(super) async fn audit(&self, connection: &Connection) -> Option<Finding> {
        let probe = match channel(connection, &self.shown()).await {
            Ok(channel) => channel,
            Err(finding) => return Some(finding),
        };
        if let Err(error) = depth(&probe, &self.name).await {
            return Some(unseen(&self.shown(), &error));
        }
        // What is bound cannot be asked over AMQP: declaring and applying bind it anew.
        self.declare(&probe).await.err().map(|error| unsafe_object(&self.shown(), &error))
    }

    pub(super) fn shown(&self) -> String {
        format!("queue {}", self.name)
    }
}

pub(super) fn at_least_once(target: &str) -> Vec<(&'static str, AMQPValue)> {
    vec![
        ("x-queue-type", text("quorum")),
        ("x-dead-letter-exchange", text(target)),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")),
    ]
}

pub(super) fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// A prefix is checked by configuration, so no name of ours is too long.
fn short(name: &str) -> ShortString {
    ShortString::try_new(name).unwrap_or_default()
}

/// A refused declaration closes its channel, so each object gets its own.
pub(super) async fn channel(connection: &Connection, object: &str) -> Result<Channel, Finding> {
    connection.create_channel().await.map_err(|error| unsafe_object(object, &error))
}

/// One queue, without declaring it.
pub(super) async fn depth(channel: &Channel, name: &str) -> lapin::Result<lapin::Queue> {
    let passive = QueueDeclareOptions { passive: true, ..Default::default() };
    channel.queue_declare(short(name), passive, FieldTable::default()).await
}

/// Looking at it failed: it is not there, or may not be looked at.
fn unseen(object: &str, error: &lapin::Error) -> Finding {
    if !error.to_string().contains("NOT_FOUND") {
        return unsafe_object(object, error);
    }
    Finding {
        object: object.to_owned(),
        wrong: "it does not exist".to_owned(),
        risk: "messages for it would be returned as unroutable and the provider told to wait",
        mend: "run `quittance topology apply`, or start an ingress or a worker".to_owned(),
    }
}

pub(super) fn unsafe_object(object: &str, error: &lapin::Error) -> Finding {
    match error.kind() {
        ErrorKind::ProtocolError(refused) => {
            setting::finding(object, refused.get_message().as_str())
        }
        _ => setting::finding(object, &error.to_string()),
    }
}
