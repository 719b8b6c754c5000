//! Looking at a queue and at the ledger while something is wrong.

use std::time::Duration;

use anyhow::Context as _;
use harness::installation::Installation;
use harness::{postgres, rabbitmq, wait};
use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions};
use lapin::types::AMQPValue;
use lapin::{Channel, Connection, ConnectionProperties};

pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// A connection of the test's own.
pub(crate) async fn channel() -> anyhow::Result<(Connection, Channel)> {
    let url = rabbitmq::server().await?.url();
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    Ok((connection, channel))
}

/// The next dead letter, taken off its queue.
pub(crate) async fn dead_letter(installation: &Installation) -> anyhow::Result<BasicGetMessage> {
    let queue = format!("{}.dead", installation.prefix.as_ref().context("no broker")?);
    let (_connection, channel) = channel().await?;
    let letter = wait::until("a dead letter", PATIENCE, || async {
        channel.basic_get(queue.as_str().into(), BasicGetOptions::default()).await.ok()?
    })
    .await?;
    letter.acker.ack(BasicAckOptions::default()).await?;
    Ok(letter)
}

/// A header's text.
pub(crate) fn header(letter: &BasicGetMessage, name: &str) -> Option<String> {
    let headers = letter.properties.headers().as_ref()?;
    match headers.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::LongLongInt(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Waits until a question to the ledger has this answer.
pub(crate) async fn answers(
    installation: &Installation,
    question: &str,
    expected: &str,
) -> anyhow::Result<()> {
    let database = &installation.database.as_ref().context("no database")?.url;
    wait::until(&format!("{question} = {expected}"), PATIENCE, || async {
        let answer = postgres::sql(database, question).await.ok()?;
        (answer.trim() == expected).then_some(())
    })
    .await
}
