//! `orders`: importing, showing and cancelling.

use std::fs;
use std::time::Duration;

use harness::installation::Installation;
use harness::wait;

use crate::ran::{Ran, run, run_fed};
use crate::shop::{Shop, order_line};

const SOON: Duration = Duration::from_secs(20);

/// Imports this text as a file.
fn import(at: &Installation, text: impl AsRef<[u8]>) -> Ran {
    let file = at.path("import.jsonl");
    fs::write(&file, text).unwrap();
    run(at, &format!("orders import {} -o json", file.display()))
}

#[track_caller]
fn assert_tally(ran: &Ran, [inserted, updated, unchanged, failed]: [u64; 4]) {
    let tally = ran.json();
    let expected = serde_json::json!({
        "inserted": inserted, "updated": updated, "unchanged": unchanged, "failed": failed,
    });
    assert_eq!(tally, expected, "{ran}");
}

#[test]
fn bad_lines_are_named_by_number_and_good_ones_go_in() {
    let at = Installation::embedded().unwrap();
    let long = format!("{{\"order_no\":\"{}\"}}", "x".repeat(1 << 20));
    let lines: [&[u8]; 11] = [
        br#"{"order_no":"A-1","amount":10,"currency":"CNY"}"#,
        b"not json",
        br#"{"order_no":"A-2","amount":0,"currency":"CNY"}"#,
        b"",
        br#"{"order_no":"A-3","amount":1.5,"currency":"CNY"}"#,
        br#"{"order_no":"A-4","amount":10,"currency":"yuan"}"#,
        br#"{"order_no":"A-5","amount":10,"currency":"CNY","status":"paid"}"#,
        b"{\"order_no\":\"\xff\",\"amount\":10,\"currency\":\"CNY\"}",
        long.as_bytes(),
        br#"{"order_no":"A-6","amount":10,"currency":"CNY","numbers":["A-1"]}"#,
        // Without a line feed at its end.
        r#"{"order_no":"订单-7","amount":2500,"currency":"CNY","numbers":["A-7"],"metadata":{"a":[1]}}"#.as_bytes(),
    ];
    let file = lines.join(&b'\n');
    let ran = import(&at, &file).ends_with(7);
    assert_tally(&ran, [2, 0, 0, 8]);
    let named: Vec<_> = ran.stderr.lines().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(named, [2, 3, 5, 6, 7, 8, 9, 10].map(|number| format!("line {number}")), "{ran}");

    for (number, own) in [("A-1", "A-1"), ("订单-7", "订单-7"), ("A-7", "订单-7")] {
        let order = run(&at, &format!("orders show {number} -o json")).ends_with(0).json();
        assert_eq!((&order["order_no"], &order["status"]), (&own.into(), &"pending".into()));
    }
    for number in ["A-2", "A-3", "A-4", "A-5", "A-6"] {
        run(&at, &format!("orders show {number}")).ends_with(5);
    }
    assert_tally(&import(&at, &file).ends_with(7), [0, 0, 2, 8]);
}

#[test]
fn an_import_of_good_lines_is_0_and_of_bad_ones_alone_is_1() {
    let at = Installation::embedded().unwrap();
    assert_tally(&import(&at, "").ends_with(0), [0, 0, 0, 0]);
    assert_tally(&import(&at, order_line("A-1")).ends_with(0), [1, 0, 0, 0]);
    assert_tally(&import(&at, "{}\n").ends_with(1), [0, 0, 0, 1]);
    let dearer = r#"{"order_no":"A-1","amount":20,"currency":"CNY"}"#;
    assert_tally(&import(&at, dearer).ends_with(0), [0, 1, 0, 0]);
    assert_tally(&import(&at, dearer).ends_with(0), [0, 0, 1, 0]);
}

#[test]
fn an_import_reads_standard_input() {
    let at = Installation::embedded().unwrap();
    // More than one batch, with a bad line behind the first.
    let mut text: String = (0..1_200).map(|index| order_line(&format!("S-{index}"))).collect();
    text.insert(0, '\n');
    text += "bad\n";
    let ran = run_fed(&at, "orders import - -o json", text.as_bytes()).ends_with(7);
    assert_tally(&ran, [1_200, 0, 0, 1]);
    assert!(ran.stderr.starts_with("line 1202: "), "{ran}");
    let listed = run(&at, "orders list --limit 100000 -o jsonl").ends_with(0).lines();
    assert_eq!(listed.len(), 1_200);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let at = Installation::embedded().unwrap();
    let missing = at.path("nowhere.jsonl").display().to_string();
    run(&at, &format!("orders import {missing}"))
        .ends_with(2)
        .complains_of(&[&missing, "No such file"]);
    let folder = at.path("").display().to_string();
    run(&at, &format!("orders import {folder}")).ends_with(1).complains_of(&["cannot read"]);
}

#[test]
fn what_is_not_there_ends_with_5() {
    let at = Installation::embedded().unwrap();
    run(&at, "orders show A-9").ends_with(5).complains_of(&["A-9"]);
    run(&at, "orders show A-9 -o json").ends_with(5).complains_of(&["A-9"]);
    run(&at, "orders cancel A-9 --reason none").ends_with(5).complains_of(&["A-9"]);
    let id = "00000000-0000-7000-8000-000000000000";
    run(&at, &format!("cases show {id}")).ends_with(5).complains_of(&[id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_not_paid_can_be_cancelled_or_changed() {
    let shop = Shop::open().await;
    shop.import(&["A-1", "A-2"]);
    shop.simulate("paid", "A-1").ends_with(0);
    shop.rest(1).await;

    shop.run("orders cancel A-1 --reason sold-out").ends_with(6).complains_of(&["A-1 is paid"]);
    let dearer = r#"{"order_no":"A-1","amount":20,"currency":"CNY"}"#;
    let ran = import(&shop.at, dearer).ends_with(1);
    assert!(ran.stderr.starts_with("line 1: "), "{ran}");
    let order = shop.order("A-1");
    assert_eq!((&order["status"], &order["amount"]), (&"paid".into(), &10.into()));

    shop.run("orders cancel A-2 --reason sold-out").ends_with(0).prints(&["A-2 is cancelled\n"]);
    shop.run("orders cancel A-2 --reason sold-out").ends_with(0).prints(&["cancelled already"]);
    assert_eq!(shop.order("A-2")["status"], "cancelled");
    let announced = || async {
        let order = shop.order("A-2");
        let events = order["events"].as_array().unwrap();
        let published = events.iter().filter(|event| event["published"] == true);
        published.map(|event| event["type"].clone()).next()
    };
    let event = wait::until("the cancel to be announced", SOON, announced).await.unwrap();
    assert_eq!(event, "order.cancelled.v1");
    assert_eq!(shop.order("A-2")["events"].as_array().unwrap().len(), 1);
}
