//! The header, the families, and what each object says.

use super::*;
use crate::money::Money;
use crate::notification::{AgreementChange, Fact, PaymentStatus, RefundStatus};
use crate::provider::Headers;
use std::path::Path;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:00 UTC);

fn facts(reader: &Reader, kind: &str, object: &str) -> Result<Option<Fact>, Unreadable> {
    let body = format!(
        r#"{{"id":"evt_1","object":"event","type":"{kind}","created":1790000000,"livemode":false,
        "data":{{"object":{object}}}}}"#
    );
    let genuine = Genuine { http: &[], received_at: NOW, body: body.as_bytes() };
    Ok(Stripe::read(reader, &genuine)?.remove(0).fact)
}

fn reader(order_from: OrderFrom) -> Reader {
    Reader { order_from, order_key: default_order_key(), subscription_key: "sub".to_owned() }
}

fn by_intents(kind: &str, object: &str) -> Option<Fact> {
    facts(&reader(OrderFrom::PaymentIntent), kind, object).unwrap()
}

fn by_sessions(kind: &str, object: &str) -> Option<Fact> {
    facts(&reader(OrderFrom::CheckoutSession), kind, object).unwrap()
}

fn payment(fact: Option<Fact>) -> (String, String, PaymentStatus, i64) {
    match fact {
        Some(Fact::Payment(fact)) => {
            (fact.transaction, fact.order_number, fact.status, fact.amount.minor)
        }
        other => panic!("no payment: {other:?}"),
    }
}

#[test]
fn the_header_has_one_time_and_any_number_of_signatures() {
    for (header, rejection) in [
        ("v1=00", Rejection::Malformed("no single `t` in the signature header")),
        ("t=1,t=1,v1=00", Rejection::Malformed("no single `t` in the signature header")),
        ("t=1,v1", Rejection::Malformed("an element of the signature header without `=`")),
        ("t=1", Rejection::Unsigned),
        ("t=1,v0=00", Rejection::WrongAlgorithm),
    ] {
        assert_eq!(Claim::parse(header).err(), Some(rejection), "{header}");
    }
    let claim = Claim::parse("t=1,v1=0a,v0=00,v1=0A").ok().unwrap();
    assert_eq!((claim.time, claim.signatures), ("1", vec![vec![10], vec![]]));
}

#[test]
fn what_is_signed_is_proven_and_an_api_key_is_no_secret() {
    let body = br#"{"id":"evt_1","object":"event","livemode":true}"#;
    let secret = Secret::new("whsec_one".to_owned());
    let headers = sign(body, &secret, NOW);
    let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    let request = Request { headers: Headers::new(headers).unwrap(), body: body.to_vec().into() };
    let settings = |livemode| Settings { secrets: vec![secret.clone()], livemode, account: None };
    let key = Stripe::verify(&settings(true), &request, NOW).map(|proof| proof.key);
    assert_eq!(key, Ok(secret.fingerprint()));
    let other = Stripe::verify(&settings(false), &request, NOW).map(|proof| proof.key);
    assert_eq!(other, Err(Rejection::NotOurs("livemode")));

    assert!(!is_taken("sk_live_0123456789abcdef"));
}

fn is_taken(secret: &str) -> bool {
    let section = format!("secrets = \"{secret}\"\nlivemode = true");
    let section: Section = toml::from_str(&section).unwrap();
    let nothing = |_: &Path| Err("no file is named".to_owned());
    let mut material = Material::new(&nothing);
    let is_taken = Stripe::settings(&section, &mut material).is_some();
    assert_eq!(material.into_problems().iter().any(|(key, _)| key == "secrets"), !is_taken);
    is_taken
}

#[test]
fn a_secret_that_was_cut_short_is_refused() {
    assert!(is_taken("whsec_0123456789abcdef"));
    for secret in ["whsec_", "whsec_a", "whsec_0123456789abcde"] {
        assert!(!is_taken(secret), "{secret}");
    }
}

#[test]
fn one_family_alone_proves_a_payment() {
    let intent = r#"{"id":"pi_1","amount":1000,"amount_received":900,"currency":"eur",
        "metadata":{"order_no":"A-1"}}"#;
    let session = r#"{"id":"cs_1","mode":"payment","payment_status":"paid","payment_intent":"pi_1",
        "amount_total":900,"currency":"eur","client_reference_id":"A-1","metadata":{}}"#;
    let said = ("pi_1".to_owned(), "A-1".to_owned(), PaymentStatus::Succeeded, 900);
    assert_eq!(payment(by_intents("payment_intent.succeeded", intent)), said);
    assert_eq!(payment(by_sessions("checkout.session.completed", session)), said);
    assert_eq!(by_intents("checkout.session.completed", session), None);
    assert_eq!(by_sessions("payment_intent.succeeded", intent), None);
    for kind in ["charge.succeeded", "charge.captured", "payment_intent.created", "payout.paid"] {
        assert_eq!(by_intents(kind, intent), None, "{kind}");
    }
}

