//! Items and their signed text, configuration, and what each event means.

use super::*;
use crate::notification::{Fact, PaymentStatus, RefundStatus};
use serde_json::{Value, json};
use std::path::Path;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:00 UTC);

fn key() -> MacKey {
    MacKey::new(vec![7; KEY_BYTES])
}

fn settings() -> Settings {
    let merchant_accounts = vec!["Shop".to_owned()];
    Settings { merchant_accounts, keys: vec![key()], live: false, credentials: None }
}

fn item(event: &str, more: Value) -> Value {
    let mut item = json!({
        "amount": {"value": 1000, "currency": "EUR"}, "eventCode": event, "success": "true",
        "eventDate": "2026-11-23T11:59:00+00:00", "merchantAccountCode": "Shop",
        "merchantReference": "A-1", "pspReference": "P1",
    });
    let more = more.as_object().unwrap().clone();
    item.as_object_mut().unwrap().extend(more);
    item
}

fn batch(items: &[Value]) -> Value {
    let entry = |item: &Value| json!({"NotificationRequestItem": item});
    json!({"live": "false", "notificationItems": items.iter().map(entry).collect::<Vec<_>>()})
}

fn verdict(body: String) -> Result<(), Rejection> {
    let request = Request { headers: Headers::default(), body: body.into() };
    Adyen::verify(&settings(), &request, NOW).map(drop)
}

fn facts(capture: Capture, items: &[Value]) -> Vec<Notification> {
    let body = batch(items).to_string();
    let genuine = Genuine { http: &[], received_at: NOW, body: body.as_bytes() };
    Adyen::read(&Reader { capture }, &genuine).unwrap()
}

fn fact(event: &str, more: Value) -> Option<Fact> {
    facts(Capture::Auto, &[item(event, more)]).remove(0).fact
}

#[test]
fn a_reference_may_hold_what_divides_and_no_other_field_may() {
    let signed = |more| sign(&batch(&[item("AUTHORISATION", more)]), &key()).unwrap();
    assert_eq!(verdict(signed(json!({"merchantReference": ":a\\:b:1:EUR"}))), Ok(()));
    for more in [
        json!({"pspReference": "P1:x"}),
        json!({"originalReference": "x:"}),
        json!({"amount": {"value": 1, "currency": "E:R"}}),
        json!({"eventCode": "A:B"}),
    ] {
        assert_eq!(verdict(signed(more.clone())), Err(Rejection::Ambiguous), "{more}");
    }
}

#[test]
fn one_bad_item_spoils_the_batch() {
    let good = item("AUTHORISATION", json!({}));
    let mut two: Value =
        serde_json::from_str(&sign(&batch(&[good.clone(), good]), &key()).unwrap()).unwrap();
    assert_eq!(verdict(two.to_string()), Ok(()));
    two["notificationItems"][1]["NotificationRequestItem"]["merchantReference"] = "A-2".into();
    assert_eq!(verdict(two.to_string()), Err(Rejection::Forged));
    two["notificationItems"][1]["NotificationRequestItem"]["additionalData"] = json!({});
    assert_eq!(verdict(two.to_string()), Err(Rejection::Unsigned));
    two["notificationItems"] = json!([]);
    assert!(verdict(two.to_string()).is_err_and(Rejection::is_malformed));
}

