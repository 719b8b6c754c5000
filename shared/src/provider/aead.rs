//! AES-256-GCM: what it opens was sealed with the key, and not one byte was changed. Source: NIST SP
//! 800-38D; RFC 5116 §5.2.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// A shorter key would quietly be another cipher: AES-128.
pub const KEY_BYTES: usize = 32;
pub const NONCE_BYTES: usize = 12;
/// It stands behind the encrypted bytes.
pub const TAG_BYTES: usize = 16;

/// The plain bytes of what was sealed with this key, nonce and associated data.
pub(crate) fn open(
    key: &[u8],
    nonce: &[u8],
    associated: &[u8],
    mut sealed: Vec<u8>,
) -> Option<Vec<u8>> {
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let length =
        prepared(key)?.open_in_place(nonce, Aad::from(associated), &mut sealed).ok()?.len();
    sealed.truncate(length);
    Some(sealed)
}

/// Encrypts, for simulation. Nothing: the key or the nonce is of another length.
pub(crate) fn seal(key: &[u8], nonce: &[u8], associated: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut sealed = plain.to_vec();
    prepared(key)?.seal_in_place_append_tag(nonce, Aad::from(associated), &mut sealed).ok()?;
    Some(sealed)
}

fn prepared(key: &[u8]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::mac::from_hex;

    #[test]
    fn the_sixteenth_case_of_the_specification() {
        let bytes = |hex: &str| from_hex(hex).unwrap();
        let key = bytes("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
        let nonce = bytes("cafebabefacedbaddecaf888");
        let associated = bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let plain = bytes(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        );
        let sealed = bytes(
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
        );
        assert_eq!(seal(&key, &nonce, &associated, &plain).as_ref(), Some(&sealed));
        assert_eq!(open(&key, &nonce, &associated, sealed.clone()), Some(plain));
        let refused = [
            open(&key, &nonce, b"", sealed.clone()),
            open(&key, &nonce[..11], &associated, sealed.clone()),
            open(&key[..16], &nonce, &associated, sealed.clone()),
            open(&key, &nonce, &associated, sealed[..sealed.len() - 1].to_vec()),
            open(&key, &nonce, &associated, sealed[..TAG_BYTES - 1].to_vec()),
        ];
        assert!(refused.iter().all(Option::is_none));
    }
}
