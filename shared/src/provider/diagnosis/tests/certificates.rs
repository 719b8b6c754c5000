//! Certificates that come with a request, or that a request makes us look for: what stands against them.

use std::collections::HashMap;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, SignatureAlgorithm,
};
use rsa::pkcs8::{EncodePrivateKey as _, LineEnding};
use time::OffsetDateTime;
use time::macros::datetime;

use super::super::super::certificate::{Authorities, Certificate, ChainHash};
use super::super::{Case, Cause, Confidence, Diagnosis, Effort, diagnose};
use super::corruptions::{form_of, one_byte_changed};
use super::senders::{KEYS, NOW, all, public, unionpay_under};
use crate::provider::{Account, Accounts, Provider, Received, Scheme, Verified, paypal, unionpay};

const ORGANISATION: &str = "中国银联股份有限公司";

/// A root, and what it issues for the provider's key.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(algorithm: &'static SignatureAlgorithm) -> Self {
        let mut params = params("root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate_for(algorithm).unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn issued(&self, params: &CertificateParams) -> String {
        params.signed_by(&provider_key(), &self.issuer).unwrap().pem()
    }

    fn authorities(&self) -> Authorities {
        let root = Certificate::parse(self.pem.as_bytes()).unwrap();
        Authorities::new(vec![root], &[], ChainHash::SHA256).unwrap()
    }
}

fn params(organisation: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.not_before = datetime!(2026-01-01 0:00 UTC);
    params.not_after = datetime!(2027-01-01 0:00 UTC);
    params.distinguished_name.push(DnType::CommonName, format!("041@83@{organisation}@00016495"));
    params
}

fn provider_key() -> KeyPair {
    let pem = KEYS[0].to_pkcs8_pem(LineEnding::LF).unwrap();
    KeyPair::from_pkcs8_pem_and_sign_algo(&pem, &PKCS_RSA_SHA256).unwrap()
}

fn unionpay(authorities: Authorities) -> Scheme {
    let trusted = unionpay::trust::Certificates::new(&[], Some(authorities), ORGANISATION).unwrap();
    let trust = unionpay::trust::Trust::Certificates(trusted);
    Scheme::UnionPay(unionpay::Settings { mer_id: "777290058167151".to_owned(), trust })
}

fn found(
    scheme: Scheme,
    received: &Received,
    now: OffsetDateTime,
) -> Result<Verified, Box<Diagnosis>> {
    let account = Account { name: "ours".to_owned(), scheme };
    let accounts = Accounts(HashMap::new());
    let effort = Effort::Quick;
    let (account, accounts) = (&account, &accounts);
    diagnose(&Case { account, accounts, own_key: None, received, now, effort })
}

#[test]
fn what_stands_against_a_certificate_is_told() {
    let [cfca, other] = [0, 1].map(|_| Authority::new(&PKCS_ECDSA_P256_SHA256));
    let strange = Authority::new(&PKCS_ED25519);
    let mut for_servers = params(ORGANISATION);
    for_servers.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let itself = params(ORGANISATION).self_signed(&provider_key()).unwrap().pem();
    let genuine = cfca.issued(&params(ORGANISATION));
    assert!(found(unionpay(cfca.authorities()), &unionpay_under(0, &genuine), NOW).is_ok());

    let untrusted = Cause::UntrustedCertificate;
    for (certificate, by, cause, told) in [
        (cfca.issued(&params("another")), &cfca, untrusted, "another `organisation`"),
        (cfca.issued(&for_servers), &cfca, untrusted, "states uses"),
        (strange.issued(&params(ORGANISATION)), &strange, untrusted, "another kind of key"),
        ("nothing".to_owned(), &cfca, untrusted, "cannot be read"),
        (String::new(), &cfca, untrusted, "there is no certificate"),
        (other.issued(&params(ORGANISATION)), &cfca, Cause::UnknownSerial, "no configured root"),
        (itself, &cfca, Cause::UnknownSerial, "signed by itself"),
    ] {
        let sent = unionpay_under(0, &certificate);
        let found = found(unionpay(by.authorities()), &sent, NOW).unwrap_err();
        assert_eq!((found.cause, found.confidence), (cause, Confidence::Proven), "{told}");
        let detail = found.detail.unwrap_or_default();
        assert!(detail.starts_with(told) || detail.contains(told), "{detail}, not {told}");
    }
    for (now, told) in [
        (datetime!(2027-02-01 0:00 UTC), "had ended"),
        (datetime!(2025-02-01 0:00 UTC), "not valid yet"),
    ] {
        let found = found(unionpay(cfca.authorities()), &unionpay_under(0, &genuine), now);
        let found = found.unwrap_err();
        assert_eq!(found.cause, untrusted);
        assert!(found.detail.is_some_and(|detail| detail.contains(told)), "{told}");
    }
}

#[test]
fn line_ends_of_a_certificate_that_is_vouched_for_are_told_from_one_that_is_not() {
    let cfca = Authority::new(&PKCS_ECDSA_P256_SHA256);
    let sent = unionpay_under(0, &cfca.issued(&params(ORGANISATION)));
    let unix = form_of(&sent, |_, value| {
        String::from_utf8(value.to_vec()).unwrap().replace("\r\n", "\n").into_bytes()
    });
    let found = found(unionpay(cfca.authorities()), &unix, NOW).unwrap_err();
    assert_eq!((found.cause, found.confidence), (Cause::LineEndings, Confidence::Proven));
}

#[test]
fn a_listed_key_that_signed_something_else_is_no_unknown_one_because_others_may_be_fetched() {
    let paypal = all().iter().find(|one| one.account.provider() == Provider::PayPal).unwrap();
    let scheme = |webhook_id: &str| {
        use paypal::published::{Environment, Trust};
        let authorities = Authority::new(&PKCS_ECDSA_P256_SHA256).authorities();
        Scheme::PayPal(paypal::Settings {
            webhook_id: webhook_id.to_owned(),
            merchant_id: None,
            max_age: None,
            trust: Trust::new(Environment::Live, vec![public(0)], Some(authorities)),
        })
    };
    let ours = || scheme("8PT597110X687430LKGECATA");
    assert!(found(ours(), &paypal.genuine, NOW).is_ok());
    for (scheme, received) in [
        (scheme("1JE4291016473214C"), paypal.genuine.clone()),
        (ours(), one_byte_changed(&paypal.genuine)),
    ] {
        let found = found(scheme, &received, NOW).unwrap_err();
        assert_eq!((found.cause, found.confidence), (Cause::BytesChanged, Confidence::Proven));
    }
    let foreign = found(ours(), &paypal.foreign, NOW).unwrap_err();
    assert_eq!(foreign.cause, Cause::UnknownSerial);
}
