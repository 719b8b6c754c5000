//! Each scenario against the door's own judgment.

use std::sync::LazyLock;

use bytes::Bytes;
use clap::ValueEnum as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use shared::money::{Currency, Money};
use shared::notification::{Notification, PaymentStatus};
use shared::provider::public_key::PublicKey;
use shared::provider::{
    self, Account, Genuine, Headers, Reader, Rejection, Request, Scheme, Verified, alipay,
};
use time::OffsetDateTime;
use time::macros::datetime;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:00 UTC);
static KEY: LazyLock<RsaPrivateKey> =
    LazyLock::new(|| RsaPrivateKey::new(&mut StdRng::seed_from_u64(1), 2048).unwrap());

fn terms() -> Terms {
    Terms {
        app_id: "2021000000000001".into(),
        seller_id: Some("2088102177890000".into()),
        order_no: "订单-1".into(),
        amount: Money { minor: 10, currency: Currency::CNY },
        seed: 7,
    }
}

fn verified(scenario: Scenario) -> Result<Verified, Rejection> {
    let keys = vec![PublicKey::new(&KEY.to_public_key()).unwrap()];
    let Terms { app_id, seller_id, .. } = terms();
    let scheme = Scheme::Alipay(alipay::Settings {
        app_id,
        seller_id,
        sign_type: alipay::SignType::RSA2,
        keys,
    });
    let account = Account { name: "shop".into(), scheme };
    let simulated = simulate(scenario, &terms(), &KEY);
    let headers = Headers::new([("content-type", simulated.content_type.as_bytes())]).unwrap();
    provider::verify(&account, Request { headers, body: Bytes::from(simulated.body) }, NOW)
}

fn read(scenario: Scenario) -> Notification {
    let body = verified(scenario).unwrap().into_body();
    let genuine = Genuine { http: &[], received_at: NOW, body: &body };
    Reader::Alipay(()).read(&genuine).unwrap().remove(0)
}

#[test]
fn every_scenario_meets_the_verdict_it_states() {
    for scenario in Scenario::value_variants() {
        let expected = simulate(*scenario, &terms(), &KEY).expected;
        let verdict = verified(*scenario);
        assert_eq!(verdict.is_ok(), expected == Expected::Accepted, "{scenario:?}: {verdict:?}");
    }
}

#[test]
fn every_attack_is_turned_away_for_its_own_reason() {
    let reason = |scenario| verified(scenario).unwrap_err();
    assert_eq!(reason(Scenario::Forged), Rejection::Forged);
    assert_eq!(reason(Scenario::Downgrade), Rejection::WrongAlgorithm);
    assert_eq!(reason(Scenario::WrongApp), Rejection::NotOurs("app_id"));
    assert_eq!(reason(Scenario::WrongSeller), Rejection::NotOurs("seller_id"));
    assert_eq!(reason(Scenario::Return), Rejection::NotANotification);
}

#[test]
fn every_accepted_scenario_says_what_it_means() {
    let table = [
        (Scenario::Paid, PaymentStatus::Succeeded, 10, None),
        (Scenario::Duplicate, PaymentStatus::Succeeded, 10, None),
        (Scenario::RefundPartial, PaymentStatus::Succeeded, 10, Some(5)),
        (Scenario::RefundFull, PaymentStatus::Succeeded, 10, Some(10)),
        (Scenario::Closed, PaymentStatus::Closed, 10, None),
        (Scenario::Pending, PaymentStatus::Pending, 10, None),
        (Scenario::Finished, PaymentStatus::Finished, 10, None),
        (Scenario::WrongAmount, PaymentStatus::Succeeded, 11, None),
    ];
    for (scenario, status, minor, refunded) in table {
        let fact = read(scenario).payment().unwrap().clone();
        let total = fact.refund_total.map(|total| total.total_minor);
        assert_eq!(fact.order_number, "订单-1");
        assert_eq!(
            (fact.status, fact.amount.minor, total),
            (status, minor, refunded),
            "{scenario:?}"
        );
    }
    assert_eq!(read(Scenario::UnknownType).fact, None);
}

#[test]
fn a_seed_gives_the_same_bytes_and_another_seed_another_transaction() {
    let body = |seed| simulate(Scenario::Paid, &Terms { seed, ..terms() }, &KEY).body;
    assert_eq!(body(1), body(1));
    let transaction = |scenario, seed| {
        let body = simulate(scenario, &Terms { seed, ..terms() }, &KEY).body;
        let pair = body.split('&').find(|pair| pair.starts_with("trade_no=")).unwrap();
        pair.to_owned()
    };
    assert_ne!(transaction(Scenario::Paid, 1), transaction(Scenario::Paid, 2));
    assert_eq!(transaction(Scenario::Paid, 1), transaction(Scenario::RefundFull, 1));
    assert_ne!(transaction(Scenario::Paid, 1), transaction(Scenario::WrongAmount, 1));
}

#[test]
fn a_repeat_is_the_same_notification_and_a_refund_another() {
    assert_eq!(read(Scenario::Paid).identity, read(Scenario::Duplicate).identity);
    assert_ne!(read(Scenario::Paid).identity, read(Scenario::RefundPartial).identity);
    assert_ne!(read(Scenario::Paid).identity, read(Scenario::WrongAmount).identity);
}
