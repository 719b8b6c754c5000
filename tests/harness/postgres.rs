//! Private PostgreSQL servers, and a fresh database for each test.
//!
//! **Invariant**: a server listens on loopback alone, writes durably as in production, and ends with us; a database
//! goes with its `Database`.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::leash::Leashed;
use crate::ports;

const BIN: &str = "/usr/lib/postgresql";
const URL_ENV: &str = "QUITTANCE_TEST_DATABASE_URL";
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// `$1` the programs' folder, `$2` the port. `fsync` stays on: what a commit costs is part of what is tested.
const START: &str = r#"
[ -f data/PG_VERSION ] ||
    "$1/initdb" --no-sync -D data -U quittance -A trust -E UTF8 --locale=C || exit 1
exec "$1/postgres" -D data -p "$2" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    -c max_connections=200 -c timezone=UTC
"#;

/// Before that, as root, with `$3` the user and group to become: a disk of its own that is soon full. It goes with
/// the process, because nobody else is in its mount namespace.
const SMALL_DISK: &str = r#"
mkdir -p small && mount -t tmpfs -o size=80m,mode=0700,uid="${3%:*}",gid="${3#*:}" tmpfs small &&
    exec setpriv --reuid "${3%:*}" --regid "${3#*:}" --clear-groups /bin/sh -c "$4" postgres "$1" "$2"
"#;

static SHARED: OnceCell<Result<Server, String>> = OnceCell::const_new();

/// A database server: ours, or the one that `QUITTANCE_TEST_DATABASE_URL` names.
#[derive(Debug)]
pub struct Server {
    url: String,
    template: OnceCell<String>,
    node: Option<Node>,
}

#[derive(Debug)]
struct Node {
    process: Leashed,
    disk: Disk,
    bin: PathBuf,
    port: u16,
}

/// What its databases stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disk {
    Usual,
    /// 80 MB of memory.
    Small,
}

/// A database of the test's own; dropped with this value.
#[derive(Debug)]
pub struct Database {
    pub url: String,
    pub name: String,
    admin_url: String,
}

/// The server that all tests of this process share; started by the first that asks.
pub async fn server() -> anyhow::Result<&'static Server> {
    SHARED.get_or_init(named_or_own).await.as_ref().map_err(|error| anyhow!("{error}"))
}

async fn named_or_own() -> Result<Server, String> {
    match std::env::var(URL_ENV) {
        Ok(url) => Ok(Server { url, template: OnceCell::new(), node: None }),
        Err(_) => start().await.map_err(|error| format!("{error:#}")),
    }
}

/// A server of the caller's own, to stop, kill and restart; dropping it ends it.
pub async fn start() -> anyhow::Result<Server> {
    start_on(Disk::Usual).await
}

/// The same, with every database on a disk that is soon full; nothing where this user may not mount one.
/// It is not to be restarted: the disk goes with the process.
pub async fn start_on_small_disk() -> anyhow::Result<Option<Server>> {
    let probe = ["--mount", "--", "mount", "-t", "tmpfs", "tmpfs", "/mnt"];
    if !Command::new("unshare").args(probe).output().is_ok_and(|output| output.status.success()) {
        return Ok(None);
    }
    let mut server = start_on(Disk::Small).await?;
    let small = server.own_mut()?.process.folder().join("small");
    let tablespace = format!("create tablespace small location '{}'", small.display());
    for statement in [&tablespace, "alter database template1 set tablespace small"] {
        sql(server.url(), statement).await?;
    }
    Ok(Some(server))
}

async fn start_on(disk: Disk) -> anyhow::Result<Server> {
    let bin = newest_bin().with_context(|| {
        format!(
            "{BIN}/*/bin/postgres is missing: install the Debian package `postgresql` (`./test` does it), \
             or name a server in {URL_ENV}"
        )
    })?;
    let (process, port) = (Leashed::new("postgres", "QUIT")?, ports::free()?);
    let node = Node { process, disk, bin, port };
    let url = format!("postgres://quittance@127.0.0.1:{}/postgres", node.port);
    let mut server = Server { url, template: OnceCell::new(), node: Some(node) };
    server.restart().await?;
    Ok(server)
}

/// The name of a database that `migrate` has prepared, once per server; to be copied, not used.
pub async fn template(
    server: &Server,
    migrate: impl AsyncFnOnce(String) -> anyhow::Result<()>,
) -> anyhow::Result<String> {
    let prepare = async || {
        let name = format!("qt_template_{}", Uuid::now_v7().simple());
        sql(server.url(), &format!("create database {name}")).await?;
        migrate(with_database(server.url(), &name)?)
            .await
            .context("cannot migrate the template")?;
        anyhow::Ok(name)
    };
    server.template.get_or_try_init(prepare).await.cloned()
}

/// A new database, empty or a copy of `template`.
pub async fn fresh_database(server: &Server, template: Option<&str>) -> anyhow::Result<Database> {
    let name = format!("qt_{}", Uuid::now_v7().simple());
    let copied = template.map(|template| format!(" template {template}")).unwrap_or_default();
    sql(server.url(), &format!("create database {name}{copied}")).await?;
    let url = with_database(server.url(), &name)?;
    Ok(Database { url, name, admin_url: server.url().to_owned() })
}

