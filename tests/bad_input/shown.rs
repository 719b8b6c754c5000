//! What an operator sees of numbers that strangers chose: nothing steers a terminal, nothing is evaluated, and
//! no output of ours is a file that a spreadsheet opens.

use std::time::Duration;

use harness::alipay::Trade;
use harness::driver::post;
use harness::installation::Installation;
use harness::wait;
use serde_json::Value;

use crate::shop::Shop;

/// Written by SQL, which import would refuse for its control characters.
const STEERING: &str = "\u{9b}2J\u{1b}[31m\u{202e}-A";
const FORMULA: &str = "=HYPERLINK(\"http://a\")";

/// Would a terminal obey it?
fn steers(letter: char) -> bool {
    (letter.is_control() && letter != '\n') || ('\u{202a}'..='\u{202e}').contains(&letter)
}

async fn nothing_that_a_stranger_wrote_steers_a_terminal(at: Installation) {
    let shop = Shop::open(at, "").await;
    for number in [STEERING, FORMULA] {
        let insert = "insert into orders (order_no, amount, currency) values";
        assert!(shop.sql(&format!("{insert} ('{number}', 1250, 'CNY')")).await);
    }
    // One cent more: a case, so that the lists of cases, notifications and events have it too.
    let trade = Trade {
        order_number: FORMULA,
        transaction: "=1+1",
        notify_id: "n1",
        status: "TRADE_SUCCESS",
        amount: 1251,
        refunded: None,
    };
    let body = shop.at.signer.body(&trade).unwrap();
    let answer = post(&reqwest::Client::new(), &shop.door.url, &body).await.unwrap();
    assert_eq!(answer, (200, "success".to_owned()));
    let cases = || async { (!shop.documents(&["cases", "list"]).is_empty()).then_some(()) };
    wait::until("the case", Duration::from_secs(60), cases).await.unwrap();

    for words in [
        &["orders", "list"][..],
        &["orders", "show", STEERING],
        &["orders", "timeline", STEERING],
        &["orders", "explain", STEERING],
        &["orders", "show", FORMULA],
        &["orders", "timeline", FORMULA],
        &["orders", "explain", FORMULA],
        &["cases", "list"],
        &["notifications", "list"],
        &["events", "list"],
        &["orders", "cancel", STEERING, "--reason", "tried"],
        &["orders", "show", "\u{9b}31m"],
    ] {
        for form in ["table", "json", "jsonl"] {
            let said = shop.run(&[words, &["-o", form]].concat(), b"");
            assert!([Some(0), Some(5)].contains(&said.code), "{words:?}: {}", said.stderr);
            let shown = said.stdout + &said.stderr;
            assert!(!shown.is_empty() && !shown.contains(steers), "{words:?} -o {form}: {shown:?}");
        }
    }
    // In JSON each stands exactly, and a table shows the formula as the text that it is.
    let listed = shop.documents(&["orders", "list"]);
    let mut numbers: Vec<_> = listed.iter().map(|order| &order["order_no"]).collect();
    numbers.sort_by_key(|number| number.to_string());
    assert_eq!(numbers, [&Value::from(FORMULA), &Value::from(STEERING)]);
    let table = shop.run(&["orders", "list"], b"").stdout;
    assert!(table.lines().any(|line| line.starts_with(FORMULA)), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_stranger_wrote_steers_a_terminal_embedded() {
    nothing_that_a_stranger_wrote_steers_a_terminal(Installation::embedded().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_stranger_wrote_steers_a_terminal_on_servers() {
    nothing_that_a_stranger_wrote_steers_a_terminal(Installation::on_servers().await.unwrap())
        .await;
}
