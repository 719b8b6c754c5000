//! A private authority made in the test, and what it does and does not vouch for.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, DnValue, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair,
};
use time::macros::datetime;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-11-23 12:00 UTC);
const NAME: &str = "041@8310000000083040@中国银联股份有限公司@00016495";

type Authority = Issuer<'static, KeyPair>;

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["host.example".to_owned()]).unwrap();
    params.not_before = datetime!(2026-01-01 0:00 UTC);
    params.not_after = datetime!(2027-01-01 0:00 UTC);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn root(name: &str) -> (Certificate, Authority) {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = read(&params.self_signed(&key).unwrap());
    (certificate, Issuer::new(params, key))
}

fn between(name: &str, issuer: &Authority) -> (Certificate, Authority) {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = read(&params.signed_by(&key, issuer).unwrap());
    (certificate, Issuer::new(params, key))
}

fn issued(params: &CertificateParams, issuer: &Authority) -> Certificate {
    read(&params.signed_by(&KeyPair::generate().unwrap(), issuer).unwrap())
}

fn read(certificate: &rcgen::Certificate) -> Certificate {
    Certificate::parse(certificate.pem().as_bytes()).unwrap()
}

fn trusting(root: &Certificate, intermediates: &[Certificate]) -> Authorities {
    Authorities::new(vec![root.clone()], intermediates, ChainHash::SHA256).unwrap()
}

fn is_vouched_for(by: &Authorities, leaf: &Certificate, now: OffsetDateTime) -> bool {
    by.vouch_for(leaf.clone(), &[], Purpose::ClientAuthentication, now).is_ok()
}

#[test]
fn a_leaf_counts_by_its_chain_and_not_by_its_name() {
    let (root_certificate, root) = root("root");
    let (_, foreign) = self::root("root");
    let (middle_certificate, middle) = between("middle", &root);
    let leaf = issued(&params(NAME), &middle);
    let forged = issued(&params(NAME), &foreign);
    let own = {
        let key = KeyPair::generate().unwrap();
        read(&params(NAME).self_signed(&key).unwrap())
    };

    let authorities = trusting(&root_certificate, std::slice::from_ref(&middle_certificate));
    assert!(is_vouched_for(&authorities, &leaf, NOW));
    assert!(!is_vouched_for(&authorities, &forged, NOW), "the same name, another root");
    assert!(!is_vouched_for(&authorities, &own, NOW), "its own issuer");

    let without = trusting(&root_certificate, &[]);
    assert!(!is_vouched_for(&without, &leaf, NOW), "the intermediate is missing");
    let sent = std::slice::from_ref(&middle_certificate);
    let vouched = without.vouch_for(leaf, sent, Purpose::ClientAuthentication, NOW);
    assert!(vouched.is_ok(), "it may come along");
}

#[test]
fn whoever_vouches_is_named_and_noted_with_its_end() {
    let (root_certificate, root) = root("root");
    let (middle_certificate, middle) = between("middle", &root);
    let leaf = issued(&params(NAME), &middle);
    let sent = std::slice::from_ref(&middle_certificate);
    let by = |authorities: &Authorities, sent| {
        let purpose = Purpose::ClientAuthentication;
        authorities.vouch_for(leaf.clone(), sent, purpose, NOW).unwrap().by().to_owned()
    };
    let both = trusting(&root_certificate, sent);
    let [root_id, middle_id] =
        [&root_certificate, &middle_certificate].map(|one| one.fingerprint());
    assert_eq!(by(&both, &[]), middle_id, "the nearest that is configured");
    assert_eq!(by(&trusting(&root_certificate, &[]), sent), root_id, "what came along is not");
    let told: Vec<_> = both.notes().into_iter().map(|note| (note.id, note.issuer)).collect();
    assert_eq!(told, [(root_id.clone(), None), (middle_id, Some(root_id))]);
    let ends = both.notes().iter().all(|note| note.expires_at == Some(leaf.not_after));
    assert!(ends, "each has its end");
}

#[test]
fn a_certificate_counts_within_its_dates_only() {
    let (root_certificate, root) = root("root");
    let leaf = issued(&params(NAME), &root);
    let authorities = trusting(&root_certificate, &[]);
    for (now, expected) in [
        (datetime!(2025-12-31 23:59:59 UTC), false),
        (datetime!(2026-01-01 0:00 UTC), true),
        (datetime!(2027-01-01 0:00 UTC), true),
        (datetime!(2027-01-01 0:00:01 UTC), false),
    ] {
        assert_eq!(is_vouched_for(&authorities, &leaf, now), expected, "{now}");
        assert_eq!(leaf.is_valid_at(now), expected, "{now}");
    }
}

#[test]
fn an_intermediate_counts_within_its_dates_and_a_root_for_ever() {
    let late = datetime!(2027-06-01 0:00 UTC);
    let mut lasting = params(NAME);
    lasting.not_after = datetime!(2028-01-01 0:00 UTC);
    let (root_certificate, root) = root("root");
    let leaf = issued(&lasting, &root);
    assert!(!root_certificate.is_valid_at(late));
    assert!(is_vouched_for(&trusting(&root_certificate, &[]), &leaf, late));
    let (middle_certificate, middle) = between("middle", &root);
    let leaf = issued(&lasting, &middle);
    let authorities = trusting(&root_certificate, &[middle_certificate]);
    let why = authorities.vouch_for(leaf, &[], Purpose::ClientAuthentication, late).unwrap_err();
    assert_eq!(why, Unvouched::Ended);
}

