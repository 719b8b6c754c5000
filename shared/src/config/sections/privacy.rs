//! `[privacy]`: how the ledger keeps the bytes that providers sent, and for how long.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::config::units::Span;
use crate::config::{Config, Problem, problem};
use crate::secret::bodies::{AtRest, Bodies};
use crate::secret::envelope::BodyKeys;

const KEEP_MIN: Duration = Duration::from_secs(24 * 60 * 60);
const KEEP_MAX: Duration = Duration::from_secs(3_660 * 24 * 60 * 60);
const KEYS_FILE: &str = "privacy.keys_file";
const MAKE: &str = "`quittance keys init --for bodies` makes a key file";

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrivacySection {
    /// The ring that wraps each body's key.
    pub keys_file: Option<PathBuf>,
    /// Are bodies sealed at rest?
    pub encrypt_bodies: bool,
    /// Bodies older than this are removed; the money facts stay.
    pub keep_bodies: Span,
}

impl Config {
    /// How bodies are kept: by the configured ring, else by the one that stands beside the embedded file.
    pub fn bodies(&self, beside: Option<BodyKeys>) -> Result<Bodies, Problem> {
        let keys = self.body_keys()?.or(beside);
        let at_rest = match (self.privacy.encrypt_bodies, &keys) {
            (true, Some(_)) => AtRest::Sealed,
            (false, _) => AtRest::Clear,
            (true, None) => {
                let or = "or set privacy.encrypt_bodies = false to keep bodies in the clear";
                return Err(problem(KEYS_FILE, &format!("missing; {MAKE}, {or}")));
            }
        };
        Ok(Bodies { at_rest, keys, keep: self.privacy.keep_bodies.0 })
    }

    /// The configured ring.
    pub(in crate::config) fn body_keys(&self) -> Result<Option<BodyKeys>, Problem> {
        let Some(path) = &self.privacy.keys_file else { return Ok(None) };
        let path = self.resolve(path);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| problem(KEYS_FILE, &format!("{}: {error}; {MAKE}", path.display())))?;
        BodyKeys::parse(&text).map(Some).map_err(|error| problem(KEYS_FILE, &error.to_string()))
    }
}

impl PrivacySection {
    pub(in crate::config) fn check(&self) -> Result<(), Problem> {
        if (KEEP_MIN..=KEEP_MAX).contains(&self.keep_bodies.0) {
            return Ok(());
        }
        Err(problem("privacy.keep_bodies", "from 1d to 3660d"))
    }
}

impl Default for PrivacySection {
    fn default() -> Self {
        Self { keys_file: None, encrypt_bodies: true, keep_bodies: Span(Bodies::KEEP) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_ring_names_its_command_unless_sealing_is_turned_off() {
        let mut config = Config::default();
        let missing = config.bodies(None).unwrap_err();
        assert_eq!(missing.key, KEYS_FILE);
        assert!(missing.message.contains("keys init --for bodies"), "{missing}");
        let beside = BodyKeys::parse(&BodyKeys::generate()).unwrap();
        assert_eq!(config.bodies(Some(beside)).unwrap().at_rest, AtRest::Sealed);
        config.privacy.encrypt_bodies = false;
        assert_eq!(config.bodies(None).unwrap().at_rest, AtRest::Clear);
        config.privacy.keys_file = Some("/nowhere/body.keys".into());
        assert!(config.bodies(None).is_err(), "a ring that is named must be there");
    }

    #[test]
    fn bodies_are_kept_for_at_least_a_day_and_never_without_end() {
        assert_eq!(PrivacySection::default().check(), Ok(()));
        for days in [0, 3_661] {
            let keep_bodies = Span(Duration::from_secs(days * 24 * 60 * 60));
            let section = PrivacySection { keep_bodies, ..PrivacySection::default() };
            assert!(section.check().is_err(), "{days}");
        }
    }
}
