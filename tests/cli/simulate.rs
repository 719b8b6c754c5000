//! `simulate` against a running system, and what orders, cases and the balance show of it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use harness::installation::{ACCOUNT, Addresses, Installation};
use harness::wait;
use serde_json::{Value, json};
use shared::provider::Provider;

use crate::ran::run;
use crate::shop::{Shop, order_line, simulation};

/// Each scenario, how it is answered, and how its order stands afterwards. Refunds follow a payment.
const SCENARIOS: &[(&str, u16, &str)] = &[
    ("paid", 200, "paid"),
    ("duplicate", 200, "paid"),
    ("refund-partial", 200, "partially_refunded"),
    ("refund-full", 200, "refunded"),
    ("closed", 200, "pending"),
    ("pending", 200, "pending"),
    ("finished", 200, "paid"),
    ("forged", 401, "pending"),
    ("wrong-amount", 200, "pending"),
    ("wrong-app", 401, "pending"),
    ("wrong-seller", 401, "pending"),
    ("downgrade", 401, "pending"),
    ("return", 401, "pending"),
    ("unknown-type", 200, "pending"),
    ("agreement-signed", 200, "pending"),
    ("agreement-charged", 200, "paid"),
    ("agreement-ended", 200, "pending"),
];

/// Far beyond what any answer takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// docs/cli.md lists these; the first eleven are the contract's.
const ORDER_KEYS: [&str; 21] = [
    "order_no",
    "status",
    "amount",
    "currency",
    "paid_amount",
    "refunded_amount",
    "fulfilments",
    "payments",
    "refunds",
    "cases",
    "events",
    "account",
    "disputes",
    "cancelled_at",
    "created_at",
    "expires_at",
    "mode",
    "numbers",
    "paid_at",
    "period",
    "subscription_no",
];

#[test]
fn every_scenario_is_listed_here() {
    let at = Installation::embedded().unwrap();
    let line = simulation(&at, "batch", "A-1", "http://127.0.0.1:1/");
    let complaint = run(&at, &line).ends_with(2).stderr;
    let (_, words) = complaint.split_once("alipay has no `batch`; it has ").unwrap();
    let known: BTreeSet<_> = words.trim().split(", ").collect();
    assert_eq!(known, SCENARIOS.iter().map(|(word, ..)| *word).collect());
}

#[test]
fn an_account_is_simulated_by_its_own_provider() {
    let at = Installation::embedded().unwrap();
    for provider in Provider::ALL.iter().filter(|provider| **provider != Provider::Alipay) {
        let line = format!("simulate {} paid --account {ACCOUNT} --order A-1", provider.as_str());
        run(&at, &line).ends_with(2).complains_of(&["`alipay`", "quittance simulate alipay"]);
    }
}

