//! Data on stdout, everything else on stderr; no colours where there is no terminal.

use std::fs::OpenOptions;
use std::process::Stdio;

use serde_json::Value;

use crate::ran::{Ran, run_with};
use crate::shop::{Shop, simulation};

/// What a terminal would obey.
const ESCAPE: char = '\u{1b}';

/// A shop with a paid order, a pending one and a case, and commands that show all of it.
async fn shown() -> (Shop, Vec<String>) {
    let shop = Shop::open().await;
    shop.import(&["A-1", "A-2"]);
    shop.simulate("paid", "A-1").ends_with(0);
    shop.simulate("wrong-amount", "A-2").ends_with(0);
    shop.rest(2).await;
    let orders = shop.at.path("more.jsonl");
    std::fs::write(&orders, crate::shop::order_line("A-3") + "bad\n").unwrap();
    let lines = vec![
        "orders list".to_owned(),
        "orders show A-1".to_owned(),
        "orders show A-2".to_owned(),
        format!("orders import {}", orders.display()),
        "orders cancel A-3 --reason sold-out".to_owned(),
        "orders cancel A-1 --reason sold-out".to_owned(),
        "cases list".to_owned(),
        "events list".to_owned(),
        "balance".to_owned(),
        "migrate".to_owned(),
        "config check".to_owned(),
        "topology check".to_owned(),
        "topology apply".to_owned(),
        "keys init".to_owned(),
        simulation(&shop.at, "paid", "A-1", &shop.door.url),
        simulation(&shop.at, "forged", "A-1", &shop.door.url),
    ];
    (shop, lines)
}

/// As a terminal of many colours would have it, but with nobody at it.
fn in_colour(shop: &Shop, line: &str) -> Ran {
    run_with(&shop.at, line, &[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")])
}

#[tokio::test(flavor = "multi_thread")]
async fn json_lines_are_nothing_but_json_and_json_is_one_document() {
    let (shop, lines) = shown().await;
    for line in &lines {
        let by_line = in_colour(&shop, &format!("{line} -o jsonl"));
        let documents: Vec<Value> = by_line.lines();
        assert!(documents.iter().all(Value::is_object), "{by_line}");
        let whole = in_colour(&shop, &format!("{line} -o json"));
        match whole.stdout.is_empty() {
            // Nothing to tell, or a refusal: that stands on stderr.
            true => assert!(documents.is_empty() && !whole.stderr.is_empty(), "{whole}"),
            false => assert!(whole.json().is_object() || whole.json().is_array(), "{whole}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_colours_go_where_there_is_no_terminal() {
    let (shop, lines) = shown().await;
    let more = [
        "--help",
        "orders list --help",
        "orders list --status none",
        // A script passes on what a stranger wrote.
        "orders list --status \u{1b}[31m",
        "orders show \u{1b}[31mA-1",
        "orders cancel \u{1b}[31mA-1 --reason sold-out",
        "orders import \u{1b}[31m",
    ];
    for line in lines.iter().map(String::as_str).chain(more) {
        let ran = in_colour(&shop, line);
        assert!(!ran.stdout.contains(ESCAPE) && !ran.stderr.contains(ESCAPE), "{ran}");
        assert!(!ran.stdout.contains('\r') && !ran.stderr.contains('\r'), "{ran}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_seen_enough_is_no_failure_and_a_full_disk_is_one() {
    let (shop, _) = shown().await;
    let mut child = shop.at.command(&["orders", "list"]).unwrap();
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr), (Some(0), vec![]));

    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = shop.at.command(&["orders", "list"]).unwrap();
    let ended = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write the output"), "{said}");
}
