//! `[quarantine]`: where an ingress keeps requests that failed verification, and how much of them.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::span;
use crate::config::units::{Bytes, Span};
use crate::config::{Config, Problem, problem};
use crate::secret::cipher::Cipher;

const REQUESTS_MAX: u32 = 100_000;
const BYTES_MAX: usize = 1 << 30;
const AGE_MIN: Duration = Duration::from_secs(60);
const AGE_MAX: Duration = Duration::from_secs(90 * 24 * 60 * 60);
const PER_MINUTE_MAX: u32 = 60_000;

/// The limits hold for each account alone, so that strangers at one cannot crowd out another's.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuarantineSection {
    pub folder: PathBuf,
    /// Base64 of 32 bytes; several lines during a rotation.
    pub key_file: Option<PathBuf>,
    pub requests_max: u32,
    pub bytes_max: Bytes,
    pub age_max: Span,
    /// Requests that are kept in a minute.
    pub per_minute_max: u32,
}

impl Config {
    /// What seals kept requests; nothing when neither a key nor an account asks for it.
    pub fn quarantine_cipher(&self) -> Result<Option<Cipher>, Problem> {
        const KEY: &str = "quarantine.key_file";
        let make = "`quittance keys init --for quarantine` makes a key file";
        let Some(path) = &self.quarantine.key_file else {
            let Some(account) = self.choices().quarantined.pop_first() else { return Ok(None) };
            let why = format!("missing although accounts.{account}.quarantine is set; {make}");
            return Err(problem(KEY, &why));
        };
        let path = self.resolve(path);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| problem(KEY, &format!("{}: {error}; {make}", path.display())))?;
        Cipher::parse(&text).map(Some).map_err(|error| problem(KEY, &error.to_string()))
    }
}

impl QuarantineSection {
    /// Everything that is out of its limits.
    pub(in crate::config) fn check(&self) -> Vec<Problem> {
        let counts = [
            ("quarantine.requests_max", self.requests_max, REQUESTS_MAX),
            ("quarantine.per_minute_max", self.per_minute_max, PER_MINUTE_MAX),
        ];
        let wrong = counts.into_iter().filter(|(_, value, max)| !(1..=*max).contains(value));
        let mut problems: Vec<_> =
            wrong.map(|(key, _, max)| problem(key, &format!("from 1 to {max}"))).collect();
        if !(1..=BYTES_MAX).contains(&self.bytes_max.0) {
            problems.push(problem("quarantine.bytes_max", "from 1B to 1024MiB"));
        }
        if !(AGE_MIN..=AGE_MAX).contains(&self.age_max.0) {
            problems.push(problem("quarantine.age_max", "from 1m to 90d"));
        }
        problems
    }
}

impl Default for QuarantineSection {
    fn default() -> Self {
        Self {
            folder: PathBuf::from("quittance-quarantine"),
            key_file: None,
            requests_max: 10_000,
            bytes_max: Bytes(64 << 20),
            age_max: span(7 * 24 * 60 * 60 * 1_000),
            per_minute_max: 600,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_limits_and_nothing_is_unbounded() {
        assert_eq!(QuarantineSection::default().check(), []);
        let none = QuarantineSection {
            requests_max: 0,
            bytes_max: Bytes(0),
            age_max: span(0),
            per_minute_max: 0,
            ..QuarantineSection::default()
        };
        assert_eq!(none.check().len(), 4);
    }
}
