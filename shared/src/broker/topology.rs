//! Exchanges and queues on RabbitMQ: their names, their arguments, and the audit.
//!
//! **Invariant**: everything is durable, and every queue that holds notifications is a quorum queue
//! that dead-letters at least once and refuses rather than drops. Declared by arguments, so that
//! an existing queue with other settings is refused (406) instead of used.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Connection, ExchangeKind};
use serde::Serialize;

use super::Route;
use crate::retry::{Schedule, tier_name};

/// Returns after which the broker itself buries a message: a ceiling, the worker buries far earlier.
const DELIVERY_LIMIT: i64 = 1_000;
const DEAD_DELIVERY_LIMIT: i64 = 2_147_483_647;
const UNROUTED_MAX_BYTES: i64 = 256 * 1024 * 1024;

/// What an installation's topology depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    pub prefix: String,
    pub shards: u16,
    pub schedule: Schedule,
}

/// Something unsafe or missing, what could be lost by it, and the mend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub object: String,
    pub wrong: String,
    pub risk: &'static str,
    pub mend: String,
}

#[derive(Debug, Clone)]
struct Exchange {
    name: String,
    kind: ExchangeKind,
    alternate: Option<String>,
}

#[derive(Debug, Clone)]
struct Queue {
    name: String,
    arguments: Vec<(&'static str, AMQPValue)>,
    exchange: String,
    binding_key: String,
}

impl Topology {
    /// The exchange and routing key of a route.
    pub fn address(&self, route: &Route) -> (String, String) {
        let prefix = &self.prefix;
        match route {
            Route::Notifications { shard } => (self.notifications(), shard.to_string()),
            Route::Retry { delay, shard } => {
                (format!("{prefix}.retry.{}", tier_name(*delay)), shard.to_string())
            }
            Route::Dead => (format!("{prefix}.dead"), String::new()),
            Route::Fulfilment { routing_key } => (self.fulfilment(), routing_key.clone()),
        }
    }

    /// The queue of a shard.
    pub fn queue(&self, shard: u16) -> String {
        format!("{}.notifications.{shard}", self.prefix)
    }

    /// The exchange that subscribers bind to.
    pub fn fulfilment(&self) -> String {
        format!("{}.fulfilment", self.prefix)
    }

    /// A key that no queue of ours is bound by, for probing that a return comes back.
    pub fn nowhere(&self) -> String {
        format!("{}.nowhere", self.prefix)
    }

    /// Declares all of it. Idempotent; the first refusal is returned as a finding.
    pub async fn declare(&self, connection: &Connection) -> Result<(), Finding> {
        for exchange in self.exchanges() {
            let channel = channel(connection, &exchange.name).await?;
            let declared = exchange.declare(&channel).await;
            declared.map_err(|error| unsafe_object(&exchange.name, &error))?;
        }
        for queue in self.queues() {
            let channel = channel(connection, &queue.name).await?;
            let declared = queue.declare(&channel).await;
            declared.map_err(|error| unsafe_object(&queue.name, &error))?;
        }
        Ok(())
    }

    /// Looks without creating: every object that is missing or has other settings.
    pub async fn audit(&self, connection: &Connection) -> Vec<Finding> {
        let mut findings = vec![];
        for exchange in self.exchanges() {
            findings.extend(exchange.audit(connection).await);
        }
        for queue in self.queues() {
            findings.extend(queue.audit(connection).await);
        }
        findings
    }

    /// The names of all objects, exchanges first.
    pub fn names(&self) -> Vec<String> {
        let exchanges = self.exchanges().into_iter().map(|exchange| exchange.name);
        exchanges.chain(self.queues().into_iter().map(|queue| queue.name)).collect()
    }

    fn notifications(&self) -> String {
        format!("{}.notifications", self.prefix)
    }

    fn exchanges(&self) -> Vec<Exchange> {
        let prefix = &self.prefix;
        let exchange = |name: String, kind: ExchangeKind| Exchange { name, kind, alternate: None };
        let any = format!("{prefix}.notifications.any");
        let unrouted = format!("{prefix}.fulfilment.unrouted");
        let mut exchanges = vec![
            exchange(any.clone(), ExchangeKind::Fanout),
            Exchange {
                name: self.notifications(),
                kind: ExchangeKind::Direct,
                alternate: Some(any),
            },
            exchange(format!("{prefix}.dead"), ExchangeKind::Fanout),
            exchange(unrouted.clone(), ExchangeKind::Fanout),
            Exchange {
                name: self.fulfilment(),
                kind: ExchangeKind::Topic,
                alternate: Some(unrouted),
            },
        ];
        for delay in self.schedule.tiers() {
            let name = format!("{prefix}.retry.{}", tier_name(delay));
            exchanges.push(exchange(name, ExchangeKind::Fanout));
        }
        exchanges
    }

