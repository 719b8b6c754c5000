//! Certificates that were fetched: which of them count, for how long, and how many are held.

use shared::process::now;
use shared::provider::Rejection;
use shared::provider::paypal::published::{AdmitError, CertificateUrl, Environment};
use time::Duration;

use super::authority::{DIGICERT, IMPOSTOR, KEYS, LIVE, SANDBOX};
use super::sender::{ID, URL, WEBHOOK_ID, capture, fetching, pinning, signed, signed_by};

fn url(text: &str) -> CertificateUrl {
    CertificateUrl::parse(text, Environment::Live).unwrap()
}

#[test]
fn a_certificate_that_is_not_there_is_wanted_and_then_verifies() {
    let (settings, sent) = (fetching(Environment::Live), signed(&capture()));
    let request = sent.request().unwrap();
    assert_eq!(sent.verdict(&settings), Err(Rejection::UnknownKey));
    assert_eq!(settings.wanted(&request, now()), Some(url(URL)));
    let chain = DIGICERT.chain(&KEYS[0], LIVE, (-1, 1));
    // Whoever holds a copy of the settings has it too.
    settings.clone().trust.admit(url(URL), chain.as_bytes(), now()).unwrap();
    assert!(sent.verdict(&settings).is_ok());
    assert_eq!(settings.wanted(&request, now()), None);

    let forged = signed_by(capture().to_string(), &KEYS[1], WEBHOOK_ID, now());
    assert_eq!(forged.verdict(&settings), Err(Rejection::Forged));
    let elsewhere = sent.with("PAYPAL-CERT-URL", &format!("{URL}0"));
    assert_eq!(elsewhere.verdict(&settings), Err(Rejection::UnknownKey), "by its own url alone");
}

#[test]
fn what_does_not_chain_to_a_root_in_paypals_name_is_not_admitted() {
    let admit =
        |pem: &str| fetching(Environment::Live).trust.admit(url(URL), pem.as_bytes(), now());
    let own = (-1, 1);
    assert_eq!(admit(&IMPOSTOR.chain(&KEYS[1], LIVE, own)), Err(AdmitError::Chain));
    assert_eq!(admit(&DIGICERT.leaf(&KEYS[0], LIVE, own)), Err(AdmitError::Chain), "no issuer");
    assert_eq!(admit(&DIGICERT.chain(&KEYS[0], LIVE, (-9, -1))), Err(AdmitError::Chain));
    assert_eq!(admit(&DIGICERT.chain(&KEYS[0], LIVE, (1, 9))), Err(AdmitError::Chain));
    for host in [
        SANDBOX,
        "evil.example",
        "messageverificationcerts.paypal.com.evil.example",
        "x.messageverificationcerts.paypal.com",
        "www.paypal.com",
    ] {
        assert_eq!(admit(&DIGICERT.chain(&KEYS[1], host, own)), Err(AdmitError::Name), "{host}");
    }
    for pem in ["", "<html>", &"-----BEGIN CERTIFICATE-----\n".repeat(99)] {
        assert!(matches!(admit(pem), Err(AdmitError::Unreadable(_))), "{pem}");
    }
    let listing = pinning().trust.admit(url(URL), b"", now());
    assert_eq!(listing, Err(AdmitError::NotFetching));
}

#[test]
fn a_fetched_certificate_counts_until_it_ends() {
    let settings = fetching(Environment::Live);
    let chain = DIGICERT.chain(&KEYS[0], LIVE, (-1, 1));
    settings.trust.admit(url(URL), chain.as_bytes(), now()).unwrap();
    let then = now() + Duration::days(2);
    let sent = signed_by(capture().to_string(), &KEYS[0], WEBHOOK_ID, then);
    assert_eq!(sent.verdict_at(&settings, then), Err(Rejection::UnknownKey));
    assert_eq!(settings.wanted(&sent.request().unwrap(), then), Some(url(URL)));
}

#[test]
fn a_bounded_number_of_certificates_is_held() {
    let settings = fetching(Environment::Live);
    let chain = DIGICERT.chain(&KEYS[0], LIVE, (-1, 1));
    let sent = signed(&capture());
    let named = |number: usize| sent.clone().with("PAYPAL-CERT-URL", &format!("{URL}{number}"));
    for number in 0..20 {
        let url = url(&format!("{URL}{number}"));
        settings.trust.admit(url, chain.as_bytes(), now()).unwrap();
    }
    let held = (0..20).filter(|number| named(*number).verdict(&settings).is_ok()).count();
    assert_eq!(held, 16);
    assert!(named(19).verdict(&settings).is_ok(), "the oldest leave");
}

#[test]
fn the_sandbox_and_the_live_world_do_not_mix() {
    let chain = DIGICERT.chain(&KEYS[0], SANDBOX, (-1, 1));
    let settings = fetching(Environment::Sandbox);
    let text = "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1";
    let url = CertificateUrl::parse(text, Environment::Sandbox).unwrap();
    settings.trust.admit(url, chain.as_bytes(), now()).unwrap();
    let sent = signed(&capture()).with("PAYPAL-CERT-URL", text);
    assert!(sent.verdict(&settings).is_ok());
    assert_eq!(signed(&capture()).verdict(&settings), Err(Rejection::UnknownKey), "{ID}");
    assert_eq!(sent.verdict(&fetching(Environment::Live)), Err(Rejection::UnknownKey));
}