#[test]
fn a_completed_session_may_still_be_unpaid() {
    let session = |mode: &str, status: &str| {
        format!(
            r#"{{"id":"cs_1","mode":"{mode}","payment_status":"{status}","payment_intent":null,
            "amount_total":0,"currency":"usd"}}"#
        )
    };
    let completed = |mode, status| {
        let fact = by_sessions("checkout.session.completed", &session(mode, status));
        fact.map(|fact| payment(Some(fact)).2)
    };
    assert_eq!(completed("payment", "unpaid"), Some(PaymentStatus::Pending));
    assert_eq!(completed("payment", "no_payment_required"), Some(PaymentStatus::Succeeded));
    assert_eq!([completed("setup", "paid"), completed("subscription", "paid")], [None, None]);
}

#[test]
fn what_an_invoice_pays_is_told_by_the_invoice() {
    for more in [r#""invoice":"in_1""#, r#""payment_details":{"order_reference":"in_1"}"#] {
        let intent = format!(r#"{{"id":"pi_1","amount_received":1,"currency":"eur",{more}}}"#);
        assert_eq!(by_intents("payment_intent.succeeded", &intent), None, "{more}");
    }
    let invoice = |more: &str| {
        let object = format!(r#"{{"id":"in_1","amount_paid":500,"currency":"eur",{more}}}"#);
        by_intents("invoice.paid", &object)
    };
    let parent = r#""parent":{"subscription_details":{"subscription":"sub_1"}}"#;
    let said = |transaction: &str| {
        (transaction.to_owned(), transaction.to_owned(), PaymentStatus::Succeeded, 500)
    };
    assert_eq!(payment(invoice(parent)), said("in_1"));
    assert_eq!(payment(invoice(r#""subscription":"sub_1","payment_intent":"pi_1""#)), said("pi_1"));
    assert_eq!(invoice(r#""billing_reason":"manual""#), None);
    let named = r#""metadata":{"order_no":"A-9"}"#;
    assert_eq!(payment(invoice(named)).1, "A-9");
}

#[test]
fn a_refund_that_failed_is_not_effective_whenever_it_is_told() {
    let status = |status: &str| {
        let object = format!(
            r#"{{"id":"re_1","amount":5,"currency":"jpy","payment_intent":"pi_1","status":"{status}"}}"#
        );
        match by_sessions("refund.updated", &object) {
            Some(Fact::Refund(fact)) => Some(fact.status),
            _ => None,
        }
    };
    assert_eq!(status("succeeded"), Some(RefundStatus::Succeeded));
    assert_eq!(status("failed"), Some(RefundStatus::Reversed));
    assert_eq!([status("canceled"), status("?")], [Some(RefundStatus::Closed), None]);
}

#[test]
fn what_was_never_captured_does_not_go_back() {
    let charge = |captured: i64, refunded: i64| {
        let object = format!(
            r#"{{"id":"ch_1","amount":1000,"amount_captured":{captured},"amount_refunded":{refunded},
            "captured":{},"currency":"eur","created":1789000000,"payment_intent":"pi_1",
            "metadata":{{"order_no":"A-1"}}}}"#,
            captured > 0
        );
        match by_intents("charge.refunded", &object) {
            Some(Fact::Payment(fact)) => fact.refund_total.map(|total| total.total_minor),
            _ => None,
        }
    };
    assert_eq!([charge(1000, 300), charge(600, 500)], [Some(300), Some(100)]);
    assert_eq!([charge(600, 400), charge(0, 1000)], [None, None]);
}

#[test]
fn a_subscription_stands_while_it_is_active() {
    let change = |kind: &str, status: &str| {
        let object = format!(r#"{{"id":"sub_1","status":"{status}","metadata":{{"sub":"S-1"}}}}"#);
        match by_intents(&format!("customer.subscription.{kind}"), &object) {
            Some(Fact::Agreement(fact)) => Some((fact.change, fact.subscription_no)),
            _ => None,
        }
    };
    let number = Some("S-1".to_owned());
    let signed = AgreementChange::Signed { valid_until: None };
    assert_eq!(change("created", "trialing"), Some((signed, number.clone())));
    assert_eq!(change("updated", "unpaid"), Some((AgreementChange::Ended, number.clone())));
    assert_eq!(change("deleted", "canceled"), Some((AgreementChange::Ended, number)));
    assert_eq!([change("updated", "past_due"), change("trial_will_end", "active")], [None, None]);
}

#[test]
fn stripes_own_decimals_become_iso_4217s() {
    for (value, letters, expected) in [
        (500, "isk", "5 ISK"),
        (500, "ugx", "5 UGX"),
        (550, "ugx", "550 XXX"),
        (500, "jpy", "500 JPY"),
        (500, "mga", "500.00 MGA"),
        (12_340, "kwd", "12.340 KWD"),
        (1000, "usd", "10.00 USD"),
    ] {
        let object = format!(
            r#"{{"id":"pi_1","amount":{value},"amount_received":{value},"currency":"{letters}"}}"#
        );
        let Some(Fact::Payment(fact)) = by_intents("payment_intent.succeeded", &object) else {
            panic!("{letters}");
        };
        let money: Money = fact.amount;
        assert_eq!(money.to_string(), expected);
    }
}
