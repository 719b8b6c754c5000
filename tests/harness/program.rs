//! Our own programs as processes: the binaries that `cargo build --workspace` put beside the running test.
//!
//! **Invariant**: a program older than its sources is not run, and none outlives the test.

use std::ffi::OsStr;
use std::fs;
use std::future::ready;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail, ensure};

use crate::leash::Leashed;
use crate::wait;

const READY_LIMIT: Duration = Duration::from_secs(30);
const END_LIMIT: Duration = Duration::from_secs(40);
const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// A running program; killed when dropped.
#[derive(Debug)]
pub struct Program {
    name: String,
    process: Leashed,
}

/// The built binary of that name, which must be newer than all it was built from.
pub fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let test = std::env::current_exe().context("cannot tell where the test runs")?;
    let folder = test.parent().context("the test is in no target folder")?;
    // Tests stand one folder below the programs; the benchmark is one of them.
    let is_test = folder.ends_with("deps");
    let folder = if is_test { folder.parent().unwrap_or(folder) } else { folder };
    let path = folder.join(name);
    ensure!(path.exists(), "{} is missing: run `cargo build --workspace` first", path.display());
    if let Some(source) = newer_source(&path)? {
        bail!("{name} is older than {source}: run `cargo build --workspace` first");
    }
    Ok(path)
}

/// `quittance`, `quittance-ingress` or `quittance-worker`, ready to run without any variable of ours.
pub fn command(name: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(binary(name)?);
    for (key, _) in std::env::vars_os() {
        if key.to_string_lossy().starts_with("QUITTANCE_") {
            command.env_remove(key);
        }
    }
    Ok(command)
}

impl Program {
    /// Starts `quittance`, `quittance-ingress` or `quittance-worker`; of our own variables it sees only those in `env`.
    pub fn start(name: &str, args: &[&str], env: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut command = command(name)?;
        command.args(args).envs(env.iter().copied()).env("NO_COLOR", "1");
        Self::launch(name, command)
    }

    /// Starts any other command under the same care, such as a subscriber in Python.
    pub fn launch(name: &str, command: Command) -> anyhow::Result<Self> {
        let mut process = Leashed::new(name, "KILL")?;
        process.spawn(command)?;
        Ok(Self { name: name.to_owned(), process })
    }

    pub fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    /// What it has printed to stdout so far.
    pub fn stdout(&self) -> String {
        self.printed("stdout")
    }

    pub fn stderr(&self) -> String {
        self.printed("stderr")
    }

    /// Waits until `url` answers 200; fails at once if the program ends before.
    pub async fn wait_ready(&mut self, url: &str) -> anyhow::Result<()> {
        let client = reqwest::Client::builder().timeout(PROBE_LIMIT).build()?;
        let probe = async || {
            let answer = client.get(url).send().await.ok()?;
            (answer.status() == 200).then_some(())
        };
        self.process.answers(READY_LIMIT, probe).await
    }

    /// Has it ended by itself?
    pub fn has_ended(&mut self) -> bool {
        self.process.ended().is_some()
    }

    /// Waits for the program to end by itself.
    pub async fn wait_end(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let what = format!("{} to end", self.name);
        let process = &mut self.process;
        let ended = wait::until(&what, limit, || ready(process.ended())).await;
        ended.map_err(|late| self.process.explain(late))
    }

    /// Ends it as `kill -9` does.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.process.finish("KILL", END_LIMIT).await.map(drop)
    }

    /// Asks it to end (SIGTERM) and waits for that.
    pub async fn terminate(&mut self) -> anyhow::Result<ExitStatus> {
        self.process.finish("TERM", END_LIMIT).await
    }

    /// Sends it a signal such as `STOP`, `CONT`, `USR1`.
    pub fn signal(&self, name: &str) -> anyhow::Result<()> {
        self.process.signal(name)
    }

    /// An error with the end of what the program printed.
    pub fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        self.process.explain(error)
    }

    fn printed(&self, name: &str) -> String {
        let text = fs::read(self.process.folder().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// A source changed after the binary was built. Cargo lists a binary's sources in a `.d` file beside it.
fn newer_source(binary: &Path) -> anyhow::Result<Option<String>> {
    let built = modified(binary)?;
    let Ok(listed) = fs::read_to_string(binary.with_extension("d")) else { return Ok(None) };
    let sources = listed.split_once(": ").map_or("", |(_, sources)| sources);
    // A blank within a path is written as `\ `.
    let sources = sources.trim().replace("\\ ", "\0");
    let changed = |source: &String| modified(source.as_ref()).is_ok_and(|at| at > built);
    Ok(sources.split(' ').map(|source| source.replace('\0', " ")).find(changed))
}

fn modified(path: &Path) -> anyhow::Result<SystemTime> {
    fs::metadata(path).and_then(|meta| meta.modified()).with_context(|| {
        format!("cannot look at {:?}", path.file_name().unwrap_or(OsStr::new("?")))
    })
}
