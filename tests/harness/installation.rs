//! One installation for one test: keys, a configuration file, and its programs as processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, ensure};
use shared::message::seal::SealKeys;
use shared::secret::bodies::Bodies;
use shared::secret::envelope::BodyKeys;
use tempfile::TempDir;
use worker::ledger::Ledger as _;
use worker::ledger::postgres::Postgres;

use crate::alipay::{APP_ID, SELLER_ID, Signer};
use crate::program::{Program, command};
use crate::{ports, postgres, rabbitmq};

/// The account that every installation has.
pub const ACCOUNT: &str = "shop-alipay";

/// A busy machine may stall for seconds, and its speed is not what the tests are about.
const PUBLISH_TIMEOUT: (&str, &str) = ("QUITTANCE__INGRESS__PUBLISH_TIMEOUT", "20s");

/// Where everything of it stands.
pub struct Installation {
    folder: TempDir,
    pub signer: Signer,
    /// On PostgreSQL: its own database.
    pub database: Option<postgres::Database>,
    /// On RabbitMQ: its own prefix.
    pub prefix: Option<String>,
}

/// A running ingress, or `quittance serve`.
pub struct Door {
    pub program: Program,
    pub url: String,
    pub admin_url: String,
    pub addresses: Addresses,
}

/// Where a door listens.
#[derive(Debug, Clone)]
pub struct Addresses {
    listen: String,
    admin: String,
    console: String,
}

impl Addresses {
    /// Free ones on loopback.
    pub fn free() -> anyhow::Result<Self> {
        let free = || anyhow::Ok(format!("127.0.0.1:{}", ports::free()?));
        Ok(Self { listen: free()?, admin: free()?, console: free()? })
    }

    /// Where `quittance serve` shows its console.
    pub fn console_url(&self) -> String {
        format!("http://{}", self.console)
    }

    /// Where a door tells of itself.
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// Where a provider posts.
    pub fn notify_url(&self) -> String {
        format!("http://{}/notify/{ACCOUNT}", self.listen)
    }

    /// As a program reads them from its environment.
    pub fn variables(&self) -> [(&'static str, &str); 4] {
        [
            PUBLISH_TIMEOUT,
            ("QUITTANCE__INGRESS__LISTEN", self.listen.as_str()),
            ("QUITTANCE__INGRESS__ADMIN_LISTEN", self.admin.as_str()),
            ("QUITTANCE__CONSOLE__LISTEN", self.console.as_str()),
        ]
    }
}

impl Installation {
    /// On the servers that the harness started, with a migrated database and a prefix of its own.
    pub async fn on_servers() -> anyhow::Result<Self> {
        let (broker, server) = (rabbitmq::server().await?, postgres::server().await?);
        let direct = |url: &str| url.to_owned();
        Self::on(broker.url(), server, direct).await
    }

    /// On these servers; its programs reach the ledger by what `way` makes of the database's url.
    pub async fn on(
        broker_url: &str,
        server: &postgres::Server,
        way: impl FnOnce(&str) -> String,
    ) -> anyhow::Result<Self> {
        let migrate = async |url: String| {
            let ledger = Postgres::new(shared::secret::Secret::new(url));
            Ok(ledger.migrate().await?)
        };
        let template = postgres::template(server, migrate).await?;
        let database = postgres::fresh_database(server, Some(&template)).await?;
        let prefix = rabbitmq::prefix();
        let engines = format!(
            "[broker]\nurl = \"{}\"\nprefix = \"{prefix}\"\n[database]\nurl = \"{}\"\n\
             [seal]\nkeys_file = \"seal_keys\"\n[privacy]\nkeys_file = \"body_keys\"\n",
            broker_url,
            way(&database.url)
        );
        let mut installation = Self::new(&engines)?;
        fs::write(installation.path("seal_keys"), SealKeys::generate().to_text())?;
        fs::write(installation.path("body_keys"), BodyKeys::generate())?;
        installation.database = Some(database);
        installation.prefix = Some(prefix);
        Ok(installation)
    }

    /// On one SQLite file.
    pub fn embedded() -> anyhow::Result<Self> {
        Self::new("[embedded]\npath = \"data/quittance.db\"\n")
    }

