//! `verify` on captures of every kind: whether, why not, and nothing about the payer.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use harness::installation::{ACCOUNT, Installation};
use serde_json::{Value, json};
use shared::provider::Provider;

use crate::providers::{account, add_account};
use crate::ran::{Ran, run, run_fed};

/// docs/cli.md lists these.
const KEYS: [&str; 18] = [
    "account",
    "advice",
    "also",
    "at",
    "at_from",
    "capture",
    "cause",
    "detail",
    "genuine",
    "key",
    "notifications",
    "proven",
    "provider",
    "reason",
    "rejection",
    "says",
    "skew_seconds",
    "unreadable",
];
/// What a payment's notification says about its payer.
const PERSONAL: [&str; 3] = ["buyer", "2088102534368455", "@"];

/// A whole request as the provider would send it.
fn simulated(at: &Installation, words: &str) -> String {
    let ran = run(at, &format!("simulate {words} --order A-1 --print")).ends_with(0);
    ran.stdout
}

fn alipay(at: &Installation) -> String {
    let key = at.path("alipay.key").display().to_string();
    simulated(at, &format!("alipay paid --account {ACCOUNT} --key {key}"))
}

/// A shop with an account of Stripe's beside the other.
fn with_stripe() -> Installation {
    let at = Installation::embedded().unwrap();
    let account = "[accounts.shop-stripe]\nprovider = \"stripe\"\nsecrets_file = \"stripe.secrets\"\nlivemode = true\n";
    let text = fs::read_to_string(at.config()).unwrap();
    fs::write(at.config(), format!("{text}\n{account}")).unwrap();
    fs::write(at.path("stripe.secrets"), "whsec_0123456789abcdef\n").unwrap();
    at
}

fn verify(at: &Installation, account: &str, request: &str, more: &str) -> Ran {
    let line = format!("verify --account {account} --request - -o json {more}");
    let ran = run_fed(at, line.trim(), request.as_bytes());
    for personal in PERSONAL {
        assert!(!ran.stdout.contains(personal) && !ran.stderr.contains(personal), "{ran}");
    }
    ran
}

#[track_caller]
fn cause(ran: Ran) -> (String, String) {
    let report = ran.ends_with(1).json();
    assert_eq!((&report["genuine"], &report["notifications"]), (&json!(false), &json!([])));
    let word = |key: &str| report[key].as_str().unwrap().to_owned();
    assert!(!word("advice").is_empty());
    (word("reason"), word("cause"))
}

fn told(reason: &str, cause: &str) -> (String, String) {
    (reason.to_owned(), cause.to_owned())
}

/// What stands behind the head.
fn body(request: &str) -> &str {
    request.split_once("\r\n\r\n").unwrap().1
}

#[test]
fn what_is_genuine_is_read_as_a_worker_reads_it() {
    let at = Installation::embedded().unwrap();
    let request = alipay(&at);
    let report = verify(&at, ACCOUNT, &request, "").ends_with(0).json();
    let keys: Vec<_> = report.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, KEYS);
    let said = |key: &str| report[key].clone();
    assert_eq!(
        (said("genuine"), said("provider"), said("capture")),
        (json!(true), json!("alipay"), json!("http"))
    );
    assert_eq!(
        (said("reason"), said("cause"), said("unreadable")),
        (Value::Null, Value::Null, Value::Null)
    );
    let notification = &report["notifications"][0];
    assert_eq!(notification["kind"], "trade_status_sync/TRADE_SUCCESS");
    assert_eq!(notification["order_no"], "A-1");
    assert_eq!((&notification["amount"], &notification["currency"]), (&json!(10), &json!("CNY")));
    assert!(notification["identity"].as_str().unwrap().ends_with("/TRADE_SUCCESS"));

    fs::write(at.path("request.http"), &request).unwrap();
    let file = at.path("request.http").display().to_string();
    let ran = run(&at, &format!("verify --account {ACCOUNT} --request {file}")).ends_with(0);
    ran.prints(&["genuine   yes", "order     A-1", "amount    0.10 CNY"]);
}

