//! RSA public keys as providers and merchants hand them over: PEM, bare base64, or a certificate.

use std::fmt;

use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256,
    RsaParameters,
};
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

/// The shortest key that verifies with SHA-256.
pub const BITS_MIN: usize = 2048;
/// The shortest that verifies with SHA-1, where an account is configured for that.
const LEGACY_BITS_MIN: usize = 1024;
const BITS_MAX: usize = 8192;
const FINGERPRINT_BYTES: usize = 8;

/// A key that verifies RSASSA-PKCS1-v1_5 with one hash.
#[derive(Clone)]
pub struct PublicKey {
    verifier: ParsedPublicKey,
    rsa: RsaPublicKey,
    fingerprint: String,
    /// The provider's own name of it.
    name: Option<String>,
    bits: usize,
    /// When the certificate that it came in ends.
    expires_at: Option<OffsetDateTime>,
}

/// What a signature hashes; it also says how short a key may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashFunction {
    Sha256,
    /// Only where an account is configured for a protocol that knows no better.
    Sha1,
}

/// Why a text is no usable public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    #[error("this is a private key: configure the provider's public key, and keep this one secret")]
    Private,
    #[error("not a public key: expected PEM, one line of base64 (SPKI), or an X.509 certificate")]
    Unreadable,
    #[error("a weak key of {bits} bits: ask the provider for one of at least {least} bits")]
    Weak { bits: usize, least: usize },
    #[error("the key has {0} bits; at most {BITS_MAX} are read")]
    Large(usize),
}

impl HashFunction {
    fn bits_min(self) -> usize {
        match self {
            Self::Sha256 => BITS_MIN,
            Self::Sha1 => LEGACY_BITS_MIN,
        }
    }

    fn parameters(self) -> &'static RsaParameters {
        match self {
            Self::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
            Self::Sha1 => &RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        }
    }
}

impl PublicKey {
    /// Reads PEM, bare base64 SPKI, or an X.509 certificate, whose expiry is not judged here.
    pub fn parse(text: &str) -> Result<Self, PublicKeyError> {
        Self::parse_for(text, HashFunction::Sha256)
    }

    /// The same for another hash.
    pub fn parse_for(text: &str, hash: HashFunction) -> Result<Self, PublicKeyError> {
        let text = text.trim().trim_start_matches('\u{feff}');
        if text.contains("PRIVATE KEY") {
            return Err(PublicKeyError::Private);
        }
        if text.contains("BEGIN CERTIFICATE") {
            let certificate =
                Certificate::from_pem(text).map_err(|_| PublicKeyError::Unreadable)?;
            return Self::of_certificate(&certificate, hash);
        }
        let lines = text.lines().filter(|line| !line.starts_with("-----"));
        let body: String = lines.flat_map(str::split_whitespace).collect();
        let spki = BASE64.decode(body).map_err(|_| PublicKeyError::Unreadable)?;
        Self::of_spki(&spki, hash)
    }

    /// The key inside a certificate, whose expiry is not judged here.
    pub(super) fn of_certificate(
        certificate: &Certificate,
        hash: HashFunction,
    ) -> Result<Self, PublicKeyError> {
        let content = &certificate.tbs_certificate;
        let end = content.validity.not_after.to_unix_duration();
        let expires_at = Some(OffsetDateTime::UNIX_EPOCH + end);
        let spki =
            content.subject_public_key_info.to_der().map_err(|_| PublicKeyError::Unreadable)?;
        Ok(Self { expires_at, ..Self::of_spki(&spki, hash)? })
    }

    fn of_spki(spki: &[u8], hash: HashFunction) -> Result<Self, PublicKeyError> {
        let key =
            RsaPublicKey::from_public_key_der(spki).map_err(|_| PublicKeyError::Unreadable)?;
        Self::new_for(&key, hash)
    }

    /// The key that a certificate speaks of, given as SPKI, which stands until the certificate ends.
    pub(super) fn until(spki: &[u8], expires_at: OffsetDateTime) -> Result<Self, PublicKeyError> {
        Ok(Self { expires_at: Some(expires_at), ..Self::of_spki(spki, HashFunction::Sha256)? })
    }

    /// The key as the verifier wants it.
    pub fn new(key: &RsaPublicKey) -> Result<Self, PublicKeyError> {
        Self::new_for(key, HashFunction::Sha256)
    }

    /// The same for another hash.
    pub fn new_for(key: &RsaPublicKey, hash: HashFunction) -> Result<Self, PublicKeyError> {
        let (bits, least) = (key.n().bits(), hash.bits_min());
        if bits < least {
            return Err(PublicKeyError::Weak { bits, least });
        }
        if bits > BITS_MAX {
            return Err(PublicKeyError::Large(bits));
        }
        let pkcs1 = key.to_pkcs1_der().map_err(|_| PublicKeyError::Unreadable)?;
        let verifier = ParsedPublicKey::new(hash.parameters(), pkcs1.as_bytes())
            .map_err(|_| PublicKeyError::Unreadable)?;
        let spki = key.to_public_key_der().map_err(|_| PublicKeyError::Unreadable)?;
        let digest = Sha256::digest(spki.as_bytes());
        let fingerprint =
            digest.iter().take(FINGERPRINT_BYTES).map(|byte| format!("{byte:02x}")).collect();
        let (rsa, name, expires_at) = (key.clone(), None, None);
        Ok(Self { verifier, rsa, fingerprint, name, bits, expires_at })
    }

    /// The key under the name that the provider gives it.
    pub fn named(self, name: String) -> Self {
        Self { name: Some(name), ..self }
    }

    /// Does the key's owner stand behind these bytes? Source: RFC 8017 §8.2.2.
    pub fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        self.verifier.verify_sig(signed, signature).is_ok()
    }

    /// What an operator sees of it.
    pub fn note(&self) -> KeyNote {
        let kind = if self.expires_at.is_some() { "certificate RSA" } else { "RSA" };
        KeyNote {
            id: self.id().to_owned(),
            expires_at: self.expires_at,
            ..KeyNote::bare(self.fingerprint.as_str(), format!("{kind} {}", self.bits))
        }
    }

    /// The key's numbers, for looking into a signature; they verify nothing.
    pub(crate) fn rsa(&self) -> &RsaPublicKey {
        &self.rsa
    }

    /// The provider's own name of it, else its fingerprint.
    pub fn id(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.fingerprint)
    }

    /// The first bytes of the SHA-256 of the key's SPKI, in hex.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}