    fn queues(&self) -> Vec<Queue> {
        let prefix = &self.prefix;
        let dead = format!("{prefix}.dead");
        let unrouted = format!("{prefix}.fulfilment.unrouted");
        let mut queues = vec![
            Queue {
                name: dead.clone(),
                arguments: vec![
                    ("x-queue-type", text("quorum")),
                    ("x-delivery-limit", AMQPValue::LongLongInt(DEAD_DELIVERY_LIMIT)),
                ],
                exchange: dead.clone(),
                binding_key: String::new(),
            },
            Queue {
                name: unrouted.clone(),
                arguments: vec![
                    ("x-queue-type", text("quorum")),
                    ("x-overflow", text("drop-head")),
                    ("x-max-length-bytes", AMQPValue::LongLongInt(UNROUTED_MAX_BYTES)),
                ],
                exchange: unrouted,
                binding_key: String::new(),
            },
        ];
        for shard in 0..self.shards {
            let mut arguments = at_least_once(&dead);
            arguments.push(("x-delivery-limit", AMQPValue::LongLongInt(DELIVERY_LIMIT)));
            queues.push(Queue {
                name: self.queue(shard),
                arguments,
                exchange: self.notifications(),
                binding_key: shard.to_string(),
            });
        }
        // What names no shard of ours goes to the first.
        queues.push(Queue {
            name: self.queue(0),
            exchange: format!("{prefix}.notifications.any"),
            binding_key: String::new(),
            arguments: queues[2].arguments.clone(),
        });
        for delay in self.schedule.tiers() {
            let name = format!("{prefix}.retry.{}", tier_name(delay));
            let mut arguments = at_least_once(&self.notifications());
            let ttl_ms = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
            arguments.push(("x-message-ttl", AMQPValue::LongLongInt(ttl_ms)));
            queues.push(Queue {
                name: name.clone(),
                arguments,
                exchange: name,
                binding_key: String::new(),
            });
        }
        queues
    }
}

impl Exchange {
    async fn declare(&self, channel: &Channel) -> lapin::Result<()> {
        let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
        let mut arguments = FieldTable::default();
        if let Some(alternate) = &self.alternate {
            arguments.insert("alternate-exchange".into(), text(alternate));
        }
        channel.exchange_declare(short(&self.name), self.kind.clone(), options, arguments).await
    }

    async fn audit(&self, connection: &Connection) -> Option<Finding> {
        let passive = ExchangeDeclareOptions { passive: true, ..Default::default() };
        let probe = match channel(connection, &self.name).await {
            Ok(channel) => channel,
            Err(finding) => return Some(finding),
        };
        let none = FieldTable::default();
        if probe
            .exchange_declare(short(&self.name), self.kind.clone(), passive, none)
            .await
            .is_err()
        {
            return Some(missing(&self.name));
        }
        // It exists, so declaring it creates nothing and compares everything.
        self.declare(&probe).await.err().map(|error| unsafe_object(&self.name, &error))
    }
}

impl Queue {
    async fn declare(&self, channel: &Channel) -> lapin::Result<()> {
        let options = QueueDeclareOptions { durable: true, ..Default::default() };
        let mut arguments = FieldTable::default();
        for (name, value) in &self.arguments {
            arguments.insert((*name).into(), value.clone());
        }
        channel.queue_declare(short(&self.name), options, arguments).await?;
        let (exchange, key) = (short(&self.exchange), short(&self.binding_key));
        let options = QueueBindOptions::default();
        channel.queue_bind(short(&self.name), exchange, key, options, FieldTable::default()).await
    }

    async fn audit(&self, connection: &Connection) -> Option<Finding> {
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        let probe = match channel(connection, &self.name).await {
            Ok(channel) => channel,
            Err(finding) => return Some(finding),
        };
        if probe.queue_declare(short(&self.name), passive, FieldTable::default()).await.is_err() {
            return Some(missing(&self.name));
        }
        self.declare(&probe).await.err().map(|error| unsafe_object(&self.name, &error))
    }
}

fn at_least_once(target: &str) -> Vec<(&'static str, AMQPValue)> {
    vec![
        ("x-queue-type", text("quorum")),
        ("x-dead-letter-exchange", text(target)),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")),
    ]
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// A prefix is checked by configuration, so no name of ours is too long.
fn short(name: &str) -> ShortString {
    ShortString::try_new(name).unwrap_or_default()
}

/// A refused declaration closes its channel, so each object gets its own.
async fn channel(connection: &Connection, object: &str) -> Result<Channel, Finding> {
    connection.create_channel().await.map_err(|error| unsafe_object(object, &error))
}

fn missing(object: &str) -> Finding {
    Finding {
        object: object.to_owned(),
        wrong: "it does not exist".to_owned(),
        risk: "messages for it would be returned as unroutable and the provider told to wait",
        mend: "run `quittance topology apply`, or start an ingress or a worker".to_owned(),
    }
}

fn unsafe_object(object: &str, error: &lapin::Error) -> Finding {
    Finding {
        object: object.to_owned(),
        wrong: error.to_string(),
        risk: "with other settings the broker may drop, reorder or lose notifications",
        mend: format!(
            "settings of a live object cannot be changed: stop publishers, drain `{object}` \
             (let the workers empty it, or shovel it aside), delete it, then run \
             `quittance topology apply`"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn names_follow_the_prefix() {
        let topology = Topology { prefix: "p".into(), shards: 2, schedule: Schedule::default() };
        let route = Route::Retry { delay: Duration::from_secs(120), shard: 1 };
        assert_eq!(topology.address(&route), ("p.retry.2m".into(), "1".into()));
        assert_eq!(
            topology.address(&Route::Notifications { shard: 1 }),
            ("p.notifications".into(), "1".into())
        );
        assert!(topology.names().iter().all(|name| name.starts_with("p.")));
    }

    #[test]
    fn every_queue_of_notifications_refuses_rather_than_drops() {
        let topology = Topology { prefix: "p".into(), shards: 3, schedule: Schedule::default() };
        for queue in topology.queues() {
            let refuses = queue.arguments.contains(&("x-overflow", text("reject-publish")));
            let carries = queue.name.contains("notifications") || queue.name.contains("retry");
            assert_eq!(refuses, carries, "{}", queue.name);
        }
    }
}
