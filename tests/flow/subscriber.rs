//! A subscriber that is not ours to flatter: the Python example, run as its README says.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use harness::driver::Burst;
use harness::installation::Installation;
use harness::program::Program;
use harness::{rabbitmq, sqlite, wait};

const PATIENCE: Duration = Duration::from_secs(120);

/// The example in a process of its own.
pub(crate) struct Subscriber {
    program: Program,
    state: PathBuf,
    python: PathBuf,
}

impl Subscriber {
    pub(crate) async fn start(installation: &Installation) -> anyhow::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let python = sqlite::python()?;
        let state = installation.path("subscriber.sqlite3");
        let prefix = installation.prefix.as_ref().context("no broker")?;
        let mut command = Command::new(&python);
        command
            .arg(root.join("examples/subscriber.py"))
            .args(["--url", rabbitmq::server().await?.url()])
            .args(["--exchange", &format!("{prefix}.fulfilment")])
            .args(["--queue", &format!("{prefix}.example.subscriber")])
            .arg("--state")
            .arg(&state);
        let program = Program::launch("subscriber.py", command)?;
        wait::until("the subscriber's binding", PATIENCE, || async {
            program.stdout().contains("ready").then_some(())
        })
        .await
        .map_err(|error| program.explain(error))?;
        Ok(Self { program, state, python })
    }

    /// It ends with exactly these orders paid, each once.
    pub(crate) async fn ends_with(&mut self, burst: &Burst) -> anyhow::Result<()> {
        let mut expected: Vec<String> =
            burst.orders.iter().map(|(number, _)| format!("order/{number}|paid|1|1")).collect();
        expected.sort();
        let seen = wait::until("the subscriber's orders", PATIENCE, || async {
            let seen = self.read().ok()?;
            (seen.len() >= expected.len()).then_some(seen)
        })
        .await
        .map_err(|error| self.program.explain(error))?;
        ensure!(seen == expected, "{} orders, not those {}", seen.len(), expected.len());
        ensure!(self.program.terminate().await?.success(), "the subscriber failed");
        Ok(())
    }

    fn read(&self) -> anyhow::Result<Vec<String>> {
        const SCRIPT: &str = "import sqlite3, sys\n\
            for row in sqlite3.connect(sys.argv[1]).execute(\n\
            'select subject, status, entitled, paid from orders order by subject'):\n\
            \tprint('|'.join(map(str, row)))";
        let output = Command::new(&self.python).args(["-c", SCRIPT]).arg(&self.state).output()?;
        ensure!(output.status.success(), "reading the subscriber's state");
        Ok(String::from_utf8(output.stdout)?.lines().map(ToOwned::to_owned).collect())
    }
}
