//! The account's section, and the way from a simulated request to its fact.

use std::cell::RefCell;
use std::path::Path;
use std::sync::LazyLock;

use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePublicKey as _, LineEnding};
use time::macros::datetime;

use super::*;
use crate::notification::{Fact, PaymentStatus};
use crate::provider::Headers;

const API_V3_KEY: &str = "0123456789abcdefghijklmnopqrstuv";
const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:00 UTC);

static KEY: LazyLock<RsaPrivateKey> =
    LazyLock::new(|| RsaPrivateKey::new(&mut rand::thread_rng(), 2048).unwrap());

fn section(text: &str) -> Section {
    toml::from_str(text).unwrap()
}

fn public_pem() -> String {
    KEY.to_public_key().to_public_key_pem(LineEnding::LF).unwrap()
}

/// The files of a configuration, by name.
fn file(path: &Path) -> Result<String, String> {
    match path.to_str().unwrap() {
        "wechat.pem" => Ok(public_pem()),
        "key" => Ok(format!("{API_V3_KEY}\n")),
        "short" => Ok(API_V3_KEY[..16].to_owned()),
        other => Err(format!("{other}: no such file")),
    }
}

const WHOLE: &str =
    "mchid = '1'\napi_v3_key_file = 'key'\npublic_keys = { PUB_KEY_ID_01 = 'wechat.pem' }";

#[test]
fn the_api_key_is_read_for_reading_alone() {
    let read = RefCell::new(vec![]);
    let watched = |path: &Path| {
        read.borrow_mut().push(path.display().to_string());
        file(path)
    };
    let mut material = Material::new(&watched);
    assert!(WechatPay::settings(&section(WHOLE), &mut material).is_some());
    assert_eq!(read.take(), ["wechat.pem"]);
    assert!(WechatPay::reader(&section(WHOLE), &mut material).is_some());
    assert_eq!(read.take(), ["key"]);
    assert_eq!(material.into_problems(), []);
}

#[test]
fn what_is_wrong_with_a_section_is_said_at_its_key() {
    let wrong = [
        ("mchid = '1'", "public_keys"),
        ("mchid = '1'\npublic_keys = { one = 'wechat.pem' }", "public_keys"),
        ("mchid = '1'\npublic_keys = { PUB_KEY_ID_01 = 'none.pem' }", "public_keys"),
        ("mchid = '1'\nplatform_certificates = ['wechat.pem']", "platform_certificates"),
    ];
    for (text, key) in wrong {
        let mut material = Material::new(&file);
        assert!(WechatPay::settings(&section(text), &mut material).is_none(), "{text}");
        assert_eq!(material.into_problems()[0].0, key, "{text}");
    }
    let wrong = [
        ("mchid = '1'", "api_v3_key_file"),
        ("mchid = []\napi_v3_key_file = 'key'", "mchid"),
        ("mchid = '1'\nappid = ''\napi_v3_key_file = 'key'", "appid"),
        // Sixteen bytes would quietly be AES-128.
        ("mchid = '1'\napi_v3_key_file = 'short'", "api_v3_key"),
    ];
    for (text, key) in wrong {
        let mut material = Material::new(&file);
        assert!(WechatPay::reader(&section(text), &mut material).is_none(), "{text}");
        assert_eq!(material.into_problems()[0].0, key, "{text}");
    }
}

#[test]
fn what_is_simulated_is_proven_and_read() {
    let mut material = Material::new(&file);
    let settings = WechatPay::settings(&section(WHOLE), &mut material).unwrap();
    let reader = WechatPay::reader(&section(WHOLE), &mut material).unwrap();
    let event = Event {
        id: "n1",
        created_at: NOW,
        event_type: "TRANSACTION.SUCCESS",
        original_type: "transaction",
        resource: r#"{"mchid":"1","appid":"wx1","out_trade_no":"A-1","transaction_id":"T1","trade_state":"SUCCESS","success_time":"2026-11-23T20:00:00+08:00","amount":{"total":100,"payer_total":90,"currency":"CNY"}}"#,
    };
    let body = body(&event, API_V3_KEY).unwrap();
    assert_eq!(super::body(&event, "short"), None);
    let signer = Signer { serial: "PUB_KEY_ID_01", key: &KEY };
    let headers = sign(body.as_bytes(), NOW, &signer);
    let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    let request = Request { headers: Headers::new(headers).unwrap(), body: body.clone().into() };
    let proof = WechatPay::verify(&settings, &request, NOW).unwrap();
    assert_eq!(proof.key, "PUB_KEY_ID_01");
    let genuine = Genuine { http: &[], received_at: NOW, body: body.as_bytes() };
    let notification = WechatPay::read(&reader, &genuine).unwrap().remove(0);
    assert_eq!(notification.identity, "n1/TRANSACTION.SUCCESS");
    let Some(Fact::Payment(fact)) = notification.fact else { panic!("no payment") };
    assert_eq!((fact.status, fact.amount.minor), (PaymentStatus::Succeeded, 100));
    assert_eq!(fact.occurred_at, NOW);
}