#[test]
fn a_weaker_hash_takes_all_that_a_stronger_one_takes() {
    let (certificate, root) = root("root");
    let leaf = issued(&params(NAME), &root);
    for weakest in [ChainHash::SHA256, ChainHash::SHA1] {
        let authorities = Authorities::new(vec![certificate.clone()], &[], weakest).unwrap();
        assert!(is_vouched_for(&authorities, &leaf, NOW), "{weakest:?}");
    }
    let taken = ChainHash::SHA1.algorithms();
    let is_taken = |id| taken.iter().any(|weaker| weaker.signature_alg_id() == id);
    let stronger = ChainHash::SHA256.algorithms();
    assert!(stronger.iter().all(|algorithm| is_taken(algorithm.signature_alg_id())));
}

#[test]
fn a_stated_purpose_binds() {
    let (root_certificate, root) = root("root");
    let mut params = params(NAME);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let leaf = issued(&params, &root);
    let authorities = trusting(&root_certificate, &[]);
    let vouched = |purpose| authorities.vouch_for(leaf.clone(), &[], purpose, NOW).is_ok();
    assert!(vouched(Purpose::ServerAuthentication));
    assert!(!vouched(Purpose::ClientAuthentication));
}

/// Made with openssl, without extensions.
const VERSION_ONE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBATCBqQIBATAKBggqhkjOPQQDAjAMMQowCAYDVQQDDAFyMCAXDTI2MTEyMzIx
NDI1N1oYDzIxMjYxMDMwMjE0MjU3WjANMQswCQYDVQQDDAJ2MTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABK0PHijRgrdVRZsqxsJRv+EXt7NFBobDhU11h8KnM5kL
qmHMMrq2356xfY2v29oMOfglPh+89VLDADQtVNciDdcwCgYIKoZIzj0EAwIDRwAw
RAIgHkb/toacKJtHSbTXpsfFNmKmWoa7K8ZdjR0/3q6Zj/MCIEhFJdbt/IwIInMq
rw+Nxm3Metll/ir24lsDFMt75cxr
-----END CERTIFICATE-----";

#[test]
fn what_is_not_vouched_for_says_why() {
    let (root_certificate, root) = root("root");
    let (_, foreign) = self::root("another");
    let authorities = trusting(&root_certificate, &[]);
    let why = |leaf: Certificate, now| {
        authorities.vouch_for(leaf, &[], Purpose::ClientAuthentication, now).unwrap_err()
    };
    let leaf = issued(&params(NAME), &root);
    assert_eq!(why(leaf.clone(), datetime!(2027-06-01 0:00 UTC)), Unvouched::Ended);
    assert_eq!(why(leaf, datetime!(2025-06-01 0:00 UTC)), Unvouched::NotYet);
    assert_eq!(why(issued(&params(NAME), &foreign), NOW), Unvouched::Issuer);
    let itself = params(NAME).self_signed(&KeyPair::generate().unwrap()).unwrap();
    assert_eq!(why(read(&itself), NOW), Unvouched::Itself);
    let old = Certificate::parse(VERSION_ONE.as_bytes()).unwrap();
    assert_eq!(why(old, NOW), Unvouched::Version);
}

#[test]
fn a_leaf_is_no_issuer() {
    let (root_certificate, root) = root("root");
    let key = KeyPair::generate().unwrap();
    let leaf = read(&params("leaf").signed_by(&key, &root).unwrap());
    let below = issued(&params(NAME), &Issuer::new(params("leaf"), key));
    let authorities = trusting(&root_certificate, std::slice::from_ref(&leaf));
    assert!(!is_vouched_for(&authorities, &below, NOW));
}

#[test]
fn a_name_is_read_in_the_alphabets_that_issuers_use() {
    let (_, root) = root("root");
    let names =
        [DnValue::Utf8String(NAME.to_owned()), DnValue::BmpString(NAME.try_into().unwrap())];
    for name in names {
        let mut params = params("");
        params.distinguished_name.push(DnType::CommonName, name);
        assert_eq!(issued(&params, &root).common_name(), Some(NAME));
    }
    let leaf = issued(&params("other.example"), &root);
    assert!(leaf.is_for_host("host.example") && leaf.is_for_host("other.example"));
    assert!(!leaf.is_for_host("x.host.example") && !leaf.is_for_host("example"));
}

#[test]
fn a_text_holds_as_many_certificates_as_are_taken() {
    let (root_certificate, root) = root("root");
    let pem = params(NAME).signed_by(&KeyPair::generate().unwrap(), &root).unwrap().pem();
    let unix = pem.replace("\r\n", "\n");
    let parsed = Certificate::parse_all(format!("{unix}{}", pem.trim_end()).as_bytes()).unwrap();
    assert_eq!(parsed.len(), 2);
    assert_eq!(parsed[0], parsed[1]);
    assert_ne!(parsed[0].key_hash(), root_certificate.key_hash());
    assert_eq!(
        Certificate::parse(format!("{pem}{pem}").as_bytes()),
        Err(CertificateError::TooMany)
    );
    let many = pem.repeat(CERTIFICATES_MAX + 1);
    assert_eq!(Certificate::parse_all(many.as_bytes()), Err(CertificateError::TooMany));
    for text in ["", "x", &pem[..pem.len() / 2], &pem.replacen("MII", "NII", 1)] {
        assert_eq!(Certificate::parse(text.as_bytes()), Err(CertificateError::Unreadable));
    }
}

#[test]
fn a_key_that_is_not_rsa_verifies_nothing() {
    let (certificate, _) = root("root");
    assert!(matches!(certificate.public_key(), Err(PublicKeyError::Unreadable)));
}
