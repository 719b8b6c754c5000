//! Keys of Ed25519 as senders write them: `whpk_` or `whsk_`, and base64. Source: RFC 8032.

use std::fmt;

use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, ParsedPublicKey};
use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use super::{KeyNote, UNPADDED};
use crate::provider::mac::to_hex;

const PREFIX: &str = "whpk_";
const PRIVATE_PREFIX: &str = "whsk_";
const KEY_BYTES: usize = 32;
const FINGERPRINT_BYTES: usize = 8;

/// A key that verifies `v1a`.
#[derive(Clone)]
pub struct PublicKey {
    verifier: ParsedPublicKey,
    fingerprint: String,
}

impl PublicKey {
    /// Reads one. An error says what to configure instead.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.starts_with(PRIVATE_PREFIX) {
            return Err("this is a private key: configure the sender's `whpk_…`");
        }
        let rule = "a public key is `whpk_` and the base64 of 32 bytes";
        let encoded = text.strip_prefix(PREFIX).ok_or(rule)?;
        let bytes = UNPADDED.decode(encoded).map_err(|_| rule)?;
        if bytes.len() != KEY_BYTES {
            return Err(rule);
        }
        let verifier = ParsedPublicKey::new(&ED25519, &bytes).map_err(|_| rule)?;
        let fingerprint = to_hex(&Sha256::digest(&bytes)[..FINGERPRINT_BYTES]);
        Ok(Self { verifier, fingerprint })
    }

    /// Does the key's owner stand behind these bytes?
    pub(super) fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        self.verifier.verify_sig(signed, signature).is_ok()
    }

    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// What an operator sees of it.
    pub fn note(&self) -> KeyNote {
        KeyNote::bare(self.fingerprint.as_str(), "Ed25519")
    }
}

/// A sender's own key, for simulation: no account ever holds one.
pub struct PrivateKey(Ed25519KeyPair);

impl PrivateKey {
    /// Reads `whsk_` and the base64 of the seed with the public key behind it. Nothing: it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = UNPADDED.decode(text.strip_prefix(PRIVATE_PREFIX)?).ok()?;
        let (seed, public_key) = bytes.split_at_checked(KEY_BYTES)?;
        Ed25519KeyPair::from_seed_and_public_key(seed, public_key).map(Self).ok()
    }

    /// Makes one, with its text. Nothing: the machine gives no chance.
    pub fn generate() -> Option<(Self, String)> {
        let pair = Ed25519KeyPair::generate().ok()?;
        let seed = pair.seed().ok()?.as_be_bytes().ok()?;
        let bytes = [seed.as_ref(), pair.public_key().as_ref()].concat();
        Some((Self(pair), format!("{PRIVATE_PREFIX}{}", UNPADDED.encode(bytes))))
    }

    /// The `whpk_…` to configure.
    pub fn public_key(&self) -> String {
        format!("{PREFIX}{}", UNPADDED.encode(self.0.public_key()))
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint)
    }
}
