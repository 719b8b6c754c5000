//! Values that must not be seen: they show as nothing in logs, errors and debug output.

use std::fmt;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

pub mod cipher;
pub mod envelope;
pub mod bodies;

const FINGERPRINT_BYTES: usize = 8;

/// A password, a url that holds one, a token, a key.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself: only to hand it to a server or to compute with it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Which secret it is, without telling it: the first bytes of a hash of its own kind, in hex.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"quittance secret\0");
        hash.update(&self.0);
        hash.finalize().iter().take(FINGERPRINT_BYTES).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::new("hunter2".into());
        assert_eq!(format!("{secret:?}"), "(secret)");
        assert_eq!(secret.fingerprint().len(), 16);
        assert_ne!(secret.fingerprint(), Secret::new("hunter3".into()).fingerprint());
    }
}
