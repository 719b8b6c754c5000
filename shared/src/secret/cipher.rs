//! Bytes at rest: AES-256-GCM under the keys of a file. Source: NIST SP 800-38D.
//!
//! **Invariant**: what was sealed for one context opens under no other.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rand::RngCore as _;

pub(super) const KEY_BYTES: usize = 32;
/// One in use, the others still opened during a rotation.
const KEYS_MAX: usize = 8;

/// The keys: the first seals, all open. A nonce is drawn at random for each text, which is safe for
/// 2³² of them under one key.
#[derive(Debug, Clone)]
pub struct Cipher {
    keys: Arc<[RandomizedNonceKey]>,
}

/// Why a text is no key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CipherKeyError {
    #[error("line {0}: a key is written as base64 of {KEY_BYTES} bytes")]
    Line(usize),
    #[error("from 1 to {KEYS_MAX} keys, a line each")]
    Count,
}

/// It cannot be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CipherError {
    #[error("sealing failed")]
    Seal,
    #[error("no configured key opens it, or it was changed")]
    Open,
}

impl Cipher {
    /// Reads a key file: a line a key; empty lines and `#` comments are skipped.
    pub fn parse(text: &str) -> Result<Self, CipherKeyError> {
        let keys: Option<Vec<_>> = secrets(text)?.iter().map(prepared).collect();
        Ok(Self { keys: keys.ok_or(CipherKeyError::Count)?.into() })
    }

    /// One key alone. Nothing: it is none, which no 32 bytes are.
    pub(super) fn of(secret: &[u8; KEY_BYTES]) -> Option<Self> {
        prepared(secret).map(|key| Self { keys: [key].into() })
    }

    /// The text of a key file with one fresh key. Secret: it goes to a file that only its owner reads.
    pub fn generate() -> String {
        BASE64.encode(fresh()) + "\n"
    }

    /// The nonce, the sealed bytes and their tag.
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, CipherError> {
        let key = self.keys.first().ok_or(CipherError::Seal)?;
        let mut sealed = plain.to_vec();
        let nonce = key
            .seal_in_place_append_tag(Aad::from(context), &mut sealed)
            .map_err(|_| CipherError::Seal)?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// What [`Cipher::seal`] was given, with the same context.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CipherError> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(CipherError::Open)?;
        for key in self.keys.iter() {
            let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| CipherError::Open)?;
            // A key that does not fit leaves its work in it.
            let mut text = text.to_vec();
            if let Ok(plain) = key.open_in_place(nonce, Aad::from(context), &mut text) {
                return Ok(plain.to_vec());
            }
        }
        Err(CipherError::Open)
    }
}

/// The keys of a file, in its order.
pub(super) fn secrets(text: &str) -> Result<Vec<[u8; KEY_BYTES]>, CipherKeyError> {
    let mut found = vec![];
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let bad = CipherKeyError::Line(index + 1);
        let secret = BASE64.decode(line).map_err(|_| bad)?;
        found.push(secret.try_into().map_err(|_| bad)?);
    }
    if found.is_empty() || found.len() > KEYS_MAX {
        return Err(CipherKeyError::Count);
    }
    Ok(found)
}

/// A fresh key.
pub(super) fn fresh() -> [u8; KEY_BYTES] {
    let mut secret = [0; KEY_BYTES];
    rand::rngs::OsRng.fill_bytes(&mut secret);
    secret
}

fn prepared(secret: &[u8; KEY_BYTES]) -> Option<RandomizedNonceKey> {
    RandomizedNonceKey::new(&AES_256_GCM, secret).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cipher() -> Cipher {
        Cipher::parse(&Cipher::generate()).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_under_its_context_alone() {
        let cipher = cipher();
        let sealed = cipher.seal(b"a", b"text").unwrap();
        assert_eq!(cipher.open(b"a", &sealed).unwrap(), b"text");
        assert_eq!(cipher.open(b"b", &sealed), Err(CipherError::Open));
        assert!(!sealed.windows(4).any(|window| window == b"text"));
        assert_ne!(cipher.seal(b"a", b"text").unwrap(), sealed, "a nonce of its own");
    }

    #[test]
    fn one_changed_bit_or_a_cut_does_not_open() {
        let cipher = cipher();
        let sealed = cipher.seal(b"a", b"text").unwrap();
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert_eq!(cipher.open(b"a", &changed), Err(CipherError::Open), "{index}");
            assert_eq!(cipher.open(b"a", &sealed[..index]), Err(CipherError::Open), "{index}");
        }
    }

    #[test]
    fn during_a_rotation_both_keys_open() {
        let (old, new) = (Cipher::generate(), Cipher::generate());
        let sealed = Cipher::parse(&old).unwrap().seal(b"", b"text").unwrap();
        let both = Cipher::parse(&format!("# new\n{new}\n{old}")).unwrap();
        assert_eq!(both.open(b"", &sealed).unwrap(), b"text");
        let fresh = both.seal(b"", b"text").unwrap();
        assert!(Cipher::parse(&new).unwrap().open(b"", &fresh).is_ok(), "the first one seals");
        assert!(Cipher::parse(&old).unwrap().open(b"", &fresh).is_err());
    }

    #[test]
    fn what_is_no_key_file_says_which_line() {
        assert_eq!(Cipher::parse("").unwrap_err(), CipherKeyError::Count);
        assert_eq!(Cipher::parse("\nc2hvcnQ=").unwrap_err(), CipherKeyError::Line(2));
        assert_eq!(Cipher::parse("not base64").unwrap_err(), CipherKeyError::Line(1));
        let many = Cipher::generate().repeat(KEYS_MAX + 1);
        assert_eq!(Cipher::parse(&many).unwrap_err(), CipherKeyError::Count);
        assert!(!format!("{:?}", cipher()).contains('='));
    }
}
