//! Signed items and a signed body of Adyen's Python library.

use serde_json::{Value, json};
use shared::provider::adyen::{Capture, Reader as AdyenReader, Settings, sign, sign_body};
use shared::provider::mac::from_hex;
use shared::provider::mac::key::MacKey;
use shared::provider::{Account, Genuine, Headers, Reader, Rejection, Request, Scheme, verify};

use crate::{NOW, file, text};

const FILE: &str = "adyen-python-library.json";

#[test]
fn every_item_of_adyens_is_taken_and_signed_as_its_library_does() {
    let Some(file) = file(FILE) else { return };
    let cases = file["standard_webhook_cases"].as_array().unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let (item, name) = (&case["notification_request_item"], &case["name"]);
        let account = account(&case["hmac_key_hex"], text(&item["merchantAccountCode"]));
        let body = batch(item, text(&case["hmac"])).to_string();
        assert_eq!(case["expected"], true, "{name}");
        assert_eq!(verdict(&account, &[], &body), Ok(()), "{name}");

        let unsigned = batch(item, "").to_string();
        assert_eq!(verdict(&account, &[], &unsigned), Err(Rejection::Unsigned), "{name}");
        let signed = sign(&batch(item, ""), &key(&case["hmac_key_hex"])).unwrap();
        let signed: Value = serde_json::from_str(&signed).unwrap();
        let data = &signed["notificationItems"][0]["NotificationRequestItem"]["additionalData"];
        assert_eq!(data["hmacSignature"], case["hmac"], "{name}");
    }
}

#[test]
fn the_items_of_adyens_cases_are_payments_under_their_references() {
    let Some(file) = file(FILE) else { return };
    for case in file["standard_webhook_cases"].as_array().unwrap() {
        let item = &case["notification_request_item"];
        let body = batch(item, text(&case["hmac"])).to_string();
        let reader = Reader::Adyen(AdyenReader { capture: Capture::Auto });
        let genuine = Genuine { http: &[], received_at: NOW, body: body.as_bytes() };
        let read = reader.read(&genuine).unwrap();
        let fact = read[0].payment().unwrap();
        assert_eq!(fact.order_number, text(&item["merchantReference"]));
        assert_eq!(fact.transaction, text(&item["pspReference"]));
        assert_eq!(Some(fact.amount.minor), item["amount"]["value"].as_i64());
    }
}

#[test]
fn the_body_that_adyen_signed_as_a_whole_is_taken_and_its_other_signature_is_not() {
    let Some(file) = file(FILE) else { return };
    let case = &file["header_hmac_case"];
    let (account, body) = (account(&case["hmac_key_hex"], "any"), text(&case["body"]));
    let signature = text(&case["HmacSignature"]);
    assert_eq!(case["expected"], true);
    let with = |signature: &str| {
        verdict(&account, &[("HmacSignature", signature), ("Protocol", "HmacSHA256")], body)
    };
    assert_eq!(with(signature), Ok(()));
    assert_eq!(with(text(&case["negative_signature"])), Err(Rejection::Forged));
    assert_eq!(sign_body(body.as_bytes(), &key(&case["hmac_key_hex"]))[0].1, signature);
    let reader = Reader::Adyen(AdyenReader { capture: Capture::Auto });
    let genuine = Genuine { http: &[], received_at: NOW, body: body.as_bytes() };
    let read = reader.read(&genuine).unwrap();
    assert_eq!((read[0].kind.as_str(), &read[0].fact), ("merchant.created", &None));
}

fn key(hex: &Value) -> MacKey {
    MacKey::new(from_hex(text(hex)).unwrap())
}

fn account(hex: &Value, merchant_account: &str) -> Account {
    let merchant_accounts = vec![merchant_account.to_owned()];
    let settings =
        Settings { merchant_accounts, keys: vec![key(hex)], live: false, credentials: None };
    Account { name: "shop".to_owned(), scheme: Scheme::Adyen(settings) }
}

/// The item in a batch as Adyen posts it; the vectors give items alone.
fn batch(item: &Value, signature: &str) -> Value {
    let mut item = item.clone();
    item["additionalData"]["hmacSignature"] = signature.into();
    json!({ "live": "false", "notificationItems": [{ "NotificationRequestItem": item }] })
}

fn verdict(account: &Account, headers: &[(&str, &str)], body: &str) -> Result<(), Rejection> {
    let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    let headers = Headers::new(headers).unwrap();
    verify(account, Request { headers, body: body.to_owned().into() }, NOW).map(drop)
}
