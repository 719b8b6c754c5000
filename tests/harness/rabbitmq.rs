//! Private RabbitMQ nodes: one shared by all tests of a process, or as many as a fault test wants.
//!
//! **Invariant**: a node listens on loopback alone, has its own epmd and cookie, reads no system file, and ends with us.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use lapin::{Connection, ConnectionProperties};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::leash::Leashed;
use crate::ports;

/// Debian's wrapper in /usr/sbin refuses all users but root and rabbitmq; this one does not.
const BIN: &str = "/usr/lib/rabbitmq/bin";
const URL_ENV: &str = "QUITTANCE_TEST_AMQP_URL";
const START_LIMIT: Duration = Duration::from_secs(120);
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// `$1` is the private epmd's port. The node must find it listening, else it starts a daemon that outlives everything.
const START: &str = r#"
epmd -port "$1" -address 127.0.0.1 &
tries=0
until epmd -port "$1" -names >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { echo "epmd does not answer on port $1" >&2; exit 1; }
    sleep 0.1
done
exec "$2/rabbitmq-server"
"#;

/// What a node may use of memory.
pub const MEMORY: &str = "1GB";

const CONF: &str = "\
loopback_users = none
disk_free_limit.absolute = 50MB
raft.wal_max_size_bytes = 64000000
log.file = false
log.console = true
log.console.level = info
";

/// By default an at-least-once dead letter whose target did not confirm is tried again only after 180 s.
const ADVANCED: &str = "[{rabbit, [{dead_letter_worker_publisher_confirm_timeout, 5000}]}].\n";

static SHARED: OnceCell<Result<Server, String>> = OnceCell::const_new();

/// A broker: ours, or the one that `QUITTANCE_TEST_AMQP_URL` names.
#[derive(Debug)]
pub struct Server {
    url: String,
    node: Option<Node>,
}

#[derive(Debug)]
struct Node {
    process: Leashed,
    /// Where the cookie is: a cluster's nodes share the first one's.
    home: PathBuf,
    port: u16,
    distribution_port: u16,
    epmd_port: u16,
    /// Of its management API, where it has one.
    api_port: Option<u16>,
}

/// The broker that all tests of this process share; started by the first that asks.
pub async fn server() -> anyhow::Result<&'static Server> {
    SHARED.get_or_init(named_or_own).await.as_ref().map_err(|error| anyhow!("{error}"))
}

async fn named_or_own() -> Result<Server, String> {
    match std::env::var(URL_ENV) {
        Ok(url) => Ok(Server { url, node: None }),
        Err(_) => start().await.map_err(|error| format!("{error:#}")),
    }
}

/// A broker of the caller's own, to stop, kill and restart; dropping it ends it.
pub async fn start() -> anyhow::Result<Server> {
    start_beside(None, None).await
}

/// The same with its management API.
pub async fn start_with_management() -> anyhow::Result<Server> {
    start_beside(None, Some(ports::free()?)).await
}

/// A cluster of so many nodes. The first must outlive the others: the epmd that all find each other by is its.
pub async fn start_cluster(count: usize) -> anyhow::Result<Vec<Server>> {
    let first = start().await?;
    let name = first.own()?.name();
    let mut nodes = vec![first];
    while nodes.len() < count {
        let node = start_beside(nodes.first(), None).await?;
        for arguments in [&["stop_app"][..], &["join_cluster", &name], &["start_app"]] {
            node.control(arguments).await?;
        }
        nodes.push(node);
    }
    Ok(nodes)
}

async fn start_beside(first: Option<&Server>, api_port: Option<u16>) -> anyhow::Result<Server> {
    ensure!(
        Path::new(BIN).join("rabbitmq-server").exists(),
        "{BIN}/rabbitmq-server is missing: install the Debian package `rabbitmq-server` (`./test` does it), \
         or name a broker in {URL_ENV}"
    );
    let process = Leashed::new("rabbitmq", "KILL")?;
    let (home, epmd_port) = match first {
        Some(first) => (first.own()?.home.clone(), first.own()?.epmd_port),
        None => (process.folder().to_owned(), ports::free()?),
    };
    let (port, distribution_port) = (ports::free()?, ports::free()?);
    let node = Node { process, home, port, distribution_port, epmd_port, api_port };
    let url = format!("amqp://guest:guest@127.0.0.1:{port}/%2f");
    node.write_files()?;
    let mut server = Server { url, node: Some(node) };
    server.restart().await?;
    Ok(server)
}

/// A fresh first word for all names at the broker, so that tests can share one.
pub fn prefix() -> String {
    let id = Uuid::now_v7().simple().to_string();
    // The front of a version 7 UUID is the time; the end is random.
    format!("t{}", &id[id.len() - 12..])
}

impl Server {
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where its management API answers.
    pub fn management_url(&self) -> anyhow::Result<String> {
        let port = self.own()?.api_port.context("it was started without")?;
        Ok(format!("http://guest:guest@127.0.0.1:{port}"))
    }

