//! The keys that WeChat Pay signs with: platform certificates, named by their serial number, and public
//! keys, named by a `PUB_KEY_ID_`.
//!
//! **Invariant**: a request names one key, and only that key can prove it.

use x509_cert::Certificate;
use x509_cert::der::DecodePem as _;

use crate::provider::KeyNote;
use crate::provider::mac::to_hex;
use crate::provider::public_key::{PublicKey, PublicKeyError};

const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_";

/// One key, by WeChat's name of it.
#[derive(Debug, Clone)]
pub struct PlatformKey {
    /// A serial number in upper-case hex without leading zeros, or a `PUB_KEY_ID_`.
    id: String,
    key: PublicKey,
}

/// Why a file is no platform key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlatformKeyError {
    #[error(transparent)]
    PublicKey(#[from] PublicKeyError),
    #[error("not a certificate: list a public key in public_keys, with its {PUBLIC_KEY_ID}")]
    NoCertificate,
    #[error("a certificate: list it in platform_certificates; its serial number names it")]
    NoPublicKey,
    #[error("a public key is named as in WeChat's console: {PUBLIC_KEY_ID} and digits")]
    Id,
}

impl PlatformKey {
    /// A platform certificate in PEM, whose expiry is not judged here: WeChat chooses what it signs with.
    pub fn certificate(pem: &str) -> Result<Self, PlatformKeyError> {
        let key = PublicKey::parse(pem)?;
        let certificate = Certificate::from_pem(pem.trim().trim_start_matches('\u{feff}'))
            .map_err(|_| PlatformKeyError::NoCertificate)?;
        let serial = to_hex(certificate.tbs_certificate.serial_number.as_bytes());
        Ok(Self { id: normal(&serial), key })
    }

    /// A public key in PEM, by its id.
    pub fn named(id: &str, pem: &str) -> Result<Self, PlatformKeyError> {
        let key = PublicKey::parse(pem)?;
        if key.note().expires_at.is_some() {
            return Err(PlatformKeyError::NoPublicKey);
        }
        let number = id.strip_prefix(PUBLIC_KEY_ID).unwrap_or_default();
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(PlatformKeyError::Id);
        }
        Ok(Self { id: id.to_owned(), key })
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// Is this the key that `Wechatpay-Serial` names? The id of a public key is compared exactly; a
    /// certificate's serial number as a number.
    pub(super) fn is_named(&self, serial: &str) -> bool {
        if self.id.starts_with(PUBLIC_KEY_ID) {
            self.id == serial
        } else {
            self.id == normal(serial)
        }
    }

    pub(super) fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        self.key.verifies(signed, signature)
    }

    pub(super) fn key(&self) -> &PublicKey {
        &self.key
    }

    pub(super) fn note(&self) -> KeyNote {
        KeyNote { id: self.id.clone(), ..self.key.note() }
    }
}

fn normal(serial: &str) -> String {
    serial.trim_start_matches('0').to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsa::RsaPrivateKey;
    use rsa::pkcs8::{EncodePublicKey as _, LineEnding};

    #[test]
    fn a_key_answers_to_its_own_name_alone() {
        let private = RsaPrivateKey::new(&mut rand::thread_rng(), 2048).unwrap();
        let pem = private.to_public_key().to_public_key_pem(LineEnding::LF).unwrap();
        let key = PlatformKey::named("PUB_KEY_ID_01", &pem).unwrap();
        assert!(key.is_named("PUB_KEY_ID_01"));
        for other in ["pub_key_id_01", "PUB_KEY_ID_1", "PUB_KEY_ID_001", "01", ""] {
            assert!(!key.is_named(other), "{other}");
        }
        for id in ["PUB_KEY_ID_", "01", "PUB_KEY_ID_ 1", ""] {
            assert_eq!(PlatformKey::named(id, &pem).unwrap_err(), PlatformKeyError::Id, "{id}");
        }
        assert_eq!(PlatformKey::certificate(&pem).unwrap_err(), PlatformKeyError::NoCertificate);
    }

    #[test]
    fn a_wrong_file_under_the_right_name_shows_by_its_fingerprint() {
        use sha2::{Digest as _, Sha256};
        let [note, other] = [0, 1].map(|_| {
            let public = RsaPrivateKey::new(&mut rand::thread_rng(), 2048).unwrap().to_public_key();
            let pem = public.to_public_key_pem(LineEnding::LF).unwrap();
            let note = PlatformKey::named("PUB_KEY_ID_01", &pem).unwrap().note();
            let digest = Sha256::digest(public.to_public_key_der().unwrap().as_bytes());
            assert_eq!(note.fingerprint, to_hex(&digest[..8]), "as openssl and sha256sum make it");
            note
        });
        assert_eq!(note.id, other.id);
        assert_ne!(note.fingerprint, other.fingerprint);
    }

    #[test]
    fn a_serial_number_is_a_number() {
        let private = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec![]).unwrap();
        parameters.serial_number = Some(vec![0x0a, 0xbc].into());
        let pem = parameters.self_signed(&private).unwrap().pem();
        // An EC key verifies nothing here.
        assert_eq!(
            PlatformKey::certificate(&pem).unwrap_err(),
            PlatformKeyError::PublicKey(PublicKeyError::Unreadable)
        );
        for serial in ["ABC", "abc", "0ABC", "00abC"] {
            assert_eq!(normal(serial), "ABC");
        }
    }
}
