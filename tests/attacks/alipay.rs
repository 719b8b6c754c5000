//! Alipay's certificates, its older algorithm, and its agreements, at the real door.

use rsa::RsaPrivateKey;
use shared::notification::{AgreementChange, AgreementFact, Fact, Revival};
use shared::provider::Scheme;
use shared::provider::alipay::{Settings, SignClass, SignType, sign_with};
use shared::provider::public_key::{HashFunction, PublicKey};
use time::macros::datetime;

use crate::door::Door;
use crate::sender::{
    APP_ID, KEYS, Pairs, body, pairs, payment, read, sealed, signed, text, with, without,
};

/// The serial numbers of two certificates of Alipay.
const NUMBERS: [&str; 2] = ["7513daaaa48aa3ba2e4018d84402479c", "0e86d8d1fdc4a0b1b6c1a9bd6f7a0011"];

/// A door whose account has the first two keys as certificates.
async fn certified(name: &'static str) -> Door {
    let key = |(key, number): (&RsaPrivateKey, &str)| {
        PublicKey::new(&key.to_public_key()).unwrap().named(number.to_owned())
    };
    let keys = KEYS.iter().zip(NUMBERS).map(key).collect();
    let (app_id, sign_type) = (APP_ID.to_owned(), SignType::RSA2);
    Door::of(name, Scheme::Alipay(Settings { app_id, seller_id: None, sign_type, keys })).await
}

fn naming(number: &str) -> Pairs {
    with(payment(), "alipay_cert_sn", number.as_bytes())
}

#[tokio::test]
async fn a_certificates_number_may_be_signed_or_not() {
    let door = certified("numbered").await;
    for (key, number) in KEYS.iter().zip(NUMBERS) {
        let signed_too = text(&without(naming(number), "sign_type"));
        let left_out = text(&without(payment(), "sign_type"));
        for text in [signed_too, left_out] {
            let sent = body(&sealed(naming(number), &text, key));
            assert_eq!(door.post(&sent).await.body, "success");
        }
    }
    let named: Vec<_> =
        door.enqueued().iter().map(|p| p.text("quittance-key").unwrap().to_owned()).collect();
    assert_eq!(named, [NUMBERS[0], NUMBERS[0], NUMBERS[1], NUMBERS[1]]);
}

#[tokio::test]
async fn a_message_without_a_number_is_tried_with_every_certificate() {
    let door = certified("numberless").await;
    for key in &KEYS[..2] {
        let sent = body(&sealed(payment(), &text(&without(payment(), "sign_type")), key));
        assert_eq!(door.post(&sent).await.status, 200);
    }
}

#[tokio::test]
async fn a_number_chooses_a_configured_certificate_and_brings_none() {
    let door = certified("chosen").await;
    let named = |number: &str| {
        let text = text(&without(naming(number), "sign_type"));
        body(&sealed(naming(number), &text, &KEYS[0]))
    };
    let unknown = ["866efef280dec9137a87d047ac446315", "7513DAAAA48AA3BA2E4018D84402479C", "7513"];
    for (times, number) in (1..).zip(unknown) {
        door.rejected(&door.post(&named(number)).await, 401, ("unknown_key", times));
    }
    // Configured, but not the one that signed.
    door.rejected(&door.post(&named(NUMBERS[1])).await, 401, ("forged", 1));
    // Added on the way, to make another key be looked for.
    let added = with(signed(payment()), "alipay_cert_sn", NUMBERS[1].as_bytes());
    door.rejected(&door.post(&body(&added)).await, 401, ("forged", 2));
}

/// An account of old, with a key of 1024 bits.
async fn legacy(name: &'static str, key: &RsaPrivateKey) -> Door {
    let keys = vec![PublicKey::new_for(&key.to_public_key(), HashFunction::Sha1).unwrap()];
    let (app_id, sign_type) = (APP_ID.to_owned(), SignType::RSA);
    Door::of(name, Scheme::Alipay(Settings { app_id, seller_id: None, sign_type, keys })).await
}

#[tokio::test]
async fn the_older_algorithm_is_taken_where_it_is_configured_and_no_other_there() {
    let key = RsaPrivateKey::new(&mut rand::thread_rng(), 1024).unwrap();
    let door = legacy("legacy", &key).await;
    let unsigned = without(payment(), "sign_type");
    let unsigned: Vec<_> = unsigned.iter().map(|(key, value)| (key.as_str(), &value[..])).collect();
    let sign = |sign_type| sign_with(sign_type, &unsigned, SignClass::V1, &key);

    let newer = sign(SignType::RSA2);
    door.rejected(&door.post(newer.as_bytes()).await, 401, ("wrong_algorithm", 1));
    let renamed = newer.replace("sign_type=RSA2", "sign_type=RSA");
    door.rejected(&door.post(renamed.as_bytes()).await, 401, ("forged", 1));
    let genuine = sign(SignType::RSA);
    let changed = genuine.replace("total_amount=20", "total_amount=21");
    door.rejected(&door.post(changed.as_bytes()).await, 401, ("forged", 2));
    let answer = door.post(genuine.as_bytes()).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "success"));
}

