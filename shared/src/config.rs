//! Configuration: `quittance.toml`, overridden by `QUITTANCE__SECTION__KEY`, read by every program.
//!
//! **Invariant**: an unknown key is an error, and a secret never shows in `Debug` or in an error.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::broker::topology::Topology;
use crate::message::seal::SealKeys;
use crate::retry::Schedule;

pub mod account;
pub mod changes;
pub mod files;
pub mod load;
pub mod reload;
pub mod return_to;
pub mod sections;

pub use crate::units;

use self::account::AccountSection;
use self::changes::Standing;
use self::sections::privacy::PrivacySection;
use self::sections::quarantine::QuarantineSection;
use self::sections::{
    BrokerSection, ConsoleSection, DatabaseSection, EmbeddedSection, IngressSection, LogSection,
    PolicySection, ProcessSection, RetrySection, SealSection, WorkerSection,
};
use crate::secret::Secret;

/// Everything that can be set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub broker: BrokerSection,
    pub database: DatabaseSection,
    pub embedded: EmbeddedSection,
    pub ingress: IngressSection,
    pub worker: WorkerSection,
    pub retry: RetrySection,
    pub policy: PolicySection,
    pub console: ConsoleSection,
    pub seal: SealSection,
    pub quarantine: QuarantineSection,
    pub privacy: PrivacySection,
    pub process: ProcessSection,
    pub log: LogSection,
    pub accounts: BTreeMap<String, AccountSection>,
    /// Where relative paths begin: the file's folder.
    #[serde(skip)]
    pub base: PathBuf,
    #[serde(skip)]
    pub source: Source,
}

/// Where a configuration came from, and what stood there.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The file that was named, or none for the usual ones; nothing at all: a text that was handed over.
    file: Option<Option<PathBuf>>,
    /// Files that sections other than accounts name.
    named: Vec<(String, PathBuf)>,
    standing: Standing,
    /// Did no file and no variable say anything?
    is_silent: bool,
}

/// Things that are wrong, a line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Problems(pub Vec<Problem>);

/// One thing that is wrong, by its key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct Problem {
    pub key: String,
    pub message: String,
}

/// Which pair of engines is configured. Nothing is mixed.
#[derive(Debug, Clone)]
pub enum Engines {
    /// Queue and ledger in one SQLite file.
    Embedded { path: PathBuf },
    /// RabbitMQ and PostgreSQL.
    Servers { broker_url: Secret, database_url: Secret },
}

impl Config {
    /// The path as seen from the file's folder.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }

    /// Did nobody configure anything, in no file and no variable? Then all of it is the default.
    pub fn is_silent(&self) -> bool {
        self.source.is_silent
    }

    /// The engine pair, with secrets read from their files.
    pub fn engines(&self) -> Result<Engines, Problem> {
        let broker = self.secret("broker.url", &self.broker.url, &self.broker.url_file)?;
        let database = self.secret("database.url", &self.database.url, &self.database.url_file)?;
        match (broker, database) {
            (None, None) => Ok(Engines::Embedded { path: self.resolve(&self.embedded.path) }),
            (Some(broker_url), Some(database_url)) => {
                if !broker_url.reveal().starts_with("amqp://")
                    && !broker_url.reveal().starts_with("amqps://")
                {
                    return Err(problem("broker.url", "must begin with amqp:// or amqps://"));
                }
                if !database_url.reveal().starts_with("postgres://")
                    && !database_url.reveal().starts_with("postgresql://")
                {
                    return Err(problem("database.url", "must begin with postgres://"));
                }
                Ok(Engines::Servers { broker_url, database_url })
            }
            (Some(_), None) => Err(problem(
                "database.url",
                "missing although broker.url is set: engines come in pairs, so set both \
                 (RabbitMQ and PostgreSQL) or neither (embedded)",
            )),
            (None, Some(_)) => Err(problem(
                "broker.url",
                "missing although database.url is set: engines come in pairs, so set both \
                 (RabbitMQ and PostgreSQL) or neither (embedded)",
            )),
        }
    }

    /// The broker's url alone: an ingress has no database.
    pub fn broker_url(&self) -> Result<Secret, Problem> {
        self.secret("broker.url", &self.broker.url, &self.broker.url_file)?.ok_or_else(|| {
            problem(
                "broker.url",
                "missing; without servers run `quittance serve`, which embeds both",
            )
        })
    }