#[test]
fn an_account_that_is_missing_is_written_out_for_its_provider() {
    let at = Installation::embedded().unwrap();
    for provider in Provider::ALL {
        let line = format!("simulate {} paid --account new --order A-1", provider.as_str());
        let complaint = run(&at, &line).ends_with(2).complains_of(&[ACCOUNT]).stderr;
        let (_, section) = complaint.split_once("\n\n[accounts.new]\n").unwrap();
        assert!(
            section.starts_with(&format!("provider = \"{}\"\n", provider.as_str())),
            "{section}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_is_answered_as_it_expects_and_settles_as_it_must() {
    let shop = Shop::open().await;
    shop.import(&SCENARIOS.iter().map(|(scenario, ..)| *scenario).collect::<Vec<_>>());
    let mut accepted = 0;
    for (scenario, http, _) in SCENARIOS {
        if scenario.starts_with("refund") {
            shop.simulate("paid", scenario).ends_with(0);
            accepted += 1;
        }
        let ran = shop.run(&format!("{} -o json", simulate(&shop, scenario))).ends_with(0);
        let answers = ran.json();
        let answers = answers.as_array().unwrap();
        assert_eq!(answers.len(), if *scenario == "duplicate" { 2 } else { 1 }, "{ran}");
        for answer in answers {
            assert_eq!((&answer["status"], &answer["as_expected"]), (&json!(http), &json!(true)));
            accepted += i64::from(*http == 200);
        }
    }
    let balance = shop.rest(accepted).await;
    assert_balance(&balance);
    assert_eq!((&balance["case"], &balance["duplicate"]), (&json!(1), &json!(1)), "{balance}");
    for (scenario, _, status) in SCENARIOS {
        assert_eq!(shop.order(scenario)["status"], *status, "{scenario}");
    }
    the_paid_order(&shop.order("paid"));
    the_refunded_order(&shop.order("refund-full"));
    the_wrong_amount(&shop, &shop.order("wrong-amount"));
}

fn simulate(shop: &Shop, scenario: &str) -> String {
    simulation(&shop.at, scenario, scenario, &shop.door.url)
}

#[track_caller]
fn assert_balance(balance: &Value) {
    let bucket = |name: &str| balance[name].as_i64().unwrap_or_else(|| panic!("{name}: {balance}"));
    let buckets = ["settled", "duplicate", "no_op", "case", "dead", "in_flight", "unaccounted"];
    assert_eq!(bucket("accepted"), buckets.map(bucket).iter().sum::<i64>(), "{balance}");
    assert_eq!((bucket("dead"), bucket("unaccounted")), (0, 0), "{balance}");
    assert!(bucket("no_op") >= 1, "an unknown type has no effect: {balance}");
}

#[track_caller]
fn assert_shape(order: &Value) {
    let keys: BTreeSet<_> = order.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, BTreeSet::from(ORDER_KEYS), "{order}");
    for fulfilment in order["fulfilments"].as_array().unwrap() {
        assert!(fulfilment["active"].is_boolean(), "{fulfilment}");
    }
    for (index, event) in order["events"].as_array().unwrap().iter().enumerate() {
        assert_eq!(event["sequence"], json!(index + 1), "{order}");
        // A UUID of version 7.
        let id = event["id"].as_str().unwrap();
        assert!(id.len() == 36 && id.as_bytes()[14] == b'7', "{event}");
    }
    assert_eq!((&order["amount"], &order["currency"]), (&json!(10), &json!("CNY")), "{order}");
}

/// The values of one key in a list, in its order.
fn column(list: &Value, key: &str) -> Vec<Value> {
    list.as_array().unwrap().iter().map(|one| one[key].clone()).collect()
}

fn the_paid_order(order: &Value) {
    assert_shape(order);
    assert_eq!((&order["paid_amount"], &order["refunded_amount"]), (&json!(10), &json!(0)));
    assert_eq!(column(&order["fulfilments"], "active"), [json!(true)]);
    assert_eq!(column(&order["payments"], "status"), ["succeeded"]);
    assert_eq!(column(&order["payments"], "amount"), [10]);
    assert_eq!((&order["refunds"], &order["cases"]), (&json!([]), &json!([])));
    assert_eq!(column(&order["events"], "type"), ["order.paid.v1"]);
}

fn the_refunded_order(order: &Value) {
    assert_shape(order);
    assert_eq!((&order["paid_amount"], &order["refunded_amount"]), (&json!(10), &json!(10)));
    assert_eq!(column(&order["fulfilments"], "active"), [json!(false)]);
    assert_eq!(column(&order["payments"], "amount"), [10]);
    assert_eq!(column(&order["refunds"], "amount"), [10]);
    assert_eq!(order["cases"], json!([]));
    assert_eq!(column(&order["events"], "type"), ["order.paid.v1", "order.refunded.v1"]);
}

fn the_wrong_amount(shop: &Shop, order: &Value) {
    assert_shape(order);
    assert_eq!((&order["paid_amount"], &order["fulfilments"]), (&json!(0), &json!([])));
    assert_eq!(column(&order["cases"], "kind"), ["amount_mismatch"]);
    assert_eq!(column(&order["cases"], "status"), ["open"]);
    assert_eq!(column(&order["events"], "type"), ["case.opened.v1"]);

    let mut listed = shop.run("cases list --status open -o json").ends_with(0).json();
    // It grows from one look to the next.
    assert!(listed[0].as_object_mut().unwrap().remove("age_s").is_some_and(|age| age.is_u64()));
    assert_eq!(listed, order["cases"]);
    let id = listed[0]["id"].as_str().unwrap();
    let case = shop.run(&format!("cases show {id} -o json")).ends_with(0).json();
    for (key, value) in listed[0].as_object().unwrap() {
        assert_eq!(&case[key], value, "{case}");
    }
    assert_eq!(case["evidence"].as_array().map(Vec::len), Some(1), "{case}");
    assert_eq!((&case["order_number"], &case["amount"]), (&json!("wrong-amount"), &json!(11)));
    assert_eq!(shop.run("cases list --status resolved -o json").ends_with(0).json(), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_a_seller_takes_any() {
    let at = Installation::embedded().unwrap();
    let text = fs::read_to_string(at.config()).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("seller_id"));
    fs::write(at.config(), lines.collect::<Vec<_>>().join("\n")).unwrap();
    let door = at.serve(Addresses::free().unwrap()).await.unwrap();
    let shop = Shop { at, door };
    shop.import(&["A-1"]);
    shop.simulate("wrong-seller", "A-1").ends_with(0).prints(&["200", "accepted", "ok"]);
    shop.rest(1).await;
    assert_eq!(shop.order("A-1")["status"], "paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_trusted_yet_is_made_and_the_mend_is_named() {
    let at = Installation::embedded().unwrap();
    fs::write(at.path("orders.jsonl"), order_line("A-1")).unwrap();
    let door = at.serve(Addresses::free().unwrap()).await.unwrap();
    let line = format!("simulate alipay paid --account {ACCOUNT} --order A-1 --url {}", door.url);
    let ran = run(&at, &line).ends_with(1).prints(&["401", "NOT AS EXPECTED"]);
    let public = format!("keys/{ACCOUNT}.simulate.pub.pem");
    assert!(ran.stderr.contains(&format!("{public} is not trusted yet")), "{ran}");

    // As it says: add it.
    let trusting = fs::read_to_string(at.config()).unwrap();
    let trusting = trusting.replace("[\"alipay.pub\"]", &format!("[\"alipay.pub\", {public:?}]"));
    fs::write(at.config(), trusting).unwrap();
    let trusted = wait::until("the running door to trust it", PATIENCE, async || {
        Some(run(&at, &line)).filter(|ran| ran.code() == Some(0))
    });
    let ran = trusted.await.unwrap().prints(&["200", "success"]);
    assert_eq!(ran.stderr, "", "{ran}");
}

#[test]
fn what_is_printed_is_the_same_each_time_unless_its_seed_differs() {
    let at = Installation::embedded().unwrap();
    let line = simulation(&at, "paid", "A-1", "http://127.0.0.1:1/x") + " --print";
    let print = |more: &str| run(&at, &format!("{line}{more}")).ends_with(0).stdout;
    let body = print("=body");
    assert!(body.contains("out_trade_no=A-1&") && body.contains("sign="), "{body}");
    assert_eq!(print("=body"), body);
    assert_ne!(print("=body --seed 2"), body);
    let request = print("");
    let (head, printed) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /x HTTP/1.1\r\nhost: 127.0.0.1:1\r\n"), "{head}");
    assert!(head.contains(&format!("\r\ncontent-length: {}", body.len())), "{head}");
    assert_eq!(printed, body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_printed_request_is_answered_like_a_sent_one() {
    let shop = Shop::open().await;
    shop.import(&["A-1"]);
    let line = simulation(&shop.at, "paid", "A-1", &shop.door.url) + " --print --repeat 2";
    let requests = shop.run(&line).ends_with(0).stdout;
    let address = shop.door.url.trim_start_matches("http://").split('/').next().unwrap();
    let mut door = TcpStream::connect(address).unwrap();
    // Two requests on one connection: each says by itself where it ends.
    door.write_all(requests.as_bytes()).unwrap();
    door.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answers = String::new();
    while answers.matches("HTTP/1.1 200 OK").count() < 2 {
        let mut some = [0; 1024];
        let length = door.read(&mut some).unwrap();
        assert!(length > 0, "{answers}");
        answers += std::str::from_utf8(&some[..length]).unwrap();
    }
    shop.rest(2).await;
    assert_eq!(shop.order("A-1")["status"], "paid");
}

#[test]
fn an_amount_has_the_decimals_of_its_currency() {
    let at = Installation::embedded().unwrap();
    let line = |more: &str| simulation(&at, "paid", "A-1", "http://127.0.0.1:1/") + more;
    let ran = run(&at, &line(" --amount 0.001")).ends_with(2);
    ran.complains_of(&["--amount 0.001", "CNY has 2 decimals"]);
    let ran = run(&at, &line(" --currency JPY")).ends_with(2);
    ran.complains_of(&["--currency JPY", "alipay tells no amounts in it"]);
    run(&at, &line(" --currency yen")).ends_with(2).complains_of(&["ISO 4217"]);
}
