//! How the ledger keeps bodies: sealed or, by explicit configuration, in the clear; and for how long, as what shops
//! wrote beside their orders.
//!
//! **Invariant**: without a ring nothing is kept in the clear by mistake: sealing fails instead.

use std::time::Duration;

use uuid::Uuid;

use super::cipher::CipherError;
use super::envelope::{BodyKeys, Envelope, WrappedKey};

/// What a ledger needs to keep bodies.
#[derive(Debug, Clone)]
pub struct Bodies {
    pub at_rest: AtRest,
    /// Nothing: what is sealed stays closed.
    pub keys: Option<BodyKeys>,
    /// What is older is removed.
    pub keep: Duration,
    /// The same of bodies that state no fact: nothing in the ledger rests on them.
    pub keep_ignored: Duration,
    /// What a shop wrote beside an order or a subscription is emptied after so long; nothing: it stays.
    pub keep_metadata: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtRest {
    Sealed,
    /// As `privacy.encrypt_bodies = false` asks for.
    Clear,
}

/// A body as a row holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Nothing: it stands in the clear.
    pub wrapped: Option<WrappedKey>,
    pub body: Vec<u8>,
}

impl Bodies {
    /// A year, in which providers take refunds, and a month to clear up.
    pub const KEEP: Duration = Duration::from_secs(400 * 24 * 60 * 60);
    /// A week, in which somebody may ask why a notification changed nothing.
    pub const KEEP_IGNORED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

    /// Sealed by this ring.
    pub fn sealed_by(keys: BodyKeys) -> Self {
        Self { keys: Some(keys), ..Self::default() }
    }

    /// The body of this message as it is stored.
    pub fn keep(&self, message: Uuid, body: &[u8]) -> Result<Kept, CipherError> {
        match self.at_rest {
            AtRest::Clear => Ok(Kept { wrapped: None, body: body.to_vec() }),
            AtRest::Sealed => {
                let keys = self.keys.as_ref().ok_or(CipherError::Seal)?;
                let Envelope { wrapped, body } = keys.seal(message, body)?;
                Ok(Kept { wrapped: Some(wrapped), body })
            }
        }
    }

    /// What [`Bodies::keep`] was given.
    pub fn open(&self, message: Uuid, kept: Kept) -> Result<Vec<u8>, CipherError> {
        let Kept { wrapped, body } = kept;
        let Some(wrapped) = wrapped else { return Ok(body) };
        let keys = self.keys.as_ref().ok_or(CipherError::Open)?;
        keys.open(message, &Envelope { wrapped, body })
    }
}

/// Locked: it seals, and has no ring yet.
impl Default for Bodies {
    fn default() -> Self {
        Self {
            at_rest: AtRest::Sealed,
            keys: None,
            keep: Self::KEEP,
            keep_ignored: Self::KEEP_IGNORED,
            keep_metadata: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: Uuid = Uuid::from_u128(1);

    #[test]
    fn only_explicit_configuration_keeps_a_body_in_the_clear() {
        assert_eq!(Bodies::default().keep(MESSAGE, b"x"), Err(CipherError::Seal));
        let clear = Bodies { at_rest: AtRest::Clear, ..Bodies::default() };
        let kept = clear.keep(MESSAGE, b"x").unwrap();
        assert_eq!(kept, Kept { wrapped: None, body: b"x".to_vec() });
        assert_eq!(Bodies::default().open(MESSAGE, kept).unwrap(), b"x");
    }

    #[test]
    fn what_was_sealed_opens_with_the_ring_even_after_sealing_was_turned_off() {
        let sealed = Bodies::sealed_by(BodyKeys::parse(&BodyKeys::generate()).unwrap());
        let kept = sealed.keep(MESSAGE, b"x").unwrap();
        let clear = Bodies { at_rest: AtRest::Clear, ..sealed };
        assert_eq!(clear.open(MESSAGE, kept.clone()).unwrap(), b"x");
        assert_eq!(Bodies::default().open(MESSAGE, kept), Err(CipherError::Open));
    }
}
