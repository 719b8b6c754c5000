//! X.509 certificates, for providers that send theirs along or publish it: read from PEM here, chained
//! to configured roots in `certificate/authorities.rs`.
//!
//! **Invariant**: a certificate that came with a request proves nothing. Only
//! [`Authorities::vouch_for`] makes a [`Vouched`], at a given time.

use std::fmt;
use std::path::PathBuf;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use webpki::EndEntityCert;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode as _, Encode as _, Tag, Tagged as _};
use x509_cert::name::Name;

use super::mac::to_hex;
use super::material::Material;
use super::public_key::{PublicKey, PublicKeyError};

mod authorities;

pub use self::authorities::{Authorities, ChainHash, Purpose, Unvouched, Vouched};

/// One certificate as DER. CFCA's and DigiCert's have less than 2 KiB.
pub const CERTIFICATE_MAX_BYTES: usize = 8 * 1024;
/// Certificates that one text or one key of an account may hold.
pub const CERTIFICATES_MAX: usize = 16;
const FINGERPRINT_BYTES: usize = 8;
/// Source: RFC 5280 appendix A.1, `id-at-commonName`.
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// A certificate that was read; by itself nobody's word.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: CertificateDer<'static>,
    spki: Vec<u8>,
    common_name: Option<String>,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
    subject: Name,
    issuer: Name,
}

/// Why a text holds no certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    #[error("no certificate: expected PEM (`openssl x509 -inform der` turns a binary one into it)")]
    Unreadable,
    #[error("a certificate has at most {CERTIFICATE_MAX_BYTES} bytes")]
    TooLarge,
    #[error("at most {CERTIFICATES_MAX} certificates are taken")]
    TooMany,
    #[error("a certificate that cannot be a root")]
    NoRoot,
    #[error(transparent)]
    Key(#[from] PublicKeyError),
}

impl Certificate {
    /// The only certificate of a PEM text.
    pub fn parse(text: &[u8]) -> Result<Self, CertificateError> {
        let mut found = Self::parse_all(text)?;
        let only = found.pop().ok_or(CertificateError::Unreadable)?;
        if found.is_empty() { Ok(only) } else { Err(CertificateError::TooMany) }
    }

    /// All certificates of a PEM text, in its order.
    pub fn parse_all(text: &[u8]) -> Result<Vec<Self>, CertificateError> {
        let mut found = vec![];
        for der in CertificateDer::pem_slice_iter(text) {
            let der = der.map_err(|_| CertificateError::Unreadable)?;
            if found.len() == CERTIFICATES_MAX {
                return Err(CertificateError::TooMany);
            }
            found.push(Self::from_der(der)?);
        }
        if found.is_empty() { Err(CertificateError::Unreadable) } else { Ok(found) }
    }

    fn from_der(der: CertificateDer<'static>) -> Result<Self, CertificateError> {
        if der.len() > CERTIFICATE_MAX_BYTES {
            return Err(CertificateError::TooLarge);
        }
        let parsed =
            x509_cert::Certificate::from_der(&der).map_err(|_| CertificateError::Unreadable)?;
        let body = parsed.tbs_certificate;
        let spki = body.subject_public_key_info.to_der();
        let time =
            |time: x509_cert::time::Time| OffsetDateTime::UNIX_EPOCH + time.to_unix_duration();
        Ok(Self {
            spki: spki.map_err(|_| CertificateError::Unreadable)?,
            common_name: common_name(&body.subject),
            not_before: time(body.validity.not_before),
            not_after: time(body.validity.not_after),
            subject: body.subject,
            issuer: body.issuer,
            der,
        })
    }

    /// The subject's common name; nothing where there is none, or more than one.
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// Is exactly this host its common name, or one of its alternative names?
    pub fn is_for_host(&self, host: &str) -> bool {
        let end_entity = EndEntityCert::try_from(&self.der);
        let is_alternative =
            |leaf: EndEntityCert<'_>| leaf.valid_dns_names().any(|name| name == host);
        self.common_name() == Some(host) || end_entity.is_ok_and(is_alternative)
    }

    pub fn is_valid_at(&self, now: OffsetDateTime) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    pub fn has_ended_at(&self, now: OffsetDateTime) -> bool {
        self.not_after < now
    }

    /// SHA-256 of its key as SPKI: the same when the certificate is renewed for the same key.
    pub fn key_hash(&self) -> [u8; 32] {
        Sha256::digest(&self.spki).into()
    }

    /// The first bytes of that, in hex: how an operator knows it.
    pub fn fingerprint(&self) -> String {
        to_hex(&self.key_hash()[..FINGERPRINT_BYTES])
    }

    /// Its key, as long as it is RSA of a size that is taken.
    pub fn public_key(&self) -> Result<PublicKey, PublicKeyError> {
        PublicKey::until(&self.spki, self.not_after)
    }

    /// That its key is RSA of a size that is not taken. Another kind of key may be an issuer's.
    fn weakness(&self) -> Option<PublicKeyError> {
        match self.public_key() {
            Err(error @ (PublicKeyError::Weak { .. } | PublicKeyError::Large(_))) => Some(error),
            Err(PublicKeyError::Private | PublicKeyError::Unreadable) | Ok(_) => None,
        }
    }
}

/// The certificates of all files under a key of the section; nothing when a problem was noted.
pub(super) fn read(
    material: &mut Material<'_>,
    key: &str,
    files: &[PathBuf],
) -> Option<Vec<Certificate>> {
    let mut found = vec![];
    for file in files {
        let text = material.text(key, file)?;
        match Certificate::parse_all(text.as_bytes()) {
            Ok(certificates) => {
                // A chain over a weak key never holds, and would fail only once a request comes.
                let weak = certificates.iter().find_map(Certificate::weakness);
                if let Some(error) = weak {
                    material.problem(key, format!("{}: {error}", file.display()));
                    return None;
                }
                found.extend(certificates);
            }
            Err(error) => {
                material.problem(key, format!("{}: {error}", file.display()));
                return None;
            }
        }
    }
    if found.len() > CERTIFICATES_MAX {
        material.problem(key, CertificateError::TooMany.to_string());
        return None;
    }
    Some(found)
}

fn common_name(subject: &Name) -> Option<String> {
    let attributes = subject.0.iter().flat_map(|part| part.0.iter());
    let mut names = attributes.filter(|attribute| attribute.oid == COMMON_NAME);
    let (name, None) = (names.next()?, names.next()) else { return None };
    let bytes = name.value.value();
    match name.value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String => {
            String::from_utf8(bytes.to_vec()).ok()
        }
        Tag::BmpString => {
            let units = bytes.chunks_exact(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]]));
            String::from_utf16(&units.collect::<Vec<_>>()).ok()
        }
        _ => None,
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.fingerprint())
    }
}

#[cfg(test)]
mod tests;
