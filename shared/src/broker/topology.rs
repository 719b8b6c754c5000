//! Exchanges and queues on RabbitMQ: their names, their arguments, and the audit.
//!
//! **Invariant**: everything is durable, and every queue that holds notifications is a quorum queue
//! that dead-letters at least once and refuses rather than drops. Declared by arguments, so that
//! an existing queue with other settings is refused (406) instead of used.

use lapin::types::AMQPValue;
use lapin::{Connection, ExchangeKind};
use serde::Serialize;

mod objects;
mod setting;
pub mod held;

use self::objects::{Exchange, Queue, at_least_once, channel, depth, text, unsafe_object};
use super::{BrokerError, Depths, Route};
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

impl Topology {
    /// The exchange and routing key of a route.
    pub fn address(&self, route: &Route) -> (String, String) {
        let prefix = &self.prefix;
        match route {
            Route::Notifications { shard } => (self.notifications(), shard.to_string()),
            Route::Retry { delay, shard } => {
                (format!("{prefix}.retry.{}", tier_name(*delay)), shard.to_string())
            }
            Route::Dead => (self.dead(), String::new()),
            Route::Fulfilment { routing_key } => (self.events(), routing_key.clone()),
        }
    }

    /// The queue of a shard.
    pub fn queue(&self, shard: u16) -> String {
        format!("{}.notifications.{shard}", self.prefix)
    }

    /// The queue of the dead letters, and its exchange.
    pub fn dead(&self) -> String {
        format!("{}.dead", self.prefix)
    }

    /// The exchange that events are published to, and that our own listeners bind to. Were they bound
    /// to [`Topology::fulfilment`], an event that no shop hears would no longer count as unrouted.
    pub fn events(&self) -> String {
        format!("{}.events", self.prefix)
    }

    /// The exchange that subscribers bind to: it takes every event.
    pub fn fulfilment(&self) -> String {
        format!("{}.fulfilment", self.prefix)
    }

    /// A key that no queue of ours is bound by, for probing that a return comes back.
    pub fn nowhere(&self) -> String {
        format!("{}.nowhere", self.prefix)
    }

    /// Declares all of it. Idempotent; the first refusal is returned as a finding.
    pub async fn declare(&self, connection: &Connection) -> Result<(), Finding> {
        // The first refusal closes the channel and ends the work, so one channel serves for all.
        let channel = channel(connection, "everything").await?;
        for exchange in self.exchanges() {
            let declared = exchange.declare(&channel).await;
            declared.map_err(|error| unsafe_object(&exchange.shown(), &error))?;
            let bound = exchange.bind(&channel).await;
            bound.map_err(|error| unsafe_object(&exchange.shown(), &error))?;
        }
        for queue in self.queues() {
            let declared = queue.declare(&channel).await;
            declared.map_err(|error| unsafe_object(&queue.shown(), &error))?;
            let bound = queue.bind(&channel).await;
            bound.map_err(|error| unsafe_object(&queue.shown(), &error))?;
        }
        channel
            .close(200, "declared".into())
            .await
            .map_err(|error| unsafe_object("everything", &error))?;
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

    /// Looks at the queues that hold notifications, without taking anything.
    pub async fn depths(&self, connection: &Connection) -> Result<Depths, BrokerError> {
        let lost = |error: lapin::Error| BrokerError(error.to_string());
        let channel = connection.create_channel().await.map_err(lost)?;
        let mut depths = Depths::default();
        for shard in 0..self.shards {
            let queue = depth(&channel, &self.queue(shard)).await.map_err(lost)?;
            depths.consumers.push(queue.consumer_count());
        }
        for delay in self.schedule.tiers() {
            let tier = format!("{}.retry.{}", self.prefix, tier_name(delay));
            let queue = depth(&channel, &tier).await.map_err(lost)?;
            depths.retrying += u64::from(queue.message_count());
        }
        let dead = depth(&channel, &self.dead()).await.map_err(lost)?;
        (depths.dead, depths.morgues) = (u64::from(dead.message_count()), dead.consumer_count());
        Ok(depths)
    }

    /// All objects by kind and name, exchanges first.
    pub fn names(&self) -> Vec<String> {
        let exchanges = self.exchanges().into_iter().map(|exchange| exchange.shown());
        exchanges.chain(self.queues().into_iter().map(|queue| queue.shown())).collect()
    }

    fn notifications(&self) -> String {
        format!("{}.notifications", self.prefix)
    }

    fn exchanges(&self) -> Vec<Exchange> {
        let prefix = &self.prefix;
        let exchange = |name: String, kind: ExchangeKind| Exchange {
            name,
            kind,
            alternate: None,
            source: None,
        };
        let any = format!("{prefix}.notifications.any");
        let unrouted = format!("{prefix}.fulfilment.unrouted");
        let mut exchanges = vec![
            exchange(any.clone(), ExchangeKind::Fanout),
            Exchange {
                alternate: Some(any),
                ..exchange(self.notifications(), ExchangeKind::Direct)
            },
            exchange(self.dead(), ExchangeKind::Fanout),
            exchange(unrouted.clone(), ExchangeKind::Fanout),
            exchange(self.events(), ExchangeKind::Topic),
            Exchange {
                alternate: Some(unrouted),
                source: Some(self.events()),
                ..exchange(self.fulfilment(), ExchangeKind::Topic)
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
        let dead = self.dead();
        let unrouted = format!("{prefix}.fulfilment.unrouted");
        let mut queues = vec![
            Queue {
                name: dead.clone(),
                arguments: vec![
                    ("x-queue-type", text("quorum")),
                    ("x-delivery-limit", AMQPValue::LongLongInt(DEAD_DELIVERY_LIMIT)),
                ],
                bindings: vec![(dead.clone(), String::new())],
            },
            Queue {
                name: unrouted.clone(),
                arguments: vec![
                    ("x-queue-type", text("quorum")),
                    ("x-overflow", text("drop-head")),
                    ("x-max-length-bytes", AMQPValue::LongLongInt(UNROUTED_MAX_BYTES)),
                ],
                bindings: vec![(unrouted, String::new())],
            },
        ];
        for shard in 0..self.shards {
            let mut arguments = at_least_once(&dead);
            arguments.push(("x-delivery-limit", AMQPValue::LongLongInt(DELIVERY_LIMIT)));
            let mut bindings = vec![(self.notifications(), shard.to_string())];
            if shard == 0 {
                // What names no shard of ours goes to the first.
                bindings.push((format!("{prefix}.notifications.any"), String::new()));
            }
            queues.push(Queue { name: self.queue(shard), arguments, bindings });
        }
        for delay in self.schedule.tiers() {
            let name = format!("{prefix}.retry.{}", tier_name(delay));
            let mut arguments = at_least_once(&self.notifications());
            let ttl_ms = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
            arguments.push(("x-message-ttl", AMQPValue::LongLongInt(ttl_ms)));
            let bindings = vec![(name.clone(), String::new())];
            queues.push(Queue { name, arguments, bindings });
        }
        queues
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
        let mut names = topology.names();
        assert!(names.iter().all(|name| name.contains(" p.")));
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "each object once");
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
