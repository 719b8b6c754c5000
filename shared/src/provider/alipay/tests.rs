//! The rules of keys and certificates, without files.

use std::collections::HashMap;
use std::path::Path;
use std::sync::LazyLock;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    PKCS_RSA_SHA256, PublicKeyData, SerialNumber, SignatureAlgorithm,
};
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPublicKey as _;
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};

use super::*;

const APP_ID: &str = "2021000000000001";
static STRONG: LazyLock<RsaPrivateKey> =
    LazyLock::new(|| RsaPrivateKey::new(&mut rand::thread_rng(), 2048).unwrap());
static WEAK: LazyLock<RsaPrivateKey> =
    LazyLock::new(|| RsaPrivateKey::new(&mut rand::thread_rng(), 1024).unwrap());

fn pem(key: &RsaPrivateKey) -> String {
    key.to_public_key().to_public_key_pem(LineEnding::LF).unwrap()
}

fn pair(key: &RsaPrivateKey) -> KeyPair {
    KeyPair::from_pem(&key.to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap()
}

/// Whom a certificate is issued to: rcgen itself takes no weak key.
struct Subject(Vec<u8>);

impl PublicKeyData for Subject {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

fn names(common: &str, serial: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for (kind, value) in [
        (DnType::CountryName, "CN"),
        (DnType::OrganizationName, "Ant Financial"),
        (DnType::OrganizationalUnitName, "Certification Authority"),
        (DnType::CommonName, common),
    ] {
        params.distinguished_name.push(kind, value);
    }
    params.serial_number = Some(SerialNumber::from(serial));
    params
}

/// A root, and what it issues.
struct Authority {
    root: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(common: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = names(common, 1);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap().pem();
        Self { root, issuer: Issuer::new(params, key) }
    }

    fn issue(&self, common: &str, serial: u64, key: &RsaPrivateKey) -> String {
        let subject = Subject(key.to_public_key().to_pkcs1_der().unwrap().into_vec());
        names(common, serial).signed_by(&subject, &self.issuer).unwrap().pem()
    }

    fn between(&self, common: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = names(common, 2);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.signed_by(&key, &self.issuer).unwrap().pem();
        Self { root, issuer: Issuer::new(params, key) }
    }
}

/// What a section with these files comes to, or its problems.
fn settings(section: &str, files: &[(&str, &str)]) -> Result<Settings, String> {
    let files: HashMap<_, _> = files.iter().copied().collect();
    let read = |path: &Path| {
        let name = path.to_str().unwrap_or_default();
        files.get(name).map(|text| (*text).to_owned()).ok_or_else(|| "no such file".to_owned())
    };
    let section: Section = toml::from_str(&format!("app_id = \"{APP_ID}\"\n{section}")).unwrap();
    let mut material = Material::new(&read);
    let settings = Alipay::settings(&section, &mut material);
    let problems = material.into_problems();
    let lines = problems.iter().map(|(key, message)| format!("{key}: {message}"));
    settings.ok_or_else(|| lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn a_weak_key_is_refused_unless_the_old_algorithm_is_configured() {
    let files = [("weak", &*pem(&WEAK)), ("strong", &*pem(&STRONG))];
    let error = settings("public_keys = [\"weak\"]", &files).unwrap_err();
    assert_eq!(
        error,
        "public_keys: weak: a weak key of 1024 bits: ask the provider for one of at least 2048 bits"
    );
    for name in ["weak", "strong"] {
        let section = format!("public_keys = [\"{name}\"]\nsign_type = \"RSA\"");
        assert!(settings(&section, &files).is_ok(), "{name}");
    }
    let tiny = RsaPrivateKey::new(&mut rand::thread_rng(), 768).unwrap();
    let section = "public_keys = [\"tiny\"]\nsign_type = \"RSA\"";
    assert!(settings(section, &[("tiny", &pem(&tiny))]).unwrap_err().contains("1024"));
}

#[test]
fn a_weak_certificate_is_refused_alike() {
    let weak = Authority::new("R1").issue("alipay", 7, &WEAK);
    let error = settings("certificates = [\"weak\"]", &[("weak", &weak)]).unwrap_err();
    assert!(error.starts_with("certificates: weak: a weak key of 1024 bits"), "{error}");
}

#[test]
fn an_account_needs_a_key_or_a_certificate() {
    assert!(settings("", &[]).unwrap_err().starts_with("public_keys: from 1 to 8 files"));
    let error = settings("root_certificates = \"r\"", &[]).unwrap_err();
    assert!(error.contains("root_certificates: of no use without"), "{error}");
}

#[test]
fn a_certificate_is_known_by_its_serial_number_and_its_end() {
    let authority = Authority::new("R1");
    let alipay = authority.issue("alipay", 0x1fcf_a18d_6a48_0d11, &STRONG);
    let section = "certificates = [\"alipay\"]\npublic_keys = [\"bare\"]";
    let settings = settings(section, &[("alipay", &alipay), ("bare", &pem(&STRONG))]).unwrap();
    let notes = Alipay::keys(&settings);
    let number = certificate::serial_number(&alipay).unwrap();
    assert_eq!((notes[1].id.as_str(), number.len()), (number.as_str(), 32));
    assert!(notes[1].expires_at.is_some() && notes[0].expires_at.is_none());
    assert_eq!(notes[0].id, settings.keys[0].fingerprint());
}

#[test]
fn a_certificate_must_chain_to_the_configured_roots() {
    let (ours, other) = (Authority::new("R1"), Authority::new("R1"));
    let class = ours.between("Class 2 R1");
    let leaf = class.issue("alipay", 7, &STRONG);
    let chain = format!("{leaf}{}", class.root);
    let section = "certificates = [\"c\"]\nroot_certificates = \"r\"";
    let judge = |c: &str, r: &str| settings(section, &[("c", c), ("r", r)]).map(drop);
    assert_eq!(judge(&chain, &ours.root), Ok(()));
    // One that cannot be parsed is skipped, as Alipay's own bundle has one.
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(judge(&chain, &format!("{broken}{}{}", other.root, ours.root)), Ok(()));
    let forged = Authority::new("Class 2 R1").issue("alipay", 7, &STRONG);
    for (certificate, roots) in [
        (&chain, &other.root),
        (&leaf, &ours.root),
        (&format!("{forged}{}", class.root), &ours.root),
    ] {
        let error = judge(certificate, roots).unwrap_err();
        assert!(error.starts_with("certificates: c: it does not chain"), "{error}");
    }
    assert!(judge(&chain, broken).unwrap_err().starts_with("root_certificates: r: no certificate"));
}

#[test]
fn the_applications_own_certificate_is_told_from_alipays() {
    let own = Authority::new("R1").issue(&format!("2088102177890000-{APP_ID}"), 7, &STRONG);
    let error = settings("certificates = [\"own\"]", &[("own", &own)]).unwrap_err();
    assert!(error.contains("your application's own certificate"), "{error}");
    let error = settings("certificates = [\"key\"]", &[("key", &pem(&STRONG))]).unwrap_err();
    assert!(error.contains("a bare key is of `public_keys`"), "{error}");
}

#[test]
fn a_root_bundle_has_the_numbers_of_its_rsa_certificates_alone() {
    let elliptic = Authority::new("E1").root;
    let rsa = names("R1", 9).self_signed(&pair(&STRONG)).unwrap().pem();
    let number = certificate::serial_number(&rsa).unwrap();
    let bundle = format!("{elliptic}{rsa}not a certificate\n{rsa}");
    assert_eq!(certificate::root_serial_number(&bundle), format!("{number}_{number}"));
}
