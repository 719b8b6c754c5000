//! The two pairs of engines, each fresh for its test.

use std::time::Duration;

use harness::{postgres, rabbitmq};
use ops::embedded::Embedded;
use shared::broker::Broker;
use shared::broker::amqp::Amqp;
use shared::broker::topology::Topology;
use shared::retry::Schedule;
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
    _kept: Kept,
}

enum Kept {
    Servers { _database: postgres::Database },
    Folder { _folder: TempDir, _embedded: Embedded },
}

/// RabbitMQ and PostgreSQL.
pub(crate) async fn servers() -> anyhow::Result<World<Amqp, Postgres>> {
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
    let ledger = Postgres::new(Secret::new(database.url.clone())).keeping(bodies);
    Ok(World { broker, ledger, _kept: Kept::Servers { _database: database } })
}

/// One SQLite file.
pub(crate) fn embedded() -> anyhow::Result<World<impl Broker, impl Ledger>> {
    let folder = tempfile::tempdir()?;
    let embedded = Embedded::open(&folder.path().join("quittance.db"))?;
    embedded.own()?;
    let (broker, ledger) = (embedded.queue(), embedded.ledger());
    Ok(World { broker, ledger, _kept: Kept::Folder { _folder: folder, _embedded: embedded } })
}
