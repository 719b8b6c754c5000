//! `orders import`: every way to write an order badly, as JSON and as CSV.

use std::fs;

use harness::installation::Installation;
use serde_json::{Value, json};

use crate::ran::{Ran, run, run_fed};

fn import(at: &Installation, name: &str, text: impl AsRef<[u8]>) -> Ran {
    let file = at.path(name);
    fs::write(&file, text).unwrap();
    run(at, &format!("orders import {} -o json", file.display()))
}

fn tally([inserted, updated, unchanged, failed]: [u64; 4]) -> Value {
    json!({ "inserted": inserted, "updated": updated, "unchanged": unchanged, "failed": failed })
}

fn named_lines(ran: &Ran) -> Vec<&str> {
    ran.stderr.lines().filter_map(|line| line.split(':').next()).collect()
}

#[test]
fn csv_goes_in_line_by_line_and_a_bad_one_does_not_stop_the_rest() {
    let at = Installation::embedded().unwrap();
    let file = "\u{feff}order_no;amount;currency;numbers;metadata\r\n\
        A-1;1250;CNY;A-1b|A-1c;\r\n\
        A-2;12.50;CNY;;\r\n\
        \"A-3;980;JPY;;\r\n\
        \r\n\
        \"=HYPERLINK(\"\"http://a\"\")\";980;JPY;;\"{\"\"a\"\": [1]}\"\r\n\
        A-5;980;JPY\r\n\
        A-1;1300;CNY;;\r\n\
        A-6;1500;KWD;A-1b;";
    let ran = import(&at, "orders.csv", file).ends_with(7);
    assert_eq!(ran.json(), tally([2, 1, 0, 4]), "{ran}");
    assert_eq!(named_lines(&ran), ["line 3", "line 4", "line 7", "line 9"], "{ran}");
    let order = run(&at, "orders show A-1c -o json").ends_with(0).json();
    assert_eq!((&order["order_no"], &order["amount"]), (&json!("A-1"), &json!(1300)));
    let listed = run(&at, "orders list -o jsonl").ends_with(0).lines();
    assert!(listed.iter().any(|order| order["order_no"] == "=HYPERLINK(\"http://a\")"));
}

#[test]
fn the_examples_can_be_imported_as_they_are() {
    let at = Installation::embedded().unwrap();
    for (form, name) in [("csv", "example.csv"), ("jsonl", "example.jsonl")] {
        let ran = run(&at, &format!("orders import --example --format {form}")).ends_with(0);
        assert!(!at.path("data").exists() || form == "jsonl", "an example opens no ledger");
        let imported = import(&at, name, &ran.stdout).ends_with(0).json();
        let expected = if form == "csv" { [2, 0, 0, 0] } else { [0, 0, 2, 0] };
        assert_eq!(imported, tally(expected), "the two say the same");
    }
    run(&at, "orders import --example orders.csv").ends_with(2);
    run(&at, "orders import").ends_with(2);
}

#[test]
fn a_header_that_is_not_known_stops_before_anything_goes_in() {
    let at = Installation::embedded().unwrap();
    let ran = import(&at, "orders.csv", "order_no,price,currency\nA-1,10,CNY\n").ends_with(2);
    ran.complains_of(&["`price` is not known", "--example"]);
    let ran = run_fed(&at, "orders import --format csv -", b"A-1,10,CNY\n").ends_with(2);
    ran.complains_of(&["line 1, the header"]);
    assert_eq!(run(&at, "orders list -o jsonl").ends_with(0).stdout, "");
}

#[test]
fn every_bad_order_is_refused_with_its_field_and_nothing_of_it_is_stored() {
    let at = Installation::embedded().unwrap();
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    let very_deep = "[".repeat(100_000);
    let large = format!("\"{}\"", "x".repeat(17_000));
    let long = "x".repeat(129);
    let bad: Vec<(&str, String)> = vec![
        ("amount", r#""order_no":"A","amount":0,"currency":"CNY""#.into()),
        ("amount", r#""order_no":"A","amount":-5,"currency":"CNY""#.into()),
        ("amount", r#""order_no":"A","amount":12345678901234567890,"currency":"CNY""#.into()),
        ("amount", r#""order_no":"A","amount":9223372036854775808,"currency":"CNY""#.into()),
        ("amount", r#""order_no":"A","amount":1.0,"currency":"CNY""#.into()),
        ("amount", r#""order_no":"A","amount":1e2,"currency":"CNY""#.into()),
        ("amount", r#""order_no":"A","amount":"10","currency":"CNY""#.into()),
        ("amount", r#""order_no":"A","amount":null,"currency":"CNY""#.into()),
        ("order_no", r#""order_no":"","amount":1,"currency":"CNY""#.into()),
        ("order_no", r#""order_no":" A","amount":1,"currency":"CNY""#.into()),
        ("order_no", r#""order_no":"A\u0007","amount":1,"currency":"CNY""#.into()),
        ("order_no", r#""order_no":"A\u0000","amount":1,"currency":"CNY""#.into()),
        ("order_no", r#""order_no":7,"amount":1,"currency":"CNY""#.into()),
        ("order_no", format!(r#""order_no":"{long}","amount":1,"currency":"CNY""#)),
        ("numbers", format!(r#""order_no":"A","amount":1,"currency":"CNY","numbers":["{long}"]"#)),
        ("currency", r#""order_no":"A","amount":1,"currency":"cny""#.into()),
        ("account", r#""order_no":"A","amount":1,"currency":"CNY","account":"""#.into()),
        ("expires_at", r#""order_no":"A","amount":1,"currency":"CNY","expires_at":"2026""#.into()),
        ("metadata", format!(r#""order_no":"A","amount":1,"currency":"CNY","metadata":{deep}"#)),
        ("mode", r#""order_no":"A","amount":1,"currency":"CNY","mode":"sandbox""#.into()),
        ("period", r#""order_no":"A","amount":1,"currency":"CNY","period":"P1M""#.into()),
        (
            "period",
            r#""order_no":"A","amount":1,"currency":"CNY","subscription_no":"S","period":"1M""#
                .into(),
        ),
        (
            "subscription_no",
            r#""order_no":"A","amount":1,"currency":"CNY","subscription_no":"""#.into(),
        ),
        (
            "metadata",
            format!(r#""order_no":"A","amount":1,"currency":"CNY","metadata":{very_deep}"#),
        ),
        ("metadata", format!(r#""order_no":"A","amount":1,"currency":"CNY","metadata":{large}"#)),
        (
            "metadata",
            r#""order_no":"A","amount":1,"currency":"CNY","metadata":{"a":"\u0000"}"#.into(),
        ),
        ("`amount`", r#""order_no":"A","currency":"CNY","amount":1,"amount":2"#.into()),
        ("`paid`", r#""order_no":"A","amount":1,"currency":"CNY","paid":true"#.into()),
    ];
    let lines: String = bad.iter().map(|(_, fields)| format!("{{{fields}}}\n")).collect();
    let ran = import(&at, "bad.jsonl", lines).ends_with(1);
    assert_eq!(ran.json(), tally([0, 0, 0, bad.len() as u64]), "{ran}");
    for ((field, _), said) in bad.iter().zip(ran.stderr.lines()) {
        assert!(said.contains(field), "no {field}: {said}");
        assert!(said.len() < 500, "{said}");
    }
    assert_eq!(run(&at, "orders list -o jsonl").ends_with(0).stdout, "");
}
