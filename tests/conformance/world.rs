//! The two pairs of engines, each fresh for its test.

use std::sync::Arc;
use std::time::Duration;

use harness::{postgres, rabbitmq, sqlite};
use ops::embedded::Embedded;
use shared::broker::Broker;
use shared::broker::amqp::Amqp;
use shared::broker::topology::Topology;
use shared::config::account::Choices;
use shared::retry::Schedule;
use shared::rules::{AccountRules, Rules};
use shared::secret::Secret;
use shared::secret::bodies::Bodies;
use shared::secret::envelope::BodyKeys;
use tempfile::TempDir;
use worker::ledger::Ledger;
use worker::ledger::postgres::Postgres;

/// A broker and a ledger, and what must live as long as they.
pub(crate) struct World<B, L> {
    pub(crate) broker: B,
    pub(crate) ledger: L,
    kept: Kept,
}

enum Kept {
    Servers { database: postgres::Database },
    Folder { folder: TempDir, _embedded: Embedded },
}

impl<B, L> World<B, L> {
    /// One statement by another program, in words that both engines know; `{now}` is a time, `{far}` one
    /// that no program of ours can read, `{later}` one in ten years, `{true}` a truth, `{log}` the table of the log's end, `{bytes:31}` and `{bytes:32}`
    /// so many bytes.
    pub(crate) async fn sql(&self, statement: &str) -> anyhow::Result<String> {
        let put = |words: [(&str, &str); 7]| {
            words
                .into_iter()
                .fold(statement.to_owned(), |text, (word, put)| text.replace(word, put))
        };
        match &self.kept {
            Kept::Servers { database } => {
                let text = put([
                    ("{now}", "now()"),
                    ("{far}", "'292000-01-01'"),
                    ("{later}", "now() + interval '10 years'"),
                    ("{true}", "true"),
                    ("{log}", "event_log_end"),
                    ("{bytes:31}", "decode(repeat('00', 31), 'hex')"),
                    ("{bytes:32}", "decode(repeat('00', 32), 'hex')"),
                ]);
                let text = format!("set search_path to quittance; {text}");
                postgres::sql(&database.url, &text).await
            }
            Kept::Folder { folder, .. } => {
                let text = put([
                    ("{now}", "1700000000000000"),
                    ("{far}", "9000000000000000000"),
                    ("{later}", "2100000000000000"),
                    ("{true}", "1"),
                    ("{log}", "event_log"),
                    ("{bytes:31}", "zeroblob(31)"),
                    ("{bytes:32}", "zeroblob(32)"),
                ]);
                sqlite::sql(&folder.path().join("quittance.db"), &text).await
            }
        }
    }
}

/// How long the account `shop` may be asked for a refund; of others nobody knows.
pub(crate) const REFUND_WITHIN: time::Duration = time::Duration::days(30);

fn choices() -> Choices {
    let refund_within = Some(REFUND_WITHIN);
    let account = AccountRules { refund_within, ..AccountRules::default() };
    let accounts = [("shop".to_owned(), account)].into();
    let rules = Rules { accounts, ..Rules::default() };
    Choices { rules: Arc::new(rules), ..Choices::default() }
}

/// RabbitMQ and PostgreSQL.
pub(crate) async fn servers() -> anyhow::Result<World<Amqp, Postgres>> {
    servers_by(choices()).await
}

/// The same, where merchants chose something.
pub(crate) async fn servers_by(choices: Choices) -> anyhow::Result<World<Amqp, Postgres>> {
    let server = postgres::server().await?;
    let migrate = async |url: String| Ok(Postgres::new(Secret::new(url)).migrate().await?);
    let template = postgres::template(server, migrate).await?;
    let database = postgres::fresh_database(server, Some(&template)).await?;
    let topology =
        Topology { prefix: rabbitmq::prefix(), shards: 2, schedule: Schedule::default() };
    let broker = Amqp {
        url: rabbitmq::server().await?.url().to_owned(),
        topology,
        publish_timeout: Duration::from_secs(10),
    };
    let bodies = Bodies::sealed_by(BodyKeys::parse(&BodyKeys::generate())?);
    let ledger = Postgres::new(Secret::new(database.url.clone()));
    let ledger = ledger.governed_by(choices.still()).keeping(bodies);
    Ok(World { broker, ledger, kept: Kept::Servers { database } })
}

/// One SQLite file.
pub(crate) fn embedded() -> anyhow::Result<World<impl Broker, impl Ledger>> {
    embedded_by(choices())
}

/// The same, where merchants chose something.
pub(crate) fn embedded_by(choices: Choices) -> anyhow::Result<World<impl Broker, impl Ledger>> {
    let folder = tempfile::tempdir()?;
    let embedded = Embedded::open(&folder.path().join("quittance.db"))?;
    let embedded = embedded.governed_by(choices.still());
    embedded.own()?;
    let (broker, ledger) = (embedded.queue(), embedded.ledger());
    Ok(World { broker, ledger, kept: Kept::Folder { folder, _embedded: embedded } })
}
