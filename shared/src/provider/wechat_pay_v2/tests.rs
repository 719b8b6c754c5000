//! The account's section, and the way from a simulated request to its fact.

use std::path::Path;

use time::macros::datetime;

use super::*;
use crate::notification::{Evidence, Fact};
use crate::provider::Headers;

const API_KEY: &str = "192006250b4c09247ec02edce69f6a2d";
const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:00 UTC);

fn file(path: &Path) -> Result<String, String> {
    match path.to_str().unwrap() {
        "key" => Ok(API_KEY.to_owned()),
        other => Err(format!("{other}: no such file")),
    }
}

fn opened(text: &str) -> (Option<Settings>, Vec<(String, String)>) {
    let mut material = Material::new(&file);
    let settings = WechatPayV2::settings(&toml::from_str(text).unwrap(), &mut material);
    (settings, material.into_problems())
}

#[test]
fn what_a_section_leaves_out_is_both_algorithms() {
    let (settings, problems) = opened("mch_id = '1'\napi_key_file = 'key'");
    assert_eq!((settings.unwrap().sign_types, problems), (SignType::ALL.to_vec(), vec![]));
    let wrong = [
        ("mch_id = ''\napi_key_file = 'key'", "mch_id"),
        ("mch_id = '1'", "api_key_file"),
        ("mch_id = '1'\napi_key = 'short'", "api_key"),
        ("mch_id = '1'\napi_key_file = 'key'\nsign_types = []", "sign_types"),
    ];
    for (text, key) in wrong {
        let (settings, problems) = opened(text);
        assert!(settings.is_none() && problems[0].0 == key, "{text}: {problems:?}");
    }
    assert!(toml::from_str::<Section>("mch_id = '1'\nsign_types = ['SHA1']").is_err());
}

/// Source: pay.weixin.qq.com, APIv2: 签名算法.
#[test]
fn the_documents_own_example_is_signed_as_it_says() {
    let elements = [
        ("appid", "wxd930ea5d5a258f4f"),
        ("body", "test"),
        ("device_info", "1000"),
        ("empty", ""),
        ("mch_id", "10000100"),
        ("nonce_str", "ibuaiVcKdpRxkhJA"),
        ("sign", "x"),
    ];
    let text = signed_text(elements, API_KEY);
    let code = |sign_type: SignType| to_hex(&sign_type.code(&text, API_KEY)).to_uppercase();
    assert_eq!(code(SignType::Md5), "9A0A8659F005D6984697E2CA0A9CF3B7");
    let hmac = "6A9AE1657590FD6257D693A078E1C3E4BB6BA4DC30B23E0EE2496E54170DACD6";
    assert_eq!(code(SignType::HmacSha256), hmac);
}

fn fact(body: &str) -> Fact {
    let (settings, _) = opened("mch_id = '1'\nappid = 'wx1'\napi_key_file = 'key'");
    let request = Request { headers: Headers::default(), body: body.to_owned().into() };
    WechatPayV2::verify(&settings.unwrap(), &request, NOW).unwrap();
    let reader = Reader { api_keys: vec![Secret::new(API_KEY.to_owned())] };
    let genuine = Genuine { http: &[], received_at: NOW, body: body.as_bytes() };
    WechatPayV2::read(&reader, &genuine).unwrap().remove(0).fact.unwrap()
}

#[test]
fn what_is_simulated_is_proven_and_read() {
    let payment = [
        ("return_code", "SUCCESS"),
        ("result_code", "SUCCESS"),
        ("appid", "wx1"),
        ("mch_id", "1"),
        ("transaction_id", "T1"),
        ("out_trade_no", "A-1"),
        ("total_fee", "100"),
        ("time_end", "20261123200000"),
    ];
    for sign_type in SignType::ALL {
        let Fact::Payment(fact) = fact(&sign(&payment, sign_type, API_KEY)) else { panic!("none") };
        assert_eq!((fact.amount.minor, fact.occurred_at), (100, NOW));
    }
    let around = [("return_code", "SUCCESS"), ("appid", "wx1"), ("mch_id", "1")];
    let within = [
        ("transaction_id", "T1"),
        ("out_trade_no", "A-1"),
        ("refund_id", "R1"),
        ("out_refund_no", "A-1-R"),
        ("refund_fee", "40"),
        ("refund_status", "SUCCESS"),
        ("success_time", "2026-11-23 20:00:00"),
    ];
    let Fact::Refund(fact) = fact(&refund(&around, &within, API_KEY).unwrap()) else {
        panic!("none")
    };
    assert_eq!((fact.amount.minor, fact.evidence), (40, Evidence::Hint));
}