#[test]
fn what_was_broken_on_the_way_is_told_with_what_to_do() {
    let at = Installation::embedded().unwrap();
    let request = alipay(&at);
    let (head, form) = request.split_once("\r\n\r\n").unwrap();
    // The length belongs to the body as it was.
    let head: String = head
        .lines()
        .filter(|line| !line.to_lowercase().starts_with("content-length"))
        .map(|line| format!("{line}\r\n"))
        .collect();
    let sent = |form: &str| verify(&at, ACCOUNT, &format!("{head}\r\n{form}"), "");
    assert_eq!(sent(form).ends_with(0).json()["genuine"], true);
    assert_eq!(cause(sent(&form.replace("%22", "%26quot%3B"))), told("forged", "html_escaped"));
    assert_eq!(cause(sent(&format!("{form}&_route=notify"))), told("forged", "parameters_merged"));
    assert_eq!(cause(sent(&format!("\u{feff}{form}"))), told("forged", "byte_order_mark"));
    assert_eq!(cause(sent(&form.replace("=0.10", "=0.11"))), told("forged", "bytes_changed"));
    assert_eq!(cause(sent(&form.replace("=RSA2", "=RSA"))), told("wrong_algorithm", "sign_type"));

    let line = format!("verify --account {ACCOUNT} --request -");
    let merged = format!("{head}\r\n{form}&_route=notify");
    let ran = run_fed(&at, &line, merged.as_bytes()).ends_with(1);
    ran.prints(&[
        "genuine   no",
        "reason    forged:",
        "cause     parameters_merged (proven)",
        "detail    _route",
        "advice    ",
    ]);
}

#[test]
fn a_key_in_the_wrong_place_is_told_by_whose_it_is() {
    let at = with_stripe();
    // Signed with a pair that nobody configured; what is configured is called the shop's own.
    let foreign = simulated(&at, &format!("alipay paid --account {ACCOUNT}"));
    assert_eq!(cause(verify(&at, ACCOUNT, &foreign, "")), told("forged", "foreign_key"));
    let key = at.path("alipay.key").display().to_string();
    let ran = verify(&at, ACCOUNT, &foreign, &format!("--own-key {key}"));
    assert_eq!(cause(ran), told("forged", "own_key"));
    let public = at.path("alipay.pub").display().to_string();
    let ran = verify(&at, ACCOUNT, &foreign, &format!("--own-key {public}"));
    assert_eq!(cause(ran), told("forged", "own_key"));
    // Posted to the wrong address.
    let report = verify(&at, "shop-stripe", &alipay(&at), "").ends_with(1).json();
    assert_eq!(
        (&report["cause"], &report["detail"]),
        (&json!("other_account"), &json!(format!("account {ACCOUNT}")))
    );
}

#[test]
fn freshness_is_judged_at_the_given_time_else_the_captured_one_else_now() {
    let at = with_stripe();
    let request = simulated(&at, "stripe paid --account shop-stripe --at 2026-11-23T12:00:00Z");
    let report = |request: &str, more: &str| verify(&at, "shop-stripe", request, more).json();
    let then = report(&request, "--at 2026-11-23T12:04:00Z");
    assert_eq!((&then["genuine"], &then["at_from"]), (&json!(true), &json!("option")));
    let late = report(&request, "--at 1795436400");
    assert_eq!((&late["reason"], &late["cause"]), (&json!("stale"), &json!("clock_skew")));
    assert_eq!(late["skew_seconds"], 1_795_436_400_i64 - 1_795_435_200);
    let dated = request.replacen("\r\n", "\r\nDate: Mon, 23 Nov 2026 12:01:00 GMT\r\n", 1);
    let dated = report(&dated, "");
    assert_eq!((&dated["genuine"], &dated["at_from"]), (&json!(true), &json!("capture")));
    assert_eq!(dated["at"], "2026-11-23T12:01:00Z");
    let now = report(&simulated(&at, "stripe paid --account shop-stripe"), "");
    assert_eq!((&now["genuine"], &now["at_from"]), (&json!(true), &json!("now")));
}

