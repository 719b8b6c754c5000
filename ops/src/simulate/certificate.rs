//! Certificates for providers that sign with one: an authority made for the occasion issues it for the
//! key that simulation signs with, and is forgotten.
//!
//! **Invariant**: no authority's private key outlives the call, so nothing else is ever issued by it.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_RSA_SHA256,
};
use rsa::RsaPrivateKey;
use rsa::pkcs8::EncodePrivateKey as _;
use shared::provider::paypal::published::Environment;
use time::{Duration, OffsetDateTime};

/// How long it is valid; also how far back, for clocks that differ.
const VALID: Duration = Duration::days(3650);
const SKEW: Duration = Duration::days(1);
/// UnionPay's sandbox bears the same numbers before and behind its organisation.
const UNIONPAY_BEFORE: &str = "041@8310000000083040";
const UNIONPAY_BEHIND: &str = "00016495";

/// Whose name a certificate bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    UnionPay { organisation: &'a str },
    PayPal(Environment),
}

/// A certificate and the root that vouches for it, as PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    pub root: String,
    pub leaf: String,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
#[error("the certificate could not be made: {0}")]
pub struct CertificateError(String);

/// Makes an authority, and has it issue a certificate for this key.
pub fn issue(
    key: &RsaPrivateKey,
    subject: Subject<'_>,
    now: OffsetDateTime,
) -> Result<Issued, CertificateError> {
    let key = key.to_pkcs8_der().map_err(|error| CertificateError(error.to_string()))?;
    let key = KeyPair::from_pkcs8_der_and_sign_algo(&key.as_bytes().into(), &PKCS_RSA_SHA256)?;
    let mut authority = params("Quittance simulation", vec![], now)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority_key = KeyPair::generate()?;
    let root = authority.self_signed(&authority_key)?;
    let name = subject.common_name();
    let mut leaf = params(&name, subject.hosts(), now)?;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let leaf = leaf.signed_by(&key, &Issuer::new(authority, authority_key))?;
    Ok(Issued { root: root.pem(), leaf: leaf.pem() })
}

fn params(
    name: &str,
    hosts: Vec<String>,
    now: OffsetDateTime,
) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(hosts)?;
    params.not_before = now - SKEW;
    params.not_after = now + VALID;
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

impl Subject<'_> {
    fn common_name(self) -> String {
        match self {
            Self::UnionPay { organisation } => {
                format!("{UNIONPAY_BEFORE}@{organisation}@{UNIONPAY_BEHIND}")
            }
            Self::PayPal(environment) => environment.signer().to_owned(),
        }
    }

    fn hosts(self) -> Vec<String> {
        match self {
            Self::UnionPay { .. } => vec![],
            Self::PayPal(environment) => vec![environment.signer().to_owned()],
        }
    }
}

impl From<rcgen::Error> for CertificateError {
    fn from(error: rcgen::Error) -> Self {
        Self(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::provider::certificate::{Authorities, Certificate, ChainHash, Purpose};
    use time::macros::datetime;

    #[test]
    fn what_is_issued_is_vouched_for_by_its_root_alone() {
        let now = datetime!(2026-11-23 12:00 UTC);
        let key = RsaPrivateKey::new(&mut rand::rngs::OsRng, 2048).unwrap();
        let organisation = "中国银联股份有限公司";
        let [first, second] =
            [Subject::UnionPay { organisation }, Subject::PayPal(Environment::Live)]
                .map(|subject| issue(&key, subject, now).unwrap());
        let leaf = |issued: &Issued| Certificate::parse(issued.leaf.as_bytes()).unwrap();
        assert_eq!(
            leaf(&first).common_name(),
            Some("041@8310000000083040@中国银联股份有限公司@00016495")
        );
        assert!(leaf(&second).is_for_host("messageverificationcerts.paypal.com"));
        assert_eq!(leaf(&first).key_hash(), leaf(&second).key_hash(), "both for the same key");
        let root = Certificate::parse(first.root.as_bytes()).unwrap();
        let authorities = Authorities::new(vec![root], &[], ChainHash::SHA256).unwrap();
        let vouches = |leaf: Certificate| {
            authorities.vouch_for(leaf, &[], Purpose::ClientAuthentication, now).is_ok()
        };
        assert!(vouches(leaf(&first)));
        assert!(!vouches(leaf(&second)));
    }
}
