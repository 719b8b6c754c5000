//! Roots that the configuration names, and what they vouch for. Source: RFC 5280 §6.
//!
//! **Invariant**: only [`Authorities::vouch_for`] makes a [`Vouched`], at a given time.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use time::OffsetDateTime;
use webpki::aws_lc_rs as algorithms;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::super::KeyNote;
use super::super::mac::to_hex;
use super::{CERTIFICATES_MAX, Certificate, CertificateError, FINGERPRINT_BYTES};

mod sha1;

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
    pub(super) fn algorithms(self) -> &'static [&'static dyn SignatureVerificationAlgorithm] {
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
/// All of the above, and SHA-1.
static SHA1_OR_LONGER: [&dyn SignatureVerificationAlgorithm; 6] = [
    algorithms::RSA_PKCS1_2048_8192_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P384_SHA384,
    &sha1::RsaSha1,
];
