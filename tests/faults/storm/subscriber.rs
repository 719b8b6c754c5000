//! Two subscribers: one that takes down every event it was sent, in its order, and one that acknowledges none.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use harness::wait;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, Consumer};

use crate::watch::channel_on;

const PATIENCE: Duration = Duration::from_secs(60);

/// What was heard: each subject's sequences, in the order of their first occurrences.
pub(crate) struct Subscriber {
    queue: String,
    pub(crate) heard: BTreeMap<String, Vec<u64>>,
    pub(crate) repeats: u64,
}

/// Holds what it took for as long as it is here.
pub(crate) struct Silent {
    _consumer: Consumer,
    _connection: Connection,
}

impl Subscriber {
    /// A queue bound to every event, as soon as our programs have declared the exchange.
    pub(crate) async fn start(url: &str, prefix: &str) -> anyhow::Result<Self> {
        let queue = format!("{prefix}.suite");
        wait::until("the exchange of the events", PATIENCE, || async {
            // A refusal closes the channel.
            let (connection, channel) = channel_on(url).await.ok()?;
            bind(&channel, prefix, &queue).await.ok()?;
            // A queue that is declared while its broker dies may never confirm: that is another story.
            bind(&channel, prefix, &silent(prefix)).await.ok()?;
            connection.close(200, "bound".into()).await.ok()
        })
        .await?;
        Ok(Self { queue, heard: BTreeMap::new(), repeats: 0 })
    }

    /// Takes what there is.
    pub(crate) async fn take(&mut self, url: &str) -> anyhow::Result<()> {
        let (connection, channel) = channel_on(url).await?;
        let queue = self.queue.as_str();
        while let Some(message) =
            channel.basic_get(queue.into(), BasicGetOptions::default()).await?
        {
            let event: serde_json::Value = serde_json::from_slice(&message.data)?;
            let subject = event["subject"].as_str().context("no subject")?;
            let sequence = event["sequencenumber"].as_u64().context("no sequence")?;
            let heard = self.heard.entry(subject.to_owned()).or_default();
            if heard.contains(&sequence) {
                self.repeats += 1;
            } else {
                let next = heard.last().map_or(1, |last| last + 1);
                ensure!(sequence == next, "{subject}: {sequence} came before {next}");
                heard.push(sequence);
            }
            message.acker.ack(BasicAckOptions::default()).await?;
        }
        Ok(connection.close(200, "taken".into()).await?)
    }
}

impl Silent {
    pub(crate) async fn start(url: &str, prefix: &str) -> anyhow::Result<Self> {
        let (connection, channel) = channel_on(url).await?;
        let queue = silent(prefix);
        let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
        let consumer = channel.basic_consume(queue.into(), "".into(), options, none).await?;
        Ok(Self { _consumer: consumer, _connection: connection })
    }
}

fn silent(prefix: &str) -> String {
    format!("{prefix}.silent")
}

async fn bind(channel: &Channel, prefix: &str, queue: &str) -> anyhow::Result<()> {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(queue.into(), durable, arguments).await?;
    let exchange = format!("{prefix}.fulfilment");
    let (options, none) = (QueueBindOptions::default(), FieldTable::default());
    Ok(channel.queue_bind(queue.into(), exchange.into(), "#".into(), options, none).await?)
}
