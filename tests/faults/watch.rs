//! Looking at a queue and at the ledger while something is wrong.

use std::time::Duration;

use anyhow::Context as _;
use harness::installation::Installation;
use harness::{postgres, rabbitmq, wait};
use lapin::message::BasicGetMessage;
use lapin::types::AMQPValue;
use lapin::{Channel, Connection, ConnectionProperties};
use worker::ledger::Ledger as _;
use worker::ledger::bodies::StoredBody;
use worker::ledger::dead_letters::{DeadLetters as _, LetterFile, LetterFilter};

pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// A connection of the test's own.
pub(crate) async fn channel() -> anyhow::Result<(Connection, Channel)> {
    channel_on(rabbitmq::server().await?.url()).await
}

pub(crate) async fn channel_on(url: &str) -> anyhow::Result<(Connection, Channel)> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    Ok((connection, channel))
}

/// The first dead letter that the morgue kept.
pub(crate) async fn dead_letter(installation: &Installation) -> anyhow::Result<LetterFile> {
    let (ledger, filter) =
        (installation.ledger()?, LetterFilter { limit: 1, ..Default::default() });
    let found = wait::until("a dead letter", PATIENCE, || async {
        ledger.open().await.ok()?.letters(&filter).await.ok()?.pop()
    })
    .await?;
    ledger.open().await?.letter(found.id).await?.context("it is there")
}

/// A letter's bytes.
pub(crate) fn bytes(letter: &LetterFile) -> Option<&[u8]> {
    match &letter.body {
        StoredBody::Open { bytes, .. } => Some(bytes),
        StoredBody::Closed { .. } | StoredBody::Removed { .. } | StoredBody::Missing => None,
    }
}

/// A header's text.
pub(crate) fn header(message: &BasicGetMessage, name: &str) -> Option<String> {
    let headers = message.properties.headers().as_ref()?;
    match headers.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::LongLongInt(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Waits until `/readyz` at this address has this status and these words.
pub(crate) async fn readiness(admin_url: &str, status: u16, words: &str) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
    let url = format!("{admin_url}/readyz?verbose");
    wait::until(&format!("{status} with {words:?} from {url}"), PATIENCE, || async {
        let answer = client.get(&url).send().await.ok()?;
        let is_so = answer.status() == status;
        (is_so && answer.text().await.ok()?.contains(words)).then_some(())
    })
    .await
}

/// Waits until `/metrics` at this address has this line.
pub(crate) async fn metric(admin_url: &str, line: &str) -> anyhow::Result<()> {
    let (client, url) = (reqwest::Client::new(), format!("{admin_url}/metrics"));
    wait::until(&format!("{line} from {url}"), PATIENCE, || async {
        let text = client.get(&url).send().await.ok()?.text().await.ok()?;
        text.lines().any(|one| one == line).then_some(())
    })
    .await
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

/// How long the balance may take to name what is missing: it promises a minute.
pub(crate) const NAMED: Duration = Duration::from_secs(60);

/// What the balance says once so many messages are missing.
pub(crate) async fn missing(
    installation: &Installation,
    count: u64,
) -> anyhow::Result<serde_json::Value> {
    wait::until("the theft to be named", NAMED, || async {
        let answer = installation.quittance(&["balance", "-o", "json"]).ok()?;
        let balance: serde_json::Value = serde_json::from_slice(&answer.stdout).ok()?;
        (balance["unaccounted"] == count).then_some(balance)
    })
    .await
}
