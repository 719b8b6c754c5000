//! Certificate mode: the serial numbers that Alipay gives to certificates, and the chain to its root.
//!
//! Source: opendocs.alipay.com, 公钥证书; alipay-sdk-java, `AntCertificationUtil`.

use md5::{Digest as _, Md5};
use rsa::BigUint;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, Error, KeyPurposeIdIter};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::super::material::{KEYS_MAX, Material};
use super::super::public_key::{HashFunction, PublicKey};
use super::Section;

/// Signature algorithms whose identifier begins so are those of RSA. Source: RFC 8017, appendix C.
const RSA_FAMILY: &str = "1.2.840.113549.1.1.";
/// Certificates that one file may hold. Alipay's bundle of roots has four.
const CHAIN_MAX: usize = 16;

/// The root bundle: whoever chains to one of these is Alipay's.
struct Roots(Vec<CertificateDer<'static>>);

/// Any use is right: the certificate is known by its chain, and its key is not used for TLS.
struct AnyUse;

/// Alipay's public certificates as keys, each named by its serial number.
pub(super) fn read(
    section: &Section,
    hash: HashFunction,
    material: &mut Material<'_>,
) -> Option<Vec<PublicKey>> {
    if section.certificates.len() > KEYS_MAX {
        material.problem("certificates", format!("at most {KEYS_MAX} files"));
        return None;
    }
    let roots = match &section.root_certificates {
        Some(file) => {
            let text = material.text("root_certificates", file)?;
            let roots = Roots::parse(&text);
            if let Err(message) = &roots {
                material.problem("root_certificates", format!("{}: {message}", file.display()));
            }
            Some(roots.ok()?)
        }
        None => None,
    };
    let mut keys = vec![];
    for file in &section.certificates {
        let text = material.text("certificates", file)?;
        match key_of(&text, &section.app_id, hash, roots.as_ref()) {
            Ok(key) => keys.push(key),
            Err(message) => {
                material.problem("certificates", format!("{}: {message}", file.display()));
            }
        }
    }
    (keys.len() == section.certificates.len()).then_some(keys)
}

/// The serial number of the first certificate of a PEM text: what `alipay_cert_sn` names.
pub fn serial_number(text: &str) -> Option<String> {
    let certificate = certificates(text).into_iter().next()?;
    Some(number_of(&Certificate::from_der(&certificate).ok()?))
}

/// The serial number of a root bundle, which Alipay shows as `alipay_root_cert_sn`: those of its RSA
/// certificates, joined with `_`. What cannot be parsed is skipped, as it is there.
pub fn root_serial_number(bundle: &str) -> String {
    let numbers: Vec<_> = certificates(bundle)
        .iter()
        .filter_map(|certificate| Certificate::from_der(certificate).ok())
        .filter(|certificate| {
            certificate.signature_algorithm.oid.to_string().starts_with(RSA_FAMILY)
        })
        .map(|certificate| number_of(&certificate))
        .collect();
    numbers.join("_")
}

/// The first certificate of the file is Alipay's; what follows issued it.
fn key_of(
    text: &str,
    app_id: &str,
    hash: HashFunction,
    roots: Option<&Roots>,
) -> Result<PublicKey, String> {
    let chain = certificates(text);
    let (Some(first), true) = (chain.first(), chain.len() <= CHAIN_MAX) else {
        let rule = "no certificate: expected PEM with `BEGIN CERTIFICATE`";
        return Err(format!("{rule}, up to {CHAIN_MAX} in a file; a bare key is of `public_keys`"));
    };
    let certificate =
        Certificate::from_der(first).map_err(|error| format!("no certificate: {error}"))?;
    let subject = &certificate.tbs_certificate.subject;
    // The application's own certificate is issued to `CN=SELLER-APP`.
    if subject.to_string().split(',').any(|part| part.ends_with(&format!("-{app_id}"))) {
        return Err("this is your application's own certificate: configure Alipay's, \
                    alipayCertPublicKey_RSA2.crt"
            .to_owned());
    }
    if let Some(roots) = roots {
        let from = certificate.tbs_certificate.validity.not_before.to_unix_duration();
        roots.issued(first, &chain[1..], UnixTime::since_unix_epoch(from))?;
    }
    let key = PublicKey::of_certificate(&certificate, hash).map_err(|error| error.to_string())?;
    Ok(key.named(number_of(&certificate)))
}

/// MD5 over the issuer, most specific part first, and the serial number in decimal.
fn number_of(certificate: &Certificate) -> String {
    let content = &certificate.tbs_certificate;
    let serial = BigUint::from_bytes_be(content.serial_number.as_bytes());
    let digest = Md5::digest(format!("{}{serial}", content.issuer));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn certificates(text: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(text.as_bytes()).filter_map(Result::ok).collect()
}

impl Roots {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let roots: Vec<_> = certificates(text)
            .into_iter()
            .take(CHAIN_MAX)
            .filter(|root| webpki::anchor_from_trusted_cert(root).is_ok())
            .collect();
        if roots.is_empty() { Err("no certificate in it can be read") } else { Ok(Self(roots)) }
    }

    /// Does the certificate chain to a root, as of the day when it was issued? Whether it has expired
    /// since is told as a warning elsewhere: no SDK of Alipay's refuses notifications for it.
    fn issued(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        issued_at: UnixTime,
    ) -> Result<(), String> {
        let anchors: Vec<TrustAnchor<'_>> =
            self.0.iter().filter_map(|root| webpki::anchor_from_trusted_cert(root).ok()).collect();
        let refuse = |error: Error| {
            format!(
                "it does not chain to root_certificates ({error}): put the certificate that issued \
                 it behind it, in the same file"
            )
        };
        let subject = EndEntityCert::try_from(certificate).map_err(refuse)?;
        let algorithms = ALL_VERIFICATION_ALGS;
        subject
            .verify_for_usage(algorithms, &anchors, between, issued_at, AnyUse, None, None)
            .map(drop)
            .map_err(refuse)
    }
}

impl webpki::ExtendedKeyUsageValidator for AnyUse {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        Ok(())
    }
}
