//! What WeChat Pay's own Go SDK tests itself with: `wechatpay-v3-go-sdk.json`.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use shared::provider::material::Material;
use shared::provider::public_key::PublicKey;
use shared::provider::wechat_pay::{PlatformKey, Reader, Settings};
use shared::provider::{
    self, Account, Genuine, Headers, Provider, Rejection, Request, Scheme, Section, verify,
};
use time::OffsetDateTime;

fn vectors() -> Option<Value> {
    let text = fs::read_to_string(crate::folder()?.join("wechatpay-v3-go-sdk.json")).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The certificate stands in the first case; the others are made from that one.
fn account(file: &Value) -> Account {
    let certificate = PlatformKey::certificate(text(&file["cases"][0]["platform_cert_pem"]));
    let settings = Settings { keys: vec![certificate.unwrap()] };
    Account { name: "shop".into(), scheme: Scheme::WechatPay(settings) }
}

#[test]
fn each_notification_of_the_go_sdk_gets_the_verdict_that_it_states() {
    let Some(file) = vectors() else { return };
    let account = account(&file);
    let mut taken = 0;
    for case in file["cases"].as_array().unwrap() {
        let headers = case["headers"].as_object().unwrap();
        let pairs = headers.iter().map(|(name, value)| (name.as_str(), text(value).as_bytes()));
        let headers = Headers::new(pairs).unwrap();
        let body = text(&case["body"]).to_owned();
        let now = OffsetDateTime::from_unix_timestamp(case["now_unix"].as_i64().unwrap()).unwrap();
        let verdict = verify(&account, Request { headers, body: body.into() }, now).map(drop);
        let expected = match text(&case["name"]) {
            "unknown serial" => Err(Rejection::UnknownKey),
            name if name.starts_with("timestamp skew") => Err(Rejection::Stale),
            name if name.starts_with("body re-serialised") => Err(Rejection::Forged),
            _ => Ok(()),
        };
        assert_eq!(verdict.is_ok(), case["expected"].as_bool().unwrap(), "{}", case["name"]);
        assert_eq!(verdict, expected, "{}", case["name"]);
        taken += usize::from(verdict.is_ok());
    }
    assert!(taken > 0, "at least one of them is genuine");
}

#[test]
fn its_raw_signature_and_its_serial_number_are_as_it_states() {
    let Some(file) = vectors() else { return };
    let raw = &file["raw_signature"];
    let pem = text(&raw["public_cert_pem"]);
    assert_eq!(PlatformKey::certificate(pem).unwrap().id(), text(&raw["serial"]));
    let signature = BASE64.decode(text(&raw["signature"])).unwrap();
    let key = PublicKey::parse(pem).unwrap();
    assert!(key.verifies(text(&raw["message"]).as_bytes(), &signature));
    assert!(!key.verifies(text(&raw["negative_message"]).as_bytes(), &signature));
}

#[test]
fn its_keys_of_sixteen_bytes_are_refused_by_the_configuration() {
    let Some(file) = vectors() else { return };
    let nothing = |_: &std::path::Path| Err("no file".to_owned());
    for key in [text(&file["cases"][0]["apiv3_key"]), "testAPIv3Key0000"] {
        assert_eq!(key.len(), 16);
        let section = json!({ "mchid": "1234567890", "api_v3_key": key });
        let section = Section::deserialize(Provider::WechatPay, section).unwrap();
        let mut material = Material::new(&nothing);
        assert!(section.reader(&mut material).is_none());
        assert_eq!(material.into_problems()[0].0, "api_v3_key");
    }
}

#[test]
fn what_it_notifies_is_none_of_our_concern_and_said_so() {
    let Some(file) = vectors() else { return };
    let reader = Reader { mchids: vec![], sub_mchids: None, appids: None, api_v3_keys: vec![] };
    let body = text(&file["cases"][0]["body"]).as_bytes();
    let genuine = Genuine { http: &[], received_at: OffsetDateTime::UNIX_EPOCH, body };
    let read = provider::Reader::WechatPay(reader).read(&genuine).unwrap();
    assert_eq!((read[0].kind.as_str(), &read[0].fact), ("PAYSCORE.USER_OPEN_SERVICE", &None));
    assert_eq!(read[0].identity, "3119dfba-e649-5eec-ab1e-3412bc4d2e17/PAYSCORE.USER_OPEN_SERVICE");
}
