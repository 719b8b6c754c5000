//! The road: the port to a broker. RabbitMQ stands behind it in [`amqp`]; the embedded engine has
//! its own.
//!
//! **Invariant**: `publish` answers `Ok` only when the broker holds the parcel *and* routed it;
//! a delivery is acknowledged only by [`Consumer::ack_through`].

use std::future::Future;
use std::time::Duration;

use crate::message::parcel::Parcel;

pub mod topology;
pub mod amqp;

/// Events that wait for one listener; beyond it the oldest are dropped.
pub const LISTENER_WAITING_MAX: u16 = 4_096;
/// The routing keys that a listener hears.
pub const LISTENER_KEYS: &str = "order.*.v1";

/// Where a parcel goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    Notifications {
        shard: u16,
    },
    /// Comes back to its shard after the delay.
    Retry {
        delay: Duration,
        shard: u16,
    },
    Dead,
    /// An event; nobody needs to have subscribed.
    Fulfilment {
        routing_key: String,
    },
}

/// One parcel in a consumer's hand.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Ascending within one consumer.
    pub tag: u64,
    pub parcel: Parcel,
    /// How many readers vanished while they held it.
    pub returns: u32,
}

/// What the broker tells of its queues at one moment. It may tell too little (a queue that comes back
/// from a restart reads empty), so this serves to doubt, never to be sure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Depths {
    /// Consumers of each shard, from 0.
    pub consumers: Vec<u32>,
    /// Messages that wait in retry tiers.
    pub retrying: u64,
    /// Dead letters that nobody has taken yet.
    pub dead: u64,
    /// Consumers of the dead letters.
    pub morgues: u32,
}

/// Why a parcel is not known to be held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    #[error("the broker is out of reach")]
    Unreachable,
    #[error("the broker has blocked publishing: it is short of memory or disk")]
    Blocked,
    #[error("no confirm came in time: the outcome is unknown")]
    TimedOut,
    #[error("the connection was lost before the confirm: the outcome is unknown")]
    Lost,
    #[error("the broker refused the message")]
    Refused,
    #[error("no queue is bound for it")]
    Unroutable,
    #[error("the topology is unsafe: {0}")]
    Unsafe(String),
    #[error("a property is too long for the protocol")]
    TooLong,
}

/// The consumer is gone; whatever it held comes back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the broker is lost: {0}")]
pub struct BrokerError(pub String);

/// A broker that can be reached.
pub trait Broker: Clone + Send + Sync + 'static {
    type Publisher: Publisher;
    type Consumer: Consumer;
    type Listener: Listener;

    /// A publisher that keeps itself connected.
    fn publisher(&self) -> Self::Publisher;

    /// A consumer of one shard that holds at most `prefetch` deliveries.
    fn consumer(
        &self,
        shard: u16,
        prefetch: u16,
    ) -> impl Future<Output = Result<Self::Consumer, BrokerError>> + Send;

    /// A consumer of the dead letters that holds at most `prefetch` of them.
    fn dead_letters(
        &self,
        prefetch: u16,
    ) -> impl Future<Output = Result<Self::Consumer, BrokerError>> + Send;

    /// Looks at the queues without taking anything.
    fn depths(&self) -> impl Future<Output = Result<Depths, BrokerError>> + Send;

    /// A listener to the events of orders, from now on.
    fn listener(&self) -> impl Future<Output = Result<Self::Listener, BrokerError>> + Send;
}

/// Publishes with many in flight; clones share one channel.
pub trait Publisher: Clone + Send + Sync + 'static {
    /// Waits, bounded, until the broker confirmed and routed the parcel.
    fn publish(
        &self,
        route: Route,
        parcel: Parcel,
    ) -> impl Future<Output = Result<(), PublishError>> + Send;

    /// Would a publish succeed now?
    fn probe(&self) -> impl Future<Output = Result<(), PublishError>> + Send;
}

/// Takes deliveries of one shard, or the dead letters.
pub trait Consumer: Send + 'static {
    /// The next delivery; waits without limit. The end of the stream is an error. Safe to cancel:
    /// a delivery is in hand only once this returned it.
    fn next(&mut self) -> impl Future<Output = Result<Delivery, BrokerError>> + Send;

    /// A round trip to the broker: whatever it had sent before is here now, so that a `next` which is
    /// not ready at once means that nothing is on its way.
    fn catch_up(&mut self) -> impl Future<Output = Result<(), BrokerError>> + Send;

    /// Acknowledges this delivery and all before it.
    fn ack_through(&mut self, tag: u64) -> impl Future<Output = Result<(), BrokerError>> + Send;

    /// Probation is over: hold up to this many. Called with nothing in hand; a delivery that was on its
    /// way at this moment comes back, with one more return.
    fn widen(&mut self, prefetch: u16) -> impl Future<Output = Result<(), BrokerError>> + Send;
}

/// Hears events as they are published. It holds nothing up: what it does not take in time is dropped,
/// the oldest first, and what is published while nobody listens is not heard.
pub trait Listener: Send + 'static {
    /// The next event; waits without limit. The end of the stream is an error.
    fn next(&mut self) -> impl Future<Output = Result<Parcel, BrokerError>> + Send;
}

impl PublishError {
    /// Is it about this parcel, so that others may pass? Otherwise it is the road, for all of them.
    pub fn concerns_the_parcel(&self) -> bool {
        match self {
            Self::Refused | Self::Unroutable | Self::TooLong => true,
            Self::Unreachable | Self::Blocked | Self::TimedOut | Self::Lost | Self::Unsafe(_) => {
                false
            }
        }
    }

    /// The counter's label.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Blocked => "blocked",
            Self::TimedOut => "timed_out",
            Self::Lost => "lost",
            Self::Refused => "refused",
            Self::Unroutable => "unroutable",
            Self::Unsafe(_) => "unsafe_topology",
            Self::TooLong => "too_long",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_no_fault_of_a_parcel() {
        let outages = [
            PublishError::Unreachable,
            PublishError::Blocked,
            PublishError::TimedOut,
            PublishError::Lost,
            PublishError::Unsafe(String::new()),
        ];
        assert!(!outages.iter().any(PublishError::concerns_the_parcel));
    }
}
