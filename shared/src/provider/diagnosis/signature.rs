//! What an RSA signature shows without the text that it covers: whether a key's owner made it, and
//! with which hash. Source: RFC 8017 §5.2.2 and §9.2.
//!
//! **Invariant**: it tells keys apart for the doctor and proves nothing; only `verify` lets a request in.

use rsa::BigUint;
use rsa::traits::PublicKeyParts as _;

use super::super::public_key::{HashFunction, PublicKey};

/// Bytes of padding that a block has at least.
const PADDING_MIN: usize = 8;
/// What stands before the digest in a block. Source: RFC 8017 §9.2, note 1.
const SHA1: &[u8] = b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14";
const SHA256: &[u8] =
    b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";

/// The hash that a signer used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Other,
}

impl From<HashFunction> for Hash {
    fn from(hash: HashFunction) -> Self {
        match hash {
            HashFunction::Sha256 => Self::Sha256,
            HashFunction::Sha1 => Self::Sha1,
        }
    }
}

impl Hash {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Other => "another hash",
        }
    }
}

/// The hash of the block in this signature, if one of the keys' owners made it.
pub(super) fn made_by(keys: &[PublicKey], signature: &[u8]) -> Option<Hash> {
    keys.iter().find_map(|key| hash(key, signature))
}

/// A block that another key made looks like noise, whose padding fits once in 2^80.
fn hash(key: &PublicKey, signature: &[u8]) -> Option<Hash> {
    let key = key.rsa();
    let number = BigUint::from_bytes_be(signature);
    if signature.len() != key.size() || &number >= key.n() {
        return None;
    }
    let block = number.modpow(key.e(), key.n()).to_bytes_be();
    // The block's first byte, 0, is no digit of the number.
    if block.len() + 1 != key.size() {
        return None;
    }
    let padded = block.strip_prefix(b"\x01")?;
    let padding = padded.iter().take_while(|byte| **byte == 0xff).count();
    let info = padded[padding..].strip_prefix(b"\x00").filter(|_| padding >= PADDING_MIN)?;
    let is = |prefix: &[u8], digest: usize| {
        info.strip_prefix(prefix).is_some_and(|rest| rest.len() == digest)
    };
    Some(match () {
        () if is(SHA256, 32) => Hash::Sha256,
        () if is(SHA1, 20) => Hash::Sha1,
        () => Hash::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsa::RsaPrivateKey;
    use rsa::pkcs1v15::Pkcs1v15Sign;
    use sha2::{Digest as _, Sha256};

    #[test]
    fn a_signature_shows_its_maker_and_its_hash() {
        let mut chance = rand::thread_rng();
        let [ours, theirs] = [0, 1].map(|_| RsaPrivateKey::new(&mut chance, 2048).unwrap());
        let [our_key, their_key] =
            [&ours, &theirs].map(|key| PublicKey::new(&key.to_public_key()).unwrap());
        let sha256 = ours.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(b"x")).unwrap();
        let scheme = Pkcs1v15Sign { hash_len: Some(20), prefix: SHA1.into() };
        let sha1 = ours.sign(scheme, &[7; 20]).unwrap();
        let bare = ours.sign(Pkcs1v15Sign::new_unprefixed(), &[7; 20]).unwrap();
        let keys = [their_key, our_key];
        assert_eq!(made_by(&keys, &sha256), Some(Hash::Sha256));
        assert_eq!(made_by(&keys, &sha1), Some(Hash::Sha1));
        assert_eq!(made_by(&keys, &bare), Some(Hash::Other));
        assert_eq!(made_by(&keys[..1], &sha256), None);
        for noise in [&[][..], &[0; 256], &[0xff; 256], &[1; 255], &[1; 4096]] {
            assert_eq!(made_by(&keys, noise), None);
        }
    }
}
