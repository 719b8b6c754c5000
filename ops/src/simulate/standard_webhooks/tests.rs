//! What is a sender's own: its mapping, and a key pair instead of a secret.

use std::fs;

use bytes::Bytes;
use shared::config::load;
use shared::provider::{self, Genuine, Headers, Rejection, Request};

use super::*;
use crate::simulate::tests::{NOW, stand};

const MAPPED: &str = r#"
[accounts.shop]
provider = "standard_webhooks"
secrets = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

[accounts.shop.mapping]
type = "event.name"
occurred_at = "event.at"
transaction = "charge"
order_no = "metadata.order"
amount = "total"
refund_amount = "refund.total"
amount_form = "decimal"
fixed_currency = "JPY"
refund = "refund.id"

[accounts.shop.mapping.types]
"charge.done" = "payment.succeeded"
"charge.back" = "refund.succeeded"
"#;

#[test]
fn every_attack_is_turned_away_for_its_own_reason() {
    let reason = |scenario| stand(Provider::StandardWebhooks).verified(scenario).unwrap_err();
    assert_eq!(reason(Scenario::Stale), Rejection::Stale);
    assert_eq!(reason(Scenario::Downgrade), Rejection::WrongAlgorithm);
}

/// What the account's own verdict and reading make of it.
fn told(folder: &std::path::Path, section: &str, scenario: Scenario) -> String {
    let config = load::parse(section, std::iter::empty(), folder.to_owned()).unwrap();
    let section = &config.accounts["shop"];
    let sender =
        crate::simulate::open(&section.own, &mut Signing::new("shop", folder, None, NOW)).unwrap();
    let terms = Terms {
        amount: shared::money::Money { minor: 900, currency: sender.currency() },
        ..stand(Provider::StandardWebhooks).terms()
    };
    let simulated = sender.simulate(scenario, &terms).unwrap();
    let headers = simulated.headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    let headers = Headers::new(headers).unwrap();
    let request = Request { headers, body: Bytes::from(simulated.body) };
    let account = section.account("shop", folder).unwrap();
    let verified = provider::verify(&account, request, NOW).unwrap();
    let http = verified.carried().to_vec();
    let body = verified.into_body();
    let genuine = Genuine { http: &http, received_at: NOW, body: &body };
    let read = section.reader("shop", folder).unwrap().read(&genuine).unwrap();
    format!("{:?}", read[0].fact.as_ref().unwrap())
}

#[test]
fn a_mapping_finds_its_own_words() {
    let folder = tempfile::tempdir().unwrap();
    let paid = told(folder.path(), MAPPED, Scenario::Paid);
    assert!(paid.contains("minor: 900, currency: JPY"), "{paid}");
    let refund = told(folder.path(), MAPPED, Scenario::RefundPartial);
    assert!(refund.contains("minor: 450, currency: JPY"), "{refund}");

    let config = load::parse(MAPPED, std::iter::empty(), folder.path().to_owned()).unwrap();
    let own = &config.accounts["shop"].own;
    let sender = crate::simulate::open(own, &mut Signing::new("shop", folder.path(), None, NOW));
    let known = sender.unwrap().scenarios();
    assert!(!known.contains(&Scenario::DisputeOpened) && known.contains(&Scenario::UnknownType));
}

#[test]
fn an_account_with_public_keys_alone_is_signed_for_with_a_private_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut signing = Signing::new("shop", folder.path(), None, NOW);
    let public = signing.ed25519().unwrap().public_key();
    let section =
        format!("[accounts.shop]\nprovider = \"standard_webhooks\"\npublic_keys = [\"{public}\"]");
    assert!(told(folder.path(), &section, Scenario::Paid).contains("Succeeded"));
    let private = fs::read_to_string(folder.path().join("keys/shop.simulate.whsk")).unwrap();
    assert!(private.starts_with("whsk_"), "{private}");
}
