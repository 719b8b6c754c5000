//! One command run to its end, and what it is held to.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use harness::installation::Installation;
use serde_json::Value;

/// What a command left behind.
pub(crate) struct Ran {
    line: String,
    code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `quittance` with the words of `line` on the installation's configuration.
pub(crate) fn run(at: &Installation, line: &str) -> Ran {
    Ran::of(line, at.quittance(&words(line)).unwrap())
}

/// The same with more environment, which may configure anything.
pub(crate) fn run_with(at: &Installation, line: &str, env: &[(&str, &str)]) -> Ran {
    let mut command = at.command(&words(line)).unwrap();
    Ran::of(line, command.envs(env.iter().copied()).output().unwrap())
}

/// The same with something to read on standard input.
pub(crate) fn run_fed(at: &Installation, line: &str, input: &[u8]) -> Ran {
    let mut command = at.command(&words(line)).unwrap();
    let mut child = piped(&mut command).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    Ran::of(line, child.wait_with_output().unwrap())
}

/// The same command several times at once.
pub(crate) fn run_at_once(at: &Installation, line: &str, times: usize) -> Vec<Ran> {
    let start = |_| piped(&mut at.command(&words(line)).unwrap()).spawn().unwrap();
    let children: Vec<_> = (0..times).map(start).collect();
    let ended = children.into_iter().map(|child| child.wait_with_output().unwrap());
    ended.map(|output| Ran::of(line, output)).collect()
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn piped(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped())
}

impl Ran {
    fn of(line: &str, output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        Self { line: line.to_owned(), code: output.status.code(), stdout, stderr }
    }

    pub(crate) fn code(&self) -> Option<i32> {
        self.code
    }

    #[track_caller]
    pub(crate) fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Each of these is said on stderr, and nothing on stdout.
    #[track_caller]
    pub(crate) fn complains_of(self, words: &[&str]) -> Self {
        assert_eq!(self.stdout, "", "data beside a complaint: {self}");
        for word in words {
            assert!(self.stderr.contains(word), "stderr lacks {word:?}: {self}");
        }
        self
    }

    /// Each of these stands on stdout.
    #[track_caller]
    pub(crate) fn prints(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stdout.contains(word), "stdout lacks {word:?}: {self}");
        }
        self
    }

    /// Its one document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Its documents, a line each.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        let read = |line| serde_json::from_str(line);
        let lines: Result<_, _> = self.stdout.lines().map(read).collect();
        lines.unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, code, stdout, stderr } = self;
        write!(f, "quittance {line} -> {code:?}\n-- stdout\n{stdout}\n-- stderr\n{stderr}")
    }
}
