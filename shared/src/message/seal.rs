//! The seal: HMAC-SHA256 under keys that only ingress and workers hold.
//!
//! **Invariant**: every field goes in with its length, so that no two messages share a sealed text.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac as _};
use rand::RngCore as _;
use sha2::{Digest as _, Sha256};

use super::Message;

const KEY_BYTES: usize = 32;
const KEY_ID_MAX_BYTES: usize = 32;
/// Keys that a ring may hold: one in use, the others still accepted during a rotation.
const KEYS_MAX: usize = 8;

/// The ring: seals with its first key, accepts any.
#[derive(Clone)]
pub struct SealKeys {
    keys: Vec<SealKey>,
}

#[derive(Clone)]
struct SealKey {
    id: String,
    secret: Vec<u8>,
}

/// Why a parcel is not from an ingress of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsealed {
    #[error("no ingress of ours sealed it: `{0}` is missing or unreadable")]
    Missing(&'static str),
    #[error(
        "its seal names a key that the ring here lacks: one that came or went too early, or nobody's"
    )]
    UnknownKey,
    #[error("no ingress of ours sealed it: the seal does not fit the message")]
    Broken,
}

impl Unsealed {
    /// How dead letters call it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing(_) => "no_message_of_ours",
            Self::UnknownKey => "unknown_key",
            Self::Broken => "broken",
        }
    }
}

/// Why a text is no key ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    #[error("line {0}: a key is written as `id:base64 of {KEY_BYTES} bytes`")]
    Line(usize),
    #[error("a ring holds from 1 to {KEYS_MAX} keys, each with an id of its own")]
    Count,
}

impl SealKeys {
    /// A ring with one fresh key, named after nothing but chance.
    pub fn generate() -> Self {
        let mut secret = vec![0; KEY_BYTES];
        rand::rngs::OsRng.fill_bytes(&mut secret);
        let mut id = [0; 4];
        rand::rngs::OsRng.fill_bytes(&mut id);
        Self { keys: vec![SealKey { id: hex(&id), secret }] }
    }

    /// Reads a key file: a line a key, the first seals; empty lines and `#` comments are skipped.
    pub fn parse(text: &str) -> Result<Self, KeyRingError> {
        let mut keys: Vec<SealKey> = vec![];
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = KeyRingError::Line(index + 1);
            let (id, secret) = line.split_once(':').ok_or(bad)?;
            let secret = BASE64.decode(secret.trim()).map_err(|_| bad)?;
            let named = !id.is_empty() && id.len() <= KEY_ID_MAX_BYTES && !id.contains('.');
            if !named || secret.len() != KEY_BYTES {
                return Err(bad);
            }
            keys.push(SealKey { id: id.to_owned(), secret });
        }
        let mut ids: Vec<_> = keys.iter().map(|key| &key.id).collect();
        ids.sort();
        ids.dedup();
        if keys.is_empty() || keys.len() > KEYS_MAX || ids.len() != keys.len() {
            return Err(KeyRingError::Count);
        }
        Ok(Self { keys })
    }

    /// The key file's text. Secret: it goes to a file that only its owner reads.
    pub fn to_text(&self) -> String {
        let line = |key: &SealKey| format!("{}:{}\n", key.id, BASE64.encode(&key.secret));
        self.keys.iter().map(line).collect()
    }

    /// `{key id}.{base64 of the code}`.
    pub(super) fn seal(&self, message: &Message) -> String {
        let Some(key) = self.keys.first() else { return String::new() };
        let code = code(&key.secret, message).finalize().into_bytes();
        format!("{}.{}", key.id, BASE64.encode(code))
    }

    /// Compares in constant time.
    pub(super) fn check(&self, message: &Message, seal: &str) -> Result<(), Unsealed> {
        let (id, claimed) = seal.split_once('.').ok_or(Unsealed::Broken)?;
        let key = self.keys.iter().find(|key| key.id == id).ok_or(Unsealed::UnknownKey)?;
        let claimed = BASE64.decode(claimed).map_err(|_| Unsealed::Broken)?;
        code(&key.secret, message).verify_slice(&claimed).map_err(|_| Unsealed::Broken)
    }
}

impl fmt::Debug for SealKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

/// Source: RFC 2104. The attempt, the content type and the trace are left out: they may change.
#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn code(secret: &[u8], message: &Message) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("hmac takes any key length");
    let mut field = |bytes: &[u8]| {
        mac.update(&(bytes.len() as u64).to_be_bytes());
        mac.update(bytes);
    };
    field(message.id.as_bytes());
    field(message.kind.as_bytes());
    field(message.account.as_bytes());
    field(message.number.epoch.as_bytes());
    field(&message.number.seq.to_be_bytes());
    field(message.received_at_text().as_bytes());
    for (name, value) in &message.http {
        field(name.as_bytes());
        field(value.as_bytes());
    }
    field(&Sha256::digest(&message.body));
    mac
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_survives_its_file() {
        let ring = SealKeys::generate();
        let again = SealKeys::parse(&format!("# a comment\n\n{}", ring.to_text())).unwrap();
        assert_eq!(again.to_text(), ring.to_text());
    }

    #[test]
    fn what_is_no_ring_says_which_line() {
        assert_eq!(SealKeys::parse("").unwrap_err(), KeyRingError::Count);
        assert_eq!(SealKeys::parse("k1:c2hvcnQ=").unwrap_err(), KeyRingError::Line(1));
        let one = SealKeys::generate().to_text();
        assert_eq!(SealKeys::parse(&format!("{one}{one}")).unwrap_err(), KeyRingError::Count);
    }

    #[test]
    fn a_ring_never_shows_its_secrets() {
        let ring = SealKeys::generate();
        let secret = ring.to_text();
        let secret = secret.split_once(':').unwrap().1.trim();
        assert!(!format!("{ring:?}").contains(secret));
    }
}