    /// Ends the node as an operator would; its data stays.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.own_mut()?.process.finish("TERM", STOP_LIMIT).await.map(drop)
    }

    /// Ends the node as a power cut would; its data stays.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.own_mut()?.process.finish("KILL", STOP_LIMIT).await.map(drop)
    }

    /// Starts the node again on the same port and data, stopping it first if it runs.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        if self.own_mut()?.process.pid().is_some() {
            self.stop().await?;
        }
        let url = self.url.clone();
        let node = self.own_mut()?;
        let command = node.command();
        node.process.spawn(command)?;
        let port = node.port;
        node.process.answers(START_LIMIT, || handshake(&url, port)).await
    }

    /// Makes sure that it runs and takes messages.
    pub async fn heal(&mut self) -> anyhow::Result<()> {
        if self.own_mut()?.process.pid().is_none() {
            return self.restart().await;
        }
        self.resume()?;
        self.control(&["set_vm_memory_high_watermark", "absolute", MEMORY]).await.map(drop)
    }

    /// Stops the node in its tracks (SIGSTOP) without closing a connection, until `resume`.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.own()?.process.signal("STOP")
    }

    pub fn resume(&self) -> anyhow::Result<()> {
        self.own()?.process.signal("CONT")
    }

    /// Runs `rabbitmqctl` against the node and gives what it printed.
    pub async fn control(&self, args: &[&str]) -> anyhow::Result<String> {
        let node = self.own()?;
        let mut command = node.environment(Path::new(BIN).join("rabbitmqctl"));
        command.arg("--quiet").args(args);
        let output = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .output()
            .await
            .context("cannot start rabbitmqctl")?;
        let [stdout, stderr] =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        ensure!(output.status.success(), "rabbitmqctl {args:?} failed: {stdout}{stderr}");
        Ok(stdout)
    }

    fn own(&self) -> anyhow::Result<&Node> {
        self.node.as_ref().with_context(|| not_ours(&self.url))
    }

    fn own_mut(&mut self) -> anyhow::Result<&mut Node> {
        self.node.as_mut().with_context(|| not_ours(&self.url))
    }
}

fn not_ours(url: &str) -> String {
    format!("the broker at {url} is not ours to control; unset {URL_ENV}")
}

impl Node {
    fn write_files(&self) -> anyhow::Result<()> {
        let (plugins, more) = match self.api_port {
            Some(port) => ("[rabbitmq_management].\n", management(port)),
            None => ("[].\n", String::new()),
        };
        let conf = format!(
            "listeners.tcp.1 = 127.0.0.1:{}\nvm_memory_high_watermark.absolute = {MEMORY}\n{CONF}{more}",
            self.port
        );
        let files = [
            ("rabbitmq.conf", conf.as_str()),
            ("advanced.config", ADVANCED),
            ("enabled_plugins", plugins),
        ];
        for (name, text) in files {
            fs::write(self.path(name), text).with_context(|| format!("cannot write {name}"))?;
        }
        Ok(())
    }

    fn name(&self) -> String {
        format!("quittance{}@localhost", self.port)
    }

    fn command(&self) -> Command {
        let mut command = self.environment("/bin/sh");
        command.args(["-c", START, "rabbitmq", &self.epmd_port.to_string(), BIN]);
        // Makes the script become the Erlang machine instead of standing between it and us.
        command.env("RUNNING_UNDER_SYSTEMD", "true");
        command
    }

    fn environment(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.process.folder())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()))
            .env("LANG", "C.UTF-8")
            .env("HOME", &self.home)
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.epmd_port.to_string())
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_NODENAME", self.name())
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.port.to_string())
            .env("RABBITMQ_DIST_PORT", self.distribution_port.to_string())
            .env("RABBITMQ_CONFIG_FILE", self.path("rabbitmq.conf"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", self.path("advanced.config"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", self.path("enabled_plugins"))
            .env("RABBITMQ_PLUGINS_EXPAND_DIR", self.path("plugins"))
            .env("RABBITMQ_FEATURE_FLAGS_FILE", self.path("feature_flags"))
            .env("RABBITMQ_MNESIA_BASE", self.path("data"))
            .env("RABBITMQ_LOG_BASE", self.path("logs"))
            .env("RABBITMQ_PID_FILE", self.path("pid"))
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false",
            );
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.process.folder().join(name)
    }
}

/// The API tells of a policy only as often as statistics are collected.
fn management(port: u16) -> String {
    format!(
        "management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {port}\ncollect_statistics_interval = 500\n"
    )
}

/// A plain connection is cheap to refuse; the handshake is asked for once somebody listens.
async fn handshake(url: &str, port: u16) -> Option<()> {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    let connection = Connection::connect(url, ConnectionProperties::default()).await.ok()?;
    connection.close(200, "seen".into()).await.ok()
}
