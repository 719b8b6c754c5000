//! Envelopes: each body is sealed with a key of its own, and a ring of keys wraps those.
//!
//! **Invariant**: a body and its wrapped key open under the message's own id alone, so rows that
//! were exchanged do not open. Without the wrapped key nothing opens the body.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use uuid::Uuid;

use super::Secret;
use super::cipher::{Cipher, CipherError, CipherKeyError, fresh, secrets};

const BODY_CONTEXT: &[u8] = b"quittance body 1\0";
const KEY_CONTEXT: &[u8] = b"quittance body key 1\0";

/// The keys that wrap: the first wraps, all unwrap.
#[derive(Debug, Clone)]
pub struct BodyKeys(Arc<[Wrapping]>);

#[derive(Debug, Clone)]
struct Wrapping {
    id: String,
    cipher: Cipher,
}

/// A sealed body, and what opens it together with the ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    pub wrapped: WrappedKey,
    pub body: Vec<u8>,
}

/// A data key, wrapped by a key of the ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// Which key of the ring wrapped it: a fingerprint, which tells nothing of the key.
    pub key_id: String,
    pub bytes: Vec<u8>,
}

impl BodyKeys {
    /// Reads a ring: a line a key, the newest first; empty lines and `#` comments are skipped.
    pub fn parse(text: &str) -> Result<Self, CipherKeyError> {
        let mut ring = vec![];
        for secret in secrets(text)? {
            let id = Secret::new(BASE64.encode(secret)).fingerprint();
            let cipher = Cipher::of(&secret).ok_or(CipherKeyError::Count)?;
            ring.push(Wrapping { id, cipher });
        }
        Ok(Self(ring.into()))
    }

    /// The text of a ring with one fresh key. Secret: it goes to a file that only its owner reads.
    pub fn generate() -> String {
        Cipher::generate()
    }

    /// Seals the body of this message with a fresh key.
    pub fn seal(&self, message: Uuid, body: &[u8]) -> Result<Envelope, CipherError> {
        let key = fresh();
        let cipher = Cipher::of(&key).ok_or(CipherError::Seal)?;
        let body = cipher.seal(&context(BODY_CONTEXT, message), body)?;
        Ok(Envelope { wrapped: self.wrap(message, &key)?, body })
    }

    /// What [`BodyKeys::seal`] was given for the same message.
    pub fn open(&self, message: Uuid, envelope: &Envelope) -> Result<Vec<u8>, CipherError> {
        let key = self.unwrap_key(message, &envelope.wrapped)?;
        let key = key.as_slice().try_into().map_err(|_| CipherError::Open)?;
        let cipher = Cipher::of(key).ok_or(CipherError::Open)?;
        cipher.open(&context(BODY_CONTEXT, message), &envelope.body)
    }

    /// The same data key, wrapped by the newest key. The body stays as it is.
    pub fn rewrap(&self, message: Uuid, wrapped: &WrappedKey) -> Result<WrappedKey, CipherError> {
        let key = self.unwrap_key(message, wrapped)?;
        self.wrap(message, &key)
    }

    /// The key that wraps.
    pub fn newest(&self) -> Option<&str> {
        self.0.first().map(|key| key.id.as_str())
    }

    /// The keys that only unwrap.
    pub fn former(&self) -> Vec<String> {
        self.0.iter().skip(1).map(|key| key.id.clone()).collect()
    }

    fn wrap(&self, message: Uuid, key: &[u8]) -> Result<WrappedKey, CipherError> {
        let newest = self.0.first().ok_or(CipherError::Seal)?;
        let bytes = newest.cipher.seal(&context(KEY_CONTEXT, message), key)?;
        Ok(WrappedKey { key_id: newest.id.clone(), bytes })
    }

    fn unwrap_key(&self, message: Uuid, wrapped: &WrappedKey) -> Result<Vec<u8>, CipherError> {
        let of = |key: &&Wrapping| key.id == wrapped.key_id;
        let key = self.0.iter().find(of).ok_or(CipherError::Open)?;
        key.cipher.open(&context(KEY_CONTEXT, message), &wrapped.bytes)
    }
}

