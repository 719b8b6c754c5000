//! Keys, headers, and a body read by a mapping.

use super::*;
use crate::notification::{AgreementChange, Fact, PaymentStatus, RefundStatus};
use crate::provider::Headers;
use std::path::Path;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:00 UTC);

fn key() -> MacKey {
    MacKey::new(vec![7; SECRET_BYTES_MIN])
}

fn verdict(headers: &[(&str, &str)]) -> Result<(), Rejection> {
    let settings = Settings { secrets: vec![key()], public_keys: vec![] };
    let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    let request = Request { headers: Headers::new(headers).unwrap(), body: (&b"{}"[..]).into() };
    StandardWebhooks::verify(&settings, &request, NOW).map(drop)
}

fn problems(text: &str) -> Vec<String> {
    let section: Section = toml::from_str(text).unwrap();
    let nothing = |_: &Path| Err("no file is named".to_owned());
    let mut material = Material::new(&nothing);
    let settings = StandardWebhooks::settings(&section, &mut material);
    let reader = StandardWebhooks::reader(&section, &mut material);
    let problems: Vec<_> = material.into_problems().into_iter().map(|(key, _)| key).collect();
    assert_eq!(settings.is_some() && reader.is_some(), problems.is_empty());
    problems
}

fn read(mapping: &str, body: &str) -> Result<Option<Fact>, Unreadable> {
    let mapping = Mapping::new(&toml::from_str(mapping).unwrap()).unwrap();
    let http = [("webhook-id".to_owned(), "msg_1".to_owned())];
    let genuine = Genuine { http: &http, received_at: NOW, body: body.as_bytes() };
    let notification = StandardWebhooks::read(&mapping, &genuine)?.remove(0);
    assert_eq!(notification.identity, "msg_1");
    Ok(notification.fact)
}

#[test]
fn both_names_of_the_headers_count_and_are_never_mixed() {
    let signed = sign("msg_1", b"{}", &key(), NOW);
    let standard: Vec<_> = signed.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(verdict(&standard), Ok(()));
    let renamed: Vec<_> =
        standard.iter().map(|(name, value)| (name.replace("webhook", "svix"), *value)).collect();
    let svix: Vec<_> = renamed.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(verdict(&svix), Ok(()));
    let mixed = [&svix[..], &[("webhook-id", "msg_2")]].concat();
    assert_eq!(verdict(&mixed), Err(Rejection::Unsigned));
    assert_eq!(verdict(&[standard[0], standard[1], svix[2]]), Err(Rejection::Unsigned));
}

#[test]
fn a_signature_counts_under_its_own_version_alone() {
    let signed = sign("msg_1", b"{}", &key(), NOW);
    let [id, time, signature] = &signed;
    let with = |text: &str| verdict(&[(id.0, &id.1), (time.0, &time.1), (signature.0, text)]);
    let (_, code) = signature.1.split_once(',').unwrap();
    assert_eq!(with(&format!("junk v2,{code} v1,AAAA  v1,{code}")), Ok(()));
    assert_eq!(with(&format!("v1a,{code}")), Err(Rejection::WrongAlgorithm));
    assert_eq!(with(&format!("v2,{code} {code}")), Err(Rejection::WrongAlgorithm));
    assert_eq!(with("v1,"), Err(Rejection::Forged));
    assert!(with(&"v1, ".repeat(ENTRIES_MAX + 1)).is_err_and(Rejection::is_malformed));
}

#[test]
fn keys_are_checked_when_they_are_configured() {
    let public = "public_keys = [\"whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4\"]";
    let fine = "secrets = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"";
    assert_eq!([problems(public), problems(fine)], [vec![""; 0], vec![]]);
    for secret in ["whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAAA", "whsec_é"] {
        assert_eq!(problems(&format!("secrets = \"{secret}\"")), ["secrets"], "{secret}");
    }
    for key in ["whsk_AAAA", "whpk_AAAA", "1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="] {
        assert_eq!(problems(&format!("public_keys = [\"{key}\"]")), ["public_keys"], "{key}");
    }
    assert_eq!(problems(""), ["secrets_file"]);
    assert_eq!(problems(&format!("{fine}\nmapping.amount = \"a..b\"")), ["mapping.amount"]);
    let types = format!("{fine}\nmapping.types = {{ a = \"payment.paid\" }}");
    assert_eq!(problems(&types), ["mapping.types"]);
}

#[test]
fn our_own_words_need_no_mapping() {
    let body = r#"{"type":"payment.succeeded","timestamp":"2026-11-23T11:59:00Z","data":
        {"transaction":"T1","order_no":"A-1","amount":1000,"currency":"eur"}}"#;
    let Some(Fact::Payment(fact)) = read("", body).unwrap() else { panic!("no payment") };
    assert_eq!((fact.transaction.as_str(), fact.order_number.as_str()), ("T1", "A-1"));
    assert_eq!(
        (fact.status, fact.amount.to_string()),
        (PaymentStatus::Succeeded, "10.00 EUR".into())
    );
    for other in [r#"{"type":"invoice.paid"}"#, r#"{"test": 2432232314}"#, "[]", r#"{"type":1}"#] {
        assert_eq!(read("", other), Ok(None), "{other}");
    }
    assert!(read("", "no JSON").is_err());
    assert!(read("", r#"{"type":"payment.succeeded"}"#).is_err());
}

#[test]
fn a_mapping_says_where_our_words_stand() {
    let mapping = r#"
        type = "event"
        occurred_at = "at"
        transaction = "object.id"
        amount = "object.total"
        refund_amount = "object.returned.total"
        amount_form = "decimal"
        fixed_currency = "CNY"
        refund = "object.returned.id"
        agreement = "object.plan"
        types = { done = "payment.finished", back = "refund.succeeded", over = "subscription.ended" }"#;
    let body = |event: &str, total: &str| {
        format!(
            r#"{{"event":"{event}","at":1790000000,"object":{{"id":"T1","total":{total},"plan":"P1",
            "returned":{{"id":"R1","total":"0.50"}}}}}}"#
        )
    };
    let Some(Fact::Payment(fact)) = read(mapping, &body("done", "\"20.5\"")).unwrap() else {
        panic!("no payment");
    };
    assert_eq!((fact.order_number.as_str(), fact.amount.minor), ("T1", 2050));
    assert_eq!(fact.agreement.as_deref(), Some("P1"));
    let Some(Fact::Refund(fact)) = read(mapping, &body("back", "20")).unwrap() else {
        panic!("no refund");
    };
    assert_eq!((fact.status, fact.amount.minor), (RefundStatus::Succeeded, 50));
    let Some(Fact::Agreement(fact)) = read(mapping, &body("over", "0")).unwrap() else {
        panic!("no agreement");
    };
    assert_eq!(fact.change, AgreementChange::Ended);
    assert_eq!(read(mapping, &body("payment.succeeded", "20")), Ok(None));
    for total in ["20.5", "\"20.555\"", "-1", "null", "12345678901234567890"] {
        assert!(read(mapping, &body("done", total)).is_err(), "{total}");
    }
}

#[test]
fn a_fixed_currency_is_not_overruled() {
    let body = |currency: &str| {
        format!(
            r#"{{"type":"payment.pending","timestamp":1,"data":{{"transaction":"T","amount":1{currency}}}}}"#
        )
    };
    let fixed = "fixed_currency = \"JPY\"";
    assert!(read(fixed, &body("")).is_ok());
    assert!(read(fixed, &body(r#","currency":"jpy""#)).is_ok());
    assert!(read(fixed, &body(r#","currency":"EUR""#)).is_err());
    assert!(read("", &body("")).is_err());
}
