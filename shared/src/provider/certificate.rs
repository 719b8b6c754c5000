//! X.509 certificates, for providers that send theirs along or publish it: read from PEM, and chained
//! to roots that the configuration names. Source: RFC 5280 §6.
//!
//! **Invariant**: a certificate that came with a request proves nothing. Only
//! [`Authorities::vouch_for`] makes a [`Vouched`], at a given time.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use webpki::aws_lc_rs as algorithms;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode as _, Encode as _, Tag, Tagged as _};

use super::KeyNote;
use super::mac::to_hex;
use super::material::Material;
use super::public_key::{PublicKey, PublicKeyError};

mod sha1;

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
}

/// A certificate that chains to a configured root.
#[derive(Debug, Clone)]
pub struct Vouched(Certificate);

/// Configured roots, with the intermediates that lead to them.
#[derive(Debug, Clone)]
pub struct Authorities {
    roots: Vec<Certificate>,
    anchors: Vec<TrustAnchor<'static>>,
    intermediates: Vec<CertificateDer<'static>>,
    weakest: ChainHash,
}

/// The weakest hash under which a certificate's issuer may have signed it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
pub enum ChainHash {
    #[default]
    SHA256,
    /// Collisions can be made: only for issuers that still sign so, as CFCA did for UnionPay.
    SHA1,
}

/// What the certificate is for, where it says so. Source: RFC 5280 §4.2.1.12.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    ServerAuthentication,
    ClientAuthentication,
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

    /// SHA-256 of its key as SPKI: the same when the certificate is renewed for the same key.
    pub fn key_hash(&self) -> [u8; 32] {
        Sha256::digest(&self.spki).into()
    }

    /// Its key, as long as it is RSA of a size that is taken.
    pub fn public_key(&self) -> Result<PublicKey, PublicKeyError> {
        PublicKey::until(&self.spki, self.not_after)
    }
}

impl Vouched {
    pub fn certificate(&self) -> &Certificate {
        &self.0
    }
}

impl Authorities {
    /// Takes the configured certificates at their word.
    pub fn new(
        roots: Vec<Certificate>,
        intermediates: &[Certificate],
        weakest: ChainHash,
    ) -> Result<Self, CertificateError> {
        let anchor = |root: &Certificate| {
            anchor_from_trusted_cert(&root.der).map(|anchor| anchor.to_owned())
        };
        let anchors: Result<_, _> = roots.iter().map(anchor).collect();
        let anchors = anchors.map_err(|_| CertificateError::NoRoot)?;
        let intermediates = intermediates.iter().map(|one| one.der.clone()).collect();
        Ok(Self { roots, anchors, intermediates, weakest })
    }

    /// Does the certificate chain to a root, for this purpose, with every date right at `now`?
    /// `sent` are certificates of issuers that came along; they only fill gaps.
    pub fn vouch_for(
        &self,
        leaf: Certificate,
        sent: &[Certificate],
        purpose: Purpose,
        now: OffsetDateTime,
    ) -> Option<Vouched> {
        let seconds = u64::try_from(now.unix_timestamp()).ok()?;
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let usage = match purpose {
            Purpose::ServerAuthentication => KeyUsage::server_auth(),
            Purpose::ClientAuthentication => KeyUsage::client_auth(),
        };
        let sent = sent.iter().take(CERTIFICATES_MAX).map(|one| one.der.clone());
        let between: Vec<_> = self.intermediates.iter().cloned().chain(sent).collect();
        let algorithms = self.weakest.algorithms();
        let der = leaf.der.clone();
        let end_entity = EndEntityCert::try_from(&der).ok()?;
        let path = end_entity.verify_for_usage(
            algorithms,
            &self.anchors,
            &between,
            time,
            usage,
            None,
            None,
        );
        path.is_ok().then_some(Vouched(leaf))
    }

    /// What an operator sees of the roots.
    pub fn notes(&self) -> Vec<KeyNote> {
        let note = |root: &Certificate| KeyNote {
            id: to_hex(&root.key_hash()[..FINGERPRINT_BYTES]),
            kind: "root certificate".to_owned(),
            expires_at: Some(root.not_after),
        };
        self.roots.iter().map(note).collect()
    }
}

impl ChainHash {
    fn algorithms(self) -> &'static [&'static dyn SignatureVerificationAlgorithm] {
        match self {
            Self::SHA256 => &SHA256_OR_LONGER,
            Self::SHA1 => &SHA1_OR_LONGER,
        }
    }
}

static SHA256_OR_LONGER: [&dyn SignatureVerificationAlgorithm; 5] = [
    algorithms::RSA_PKCS1_2048_8192_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P384_SHA384,
];
static SHA1_OR_LONGER: [&dyn SignatureVerificationAlgorithm; 4] = [
    algorithms::RSA_PKCS1_2048_8192_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
    &sha1::RsaSha1,
];

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
            Ok(certificates) => found.extend(certificates),
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

fn common_name(subject: &x509_cert::name::Name) -> Option<String> {
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
        write!(f, "Certificate({})", to_hex(&self.key_hash()[..FINGERPRINT_BYTES]))
    }
}

#[cfg(test)]
mod tests;
