//! A child process with a folder of its own, and a guard that outlives us by a moment.
//!
//! **Invariant**: the process and its folder are gone soon after the test process ends, even by SIGKILL. A shell
//! holds the other end of a pipe; when the pipe closes, it ends the process group and removes the folder.

use std::fs::{self, File, OpenOptions};
use std::future::ready;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, anyhow};

use crate::wait;

/// `$1` the signal that ends the process, `$2` the folder; each line on stdin is the process to end, 0 for none.
const GUARD: &str = r#"
trap '' HUP INT TERM
held=0
while read -r pid; do held=$pid; done
if [ "$held" -gt 0 ]; then
    kill -s "$1" -- "-$held"
    tries=0
    while kill -s 0 -- "-$held" && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
    kill -s KILL -- "-$held"
fi
rm -rf -- "$2"
"#;

const TAIL_BYTES: usize = 4_096;

/// A process, its folder and its guard.
#[derive(Debug)]
pub(crate) struct Leashed {
    what: String,
    end: &'static str,
    folder: PathBuf,
    process: Option<Child>,
    guard: Child,
    line: Option<ChildStdin>,
}

impl Leashed {
    /// A folder and its guard, with no process in it yet; `end` is the signal that ends one at last.
    pub(crate) fn new(what: &str, end: &'static str) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(&format!("quittance-test-{what}-"))
            .tempdir()
            .context("cannot make a temporary folder")?
            .keep();
        let mut guard = Command::new("/bin/sh")
            .args(["-c", GUARD, "guard", end])
            .arg(&folder)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start the guard, /bin/sh")?;
        let line = guard.stdin.take();
        Ok(Self { what: what.to_owned(), end, folder, process: None, guard, line })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts `command` in a process group of its own; what it prints goes to the files `stdout` and `stderr`.
    pub(crate) fn spawn(&mut self, mut command: Command) -> anyhow::Result<()> {
        let process = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(self.append("stdout")?)
            .stderr(self.append("stderr")?)
            .spawn()
            .with_context(|| format!("cannot start {}: {command:?}", self.what))?;
        let pid = process.id();
        self.process = Some(process);
        self.hold(pid)
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// How the process ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.process.as_mut()?.try_wait().ok().flatten()
    }

    /// Waits until `probe` finds the process at work; fails at once if it ends before.
    pub(crate) async fn answers<Probe: Future<Output = Option<()>>>(
        &mut self,
        limit: Duration,
        mut probe: impl FnMut() -> Probe,
    ) -> anyhow::Result<()> {
        let name = self.what.clone();
        let what = format!("{name}'s first answer");
        let outcome = wait::until(&what, limit, || {
            let ended = self.ended();
            let probed = probe();
            let name = &name;
            async move {
                match ended {
                    Some(status) => Some(Err(anyhow!("{name} ended at its start: {status}"))),
                    None => probed.await.map(Ok),
                }
            }
        });
        let answered = outcome.await.and_then(|answered| answered);
        answered.map_err(|error| self.explain(error))
    }

    /// Sends the running process a signal such as `TERM`, `KILL`, `STOP`, `CONT`.
    pub(crate) fn signal(&self, name: &str) -> anyhow::Result<()> {
        let pid = self.pid().with_context(|| format!("{} is not running", self.what))?;
        send(name, &pid.to_string())
    }

    /// Sends `signal` and waits for the process and all of its group to be gone.
    pub(crate) async fn finish(
        &mut self,
        signal: &str,
        limit: Duration,
    ) -> anyhow::Result<ExitStatus> {
        if self.ended().is_none() {
            self.signal(signal)?;
        }
        let what = format!("{} to end after SIG{signal}", self.what);
        let status = wait::until(&what, limit, || ready(self.ended()))
            .await
            .map_err(|late| self.explain(late))?;
        self.end_group();
        Ok(status)
    }

    /// The error with the end of what the process printed.
    pub(crate) fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let [stdout, stderr] =
            ["stdout", "stderr"].map(|name| tail(&self.folder.join(name), TAIL_BYTES));
        let what = &self.what;
        anyhow!("{error:#}\n--- {what}, stdout:\n{stdout}\n--- {what}, stderr:\n{stderr}")
    }

    /// Ends what is left of the process's group and forgets the process.
    fn end_group(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        // An error here means that there is nobody left to end.
        drop(send("KILL", &format!("-{}", process.id())));
        drop(process.wait());
        drop(self.hold(0));
    }

    fn hold(&mut self, pid: u32) -> anyhow::Result<()> {
        let line = self.line.as_mut().context("the guard is gone")?;
        writeln!(line, "{pid}").with_context(|| format!("the guard of {} is gone", self.what))
    }

    fn append(&self, name: &str) -> anyhow::Result<File> {
        let path = self.folder.join(name);
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

impl Drop for Leashed {
    /// Closes the guard's pipe and waits for it to have ended the process and removed the folder.
    fn drop(&mut self) {
        if self.end == "KILL" || self.ended().is_some() {
            self.end_group();
        }
        drop(self.line.take());
        if let Some(process) = &mut self.process {
            drop(process.wait());
        }
        drop(self.guard.wait());
    }
}

/// `unsafe` is forbidden here and with it `kill(2)`; the shell's own `kill` is everywhere.
fn send(signal: &str, target: &str) -> anyhow::Result<()> {
    let status = Command::new("/bin/sh")
        .args(["-c", r#"kill -s "$1" -- "$2""#, "kill", signal, target])
        .stderr(Stdio::null())
        .status()
        .context("cannot start /bin/sh")?;
    anyhow::ensure!(status.success(), "process {target} is not there to get SIG{signal}");
    Ok(())
}

fn tail(path: &Path, bytes_max: usize) -> String {
    let text = fs::read(path).unwrap_or_default();
    let from = text.len().saturating_sub(bytes_max);
    String::from_utf8_lossy(&text[from..]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_ends_the_process_and_removes_the_folder() {
        let mut leashed = Leashed::new("sleeper", "TERM").unwrap();
        let mut command = Command::new("sleep");
        command.arg("600");
        leashed.spawn(command).unwrap();
        let (pid, folder) = (leashed.pid().unwrap(), leashed.folder().to_owned());
        assert!(folder.exists());
        drop(leashed);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn an_ended_process_tells_its_status_and_its_last_words() {
        let mut leashed = Leashed::new("speaker", "KILL").unwrap();
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "trap 'echo goodbye; exit 3' TERM; echo ready; while :; do sleep 0.01; done",
        ]);
        leashed.spawn(command).unwrap();
        let stdout = leashed.folder().join("stdout");
        let spoken =
            async || fs::read_to_string(&stdout).is_ok_and(|text| text == "ready\n").then_some(());
        wait::until("the speaker's first word", Duration::from_secs(5), spoken).await.unwrap();
        let status = leashed.finish("TERM", Duration::from_secs(5)).await.unwrap();
        assert_eq!(status.code(), Some(3));
        assert!(leashed.explain(anyhow!("x")).to_string().contains("goodbye"));
        assert!(leashed.finish("TERM", Duration::from_secs(1)).await.is_err());
    }
}
