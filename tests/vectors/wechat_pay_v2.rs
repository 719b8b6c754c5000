//! What several SDKs of WeChat Pay's API v2 test themselves with: `wechatpay-v2.json`.

use std::fs;

use serde_json::Value;
use shared::notification::{Evidence, Fact, Notification};
use shared::provider::mac::to_hex;
use shared::provider::wechat_pay_v2::{Reader, Settings, SignType, req_info, signed_text};
use shared::provider::xml::{self, Elements};
use shared::provider::{self, Account, Genuine, Headers, Rejection, Request, Scheme, verify};
use shared::secret::Secret;
use time::OffsetDateTime;

const DOCUMENTED_KEY: &str = "192006250b4c09247ec02edce69f6a2d";

fn vectors() -> Option<Value> {
    let text = fs::read_to_string(crate::folder()?.join("wechatpay-v2.json")).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn pairs(object: &Value) -> Vec<(&str, &str)> {
    let object = object.as_object().unwrap().iter();
    let mut pairs: Vec<_> = object.map(|(name, value)| (name.as_str(), text(value))).collect();
    pairs.sort_unstable();
    pairs
}

fn secrets(api_key: &str) -> Vec<Secret> {
    vec![Secret::new(api_key.to_owned())]
}

fn verdict(mch_id: &str, api_key: &str, body: &str) -> Result<(), Rejection> {
    let settings = Settings {
        mch_id: mch_id.to_owned(),
        sub_mch_ids: None,
        appids: None,
        api_keys: secrets(api_key),
        sign_types: vec![SignType::Md5, SignType::HmacSha256],
    };
    let account = Account { name: "shop".into(), scheme: Scheme::WechatPayV2(settings) };
    let request = Request { headers: Headers::default(), body: body.to_owned().into() };
    verify(&account, request, OffsetDateTime::UNIX_EPOCH).map(drop)
}

fn read(api_key: &str, body: &str) -> Notification {
    let received_at = OffsetDateTime::UNIX_EPOCH;
    let genuine = Genuine { http: &[], received_at, body: body.as_bytes() };
    let reader = provider::Reader::WechatPayV2(Reader { api_keys: secrets(api_key) });
    reader.read(&genuine).unwrap().remove(0)
}

#[test]
fn each_text_is_signed_as_its_sdk_states() {
    let Some(file) = vectors() else { return };
    let cases = file["sign_cases"].as_array().unwrap();
    assert!(cases.len() >= 3);
    for case in cases {
        let key = text(&case["api_key"]);
        let signed = signed_text(pairs(&case["params"]), key);
        let code = |sign_type: SignType| to_hex(&sign_type.code(&signed, key)).to_uppercase();
        assert_eq!(code(SignType::Md5), text(&case["md5"]), "{}", case["source"]);
        if let Some(stated) = case["hmac_sha256"].as_str() {
            assert_eq!(code(SignType::HmacSha256), stated, "{}", case["source"]);
        }
    }
}

#[test]
fn the_documents_sample_is_read_and_signed_only_once_its_key_is_right() {
    let Some(file) = vectors() else { return };
    let sample = &file["notification_sample_xml"];
    let body = text(&sample["xml"]);
    let elements = Elements::parse(body.as_bytes(), "xml").unwrap();
    assert_eq!(elements.iter().collect::<Vec<_>>(), pairs(&sample["fields"]));
    assert_eq!(verdict("10000100", DOCUMENTED_KEY, body), Err(Rejection::Forged));
    let stated = text(&sample["fields"]["sign"]);
    let body = body.replace(stated, text(&sample["md5_with_doc_key"]));
    assert_eq!(verdict("10000100", DOCUMENTED_KEY, &body), Ok(()));
    let notification = read(DOCUMENTED_KEY, &body);
    let fact = notification.payment().unwrap();
    assert_eq!((fact.amount.minor, fact.order_number.as_str()), (1, "1409811653"));
}

#[test]
fn the_refund_opens_with_its_key_and_is_a_hint() {
    let Some(file) = vectors() else { return };
    let case = &file["refund_req_info"];
    let (key, sealed) = (text(&case["api_key"]), text(&case["req_info"]));
    assert_eq!(req_info::aes_key(key), text(&case["aes_key_ascii"]));
    let plain = req_info::decrypt(sealed, &req_info::aes_key(key)).unwrap();
    assert_eq!(std::str::from_utf8(&plain), Ok(text(&case["plaintext"])));
    let opened = req_info::open(sealed, key).unwrap();
    assert_eq!(Ok(opened), Elements::parse(&plain, "root"));

    let around = [("return_code", "SUCCESS"), ("mch_id", "1"), ("nonce_str", "x")];
    let body = xml::write("xml", around.into_iter().chain([("req_info", sealed)]));
    assert_eq!(verdict("1", key, &body), Ok(()));
    assert_eq!(verdict("1", DOCUMENTED_KEY, &body), Err(Rejection::Forged));
    let Some(Fact::Refund(fact)) = read(key, &body).fact else { panic!("no refund") };
    assert_eq!((fact.amount.minor, fact.evidence), (6, Evidence::Hint));
    assert_eq!(fact.refund, "50000404922017112502468056157");
}

#[test]
fn the_cipher_and_the_other_refund_are_as_stated() {
    let Some(file) = vectors() else { return };
    let case = &file["aes_256_ecb"];
    let plain = req_info::decrypt(text(&case["ciphertext_b64"]), text(&case["key_ascii"]));
    assert_eq!(plain.as_deref(), Some(text(&case["plaintext"]).as_bytes()));
    let sample = text(&file["refund_plaintext_sample_xml"]);
    let elements = Elements::parse(sample.as_bytes(), "root").unwrap();
    assert_eq!(elements.get("refund_fee"), Some("3960"));
    assert_eq!(elements.get("refund_recv_accout"), Some("支付用户零钱"));
}

#[test]
fn what_the_sdks_must_not_read_is_malformed() {
    let Some(file) = vectors() else { return };
    let samples = pairs(&file["xxe_negative"]);
    assert!(samples.len() >= 3);
    for (name, body) in samples {
        let verdict = verdict("1", DOCUMENTED_KEY, body);
        assert!(matches!(verdict, Err(Rejection::Malformed(_))), "{name}");
        for root in ["xml", "foo", "batchjob", "movies"] {
            assert!(Elements::parse(body.as_bytes(), root).is_err(), "{name}");
        }
    }
}
