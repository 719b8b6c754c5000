//! Roots that the configuration names, and what they vouch for. Source: RFC 5280 §6.
//!
//! **Invariant**: only [`Authorities::vouch_for`] makes a [`Vouched`], at a given time.

use std::time::Duration;

use rustls_pki_types::{SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use time::OffsetDateTime;
use webpki::aws_lc_rs as algorithms;
use webpki::{EndEntityCert, KeyUsage, VerifiedPath, anchor_from_trusted_cert};

use super::super::KeyNote;
use super::{CERTIFICATES_MAX, Certificate, CertificateError};

mod sha1;

/// A certificate that chains to a configured root.
#[derive(Debug, Clone)]
pub struct Vouched {
    certificate: Certificate,
    by: String,
}

/// Configured roots, with the intermediates that lead to them.
#[derive(Debug, Clone)]
pub struct Authorities {
    roots: Vec<Certificate>,
    anchors: Vec<TrustAnchor<'static>>,
    intermediates: Vec<Certificate>,
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

/// Why nothing vouches for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unvouched {
    /// No configured root leads to it.
    Issuer,
    /// It is signed by itself.
    Itself,
    /// Its time, or that of an issuer, is over.
    Ended,
    NotYet,
    /// An issuer signed with a hash or a key that is not taken.
    Algorithm,
    /// It states uses, and not this one.
    Purpose,
    /// It is older than X.509 version 3.
    Version,
    /// The chain breaks another rule.
    Rules,
}

impl Vouched {
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// [`KeyNote::id`] of the nearest configured certificate above it.
    pub fn by(&self) -> &str {
        &self.by
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
        let intermediates = intermediates.to_vec();
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
    ) -> Result<Vouched, Unvouched> {
        let seconds = u64::try_from(now.unix_timestamp()).map_err(|_| Unvouched::NotYet)?;
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let usage = match purpose {
            Purpose::ServerAuthentication => KeyUsage::server_auth(),
            Purpose::ClientAuthentication => KeyUsage::client_auth(),
        };
        let sent = sent.iter().take(CERTIFICATES_MAX).map(|one| one.der.clone());
        let between = self.intermediates.iter().map(|one| one.der.clone());
        let between: Vec<_> = between.chain(sent).collect();
        let algorithms = self.weakest.algorithms();
        let der = leaf.der.clone();
        let refuse = |error: webpki::Error| Unvouched::because(&error, &leaf);
        let end_entity = EndEntityCert::try_from(&der).map_err(refuse)?;
        let path = end_entity.verify_for_usage(
            algorithms,
            &self.anchors,
            &between,
            time,
            usage,
            None,
            None,
        );
        let by = self.nearest(&path.map_err(refuse)?);
        Ok(Vouched { certificate: leaf, by })
    }

    /// Does each certificate that the others vouch for stand here, too?
    pub fn vouches_for_all_of(&self, others: &Self) -> bool {
        let has = |held: &[Certificate], others: &[Certificate]| {
            others.iter().all(|other| held.contains(other))
        };
        self.weakest == others.weakest
            && has(&self.roots, &others.roots)
            && has(&self.intermediates, &others.intermediates)
    }

    fn nearest(&self, path: &VerifiedPath<'_>) -> String {
        let is_in_path = |known: &&Certificate| {
            path.intermediate_certificates().any(|one| one.der() == known.der)
        };
        let above = |known: &&Certificate| {
            let upwards = path.intermediate_certificates();
            upwards.take_while(|one| one.der() != known.der).count()
        };
        let between = self.intermediates.iter().filter(is_in_path).min_by_key(above);
        let mut roots = self.roots.iter().zip(&self.anchors);
        let root = || roots.find(|(_, anchor)| *anchor == path.anchor()).map(|(root, _)| root);
        between.or_else(root).map(Certificate::fingerprint).unwrap_or_default()
    }

    /// What an operator sees of them.
    pub fn notes(&self) -> Vec<KeyNote> {
        let note = |one: &Certificate, kind| KeyNote {
            expires_at: Some(one.not_after),
            ..KeyNote::bare(one.fingerprint(), kind)
        };
        let all = || self.roots.iter().chain(&self.intermediates);
        let issuer = |one: &Certificate| all().find(|issuer| issuer.subject == one.issuer);
        let between = self.intermediates.iter().map(|one| KeyNote {
            issuer: issuer(one).map(Certificate::fingerprint),
            ..note(one, "intermediate certificate")
        });
        self.roots.iter().map(|root| note(root, "root certificate")).chain(between).collect()
    }
}

impl Unvouched {
    fn because(error: &webpki::Error, leaf: &Certificate) -> Self {
        use webpki::Error::{
            CaUsedAsEndEntity, CertExpired, CertNotValidYet, EmptyEkuExtension,
            InvalidSignatureForPublicKey, RequiredEkuNotFoundContext, UnknownIssuer,
            UnsupportedCertVersion, UnsupportedSignatureAlgorithmContext,
            UnsupportedSignatureAlgorithmForPublicKeyContext,
        };
        match error {
            CertExpired { .. } => Self::Ended,
            CertNotValidYet { .. } => Self::NotYet,
            EmptyEkuExtension | RequiredEkuNotFoundContext(_) => Self::Purpose,
            UnsupportedCertVersion => Self::Version,
            UnsupportedSignatureAlgorithmContext(_)
            | UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Self::Algorithm,
            CaUsedAsEndEntity | UnknownIssuer | InvalidSignatureForPublicKey
                if leaf.subject == leaf.issuer =>
            {
                Self::Itself
            }
            UnknownIssuer | InvalidSignatureForPublicKey => Self::Issuer,
            _ => Self::Rules,
        }
    }

    /// What stands against it, in one clause.
    pub fn says(self) -> &'static str {
        match self {
            Self::Issuer => "no configured root leads to the certificate",
            Self::Itself => "the certificate is signed by itself, not by an issuer",
            Self::Ended => {
                "the certificate, or one of its issuers, had ended by the time of receipt"
            }
            Self::NotYet => {
                "the certificate, or one of its issuers, was not valid yet at the time of receipt"
            }
            Self::Algorithm => {
                "an issuer of the certificate signed with a weaker hash, or another kind of key, than is taken"
            }
            Self::Purpose => "the certificate states uses, and signing as a client is none of them",
            Self::Version => "the certificate is older than X.509 version 3",
            Self::Rules => "the chain of the certificate breaks a rule of X.509",
        }
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