fn context(label: &[u8], message: Uuid) -> Vec<u8> {
    [label, message.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Uuid = Uuid::from_u128(1);
    const SECOND: Uuid = Uuid::from_u128(2);

    fn ring() -> BodyKeys {
        BodyKeys::parse(&BodyKeys::generate()).unwrap()
    }

    #[test]
    fn a_body_opens_for_its_own_message_alone() {
        let ring = ring();
        let sealed = ring.seal(FIRST, b"buyer@example.com").unwrap();
        assert_eq!(ring.open(FIRST, &sealed).unwrap(), b"buyer@example.com");
        assert!(!sealed.body.windows(5).any(|window| window == b"buyer"));
        assert_eq!(ring.open(SECOND, &sealed), Err(CipherError::Open), "rows exchanged");
        let other = ring.seal(SECOND, b"x").unwrap();
        let mixed = Envelope { body: sealed.body.clone(), ..other };
        assert_eq!(ring.open(FIRST, &mixed), Err(CipherError::Open));
        assert_eq!(ring.open(SECOND, &mixed), Err(CipherError::Open), "its key, another's body");
    }

    #[test]
    fn each_message_has_a_key_of_its_own() {
        let ring = ring();
        let (one, same) = (ring.seal(FIRST, b"x").unwrap(), ring.seal(FIRST, b"x").unwrap());
        assert_ne!(one.wrapped.bytes, same.wrapped.bytes);
        let mixed = Envelope { wrapped: one.wrapped, body: same.body };
        assert_eq!(ring.open(FIRST, &mixed), Err(CipherError::Open));
    }

    #[test]
    fn one_changed_bit_or_a_cut_does_not_open() {
        let ring = ring();
        let sealed = ring.seal(FIRST, b"text").unwrap();
        let fails = |changed: &Envelope| ring.open(FIRST, changed) == Err(CipherError::Open);
        for index in 0..sealed.body.len() {
            let mut changed = sealed.clone();
            changed.body[index] ^= 1;
            assert!(fails(&changed), "{index}");
            changed.body.truncate(index);
            assert!(fails(&changed), "cut at {index}");
        }
        for index in 0..sealed.wrapped.bytes.len() {
            let mut changed = sealed.clone();
            changed.wrapped.bytes[index] ^= 1;
            assert!(fails(&changed), "{index}");
            changed.wrapped.bytes.truncate(index);
            assert!(fails(&changed), "cut at {index}");
        }
    }

    #[test]
    fn a_rotated_ring_opens_what_the_former_key_wrapped_and_wraps_it_anew() {
        let (old_text, new_text) = (BodyKeys::generate(), BodyKeys::generate());
        let old = BodyKeys::parse(&old_text).unwrap();
        let both = BodyKeys::parse(&format!("# newest first\n{new_text}\n{old_text}")).unwrap();
        let new = BodyKeys::parse(&new_text).unwrap();
        let sealed = old.seal(FIRST, b"text").unwrap();
        assert_eq!(both.former(), std::slice::from_ref(&sealed.wrapped.key_id));
        assert_eq!(both.open(FIRST, &sealed).unwrap(), b"text");
        assert_eq!(new.open(FIRST, &sealed), Err(CipherError::Open), "a wrong ring");

        let wrapped = both.rewrap(FIRST, &sealed.wrapped).unwrap();
        assert_eq!(Some(wrapped.key_id.as_str()), both.newest());
        let again = Envelope { wrapped, body: sealed.body.clone() };
        assert_eq!(new.open(FIRST, &again).unwrap(), b"text", "the old key is no longer needed");
        assert!(both.rewrap(SECOND, &sealed.wrapped).is_err());
        assert!(new.rewrap(FIRST, &sealed.wrapped).is_err());
    }
}
