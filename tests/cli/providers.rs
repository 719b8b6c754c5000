//! Every provider through the real door: an account as `simulate` writes it out, and what is settled.

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use harness::installation::{Addresses, Installation};
use serde_json::json;
use shared::provider::Provider;

use crate::ran::{Ran, run, run_fed};
use crate::shop::Shop;

/// What simulated notifications say of the payer.
const PAYERS: [&str; 3] = ["159****5620", "6216***********0018", "oUpF8u"];

/// A scenario, what may have to come before it, how it is answered, how the order stands afterwards.
const STORIES: [(&str, &[&str], bool, &str); 5] = [
    ("paid", &[], true, "paid"),
    ("duplicate", &[], true, "paid"),
    ("forged", &[], false, "pending"),
    ("refund-partial", &["paid"], true, "partially_refunded"),
    ("refund-full", &["paid"], true, "refunded"),
];

pub(crate) fn account(provider: Provider) -> String {
    format!("shop-{}", provider.as_str().replace('_', "-"))
}

fn currency(provider: Provider) -> &'static str {
    match provider {
        Provider::Alipay | Provider::WechatPay | Provider::WechatPayV2 | Provider::UnionPay => {
            "CNY"
        }
        Provider::Stripe | Provider::Adyen | Provider::StandardWebhooks => "EUR",
        Provider::PayPal => "USD",
    }
}

/// Does as the complaint about a missing account says.
pub(crate) fn add_account(at: &Installation, provider: Provider) {
    let simulate = |order| {
        let (provider, account) = (provider.as_str(), account(provider));
        format!("simulate {provider} paid --account {account} --order {order} --print=body")
    };
    let complaint = run(at, &simulate("A-1")).ends_with(2).stderr;
    let (_, advice) = complaint.split_once("Add it to quittance.toml:\n\n").unwrap();
    let mut parts = advice.split("\n\nand write to ");
    let mut config = OpenOptions::new().append(true).open(at.config()).unwrap();
    writeln!(config, "\n{}", parts.next().unwrap()).unwrap();
    for part in parts {
        let (file, text) = part.split_once(", for trying out:\n\n").unwrap();
        fs::create_dir_all(at.path(file).parent().unwrap()).unwrap();
        fs::write(at.path(file), text).unwrap();
    }
    // The first simulation makes what keys there are to make, and the account trusts them.
    let ran = run(at, &simulate("A-1")).ends_with(0);
    assert!(!ran.stderr.contains("trusted"), "{ran}");
    let again = run(at, &simulate("A-1")).ends_with(0);
    assert!(again.stderr.is_empty() && again.stdout == ran.stdout, "{ran}\n{again}");
}

/// A shop with an account of every provider.
async fn open() -> Shop {
    let at = Installation::embedded().unwrap();
    fs::write(at.config(), "[embedded]\npath = \"data/quittance.db\"\n").unwrap();
    Provider::ALL.iter().for_each(|provider| add_account(&at, *provider));
    run(&at, "config check").ends_with(0);
    let door = at.serve(Addresses::free().unwrap()).await.unwrap();
    Shop { at, door }
}

fn order(provider: Provider, scenario: &str) -> String {
    format!("{}-{scenario}", provider.as_str())
}

fn simulate(shop: &Shop, provider: Provider, scenario: &str, order: &str) -> Ran {
    let account = account(provider);
    let (doors, _) = shop.door.url.rsplit_once('/').unwrap();
    let provider = provider.as_str();
    shop.run(&format!(
        "simulate {provider} {scenario} --account {account} --order {order} --url {doors}/{account} -o json"
    ))
}

/// WeChat's second version signs no refund: what it says of one waits for a person.
fn expected(provider: Provider, scenario: &str, status: &'static str) -> &'static str {
    let is_hint = provider == Provider::WechatPayV2 && scenario.starts_with("refund");
    if is_hint { "paid" } else { status }
}

/// One stored notification of each provider is taken apart, and no payer shows in it nor in the log.
fn nobody_sees_who_paid(shop: &Shop) {
    let list = shop.run("notifications list --limit 1000 -o json").ends_with(0).json();
    let mut seen = shop.door.program.stderr();
    for provider in Provider::ALL {
        let is_of = |one: &&serde_json::Value| one["provider"] == provider.as_str();
        let one = list.as_array().unwrap().iter().find(is_of).unwrap();
        let id = one["message_id"].as_str().unwrap();
        let ran = shop.run(&format!("notifications show {id} -o json")).ends_with(0);
        let shown = ran.json();
        assert_eq!(shown["body"], json!("kept"), "{ran}");
        assert!(!shown["fields"].as_array().unwrap().is_empty(), "{ran}");
        seen += &ran.stdout;
    }
    assert!(PAYERS.iter().all(|payer| !seen.contains(payer)), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_providers_notifications_settle_through_the_real_door() {
    let shop = open().await;
    let line = |provider: &Provider, scenario: &str| {
        let (order_no, currency) = (order(*provider, scenario), currency(*provider));
        // What `simulate` writes out for these are accounts of their sandboxes.
        let mode = match provider {
            Provider::Stripe | Provider::PayPal | Provider::Adyen => "test",
            Provider::Alipay
            | Provider::WechatPay
            | Provider::WechatPayV2
            | Provider::UnionPay
            | Provider::StandardWebhooks => "live",
        };
        let order = json!({
            "order_no": order_no, "amount": 10, "currency": currency, "mode": mode,
        });
        format!("{order}\n")
    };
    let of = |provider| STORIES.iter().map(move |story| line(provider, story.0));
    let lines: String = Provider::ALL.iter().flat_map(of).collect();
    run_fed(&shop.at, "orders import -", lines.as_bytes()).ends_with(0);

    let mut accepted = 0;
    for provider in Provider::ALL.iter().copied() {
        for (scenario, before, is_accepted, _) in STORIES {
            let order = order(provider, scenario);
            for earlier in before {
                simulate(&shop, provider, earlier, &order).ends_with(0);
                accepted += 1;
            }
            let ran = simulate(&shop, provider, scenario, &order).ends_with(0);
            let answers = ran.json();
            for answer in answers.as_array().unwrap() {
                assert_eq!(answer["as_expected"], json!(true), "{ran}");
                accepted += i64::from(is_accepted);
            }
        }
    }
    let balance = shop.rest(accepted).await;
    assert_eq!((&balance["dead"], &balance["unaccounted"]), (&json!(0), &json!(0)), "{balance}");
    for provider in Provider::ALL.iter().copied() {
        for (scenario, _, _, status) in STORIES {
            let order = shop.order(&order(provider, scenario));
            let status = expected(provider, scenario, status);
            assert_eq!(order["status"], json!(status), "{provider:?} {scenario}: {order}");
        }
    }
    nobody_sees_who_paid(&shop);
}
