//! What a section may say, and what is said about one that is wrong.

use std::path::Path;

use super::super::super::protocol::Protocol as _;
use super::super::{Settings, UnionPay};
use super::*;

fn certificate(name: &str) -> String {
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048);
    let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.self_signed(&key.unwrap()).unwrap().pem()
}

/// A root of 1024 bits.
const WEAK: &str = include_str!("weak.pem");

/// The settings of a section, or the keys with problems. Every `.pem` is a certificate.
fn configured(keys: &str) -> Result<Settings, Vec<String>> {
    let pem = certificate("any");
    let read = move |path: &Path| match path.to_str().unwrap() {
        "secret" => Ok("the-secure-key-itself\n".to_owned()),
        "weak.pem" => Ok(WEAK.to_owned()),
        path if path.ends_with(".pem") => Ok(pem.clone()),
        _ => Ok("neither".to_owned()),
    };
    let section: Section = toml::from_str(&format!("mer_id = \"777\"\n{keys}")).unwrap();
    let mut material = Material::new(&read);
    let settings = UnionPay::settings(&section, &mut material);
    let problems: Vec<_> = material.into_problems().into_iter().map(|(key, _)| key).collect();
    settings.filter(|_| problems.is_empty()).ok_or(problems)
}

#[test]
fn roots_pins_or_a_secure_key_are_what_an_account_may_trust() {
    for keys in [
        "roots = [\"r.pem\"]",
        "roots = [\"r.pem\"]\nintermediates = [\"i.pem\"]\nchain_hash = \"SHA1\"",
        "pinned_certificates = [\"p.pem\"]",
        "pinned_certificates = [\"p.pem\"]\nroots = [\"r.pem\"]\norganisation = \"00040000:SIGN\"",
        "sign_method = \"11\"\nsecure_key_file = \"secret\"\nencoding = \"gbk\"",
        "sign_method = \"11\"\nsecure_key = \"the-old-secure-key the-new-secure-key\"",
    ] {
        let settings = configured(keys).unwrap();
        assert!(!settings.trust.notes().is_empty(), "{keys}");
    }
}

#[test]
fn what_is_wrong_is_named_by_its_key() {
    for (keys, wrong) in [
        ("", "roots"),
        ("intermediates = [\"i.pem\"]", "roots"),
        ("intermediates = [\"i.pem\"]\npinned_certificates = [\"p.pem\"]", "roots"),
        ("roots = [\"r.der\"]", "roots"),
        ("pinned_certificates = [\"p.der\"]", "pinned_certificates"),
        ("roots = [\"r.pem\"]\norganisation = \" \"", "organisation"),
        ("roots = [\"r.pem\"]\nsecure_key = \"a\"", "secure_key"),
        ("sign_method = \"11\"", "secure_key_file"),
        ("sign_method = \"11\"\nsecure_key = \"a\"", "secure_key"),
        ("sign_method = \"11\"\nsecure_key = \"fifteen-letters\"", "secure_key"),
        ("roots = [\"weak.pem\"]", "roots"),
        ("roots = [\"r.pem\"]\nintermediates = [\"weak.pem\"]", "intermediates"),
        ("pinned_certificates = [\"weak.pem\"]", "pinned_certificates"),
        ("sign_method = \"11\"\nsecure_key = \"a\"\nroots = [\"r.pem\"]", "sign_method"),
        ("sign_method = \"11\"\nsecure_key = \"a\"\nsecure_key_file = \"secret\"", "secure_key"),
    ] {
        assert_eq!(configured(keys).unwrap_err(), [wrong], "{keys}");
    }
    let many = format!("roots = [{}]", "\"r.pem\",".repeat(17));
    assert_eq!(configured(&many).unwrap_err(), ["roots"]);
    for keys in ["sign_method = \"12\"", "chain_hash = \"MD5\"", "encoding = \"big5\"", "x = 1"] {
        assert!(toml::from_str::<Section>(&format!("mer_id = \"777\"\n{keys}")).is_err(), "{keys}");
    }
}

#[test]
fn neither_secure_key_nor_text_shows_in_debug() {
    let settings = configured("sign_method = \"11\"\nsecure_key_file = \"secret\"").unwrap();
    let shown = format!("{settings:?} {:?}", settings.trust.notes());
    assert!(!shown.contains("the-secure-key-itself"), "{shown}");
}

#[test]
fn a_keyed_hash_is_the_documented_one() {
    // Made with sha256sum: the text, `&`, and the key's hash in hex.
    let key = Secret::new("123456".to_owned());
    let expected = to_hex(&Sha256::digest(
        "a=1&b=2&8d969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92",
    ));
    assert_eq!(keyed_hash(b"a=1&b=2", &key), expected);
}