    /// The url of the broker's management API, where one is configured.
    pub fn management_url(&self) -> Result<Option<Secret>, Problem> {
        const KEY: &str = "broker.management_url";
        let BrokerSection { management_url, management_url_file, .. } = &self.broker;
        let url = self.secret(KEY, management_url, management_url_file)?;
        let is_http = |url: &Secret| {
            let url = url.reveal();
            url.starts_with("http://") || url.starts_with("https://")
        };
        if url.as_ref().is_some_and(|url| !is_http(url)) {
            return Err(problem(KEY, "must begin with http:// or https://"));
        }
        Ok(url)
    }

    /// The database's url alone.
    pub fn database_url(&self) -> Result<Secret, Problem> {
        self.secret("database.url", &self.database.url, &self.database.url_file)?.ok_or_else(|| {
            problem(
                "database.url",
                "missing; without servers run `quittance serve`, which embeds both",
            )
        })
    }

    pub fn topology(&self) -> Result<Topology, Problem> {
        self.broker.check()?;
        let schedule = self.schedule()?;
        Ok(Topology { prefix: self.broker.prefix.clone(), shards: self.broker.shards, schedule })
    }

    pub fn schedule(&self) -> Result<Schedule, Problem> {
        let delays = self.retry.schedule.iter().map(|delay| delay.0).collect();
        Schedule::new(delays).map_err(|error| problem("retry.schedule", &error.to_string()))
    }

    /// The ring that seals messages; where it is missing, the error names the command that makes one.
    pub fn seal_keys(&self) -> Result<SealKeys, Problem> {
        const KEY: &str = "seal.keys_file";
        let Some(path) = &self.seal.keys_file else {
            return Err(problem(KEY, "missing; `quittance keys init` makes a key file"));
        };
        let path = self.resolve(path);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            let shown = path.display();
            problem(KEY, &format!("{shown}: {error}; `quittance keys init` makes a key file"))
        })?;
        SealKeys::parse(&text).map_err(|error| problem(KEY, &error.to_string()))
    }

    /// Everything that is wrong, without reaching for any server.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = self.accounts().err().unwrap_or_default();
        for problem in self.readers().err().unwrap_or_default() {
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
        problems.extend(self.topology().err());
        problems.extend(self.management_url().err());
        problems.extend(self.quarantine_cipher().err());
        problems.extend(self.limits());
        problems.extend(self.console.check().err());
        match self.engines() {
            Err(found) => problems.push(found),
            Ok(Engines::Servers { .. }) => {
                problems.extend(self.seal_keys().err());
                problems.extend(self.bodies(None).err());
            }
            Ok(Engines::Embedded { .. }) => problems.extend(self.body_keys().err()),
        }
        problems
    }

    /// Everything that is out of its limits: what each program checks, whichever keys it may read.
    pub fn limits(&self) -> Vec<Problem> {
        let mut problems = self.worker.check(self.ingress.body_limit);
        problems.extend(self.ingress.check());
        problems.extend(self.quarantine.check());
        problems.extend(self.policy.check().err());
        problems.extend(self.wrong_choices());
        problems.extend(self.privacy.check().err());
        problems.extend(self.process.check().err());
        problems
    }

    fn secret(
        &self,
        key: &str,
        value: &Option<Secret>,
        file: &Option<PathBuf>,
    ) -> Result<Option<Secret>, Problem> {
        match (value, file) {
            (Some(_), Some(_)) => {
                Err(problem(key, &format!("set either {key} or {key}_file, not both")))
            }
            (Some(value), None) => Ok(Some(value.clone())),
            (None, Some(file)) => {
                let path = self.resolve(file);
                let text = std::fs::read_to_string(&path).map_err(|error| {
                    problem(&format!("{key}_file"), &format!("{}: {error}", path.display()))
                })?;
                Ok(Some(Secret::new(text.trim().to_owned())))
            }
            (None, None) => Ok(None),
        }
    }
}

pub(crate) fn problem(key: &str, message: &str) -> Problem {
    Problem { key: key.to_owned(), message: message.to_owned() }
}
