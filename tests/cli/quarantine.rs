//! `quarantine`: listed without bodies, judged again, dropped with a reason; and every exit code.

use std::fs;
use std::time::Duration;

use harness::alipay::{Signer, Trade};
use harness::driver::post;
use harness::installation::Installation;
use harness::wait;
use serde_json::{Value, json};

use crate::ran::{Ran, run};
use crate::shop::Shop;

const PATIENCE: Duration = Duration::from_secs(30);
const STRANGER: &str = "00000000-0000-7000-8000-000000000000";

fn ask_for_it(at: &Installation) {
    run(at, "keys init --for quarantine").ends_with(0).complains_of(&["[quarantine]", "key_file"]);
    let text = fs::read_to_string(at.config()).unwrap();
    let section = "[quarantine]\nkey_file = \"keys/quarantine.key\"\n";
    fs::write(at.config(), format!("{text}quarantine = true\n{section}")).unwrap();
}

/// A shop that kept so many notifications by a key that it does not trust.
async fn keeping(count: usize) -> (Shop, Signer) {
    let at = Installation::embedded().unwrap();
    ask_for_it(&at);
    let door = at.serve(harness::installation::Addresses::free().unwrap()).await.unwrap();
    let shop = Shop { at, door };
    let next = Signer::generate().unwrap();
    let client = reqwest::Client::new();
    for number in 0..count {
        let order = format!("Q-{number}");
        shop.import(&[&order]);
        let trade = Trade {
            order_number: &order,
            transaction: &order,
            notify_id: &order,
            status: "TRADE_SUCCESS",
            amount: 10,
            refunded: None,
        };
        let body = next.body(&trade).unwrap();
        assert_eq!(post(&client, &shop.door.url, &body).await.unwrap().0, 401);
    }
    let all = || async { (list(&shop.at).len() == count).then_some(()) };
    wait::until("all to be kept", PATIENCE, all).await.unwrap();
    (shop, next)
}

fn list(at: &Installation) -> Vec<Value> {
    run(at, "quarantine list -o jsonl").ends_with(0).lines()
}

