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
    /// Bodies that state no fact are removed when they are older than this.
    pub keep_ignored_bodies: Span,
    /// The metadata of orders and subscriptions that are over for longer is emptied; nothing: it stays as
    /// long as they do.
    pub keep_metadata: Option<Span>,
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
        let PrivacySection { keep_bodies, keep_ignored_bodies, keep_metadata, .. } = &self.privacy;
        Ok(Bodies {
            at_rest,
            keys,
            keep: keep_bodies.0,
            keep_ignored: keep_ignored_bodies.0,
            keep_metadata: keep_metadata.map(|span| span.0),
        })
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
        let kept = [
            ("privacy.keep_bodies", Some(self.keep_bodies)),
            ("privacy.keep_ignored_bodies", Some(self.keep_ignored_bodies)),
            ("privacy.keep_metadata", self.keep_metadata),
        ];
        for (key, span) in kept {
            if span.is_some_and(|span| !(KEEP_MIN..=KEEP_MAX).contains(&span.0)) {
                return Err(problem(key, "from 1d to 3660d"));
            }
        }
        Ok(())
    }
}

impl Default for PrivacySection {
    fn default() -> Self {
        Self {
            keys_file: None,
            encrypt_bodies: true,
            keep_bodies: Span(Bodies::KEEP),
            keep_ignored_bodies: Span(Bodies::KEEP_IGNORED),
            keep_metadata: None,
        }
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
    fn what_is_kept_is_kept_for_at_least_a_day_and_bodies_never_without_end() {
        assert_eq!(PrivacySection::default().check(), Ok(()));
        let days = |days: u64| Span(Duration::from_secs(days * 24 * 60 * 60));
        for outside in [days(0), days(3_661)] {
            let bodies = PrivacySection { keep_bodies: outside, ..PrivacySection::default() };
            assert_eq!(bodies.check().unwrap_err().key, "privacy.keep_bodies");
            let ignored =
                PrivacySection { keep_ignored_bodies: outside, ..PrivacySection::default() };
            assert_eq!(ignored.check().unwrap_err().key, "privacy.keep_ignored_bodies");
            let metadata =
                PrivacySection { keep_metadata: Some(outside), ..PrivacySection::default() };
            assert_eq!(metadata.check().unwrap_err().key, "privacy.keep_metadata");
        }
    }

    #[test]
    fn metadata_stays_with_its_order_unless_it_is_given_a_time() {
        let mut config = Config::default();
        let beside = || BodyKeys::parse(&BodyKeys::generate()).ok();
        assert_eq!(config.bodies(beside()).unwrap().keep_metadata, None);
        config.privacy.keep_metadata = Some(Span(KEEP_MIN));
        assert_eq!(config.bodies(beside()).unwrap().keep_metadata, Some(KEEP_MIN));
    }

    #[test]
    fn what_states_no_fact_is_kept_for_a_week_unless_it_is_said_otherwise() {
        let mut config = Config::default();
        config.privacy.encrypt_bodies = false;
        assert_eq!(config.bodies(None).unwrap().keep_ignored, Bodies::KEEP_IGNORED);
        config.privacy.keep_ignored_bodies = Span(KEEP_MIN);
        let bodies = config.bodies(None).unwrap();
        assert_eq!((bodies.keep_ignored, bodies.keep), (KEEP_MIN, Bodies::KEEP));
    }
}
