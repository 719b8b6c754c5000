//! The sections of `quittance.toml`, with their defaults and limits.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::units::{Bytes, Span};
use super::{Problem, problem};
use crate::listen::Capacity;
use crate::retry::Schedule;
use crate::rules::Rules;
use crate::secret::Secret;
use crate::telemetry::LogFormat;

mod defaults;
pub mod privacy;
pub mod quarantine;

/// Names on the broker have 255 bytes; ours add at most 40.
const PREFIX_MAX_BYTES: usize = 64;
const SHARDS_MAX: u16 = 256;
const LANES_MAX: u16 = 64;
/// `3 × batch_max` is the prefetch, and RabbitMQ takes at most 65,535.
const BATCH_MAX: u16 = 10_000;
/// Deliveries held for one that is being settled: collecting overlaps with committing.
pub const PREFETCH_BATCHES: u16 = 3;
/// Bodies that one lane may hold when every message is as long as the ingress allows.
const HELD_MAX_BYTES: usize = 1 << 30;
const BATCH_WAIT_MAX: Duration = Duration::from_secs(1);
const QUEUE_AGE_ALARM_MAX: Duration = Duration::from_secs(24 * 60 * 60);
const CONNECTIONS_MAX: u16 = u16::MAX;
const BODY_LIMIT_MAX_BYTES: usize = 1 << 20;
const BODY_TIMEOUT_MAX: Duration = Duration::from_secs(60);
const ORDER_DEADLINE_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const SHUTDOWN_TIMEOUT_MAX: Duration = Duration::from_secs(10 * 60);
const PUBLISH_TIMEOUT_MAX: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrokerSection {
    pub url: Option<Secret>,
    pub url_file: Option<PathBuf>,
    /// Of the management API, for `topology check` alone.
    pub management_url: Option<Secret>,
    pub management_url_file: Option<PathBuf>,
    pub prefix: String,
    pub shards: u16,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseSection {
    pub url: Option<Secret>,
    pub url_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmbeddedSection {
    pub path: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IngressSection {
    pub listen: SocketAddr,
    pub admin_listen: SocketAddr,
    pub body_limit: Bytes,
    /// How long a body may take to arrive.
    pub body_timeout: Span,
    pub publish_timeout: Span,
    /// Open connections, and those of one address.
    pub connections_max: u16,
    pub connections_per_address_max: u16,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkerSection {
    pub admin_listen: SocketAddr,
    pub lanes: u16,
    pub batch_max: u16,
    pub batch_wait: Span,
    /// Messages that waited longer are warned of.
    pub queue_age_alarm: Span,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetrySection {
    pub schedule: Vec<Span>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicySection {
    /// How long a payment waits for its order before it becomes a case.
    pub order_deadline: Span,
    /// Must every order name the account that may be paid?
    pub account_required: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConsoleSection {
    pub listen: SocketAddr,
    /// A bearer token for the API; needed when `listen` is not loopback.
    pub token_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SealSection {
    pub keys_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProcessSection {
    pub shutdown_timeout: Span,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSection {
    pub format: Format,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    #[default]
    Pretty,
    Json,
}

impl BrokerSection {
    pub(super) fn check(&self) -> Result<(), Problem> {
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let named = !self.prefix.is_empty() && self.prefix.len() <= PREFIX_MAX_BYTES;
        if !named || !self.prefix.bytes().all(letters) {
            let limit = format!("from 1 to {PREFIX_MAX_BYTES} letters, digits, `-`, `_` or `.`");
            return Err(problem("broker.prefix", &limit));
        }
        within("broker.shards", self.shards, SHARDS_MAX)
    }
}

impl WorkerSection {
    /// Everything that is out of its limits.
    pub(super) fn check(&self, body_limit: Bytes) -> Vec<Problem> {
        let batch_max = within("worker.batch_max", self.batch_max, BATCH_MAX);
        let checks = [
            within("worker.lanes", self.lanes, LANES_MAX),
            batch_max.and_then(|()| self.held(body_limit)),
            at_most("worker.batch_wait", self.batch_wait, BATCH_WAIT_MAX),
            some("worker.queue_age_alarm", self.queue_age_alarm),
            at_most("worker.queue_age_alarm", self.queue_age_alarm, QUEUE_AGE_ALARM_MAX),
        ];
        checks.into_iter().filter_map(Result::err).collect()
    }

    /// What a lane may come to hold fits into memory.
    fn held(&self, body_limit: Bytes) -> Result<(), Problem> {
        let messages = usize::from(PREFETCH_BATCHES) * usize::from(self.batch_max);
        let bytes = messages.saturating_mul(body_limit.0);
        if bytes <= HELD_MAX_BYTES {
            return Ok(());
        }
        let most = "at most 1 GiB a lane in 3 × worker.batch_max bodies of ingress.body_limit";
        Err(problem("worker.batch_max", &format!("{most}; these are {} MiB", bytes >> 20)))
    }
}

impl IngressSection {
    /// Everything that is out of its limits.
    pub(super) fn check(&self) -> Vec<Problem> {
        let mut problems = vec![];
        if self.body_limit.0 > BODY_LIMIT_MAX_BYTES || self.body_limit.0 == 0 {
            problems.push(problem("ingress.body_limit", "from 1B to 1MiB"));
        }
        let spans = [
            ("ingress.publish_timeout", self.publish_timeout, PUBLISH_TIMEOUT_MAX),
            ("ingress.body_timeout", self.body_timeout, BODY_TIMEOUT_MAX),
        ];
        for (key, span, max) in spans {
            problems.extend(some(key, span).and_then(|()| at_most(key, span, max)).err());
        }
        let (all, one) = (self.connections_max, self.connections_per_address_max);
        problems.extend(within("ingress.connections_max", all, CONNECTIONS_MAX).err());
        problems.extend(within("ingress.connections_per_address_max", one, all).err());
        problems
    }
}

impl PolicySection {
    pub(super) fn check(&self) -> Result<(), Problem> {
        at_most("policy.order_deadline", self.order_deadline, ORDER_DEADLINE_MAX)
    }
}

impl ProcessSection {
    pub(super) fn check(&self) -> Result<(), Problem> {
        at_most("process.shutdown_timeout", self.shutdown_timeout, SHUTDOWN_TIMEOUT_MAX)
    }
}

impl ConsoleSection {
    pub(super) fn check(&self) -> Result<(), Problem> {
        if self.listen.ip().is_loopback() || self.token_file.is_some() {
            return Ok(());
        }
        let needed = "needed because console.listen is not a loopback address";
        Err(problem("console.token_file", needed))
    }
}

impl LogSection {
    pub fn format(&self) -> LogFormat {
        match self.format {
            Format::Pretty => LogFormat::Pretty,
            Format::Json => LogFormat::Json,
        }
    }
}

fn within(key: &str, value: u16, max: u16) -> Result<(), Problem> {
    if (1..=max).contains(&value) {
        return Ok(());
    }
    Err(problem(key, &format!("from 1 to {max}")))
}

fn some(key: &str, span: Span) -> Result<(), Problem> {
    if span.0.is_zero() { Err(problem(key, "more than nothing")) } else { Ok(()) }
}

fn at_most(key: &str, span: Span, max: Duration) -> Result<(), Problem> {
    if span.0 > max {
        return Err(problem(key, &format!("at most {}s", max.as_secs())));
    }
    Ok(())
}

fn span(millis: u64) -> Span {
    Span(Duration::from_millis(millis))
}
