//! What a replay really sent, against what the ledger recorded of it beforehand.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::collections::BTreeMap;

use harness::installation::Installation;
use lapin::options::{BasicGetOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;

use super::steps::ledger;
use crate::watch::{channel_on, header};

/// A queue beside the shard's that gets a copy of all that is published to it.
pub(super) struct Witness {
    broker: String,
    queue: String,
}

#[derive(Debug)]
pub(super) struct Sent {
    /// Different items of which a copy came.
    pub(super) items: usize,
    pub(super) copies: usize,
    /// Publishes that the ledger recorded beforehand.
    pub(super) recorded: usize,
}

impl Witness {
    /// Its copies outlive the broker.
    pub(super) async fn of(at: &Installation, broker: &str) -> Self {
        let (_connection, channel) = channel_on(broker).await.unwrap();
        let exchange = format!("{}.notifications", at.prefix.as_ref().unwrap());
        let queue = format!("{exchange}.witness");
        let durable = QueueDeclareOptions { durable: true, ..Default::default() };
        let none = FieldTable::default();
        channel.queue_declare(queue.as_str().into(), durable, none.clone()).await.unwrap();
        let (name, from) = (queue.as_str().into(), exchange.as_str().into());
        channel
            .queue_bind(name, from, "0".into(), QueueBindOptions::default(), none)
            .await
            .unwrap();
        Self { broker: broker.to_owned(), queue }
    }

    /// No item came more often than was recorded.
    pub(super) async fn sent(self, at: &Installation) -> Sent {
        let recorded = "select id || ' ' || publishes from quittance.replay_items";
        let recorded = ledger(at, recorded).await;
        let recorded: BTreeMap<&str, usize> = recorded
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(item, publishes)| (item, publishes.parse().unwrap()))
            .collect();
        let copies = self.copies().await;
        for (item, copies) in &copies {
            assert!(*copies <= recorded[item.as_str()], "{item}: {copies} copies of {recorded:?}");
        }
        let (items, copies) = (copies.len(), copies.values().sum());
        Sent { items, copies, recorded: recorded.values().sum() }
    }

    /// How often each item was published.
    async fn copies(self) -> BTreeMap<String, usize> {
        let (_connection, channel) = channel_on(&self.broker).await.unwrap();
        let mut copies = BTreeMap::new();
        let (queue, get) = (self.queue.as_str(), BasicGetOptions { no_ack: true });
        while let Some(message) = channel.basic_get(queue.into(), get).await.unwrap() {
            if let Some(item) = header(&message, "quittance-replay-item") {
                *copies.entry(item).or_default() += 1;
            }
        }
        channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
        copies
    }
}