#[tokio::test]
async fn the_older_algorithm_is_no_way_in_elsewhere() {
    let door = Door::open("downgrade").await;
    let unsigned = without(payment(), "sign_type");
    let unsigned: Vec<_> = unsigned.iter().map(|(key, value)| (key.as_str(), &value[..])).collect();
    let older = sign_with(SignType::RSA, &unsigned, SignClass::V1, &KEYS[0]);
    door.rejected(&door.post(older.as_bytes()).await, 401, ("wrong_algorithm", 1));
    let renamed = older.replace("sign_type=RSA", "sign_type=RSA2");
    door.rejected(&door.post(renamed.as_bytes()).await, 401, ("forged", 1));
}

fn agreement(kind: &str, status: &str) -> Pairs {
    pairs(&[
        ("notify_time", "2026-11-23 12:00:05"),
        ("notify_type", kind),
        ("notify_id", "n-1"),
        ("app_id", APP_ID),
        ("charset", "utf-8"),
        ("version", "1.0"),
        ("sign_type", "RSA2"),
        ("agreement_no", "20265323001122334455"),
        ("external_agreement_no", "S-1"),
        ("personal_product_code", "CYCLE_PAY_AUTH_P"),
        ("sign_scene", "INDUSTRY|DIGITAL_MEDIA"),
        ("alipay_logon_id", "159****5620"),
        ("status", status),
        ("sign_time", "2026-11-23 12:00:00"),
        ("valid_time", "2026-11-23 12:00:00"),
        ("invalid_time", "2115-02-01 00:00:00"),
    ])
}

/// What the door takes, read.
async fn said(door: &Door, pairs: &Pairs) -> (String, String, Option<AgreementFact>) {
    let sent = body(pairs);
    assert_eq!(door.post(&sent).await.body, "success");
    let notification = read(&sent).unwrap().remove(0);
    let fact = match notification.fact {
        Some(Fact::Agreement(fact)) => Some(fact),
        None => None,
        Some(other) => panic!("{other:?}"),
    };
    (notification.identity, notification.kind, fact)
}

#[tokio::test]
async fn an_agreement_is_signed_and_ended_for_good() {
    let door = Door::open("agreement").await;
    let fact = |change, occurred_at| AgreementFact {
        agreement: "20265323001122334455".to_owned(),
        subscription_no: Some("S-1".to_owned()),
        change,
        occurred_at,
        revival: Revival::Never,
    };
    let begun = signed(agreement("dut_user_sign", "NORMAL"));
    let valid_until = Some(datetime!(2115-02-01 00:00:00 +8));
    let change = AgreementChange::Signed { valid_until };
    let expected = fact(change, datetime!(2026-11-23 12:00:00 +8));
    let kind = "dut_user_sign/NORMAL".to_owned();
    assert_eq!(said(&door, &begun).await, ("n-1/NORMAL".into(), kind, Some(expected)));

    let ended = with(agreement("dut_user_unsign", "UNSIGN"), "unsign_time", b"2026-12-23 12:00:00");
    let expected = fact(AgreementChange::Ended, datetime!(2026-12-23 12:00:00 +8));
    let kind = "dut_user_unsign/UNSIGN".to_owned();
    assert_eq!(said(&door, &signed(ended)).await, ("n-1/UNSIGN".into(), kind, Some(expected)));
}

#[tokio::test]
async fn an_agreement_may_be_signed_in_either_class() {
    let door = Door::open("classes").await;
    let begun = agreement("dut_user_sign", "NORMAL");
    let second = sealed(begun.clone(), &text(&begun), &KEYS[0]);
    for pairs in [signed(begun), second] {
        assert!(said(&door, &pairs).await.2.is_some());
    }
}

#[tokio::test]
async fn an_agreement_that_is_stopped_for_a_while_changes_nothing() {
    let door = Door::open("stopped").await;
    for (kind, status) in [
        ("dut_user_sign", "STOP"),
        ("dut_user_sign", "TEMP"),
        ("dut_user_sign", "UNSIGN"),
        ("dut_user_unsign", "NORMAL"),
        ("dut_user_invented", "NORMAL"),
    ] {
        assert_eq!(said(&door, &signed(agreement(kind, status))).await.2, None, "{kind} {status}");
    }
}

#[tokio::test]
async fn a_genuine_agreement_that_cannot_be_read_is_still_taken() {
    let door = Door::open("odd_agreement").await;
    let begun = || agreement("dut_user_sign", "NORMAL");
    for odd in [
        without(begun(), "agreement_no"),
        without(begun(), "status"),
        with(begun(), "invalid_time", b"never"),
        with(begun(), "agreement_no", &[b'1'; 200]),
        with(begun(), "external_agreement_no", b"a\x07b"),
    ] {
        let sent = body(&signed(odd));
        assert_eq!(door.post(&sent).await.status, 200);
        assert!(read(&sent).is_err());
    }
}

#[tokio::test]
async fn a_charge_under_an_agreement_names_it() {
    let charged = with(payment(), "agreement_no", b"20265323001122334455");
    let notification = read(&body(&signed(charged))).unwrap().remove(0);
    assert_eq!(notification.payment().unwrap().agreement.as_deref(), Some("20265323001122334455"));
}

#[tokio::test]
async fn another_apps_agreement_is_not_ours() {
    let door = Door::open("foreign_agreement").await;
    let foreign = with(agreement("dut_user_sign", "NORMAL"), "app_id", b"2021000000000002");
    door.rejected(&door.post(&body(&signed(foreign))).await, 401, ("not_ours", 1));
}
