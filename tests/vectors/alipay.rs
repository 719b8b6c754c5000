//! What Alipay's own Node SDK is tested with.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde_json::Value;
use shared::provider::alipay::certificate::{root_serial_number, serial_number};
use shared::provider::alipay::{EmptyValues, Settings, SignClass, SignType, signed_text};
use shared::provider::form::Form;
use shared::provider::public_key::PublicKey;
use shared::provider::{Account, Genuine, Headers, Reader, Rejection, Request, Scheme, verify};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::folder;

/// Alipay's notifications bear no time that is checked.
const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:00 UTC);

/// One notification of Alipay's Node SDK.
struct Case {
    name: String,
    body: String,
    key: PublicKey,
    app_id: String,
    is_valid_v1: bool,
    is_valid_v2: bool,
    /// Where the file states the text that was signed.
    text_v1: Option<String>,
}

fn file(folder: &Path, name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(folder.join(name)).unwrap()).unwrap()
}

fn cases(folder: &Path) -> Vec<Case> {
    let file = file(folder, "alipay-nodejs-sdk-notify.json");
    let cases: Vec<Case> = file["cases"].as_array().unwrap().iter().map(case).collect();
    assert!(!cases.is_empty(), "the file holds cases");
    cases
}

fn case(case: &Value) -> Case {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let expected = &case["expected"];
    Case {
        name: text(&case["name"]),
        body: text(&case["form_body_urlencoded"]),
        key: PublicKey::parse(&text(&case["public_key_pem"])).unwrap(),
        app_id: text(&case["params_decoded"]["app_id"]),
        is_valid_v1: expected["valid_when_dropping_sign_and_sign_type"].as_bool().unwrap(),
        is_valid_v2: expected["valid_when_dropping_only_sign"].as_bool().unwrap(),
        text_v1: case["string_to_sign_v1"].as_str().map(ToOwned::to_owned),
    }
}

impl Case {
    fn form(&self) -> Form {
        Form::parse(self.body.as_bytes()).unwrap()
    }

    /// Does the signature fit the text of this class? A caller may have stripped `sign_type`, which
    /// the second class signs, so it is put back here.
    fn is_signed(&self, class: SignClass) -> bool {
        let signature = BASE64.decode(self.form().get("sign").unwrap()).unwrap();
        let form = match self.form().get("sign_type") {
            Some(_) => self.form(),
            None => Form::parse(format!("{}&sign_type=RSA2", self.body).as_bytes()).unwrap(),
        };
        let text = signed_text(&form, class, EmptyValues::Kept);
        self.key.verifies(&text, &signature)
    }

    fn verdict(&self) -> Result<(), Rejection> {
        let settings = Settings {
            app_id: self.app_id.clone(),
            seller_id: None,
            sign_type: SignType::RSA2,
            keys: vec![self.key.clone()],
        };
        let account = Account { name: "shop".into(), scheme: Scheme::Alipay(settings) };
        let body = Bytes::from(self.body.clone());
        let content_type = &b"application/x-www-form-urlencoded; charset=utf-8"[..];
        let headers = Headers::new([("content-type", content_type)]).unwrap();
        verify(&account, Request { headers, body }, NOW).map(drop)
    }
}

#[test]
fn each_of_alipays_notifications_is_signed_in_the_class_it_states() {
    let Some(folder) = folder() else { return };
    for case in cases(&folder) {
        assert_eq!(case.is_signed(SignClass::V1), case.is_valid_v1, "{}", case.name);
        assert_eq!(case.is_signed(SignClass::V2), case.is_valid_v2, "{}", case.name);
        if let Some(stated) = &case.text_v1 {
            let ours = signed_text(&case.form(), SignClass::V1, EmptyValues::Kept);
            assert_eq!(String::from_utf8(ours).as_ref(), Ok(stated), "{}", case.name);
        }
    }
}

#[test]
fn the_door_takes_the_genuine_ones_that_name_the_pinned_algorithm_and_no_other() {
    let Some(folder) = folder() else { return };
    let mut taken = 0;
    for case in cases(&folder) {
        let names_it = case.form().get("sign_type").is_some();
        let expected = match (names_it, case.is_valid_v1 || case.is_valid_v2) {
            (false, _) => Err(Rejection::WrongAlgorithm),
            (true, false) => Err(Rejection::Forged),
            (true, true) => Ok(()),
        };
        assert_eq!(case.verdict(), expected, "{}", case.name);
        taken += usize::from(expected.is_ok());
    }
    assert!(taken > 0, "at least one of them is genuine");
}

#[test]
fn what_the_door_takes_can_be_read() {
    let Some(folder) = folder() else { return };
    for case in cases(&folder).iter().filter(|case| case.verdict().is_ok()) {
        let genuine = Genuine { http: &[], received_at: NOW, body: case.body.as_bytes() };
        let notifications = Reader::Alipay(()).read(&genuine).unwrap();
        let facts = notifications.iter().filter_map(|notification| notification.payment());
        for fact in facts {
            assert_eq!((fact.amount.minor, fact.amount.currency.as_str()), (10, "CNY"));
            assert_eq!(fact.order_number, "20190815155618536-564-57");
            assert_eq!(fact.occurred_at, time::macros::datetime!(2019-08-15 15:56:24 +8));
        }
    }
}

#[test]
fn certificates_have_the_serial_numbers_that_the_sdk_states() {
    let Some(folder) = folder() else { return };
    let numbers = &file(&folder, "alipay-nodejs-sdk-response-and-certsn.json")["cert_sn"];
    let expected = numbers["expected"].as_object().unwrap();
    let mut roots = 0;
    for (name, stated) in expected {
        let (file_name, is_bundle) = match name.split_once('(') {
            Some((file_name, _)) => (file_name, true),
            None => (name.as_str(), false),
        };
        let text = numbers["files_pem"][file_name].as_str().unwrap();
        let ours = if is_bundle { root_serial_number(text) } else { serial_number(text).unwrap() };
        assert_eq!(Some(ours.as_str()), stated.as_str(), "{name}");
        roots += usize::from(is_bundle);
    }
    assert_eq!((expected.len(), roots), (3, 1));
}

/// No request is ever sent from here, so there is no answer to take apart: the three cases that find
/// the signed part of one have nothing of ours to try. What that part is signed by, is tried.
#[test]
fn an_answers_signed_part_is_proven_by_the_same_key_and_rule() {
    let Some(folder) = folder() else { return };
    let file = file(&folder, "alipay-nodejs-sdk-response-and-certsn.json");
    let cases = file["response_signature"].as_array().unwrap();
    for case in cases {
        let text = |name: &str| case[name].as_str().unwrap();
        let key = PublicKey::parse(text("public_key_pem")).unwrap();
        let signature = BASE64.decode(text("sign")).unwrap();
        let signed = text("signed_substring");
        assert!(text("raw_response").contains(signed));
        assert_eq!(Some(key.verifies(signed.as_bytes(), &signature)), case["expected"].as_bool());
        let printed_anew = signed.replace(":", ": ");
        assert!(!key.verifies(printed_anew.as_bytes(), &signature));
    }
    assert!(!cases.is_empty());
}
