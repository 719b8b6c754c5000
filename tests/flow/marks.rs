//! What tells who paid goes into sealed bodies and nowhere else: marked values, and where they are not.

use std::fs;
use std::time::Duration;

use harness::alipay::{APP_ID, SELLER_ID};
use harness::driver::post;
use harness::installation::{Addresses, Door, Installation};
use harness::wait;
use shared::provider::Provider;

use crate::outcome::balance;

const PATIENCE: Duration = Duration::from_secs(60);
const MARK: &str = "Zq7Payer";

/// A signed notification whose every personal field bears the mark, with these pairs besides.
fn marked(installation: &Installation, more: &[(&str, &str)]) -> String {
    let personal = Provider::Alipay.personal().iter().map(|name| (*name, MARK));
    let mut pairs: Vec<(&str, &str)> = personal.collect();
    pairs.extend([
        ("notify_time", "2026-11-23 12:00:05"),
        ("notify_type", "trade_status_sync"),
        ("notify_id", "n-1"),
        ("app_id", APP_ID),
        ("seller_id", SELLER_ID),
        ("charset", "utf-8"),
        ("version", "1.0"),
        ("trade_no", "T-1"),
        ("out_trade_no", "A-1"),
        ("trade_status", "TRADE_SUCCESS"),
        ("total_amount", "0.10"),
        ("gmt_create", "2026-11-23 12:00:00"),
        ("gmt_payment", "2026-11-23 12:00:03"),
    ]);
    for (name, value) in more {
        pairs.retain(|(known, _)| known != name);
        pairs.push((name, value));
    }
    let pairs = pairs.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    installation.signer.sign(pairs).unwrap()
}

/// Everything that the running process shows to anybody.
async fn shown(installation: &Installation, door: &Door) -> String {
    let metrics = reqwest::get(format!("{}/metrics", door.admin_url)).await.unwrap();
    let said = [
        &["orders", "show", "A-1", "-o", "json"][..],
        &["orders", "list", "-o", "json"],
        &["cases", "list", "-o", "json"],
        &["events", "list", "-o", "json"],
        &["notifications", "list", "-o", "json"],
        &["accounts", "-o", "json"],
        &["balance", "-o", "json"],
    ];
    let said = said.map(|arguments| installation.answer(arguments).unwrap());
    let metrics = metrics.text().await.unwrap();
    [metrics, said.concat(), door.program.stdout(), door.program.stderr()].concat()
}

async fn until(installation: &Installation, bucket: &str, count: u64) {
    let counted =
        || async { (balance(installation).ok()?[bucket].as_u64()? == count).then_some(()) };
    wait::until(&format!("{count} {bucket}"), PATIENCE, counted).await.unwrap();
}

/// No byte of the embedded file, with its queue, shows the mark once it is settled.
#[tokio::test(flavor = "multi_thread")]
async fn what_tells_who_paid_is_nowhere_in_the_clear_once_it_is_settled() {
    let installation = Installation::embedded().unwrap();
    installation.import([("A-1".to_owned(), 10)].into_iter()).unwrap();
    let mut door = installation.serve(Addresses::free().unwrap()).await.unwrap();
    let client = reqwest::Client::new();
    let body = marked(&installation, &[]);
    assert!(body.contains(MARK));
    assert_eq!(post(&client, &door.url, &body).await.unwrap().0, 200);
    until(&installation, "settled", 1).await;
    let shown = shown(&installation, &door).await;
    assert!(shown.contains("A-1") && !shown.contains(MARK), "{shown}");

    let list = installation.answer(&["notifications", "list", "-o", "json"]).unwrap();
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let id = list[0]["message_id"].as_str().unwrap();
    let masked = installation.answer(&["notifications", "show", id]).unwrap();
    assert!(masked.contains("buyer_logon_id") && !masked.contains(MARK), "{masked}");
    let reveal = ["notifications", "show", id, "--reveal", "--reason", "a test"];
    assert!(installation.answer(&reveal).unwrap().contains(MARK), "with a reason it is shown");

    assert!(door.program.terminate().await.unwrap().success());
    balance(&installation).unwrap();
    let file = fs::read(installation.path("data/quittance.db")).unwrap();
    assert!(!file.windows(MARK.len()).any(|window| window == MARK.as_bytes()));
}

/// Whatever is wrong with a notification, what refuses it quotes nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn no_error_quotes_what_a_notification_says() {
    let installation = Installation::embedded().unwrap();
    installation.import([("A-1".to_owned(), 10)].into_iter()).unwrap();
    let mut door = installation.serve(Addresses::free().unwrap()).await.unwrap();
    let client = reqwest::Client::new();
    // Genuine, and not readable: each value that is read is something else.
    let unreadable = [
        [("notify_id", "u-1"), ("total_amount", MARK)],
        [("notify_id", "u-2"), ("gmt_payment", MARK)],
        [("notify_id", "u-3"), ("refund_fee", MARK)],
    ];
    for more in &unreadable {
        let body = marked(&installation, more);
        assert_eq!(post(&client, &door.url, &body).await.unwrap().0, 200, "{more:?}");
    }
    let genuine = marked(&installation, &[]);
    let refused = [
        genuine.replace("trade_no=T-1", "trade_no=T-2"),
        format!("{genuine}&subject={MARK}"),
        format!("{genuine}&%zz={MARK}"),
        marked(&installation, &[("app_id", MARK)]),
        marked(&installation, &[("seller_id", MARK)]),
        MARK.to_owned(),
    ];
    for body in &refused {
        let (status, answer) = post(&client, &door.url, body).await.unwrap();
        assert!((400..500).contains(&status) && !answer.contains(MARK), "{status}");
    }
    until(&installation, "dead", 3).await;
    let shown = shown(&installation, &door).await;
    assert!(!shown.contains(MARK), "{shown}");
    assert!(door.program.terminate().await.unwrap().success());
}