/// Runs one statement through `psql` and gives what it answers: rows by line, columns by `|`.
pub async fn sql(url: &str, statement: &str) -> anyhow::Result<String> {
    let output = tokio::process::Command::from(psql(url, statement))
        .kill_on_drop(true)
        .output()
        .await
        .context("cannot start psql: install the Debian package `postgresql-client`")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{statement}` failed: {complaint}");
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

impl Server {
    /// The administrator's URL, which names the database `postgres`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends the server as an operator would; its data stays.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.own_mut()?.process.finish("INT", STOP_LIMIT).await.map(drop)
    }

    /// Ends every session and the server at once, as a crash would; its data stays and recovers at the next start.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.own_mut()?.process.finish("QUIT", STOP_LIMIT).await.map(drop)
    }

    /// Starts the server again on the same port and data, stopping it first if it runs.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        if self.own_mut()?.process.pid().is_some() {
            self.stop().await?;
        }
        let url = self.url.clone();
        let node = self.own_mut()?;
        let command = node.command()?;
        node.process.spawn(command)?;
        let probe = async || sql(&url, "select 1").await.ok().map(drop);
        node.process.answers(START_LIMIT, probe).await
    }

    /// Makes sure that it runs.
    pub async fn heal(&mut self) -> anyhow::Result<()> {
        if self.own_mut()?.process.pid().is_none() {
            self.restart().await?;
        }
        Ok(())
    }

    fn own_mut(&mut self) -> anyhow::Result<&mut Node> {
        let url = &self.url;
        self.node
            .as_mut()
            .with_context(|| format!("the server at {url} is not ours to control; unset {URL_ENV}"))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let statement = format!("drop database if exists {} with (force)", self.name);
        // A server that a fault test has ended takes the database with it.
        drop(psql(&self.admin_url, &statement).output());
    }
}

impl Node {
    /// PostgreSQL refuses to run as root, so root hands the folder to another user and lets that one run it.
    fn command(&self) -> anyhow::Result<Command> {
        let folder = self.process.folder();
        let mut command = Command::new("/bin/sh");
        if fs::metadata("/proc/self")?.uid() == 0 {
            let (uid, gid) = unprivileged_user()?;
            chown(folder, Some(uid), Some(gid)).context("cannot give the folder away")?;
            if self.disk == Disk::Small {
                command = Command::new("unshare");
                command.args(["--mount", "--", "/bin/sh", "-c", SMALL_DISK, "postgres"]);
                command.arg(&self.bin).arg(self.port.to_string());
                command.args([&format!("{uid}:{gid}"), START]);
                command.current_dir(folder).env("LC_ALL", "C");
                return Ok(command);
            }
            command = Command::new("setpriv");
            command.args(["--reuid", &uid.to_string(), "--regid", &gid.to_string()]);
            command.args(["--clear-groups", "/bin/sh"]);
        }
        command.args(["-c", START, "postgres"]).arg(&self.bin).arg(self.port.to_string());
        command.current_dir(folder).env("LC_ALL", "C");
        Ok(command)
    }
}

fn psql(url: &str, statement: &str) -> Command {
    let program = newest_bin().map_or_else(|| "psql".into(), |bin| bin.join("psql"));
    let mut command = Command::new(program);
    command.args(["-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-c", statement, url]);
    command.env("PGCONNECT_TIMEOUT", "5").stdin(std::process::Stdio::null());
    command
}

/// The URL with its last part, the database, replaced.
fn with_database(url: &str, name: &str) -> anyhow::Result<String> {
    let (address, options) = url.split_once('?').map_or((url, None), |(a, o)| (a, Some(o)));
    let authority = address.find("://").with_context(|| format!("{URL_ENV} is not a URL"))? + 3;
    let end = address[authority..].find('/').map_or(address.len(), |at| authority + at);
    let options = options.map(|options| format!("?{options}")).unwrap_or_default();
    Ok(format!("{}/{name}{options}", &address[..end]))
}

fn newest_bin() -> Option<PathBuf> {
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let folders = fs::read_dir(BIN).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    folders
        .filter(|folder| folder.join("bin/postgres").exists())
        .max_by_key(|folder| version(folder))
        .map(|folder| folder.join("bin"))
}

fn unprivileged_user() -> anyhow::Result<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let ids = |name: &str| {
        let user = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = user.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    ids("postgres")
        .or_else(|| ids("nobody"))
        .context("no user `postgres` or `nobody` to run PostgreSQL")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_a_url_is_replaced() {
        for (url, expected) in [
            ("postgres://u@h:1/postgres", "postgres://u@h:1/x"),
            ("postgres://u:p@h", "postgres://u:p@h/x"),
            ("postgres://u@h/db?sslmode=disable", "postgres://u@h/x?sslmode=disable"),
        ] {
            assert_eq!(with_database(url, "x").unwrap(), expected);
        }
    }
}
