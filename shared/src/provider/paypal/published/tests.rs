//! What a section may say, and what is said about one that is wrong.

use std::path::Path;
use std::time::Duration;

use super::super::super::protocol::Protocol as _;
use super::super::{PayPal, Settings};
use super::*;

fn certificate(host: &str) -> String {
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048);
    let params = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap();
    params.self_signed(&key.unwrap()).unwrap().pem()
}

/// The settings of a section, or the keys with problems.
fn configured(keys: &str) -> Result<Settings, Vec<String>> {
    let (live, sandbox) = (Environment::Live.signer(), Environment::Sandbox.signer());
    let (live, sandbox) = (certificate(live), certificate(sandbox));
    let read = move |path: &Path| match path.to_str().unwrap() {
        "live.pem" => Ok(live.clone()),
        "sandbox.pem" => Ok(sandbox.clone()),
        "weak.pem" => Ok(include_str!("../../unionpay/trust/weak.pem").to_owned()),
        "both.pem" => Ok(format!("{live}{sandbox}")),
        _ => Ok("neither".to_owned()),
    };
    let section: Section = toml::from_str(keys).unwrap();
    let mut material = Material::new(&read);
    let settings = PayPal::settings(&section, &mut material);
    let problems: Vec<_> = material.into_problems().into_iter().map(|(key, _)| key).collect();
    settings.filter(|_| problems.is_empty()).ok_or(problems)
}

/// A root, and what it issues for PayPal, a year long from the day of rcgen.
fn published() -> (Authorities, String) {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "DigiCert");
    let key = KeyPair::generate().unwrap();
    let root = params.self_signed(&key).unwrap().pem();
    let leaf_key =
        KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let host = Environment::Live.signer().to_owned();
    let leaf = CertificateParams::new(vec![host]).unwrap();
    let leaf = leaf.signed_by(&leaf_key, &Issuer::new(params, key)).unwrap().pem();
    let root = Certificate::parse(root.as_bytes()).unwrap();
    (Authorities::new(vec![root], &[], ChainHash::SHA256).unwrap(), leaf)
}

#[test]
fn what_was_fetched_is_noted_under_the_root_that_vouches_for_it() {
    let now = time::macros::datetime!(2026-11-23 12:00 UTC);
    let (authorities, leaf) = published();
    let trust = Trust::new(Environment::Live, vec![], Some(authorities));
    let url = CertificateUrl::simulated(Environment::Live);
    trust.admit(url.clone(), leaf.as_bytes(), now).unwrap();
    let notes = trust.notes();
    let kinds: Vec<_> = notes.iter().map(|note| note.kind.as_str()).collect();
    assert_eq!(kinds, ["root certificate", "fetched certificate RSA 2048"]);
    assert_eq!(notes[1].issuer.as_ref(), Some(&notes[0].id));
    assert_eq!(notes[1].renewal, Renewal::Fetching);
    let (_, by) = trust.key_at(&url, now).unwrap();
    assert_eq!(by, notes[0].id, "the row of which `quittance accounts` tells the last use");
}

const LIVE: &str = "webhook_id = \"4JH\"\nenvironment = \"live\"\n";

#[test]
fn listed_certificates_or_roots_with_fetching_are_what_an_account_may_trust() {
    for keys in [
        "certificates = [\"live.pem\"]",
        "roots = [\"sandbox.pem\"]\nfetch_certificates = true",
        "certificates = [\"live.pem\"]\nroots = [\"sandbox.pem\"]\nfetch_certificates = true",
    ] {
        let settings = configured(&format!("{LIVE}{keys}")).unwrap();
        assert!(!settings.trust.notes().is_empty(), "{keys}");
        assert_eq!(settings.max_age, Some(Duration::from_secs(4 * 24 * 3600)));
    }
    let sandbox =
        "webhook_id = \"4JH\"\nenvironment = \"sandbox\"\ncertificates = [\"sandbox.pem\"]";
    assert!(configured(sandbox).is_ok());
    let any_age = format!("{LIVE}certificates = [\"live.pem\"]\nmax_age = \"0s\"");
    assert_eq!(configured(&any_age).unwrap().max_age, None);
}

#[test]
fn what_is_wrong_is_named_by_its_key() {
    for (keys, wrong) in [
        ("", "certificates"),
        ("fetch_certificates = true", "roots"),
        ("roots = [\"live.pem\"]", "roots"),
        ("certificates = [\"live.pem\"]\nroots = [\"live.pem\"]", "roots"),
        ("certificates = [\"sandbox.pem\"]", "certificates"),
        ("certificates = [\"both.pem\"]", "certificates"),
        ("certificates = [\"none.pem\"]", "certificates"),
        ("roots = [\"none.pem\"]\nfetch_certificates = true", "roots"),
        ("roots = [\"weak.pem\"]\nfetch_certificates = true", "roots"),
    ] {
        assert_eq!(configured(&format!("{LIVE}{keys}")).unwrap_err(), [wrong], "{keys}");
    }
    for id in ["WEBHOOK_ID", ""] {
        let keys =
            format!("webhook_id = \"{id}\"\nenvironment = \"live\"\ncertificates = [\"live.pem\"]");
        assert_eq!(configured(&keys).unwrap_err(), ["webhook_id"], "{id}");
    }
    for keys in ["environment = \"live\"", "webhook_id = \"4JH\"", &format!("{LIVE}max_age = 4")] {
        assert!(toml::from_str::<Section>(keys).is_err(), "{keys}");
    }
}