#[test]
fn a_har_file_and_what_curl_shows_are_captures_too() {
    let at = Installation::embedded().unwrap();
    let request = alipay(&at);
    let form = body(&request);
    let entry = |post: Value| {
        let headers =
            json!([{"name": "Content-Type", "value": "application/x-www-form-urlencoded"}]);
        json!({"request": {"url": "https://x/", "headers": headers, "postData": post}})
    };
    let har = json!({"log": {"entries": [
        entry(json!({"text": "sign=x"})),
        entry(json!({"text": form})),
        entry(json!({"text": BASE64.encode(form), "encoding": "base64"})),
    ]}})
    .to_string();
    cause(verify(&at, ACCOUNT, &har, ""));
    for number in [2, 3] {
        let ran = verify(&at, ACCOUNT, &har, &format!("--entry {number}")).ends_with(0);
        assert_eq!(ran.json()["capture"], "har");
    }
    verify(&at, ACCOUNT, &har, "--entry 4").ends_with(2).complains_of(&["3 entries", "--entry"]);

    let shown = "* Connected\n> POST /notify/x HTTP/1.1\n> Content-Type: application/x-www-form-urlencoded\n>\n* upload completely sent off\n< HTTP/1.1 401 Unauthorized\n";
    verify(&at, ACCOUNT, shown, "").ends_with(2).complains_of(&[
        "shows no body",
        "--trace",
        "--body",
    ]);
    fs::write(at.path("body"), form).unwrap();
    let given = format!("--body {}", at.path("body").display());
    assert_eq!(verify(&at, ACCOUNT, shown, &given).ends_with(0).json()["capture"], "curl");
    let lines = form
        .as_bytes()
        .chunks(64)
        .enumerate()
        .map(|(nth, line)| format!("{:04x}: {}\n", nth * 64, String::from_utf8_lossy(line)));
    let trace = format!(
        "=> Send header, 25 bytes (0x19)\n0000: POST /notify/x HTTP/1.1\n0019: \n=> Send data, {} bytes\n{}== Info: done\n",
        form.len(),
        lines.collect::<String>()
    );
    assert_eq!(verify(&at, ACCOUNT, &trace, "").ends_with(0).json()["capture"], "curl");
}

#[test]
fn what_cannot_be_looked_at_ends_with_2() {
    let at = Installation::embedded().unwrap();
    let request = alipay(&at);
    // Whoever gives up before reading leaves a pipe broken, so these are files.
    let wrong = |account: &str, request: &str, more: &str| {
        fs::write(at.path("request"), request).unwrap();
        let file = at.path("request").display().to_string();
        let line = format!("verify --account {account} --request {file} {more}");
        run(&at, line.trim()).ends_with(2)
    };
    wrong("nobody", &request, "").complains_of(&["accounts.nobody", ACCOUNT]);
    wrong(ACCOUNT, "app_id=1", "").complains_of(&["not a captured request"]);
    wrong(ACCOUNT, "", "").complains_of(&["empty"]);
    let missing = at.path("missing").display().to_string();
    for more in [format!("--body {missing}"), format!("--own-key {missing}")] {
        wrong(ACCOUNT, &request, &more).complains_of(&["missing"]);
    }
    wrong(ACCOUNT, &request, "--at yesterday").complains_of(&["--at", "Unix seconds"]);
    run(&at, &format!("verify --account {ACCOUNT}")).ends_with(2);
    run(&at, &format!("verify --account {ACCOUNT} --request {missing}")).ends_with(2);

    fs::remove_file(at.path("alipay.pub")).unwrap();
    wrong(ACCOUNT, &request, "").complains_of(&["public_keys"]);
}

/// What a provider's scenario must be called.
const STORIES: [(&str, &[&str]); 5] = [
    ("forged", &["bytes_changed", "unknown"]),
    ("stale", &["clock_skew"]),
    ("wrong-app", &["not_ours", "bytes_changed"]),
    ("wrong-seller", &["not_ours"]),
    ("wrong-environment", &["sandbox"]),
];

#[test]
fn every_providers_notifications_are_read_and_its_wrong_ones_told_apart() {
    let at = Installation::embedded().unwrap();
    fs::write(at.config(), "[embedded]\npath = \"data/quittance.db\"\n").unwrap();
    Provider::ALL.iter().for_each(|provider| add_account(&at, *provider));
    for provider in Provider::ALL.iter().copied() {
        let (word, account) = (provider.as_str(), account(provider));
        let simulate = |scenario: &str| {
            let words =
                format!("simulate {word} {scenario} --account {account} --order A-1 --print");
            run(&at, &words)
        };
        let paid = simulate("paid").ends_with(0).stdout;
        let report = verify(&at, &account, &paid, "").ends_with(0).json();
        let notification = &report["notifications"][0];
        assert_eq!(
            (&notification["order_no"], &notification["amount"]),
            (&json!("A-1"), &json!(10))
        );
        for (scenario, causes) in STORIES {
            let ran = simulate(scenario);
            // Not every provider knows every scenario, nor refuses what it knows.
            let Some(0) = ran.code() else { continue };
            let verified = verify(&at, &account, &ran.stdout, "");
            let Some(1) = verified.code() else { continue };
            let (_, cause) = cause(verified);
            assert!(causes.contains(&cause.as_str()), "{word} {scenario}: {cause}");
        }
    }
}
