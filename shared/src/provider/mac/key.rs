//! A key for message authentication codes that is bytes, not the text in which it was handed over.

use std::fmt;

use super::super::KeyNote;
use super::{hmac_sha256, to_hex};
use crate::secret::Secret;

/// A key of HMAC-SHA256. It never shows; its fingerprint tells it from others.
#[derive(Clone)]
pub struct MacKey {
    bytes: Vec<u8>,
    fingerprint: String,
}

impl MacKey {
    pub fn new(bytes: Vec<u8>) -> Self {
        let fingerprint = Secret::new(to_hex(&bytes)).fingerprint();
        Self { bytes, fingerprint }
    }

    /// The code over the parts, one after the other.
    pub fn code(&self, parts: &[&[u8]]) -> [u8; 32] {
        hmac_sha256(&self.bytes, parts)
    }

    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// What an operator sees of it.
    pub fn note(&self) -> KeyNote {
        KeyNote::bare(self.fingerprint.as_str(), "HMAC-SHA256")
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacKey({})", self.fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_shows_its_fingerprint_alone() {
        let (key, other) = (MacKey::new(vec![7; 32]), MacKey::new(vec![8; 32]));
        assert_eq!(format!("{key:?}"), format!("MacKey({})", key.note().id));
        assert_ne!(key.fingerprint(), other.fingerprint());
        assert!(!format!("{key:?}").contains("0707"));
    }
}
