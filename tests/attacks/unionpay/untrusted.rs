//! Certificates that come along and prove nothing.

use rcgen::ExtendedKeyUsagePurpose;
use shared::provider::{Rejection, Scheme};

use super::authority::{CFCA, IMPOSTOR, KEYS, Says, self_signed};
use super::refused::refused;
use super::sender::{
    LEAF, body, genuine, payment, pinning, sealed, signed_under, text, verdict, with, without,
};
use crate::door::Door;

#[tokio::test]
async fn anybody_can_make_a_certificate_in_unionpays_name() {
    let says = Says::default();
    let named = |name: &str| Says { name: name.to_owned(), ..Says::default() };
    let under = |certificate: &str| signed_under(payment(), certificate, &KEYS[2]);
    let attacks = [
        under(&self_signed(&KEYS[2], &says)),
        under(&IMPOSTOR.issue(&KEYS[2], &says)),
        // Along with the issuer that vouches for it.
        under(&format!("{}\r\n{}", IMPOSTOR.issue(&KEYS[2], &says), IMPOSTOR.intermediate)),
        // A customer of the same authority.
        under(&CFCA.issue(&KEYS[2], &named("041@8310000000083041@某某商户有限公司@00016496"))),
        under(&CFCA.issue(&KEYS[2], &named("041@中国银联股份有限公司@8310000000083040@00016495"))),
        under(&CFCA.issue(&KEYS[2], &named("041@1@x中国银联股份有限公司@1"))),
        under(&CFCA.issue(&KEYS[2], &named("041@1@中国银联股份有限公司 @1"))),
        under(&CFCA.issue(&KEYS[2], &named("041@1@00040000:SIGN@1"))),
        under(&CFCA.issue(&KEYS[2], &named("中国银联股份有限公司"))),
        under(&CFCA.issue(&KEYS[2], &named(""))),
    ];
    refused("up-untrusted", (401, "unknown_key"), &attacks).await;
}

#[tokio::test]
async fn a_certificate_is_taken_within_its_dates_and_for_its_purpose_only() {
    let dated = |from_days, to_days| Says { from_days, to_days, ..Says::default() };
    let server = Says { uses: vec![ExtendedKeyUsagePurpose::ServerAuth], ..Says::default() };
    let attacks = [dated(-100, -1), dated(1, 100), server]
        .map(|says| signed_under(payment(), &CFCA.issue(&KEYS[0], &says), &KEYS[0]));
    refused("up-dates", (401, "unknown_key"), &attacks).await;
}

#[tokio::test]
async fn what_is_no_single_certificate_names_no_key() {
    let leaf = LEAF.as_str();
    let broken = leaf.replacen("MII", "MIJ", 1);
    let texts = [
        "",
        "x",
        "-----BEGIN CERTIFICATE-----",
        &broken,
        &format!("{leaf}\r\n{leaf}"),
        &CFCA.root,
        &"A".repeat(2048),
    ];
    let mut attacks: Vec<_> =
        texts.iter().map(|text| signed_under(payment(), text, &KEYS[0])).collect();
    attacks.push(without(signed_under(payment(), leaf, &KEYS[0]), "signPubKeyCert"));
    refused("up-no-certificate", (401, "unknown_key"), &attacks).await;
}

#[tokio::test]
async fn a_certificate_with_the_line_ends_of_unix_is_not_the_text_that_was_signed() {
    let signed = signed_under(payment(), &LEAF, &KEYS[0]);
    let unix = LEAF.replace("\r\n", "\n");
    let repaired = with(signed.clone(), "signPubKeyCert", unix.as_bytes());
    let trailing = with(signed, "signPubKeyCert", format!("{}\r\n", *LEAF).as_bytes());
    refused("up-line-ends", (401, "forged"), &[repaired, trailing]).await;
    // Whoever signs them so is believed: it is the text that counts, not the shape.
    let meant = body(&signed_under(payment(), &unix, &KEYS[0]));
    assert!(verdict(super::sender::settings(), &meant).is_ok());
}

#[tokio::test]
async fn a_pin_takes_one_key_whatever_the_chain_and_the_dates() {
    let old = Says { from_days: -2000, to_days: -1000, ..Says::default() };
    let expired = self_signed(&KEYS[1], &old);
    let door = Door::of("up-pin", Scheme::UnionPay(pinning(&[&expired]))).await;
    let own = signed_under(payment(), &expired, &KEYS[1]);
    assert_eq!(door.post(&body(&own)).await.status, 200);
    // The certificate was renewed for the same key.
    let renewed = signed_under(payment(), &CFCA.issue(&KEYS[1], &Says::default()), &KEYS[1]);
    assert_eq!(door.post(&body(&renewed)).await.status, 200);

    let pinned = || pinning(&[&expired]);
    assert_eq!(verdict(pinned(), &genuine()), Err(Rejection::UnknownKey), "chained, not pinned");
    let copied = with(payment(), "signPubKeyCert", expired.as_bytes());
    let copied = body(&sealed(copied.clone(), &text(&copied), &KEYS[2]));
    assert_eq!(verdict(pinned(), &copied), Err(Rejection::Forged), "the certificate is public");
}