#[test]
fn keys_are_64_hex_digits_and_accounts_show_where_they_end() {
    let problems = |text: &str| {
        let section: Section = toml::from_str(text).unwrap();
        let nothing = |_: &Path| Err("no file is named".to_owned());
        let mut material = Material::new(&nothing);
        assert!(Adyen::settings(&section, &mut material).is_none());
        material.into_problems().into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    let short = "merchant_accounts = [\"a\"]\nlive = true\nhmac_keys = \"abcd\"";
    assert_eq!(problems(short), ["hmac_keys"]);
    let keys = format!("live = true\nhmac_keys = \"{}\"\n", "0a".repeat(KEY_BYTES));
    assert_eq!(problems(&format!("{keys}merchant_accounts = [\"a:b\"]")), ["merchant_accounts"]);
    assert_eq!(problems(&format!("{keys}merchant_accounts = []")), ["merchant_accounts"]);
    let named = format!("{keys}merchant_accounts = [\"a\"]\nusername = \"u\"");
    assert_eq!(problems(&named), ["password_file"]);
    let unnamed = format!("{keys}merchant_accounts = [\"a\"]\npassword = \"p\"");
    assert_eq!(problems(&unnamed), ["username"]);
}

#[test]
fn an_authorisation_is_a_payment_only_where_capture_is_automatic() {
    let status = |capture, event| match facts(capture, &[item(event, json!({}))]).remove(0).fact {
        Some(Fact::Payment(fact)) => Some(fact.status),
        _ => None,
    };
    let (auto, manual) = (Capture::Auto, Capture::Manual);
    assert_eq!(status(auto, "AUTHORISATION"), Some(PaymentStatus::Succeeded));
    assert_eq!(status(manual, "AUTHORISATION"), Some(PaymentStatus::Authorised));
    assert_eq!(status(manual, "CAPTURE"), Some(PaymentStatus::Succeeded));
    assert_eq!(status(auto, "CAPTURE"), None);
    assert_eq!(status(auto, "CANCEL_OR_REFUND"), Some(PaymentStatus::Closed));
}

#[test]
fn a_correction_is_a_notification_of_its_own() {
    let items = ["false", "true"].map(|success| item("AUTHORISATION", json!({"success": success})));
    let read = facts(Capture::Auto, &items);
    let identities: Vec<_> = read.iter().map(|one| one.identity.as_str()).collect();
    assert_eq!(identities, ["P1/AUTHORISATION/false", "P1/AUTHORISATION/true"]);
    let statuses: Vec<_> = read.iter().map(|one| one.payment().unwrap().status).collect();
    assert_eq!(statuses, [PaymentStatus::Failed, PaymentStatus::Succeeded]);
}

#[test]
fn a_refund_takes_money_back_from_the_payment_it_names() {
    let more = || json!({"pspReference": "R1", "originalReference": "P1"});
    let Some(Fact::Refund(refund)) = fact("REFUND", more()) else { panic!("no refund") };
    assert_eq!((refund.transaction.as_str(), refund.refund.as_str()), ("P1", "R1"));
    assert_eq!(refund.status, RefundStatus::Succeeded);
    for event in ["REFUND_FAILED", "REFUNDED_REVERSED"] {
        let Some(Fact::Refund(refund)) = fact(event, more()) else { panic!("no refund") };
        assert_eq!(refund.status, RefundStatus::Reversed, "{event}");
    }
    for event in ["REPORT_AVAILABLE", "ORDER_CLOSED", "NEW_IN_2027"] {
        assert_eq!(fact(event, more()), None, "{event}");
    }
}

#[test]
fn a_time_that_nobody_signed_is_never_later_than_its_receipt() {
    let at = |date: Value| match fact("AUTHORISATION", json!({"eventDate": date})) {
        Some(Fact::Payment(fact)) => fact.occurred_at,
        other => panic!("no payment: {other:?}"),
    };
    assert_eq!(at(json!("2026-11-23T12:30:00+01:00")), datetime!(2026-11-23 11:30:00 UTC));
    for date in [json!("2099-01-01T00:00:00+00:00"), json!("soon"), json!(null), json!(7)] {
        assert_eq!(at(date), NOW);
    }
}

#[test]
fn adyens_own_decimals_become_iso_4217s() {
    for (value, letters, expected) in [
        (500, "CLP", "5 CLP"),
        (501, "ISK", "501 XXX"),
        (5, "IDR", "5.00 IDR"),
        (5, "CVE", "5.00 CVE"),
        (5, "JPY", "5 JPY"),
        (5, "EUR", "0.05 EUR"),
    ] {
        let more = json!({"amount": {"value": value, "currency": letters}});
        let Some(Fact::Payment(fact)) = fact("AUTHORISATION", more) else { panic!("{letters}") };
        assert_eq!(fact.amount.to_string(), expected);
    }
}

/// A capture or a cancellation may have a reference of its own.
#[test]
fn only_an_authorisation_names_the_order() {
    for event in ["CAPTURE", "CANCELLATION", "TECHNICAL_CANCEL", "EXPIRE"] {
        let more = json!({"pspReference": "M1", "originalReference": "P1", "merchantReference": "capture-7"});
        let read = facts(Capture::Manual, &[item(event, more)]).remove(0);
        let fact = read.payment().unwrap();
        assert_eq!((fact.transaction.as_str(), fact.named()), ("P1", None), "{event}");
    }
    let read = facts(Capture::Manual, &[item("AUTHORISATION", json!({}))]).remove(0);
    assert_eq!(read.payment().unwrap().named(), Some("A-1"));
}