fn id(of: &Value) -> &str {
    of["id"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_listed_without_a_body_and_judged_again_on_command() {
    let (mut shop, next) = keeping(3).await;
    let lines = list(&shop.at);
    let keys: Vec<_> = lines[0].as_object().unwrap().keys().map(String::as_str).collect();
    let promised =
        ["account", "bytes", "expires_at", "id", "provider", "reason", "received_at", "unusable"];
    assert_eq!(keys, promised);
    assert_eq!((&lines[0]["reason"], &lines[0]["provider"]), (&json!("forged"), &json!("alipay")));
    let table = shop.run("quarantine list").ends_with(0).stdout;
    assert!(!table.contains("buyer") && !table.contains("Q-0"), "a body is shown: {table}");
    let one = shop.run(&format!("quarantine list {} -o jsonl", id(&lines[1]))).ends_with(0).lines();
    assert_eq!(one, lines[1..2]);

    // As long as no key proves them, they stay.
    let ran = shop.run("quarantine recheck -o jsonl").ends_with(0).lines();
    assert!(ran.iter().all(|line| line["outcome"] == "rejected" && line["reason"] == "forged"));
    // The process would judge by itself as well: let the command be alone.
    assert!(shop.door.program.terminate().await.unwrap().success());
    fs::write(shop.at.path("alipay.pub"), next.public_key().unwrap()).unwrap();
    let line = format!("quarantine recheck {} {STRANGER} -o jsonl", id(&lines[0]));
    let ran = shop.run(&line).ends_with(7);
    assert!(ran.stderr.contains(STRANGER), "{ran}");
    assert_eq!(ran.lines()[0]["outcome"], "enqueued");
    assert_eq!(list(&shop.at), lines[1..]);
    shop.door = shop.at.serve(shop.door.addresses.clone()).await.unwrap();
    shop.rest(3).await;
    for order in ["Q-0", "Q-1", "Q-2"] {
        assert_eq!(shop.order(order)["status"], "paid", "{order}");
    }
    assert_eq!(list(&shop.at).len(), 0, "the start judged the others");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dropped_is_noted_with_who_and_why() {
    let (shop, _) = keeping(3).await;
    let lines = list(&shop.at);
    for line in ["drop --reason x", "drop --all", "drop --all --account a --reason x"] {
        run(&shop.at, &format!("quarantine {line}")).ends_with(2);
    }
    shop.run(&format!("quarantine drop {STRANGER} --reason x"))
        .ends_with(5)
        .complains_of(&[STRANGER]);
    shop.run("quarantine drop --account outlet --reason x").ends_with(0).prints(&["dropped 0"]);
    assert_eq!(list(&shop.at), lines);

    let first = id(&lines[0]);
    shop.run(&format!("quarantine drop {first} {STRANGER} --reason forgeries")).ends_with(7);
    assert_eq!(list(&shop.at), lines[1..]);
    let ran = shop.run("quarantine drop --all --reason forgeries -o json").ends_with(0);
    assert_eq!(ran.json(), json!({ "dropped": 2 }));
    assert_eq!(list(&shop.at).len(), 0);
    let stored = stored(&shop.at);
    for line in &lines {
        let row = format!("quarantine.dropquarantine/shop-alipay/{}forgeries", id(line));
        let is_there = stored.windows(row.len()).any(|window| window == row.as_bytes());
        assert!(is_there, "{row} is not in the audit");
    }
}

/// The database's bytes. SQLite stores a row's texts one behind the other.
fn stored(at: &Installation) -> Vec<u8> {
    let read = |name: &str| fs::read(at.path(name)).unwrap_or_default();
    [read("data/quittance.db"), read("data/quittance.db-wal")].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_file_is_told_and_stays_until_somebody_drops_it() {
    let (mut shop, next) = keeping(2).await;
    assert!(shop.door.program.terminate().await.unwrap().success());
    let lines = list(&shop.at);
    let path = shop.at.path(&format!("quittance-quarantine/shop-alipay/{}.request", id(&lines[0])));
    fs::write(&path, "not a kept request").unwrap();
    let listed = list(&shop.at);
    assert!(listed[0]["unusable"].is_string() && listed[0]["reason"] == Value::Null);
    assert_eq!(listed[1], lines[1]);
    let recheck = |line: &str| -> Ran { run(&shop.at, &format!("quarantine recheck {line}")) };
    recheck(id(&lines[0])).ends_with(1).prints(&["unusable"]);
    fs::write(shop.at.path("alipay.pub"), next.public_key().unwrap()).unwrap();
    recheck("").ends_with(7).prints(&["unusable", "enqueued"]);

    // Another key opens nothing of it.
    fs::remove_file(shop.at.path("keys/quarantine.key")).unwrap();
    run(&shop.at, "quarantine list").ends_with(2).complains_of(&["quarantine.key_file"]);
    run(&shop.at, "keys init --for quarantine").ends_with(0);
    assert!(list(&shop.at).iter().all(|line| line["unusable"].is_string()));
    run(&shop.at, "quarantine drop --all --reason unusable").ends_with(0).prints(&["dropped 1"]);
}

#[test]
fn without_a_key_there_is_no_quarantine_and_the_mend_is_named() {
    let at = Installation::embedded().unwrap();
    let mend = "quittance keys init --for quarantine";
    run(&at, "quarantine list").ends_with(2).complains_of(&["quarantine.key_file", mend]);
    let text = fs::read_to_string(at.config()).unwrap();
    fs::write(at.config(), format!("{text}quarantine = true\n")).unwrap();
    run(&at, "config check").ends_with(2).prints(&["quarantine.key_file", mend]);
    run(&at, "serve").ends_with(2).complains_of(&["quarantine.key_file", mend]);
}

#[test]
fn an_id_is_a_uuid_and_nothing_that_leads_elsewhere() {
    let at = Installation::embedded().unwrap();
    ask_for_it(&at);
    fs::create_dir_all(at.path("quittance-quarantine")).unwrap();
    let outside = at.path("x.request");
    fs::write(&outside, "x").unwrap();
    for word in ["../x", "/etc/passwd", "..", "%2e%2e", "x"] {
        run(&at, &format!("quarantine drop {word} --reason x")).ends_with(2);
        run(&at, &format!("quarantine recheck {word}")).ends_with(2);
    }
    // A name of an account only chooses among what is there.
    run(&at, "quarantine drop --account .. --reason x").ends_with(0).prints(&["dropped 0"]);
    assert!(outside.exists());
}
