//! The accounts of a running process: read again on SIGHUP, and when a file of theirs has changed.
//!
//! **Invariant**: what is wrong leaves everything as it was, and a request keeps the accounts that it
//! found, so a reload drops none.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::account::Choices;
use super::changes::{Standing, changes};
use super::files::{Files, Snapshot};
use super::{Config, Problem, load};
use crate::process::Hangup;
use crate::provider::{Accounts, Readers};

/// How often the files are looked at. Their contents are compared, which works on every mount; and what
/// is read must stand still for one interval, because somebody may still be writing it.
pub const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// A key file of a section other than accounts.
const FILE_MAX_BYTES: u64 = 64 * 1024;

/// Which part of the accounts a process holds; it reads no key beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What proves requests: an ingress.
    Proving,
    /// What reads notifications: a worker.
    Reading,
    /// Both in one process.
    Both,
}

/// The accounts, as they are at any moment.
pub struct Live {
    /// Empty where the process does not prove.
    pub accounts: watch::Receiver<Arc<Accounts>>,
    /// Empty where the process does not read.
    pub readers: watch::Receiver<Arc<Readers>>,
    pub choices: watch::Receiver<Arc<Choices>>,
    pub follow: Follow,
}

/// Keeps them up to date; see [`Follow::run`].
pub struct Follow {
    /// Nothing: the configuration was a text, which never changes.
    file: Option<Option<PathBuf>>,
    part: Part,
    hangup: Hangup,
    /// At the start: what other sections still run with.
    started: Standing,
    /// Behind the accounts that are in use.
    current: Standing,
    /// What the last attempt read, right or wrong.
    seen: Snapshot,
    accounts: watch::Sender<Arc<Accounts>>,
    readers: watch::Sender<Arc<Readers>>,
    choices: watch::Sender<Arc<Choices>>,
}

struct Held {
    accounts: Accounts,
    readers: Readers,
    choices: Choices,
}

/// One try to read everything anew.
struct Attempt {
    standing: Standing,
    held: Result<Held, Vec<Problem>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Applied,
    Unchanged,
    Refused,
}

impl Live {
    /// Reads the accounts for the first time. Where there is a file to read again, SIGHUP asks for it
    /// from now on, and no longer ends the process.
    pub fn open(config: &Config, part: Part) -> Result<Self, Vec<Problem>> {
        let hangup = match config.source.file {
            Some(_) => Hangup::listen(),
            None => Hangup::default(),
        };
        let files = Files::default();
        let held = Held::read(config, part, &files)?;
        let mut standing = config.source.standing.clone();
        standing.files.extend(files.into_snapshot());
        let (accounts, accounts_now) = watch::channel(Arc::new(held.accounts));
        let (readers, readers_now) = watch::channel(Arc::new(held.readers));
        let (choices, choices_now) = watch::channel(Arc::new(held.choices));
        for outcome in Outcome::ALL {
            counter!("quittance_reloads_total", "outcome" => outcome.as_str()).increment(0);
        }
        let follow = Follow {
            file: config.source.file.clone(),
            part,
            hangup,
            started: standing.clone(),
            seen: standing.files.clone(),
            current: standing,
            accounts,
            readers,
            choices,
        };
        Ok(Self { accounts: accounts_now, readers: readers_now, choices: choices_now, follow })
    }
}

impl Follow {
    /// Reads again whenever there is reason to, until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut moving: Option<Snapshot> = None;
        loop {
            let is_asked = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.hangup.asked() => true,
                () = tokio::time::sleep(LOOK_INTERVAL), if self.file.is_some() => false,
            };
            if is_asked {
                self.reload("SIGHUP").await;
                moving = None;
                continue;
            }
            let seen = self.seen.clone();
            let Ok(now) = spawn_blocking(move || seen.again()).await else { continue };
            if now == self.seen {
                moving = None;
            } else if moving.as_ref() == Some(&now) {
                self.reload("a file changed").await;
                moving = None;
            } else {
                moving = Some(now);
            }
        }
    }

    async fn reload(&mut self, reason: &str) {
        let Some(file) = self.file.clone() else { return };
        let part = self.part;
        let attempt = spawn_blocking(move || Attempt::new(file.as_deref(), part)).await;
        let Attempt { standing, held } = match attempt {
            Ok(attempt) => attempt,
            Err(error) => return error!(%error, "reading the configuration again was cut short"),
        };
        self.seen = standing.files.clone();
        let outcome = match held {
            Ok(held) => self.apply(held, standing),
            Err(problems) => {
                for Problem { key, message } in &problems {
                    error!(key, message, "wrong in the new configuration");
                }
                error!(reason, problems = problems.len(), "refused: the keys stay as they were");
                Outcome::Refused
            }
        };
        counter!("quittance_reloads_total", "outcome" => outcome.as_str()).increment(1);
        info!(reason, outcome = outcome.as_str(), "the configuration was read again");
    }

    fn apply(&mut self, mut held: Held, standing: Standing) -> Outcome {
        for key in changes(&self.started, &standing).restart {
            warn!(key, "it has changed, and needs a restart");
        }
        let accounts = changes(&self.current, &standing).accounts;
        self.current = standing;
        if accounts.is_empty() {
            return Outcome::Unchanged;
        }
        held.accounts.inherit(&self.accounts.borrow());
        // Whoever reads must know an account before its first message arrives.
        self.readers.send_replace(Arc::new(held.readers));
        self.choices.send_replace(Arc::new(held.choices));
        self.accounts.send_replace(Arc::new(held.accounts));
        for (account, change) in accounts {
            info!(account, change = change.as_str(), "the account's keys or settings are new");
        }
        Outcome::Applied
    }
}

impl Attempt {
    fn new(file: Option<&Path>, part: Part) -> Self {
        let files = Files::default();
        let (held, values) = match load::load_with(file, &files) {
            Ok(config) => (Held::checked(&config, part, &files), config.source.standing.values),
            Err(problem) => (Err(vec![problem]), Default::default()),
        };
        Self { standing: Standing { values, files: files.into_snapshot() }, held }
    }
}

impl Held {
    /// The whole configuration must be right: what is wrong elsewhere would fail the next start.
    fn checked(config: &Config, part: Part, files: &Files) -> Result<Self, Vec<Problem>> {
        let held = Self::read(config, part, files);
        let limits = config.limits();
        if limits.is_empty() {
            return held;
        }
        Err(held.err().into_iter().flatten().chain(limits).collect())
    }

    fn read(config: &Config, part: Part, files: &Files) -> Result<Self, Vec<Problem>> {
        let mut problems = vec![];
        let mut note = |wrong: Vec<Problem>| {
            for problem in wrong {
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
        };
        let accounts = match part {
            Part::Proving | Part::Both => {
                note(config.quarantine_cipher().err().into_iter().collect());
                config.accounts_from(files).map_err(&mut note).unwrap_or_default()
            }
            Part::Reading => Accounts::default(),
        };
        let readers = match part {
            Part::Reading | Part::Both => {
                config.readers_from(files).map_err(&mut note).unwrap_or_default()
            }
            Part::Proving => Readers::default(),
        };
        for (key, path) in &config.source.named {
            // Only whether it changed: a program that may not read it has no use for it.
            drop(files.text(key, &config.resolve(path), FILE_MAX_BYTES));
        }
        if problems.is_empty() {
            return Ok(Self { accounts, readers, choices: config.choices() });
        }
        Err(problems)
    }
}

impl Outcome {
    const ALL: [Self; 3] = [Self::Applied, Self::Unchanged, Self::Refused];

    /// The counter's label.
    fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
        }
    }
}

#[cfg(test)]
mod tests;
