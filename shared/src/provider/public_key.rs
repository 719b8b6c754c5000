//! RSA public keys as providers and merchants hand them over: PEM, bare base64, or a certificate.

use std::fmt;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rsa::RsaPublicKey;
use rsa::pkcs1::EncodeRsaPublicKey as _;
use rsa::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};
use rsa::traits::PublicKeyParts as _;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use x509_cert::Certificate;
use x509_cert::der::{DecodePem as _, Encode as _};

use super::KeyNote;

/// The shortest key that verifies `RSA2`.
pub const BITS_MIN: usize = 2048;
const BITS_MAX: usize = 8192;
const FINGERPRINT_BYTES: usize = 8;

/// A key that verifies RSASSA-PKCS1-v1_5 with SHA-256.
#[derive(Clone)]
pub struct PublicKey {
    verifier: ParsedPublicKey,
    rsa: RsaPublicKey,
    fingerprint: String,
    bits: usize,
    /// When the certificate that it came in ends.
    expires_at: Option<OffsetDateTime>,
}

/// Why a text is no usable public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    #[error("this is a private key: configure the provider's public key, and keep this one secret")]
    Private,
    #[error("not a public key: expected PEM, one line of base64 (SPKI), or an X.509 certificate")]
    Unreadable,
    #[error("the key has {0} bits; at least {BITS_MIN} and at most {BITS_MAX} are needed")]
    Size(usize),
}

impl PublicKey {
    /// Reads PEM, bare base64 SPKI, or an X.509 certificate, whose expiry is not judged here.
    pub fn parse(text: &str) -> Result<Self, PublicKeyError> {
        let text = text.trim().trim_start_matches('\u{feff}');
        if text.contains("PRIVATE KEY") {
            return Err(PublicKeyError::Private);
        }
        let unreadable = |_| PublicKeyError::Unreadable;
        let mut expires_at = None;
        let spki = if text.contains("BEGIN CERTIFICATE") {
            let certificate = Certificate::from_pem(text).map_err(unreadable)?;
            let end = certificate.tbs_certificate.validity.not_after.to_unix_duration();
            expires_at = Some(OffsetDateTime::UNIX_EPOCH + end);
            certificate.tbs_certificate.subject_public_key_info.to_der().map_err(unreadable)?
        } else {
            let lines = text.lines().filter(|line| !line.starts_with("-----"));
            let body: String = lines.flat_map(str::split_whitespace).collect();
            BASE64.decode(body).map_err(|_| PublicKeyError::Unreadable)?
        };
        let key =
            RsaPublicKey::from_public_key_der(&spki).map_err(|_| PublicKeyError::Unreadable)?;
        Ok(Self { expires_at, ..Self::new(&key)? })
    }

    /// The key that a certificate speaks of, given as SPKI, which stands until the certificate ends.
    pub(super) fn of_certificate(
        spki: &[u8],
        expires_at: OffsetDateTime,
    ) -> Result<Self, PublicKeyError> {
        let key =
            RsaPublicKey::from_public_key_der(spki).map_err(|_| PublicKeyError::Unreadable)?;
        Ok(Self { expires_at: Some(expires_at), ..Self::new(&key)? })
    }

    /// The key as the verifier wants it.
    pub fn new(key: &RsaPublicKey) -> Result<Self, PublicKeyError> {
        let bits = key.n().bits();
        if !(BITS_MIN..=BITS_MAX).contains(&bits) {
            return Err(PublicKeyError::Size(bits));
        }
        let pkcs1 = key.to_pkcs1_der().map_err(|_| PublicKeyError::Unreadable)?;
        let verifier = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pkcs1.as_bytes())
            .map_err(|_| PublicKeyError::Unreadable)?;
        let spki = key.to_public_key_der().map_err(|_| PublicKeyError::Unreadable)?;
        let digest = Sha256::digest(spki.as_bytes());
        let fingerprint =
            digest.iter().take(FINGERPRINT_BYTES).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { verifier, rsa: key.clone(), fingerprint, bits, expires_at: None })
    }

    /// Does the key's owner stand behind these bytes? Source: RFC 8017 §8.2.2.
    pub fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        self.verifier.verify_sig(signed, signature).is_ok()
    }

    /// What an operator sees of it.
    pub fn note(&self) -> KeyNote {
        let kind = if self.expires_at.is_some() { "certificate RSA" } else { "RSA" };
        KeyNote {
            id: self.fingerprint.clone(),
            kind: format!("{kind} {}", self.bits),
            expires_at: self.expires_at,
        }
    }

    /// The key's numbers, for looking into a signature; they verify nothing.
    pub(crate) fn rsa(&self) -> &RsaPublicKey {
        &self.rsa
    }

    /// The first bytes of the SHA-256 of the key's SPKI, in hex.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint)
    }
}