    fn new(engines: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let signer = Signer::generate()?;
        fs::write(folder.path().join("alipay.pub"), signer.public_key()?)?;
        fs::write(folder.path().join("alipay.key"), signer.private_key_pem()?)?;
        let account = format!(
            "[accounts.{ACCOUNT}]\nprovider = \"alipay\"\napp_id = \"{APP_ID}\"\n\
             seller_id = \"{SELLER_ID}\"\npublic_keys = [\"alipay.pub\"]\n"
        );
        fs::write(folder.path().join("quittance.toml"), format!("{engines}{account}"))?;
        Ok(Self { folder, signer, database: None, prefix: None })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The configuration file.
    pub fn config(&self) -> String {
        self.path("quittance.toml").display().to_string()
    }

    /// Its ledger on PostgreSQL.
    pub fn ledger(&self) -> anyhow::Result<Postgres> {
        let database = self.database.as_ref().context("no database")?;
        let keys = BodyKeys::parse(&fs::read_to_string(self.path("body_keys"))?)?;
        let ledger = Postgres::new(shared::secret::Secret::new(database.url.clone()));
        Ok(ledger.keeping(Bodies::sealed_by(keys)))
    }

    /// Starts an ingress on ports of its own.
    pub async fn ingress(&self) -> anyhow::Result<Door> {
        self.door("quittance-ingress", &[], Addresses::free()?).await
    }

    /// Starts everything in one process.
    pub async fn serve(&self, addresses: Addresses) -> anyhow::Result<Door> {
        self.door("quittance", &["serve"], addresses).await
    }

    /// Starts a worker, with more environment if wanted.
    pub async fn worker(&self, env: &[(&str, &str)]) -> anyhow::Result<Program> {
        self.worker_at(&format!("127.0.0.1:{}", ports::free()?), env).await
    }

    /// The same, with its probes and metrics at this address.
    pub async fn worker_at(&self, admin: &str, env: &[(&str, &str)]) -> anyhow::Result<Program> {
        let mut all = vec![("QUITTANCE__WORKER__ADMIN_LISTEN", admin), PUBLISH_TIMEOUT];
        all.extend(env);
        let config = self.config();
        let mut program = Program::start("quittance-worker", &["--config", &config], &all)?;
        program.wait_ready(&format!("http://{admin}/readyz")).await?;
        Ok(program)
    }

    /// The command line tool on its configuration, to be run.
    pub fn command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = command("quittance")?;
        command.args(arguments).args(["--config", &self.config()]);
        Ok(command)
    }

    /// Runs the command line tool to its end.
    pub fn quittance(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = self.command(arguments)?;
        command.env("NO_COLOR", "1").output().context("running quittance")
    }

    /// Its standard output, when it ended well.
    pub fn answer(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.quittance(arguments)?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "quittance {arguments:?}: {}: {stderr}", output.status);
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Writes orders as JSONL and imports them.
    pub fn import(&self, orders: impl Iterator<Item = (String, i64)>) -> anyhow::Result<()> {
        let file = self.orders_file(orders)?;
        self.answer(&["orders", "import", &file]).map(drop)
    }

    /// Orders as JSONL, to be imported.
    pub fn orders_file(
        &self,
        orders: impl Iterator<Item = (String, i64)>,
    ) -> anyhow::Result<String> {
        let lines: String = orders
            .map(|(number, amount)| {
                format!("{{\"order_no\":\"{number}\",\"amount\":{amount},\"currency\":\"CNY\"}}\n")
            })
            .collect();
        let file = self.path("orders.jsonl");
        fs::write(&file, lines)?;
        Ok(text(&file))
    }

    async fn door(&self, name: &str, verb: &[&str], addresses: Addresses) -> anyhow::Result<Door> {
        let config = self.config();
        let mut arguments = verb.to_vec();
        arguments.extend(["--config", &config]);
        let mut program = Program::start(name, &arguments, &addresses.variables())?;
        let admin_url = addresses.admin_url();
        program.wait_ready(&format!("{admin_url}/readyz")).await?;
        Ok(Door { program, url: addresses.notify_url(), admin_url, addresses })
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
