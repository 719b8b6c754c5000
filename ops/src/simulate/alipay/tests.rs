//! What is Alipay's own: why each attack is turned away, and an account that names no seller.

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use shared::provider::Rejection;

use super::*;
use crate::simulate::tests::stand;

#[test]
fn every_attack_is_turned_away_for_its_own_reason() {
    let reason = |scenario| stand(Provider::Alipay).verified(scenario).unwrap_err();
    assert_eq!(reason(Scenario::Downgrade), Rejection::WrongAlgorithm);
    assert_eq!(reason(Scenario::WrongApp), Rejection::NotOurs("app_id"));
    assert_eq!(reason(Scenario::WrongSeller), Rejection::NotOurs("seller_id"));
    assert_eq!(reason(Scenario::Return), Rejection::NotANotification);
}

#[test]
fn an_account_without_a_seller_takes_any() {
    let key = RsaPrivateKey::new(&mut StdRng::seed_from_u64(1), 2048).unwrap();
    let trust = Trust { key: "public_keys", what: "x".into() };
    let sign_type = SignType::RSA;
    let alipay = Alipay { app_id: "1".into(), seller_id: None, sign_type, key, trust };
    assert_eq!(alipay.expected(Scenario::WrongSeller), Expected::Accepted);
    assert_eq!(alipay.expected(Scenario::WrongApp), Expected::Rejected);
    assert!(!alipay.scenarios().contains(&Scenario::Downgrade), "it is the weakest already");
}
