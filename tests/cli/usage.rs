//! Wrong usage ends with 2 before anything is touched, and help teaches by example.

use harness::installation::{ACCOUNT, Installation};

use crate::ran::run;

#[test]
fn wrong_usage_ends_with_2_and_touches_nothing() {
    let at = Installation::embedded().unwrap();
    for line in [
        "",
        "order",
        "orders",
        "orders list --colour",
        "orders list -o xml",
        "orders list --status fulfilled",
        "orders list --limit 0",
        "orders show",
        "orders import",
        "orders cancel A-1",
        "cases show not-an-id",
        "cases list --status closed",
        "events list --after -1",
        "events list --limit 10001",
        "topology mend",
        "keys",
        "config",
        "completion tcsh",
        "serve now",
        "simulate wechat paid --account shop-alipay --order A-1",
        "simulate alipay stolen --account shop-alipay --order A-1",
        "simulate alipay paid --account shop-alipay",
        "simulate alipay paid --order A-1",
        "simulate alipay paid --account ../x --order A-1",
        "simulate alipay paid --account shop-alipay --order A-1 --amount 0",
        "simulate alipay paid --account shop-alipay --order A-1 --amount 1e3",
        "simulate alipay paid --account shop-alipay --order A-1 --print=all",
        "simulate alipay paid --account shop-alipay --order A-1 --repeat 0",
    ] {
        run(&at, line).ends_with(2).complains_of(&["--help"]);
    }
    assert!(!at.path("data").exists(), "wrong usage made a ledger");
    assert!(!at.path("keys").exists(), "wrong usage made a key");
}

#[test]
fn a_cancel_needs_a_reason() {
    let at = Installation::embedded().unwrap();
    run(&at, "orders cancel A-1").ends_with(2).complains_of(&["--reason"]);
    let blank = at.quittance(&["orders", "cancel", "A-1", "--reason", "  "]).unwrap();
    assert_eq!(blank.status.code(), Some(2));
    assert!(String::from_utf8(blank.stderr).unwrap().contains("from 1 to 500 bytes"));
}

#[test]
fn an_account_that_is_not_configured_is_named_with_those_that_are() {
    let at = Installation::embedded().unwrap();
    run(&at, "simulate alipay paid --account shop-alipai --order A-1")
        .ends_with(2)
        .complains_of(&["accounts.shop-alipai", ACCOUNT]);
}

#[test]
fn a_url_that_cannot_be_posted_to_is_usage() {
    let at = Installation::embedded().unwrap();
    for url in ["127.0.0.1:8080", "https://127.0.0.1:8080/notify/shop-alipay", "file:///x"] {
        let line = crate::shop::simulation(&at, "paid", "A-1", url);
        run(&at, &line).ends_with(2).complains_of(&[url]);
    }
}

#[test]
fn help_is_data_and_has_examples() {
    let at = Installation::embedded().unwrap();
    for verb in
        ["", "serve", "demo", "orders", "cases", "events", "simulate", "topology", "keys", "config"]
    {
        let ran = run(&at, &format!("{verb} --help")).ends_with(0).prints(&["Examples:", "Usage:"]);
        assert_eq!(ran.stderr, "", "{ran}");
    }
    run(&at, "--version").ends_with(0).prints(&["quittance "]);
}

#[test]
fn a_completion_is_a_script_on_stdout() {
    let at = Installation::embedded().unwrap();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = run(&at, &format!("completion {shell}")).ends_with(0).prints(&["quittance"]);
        assert_eq!(ran.stderr, "", "{ran}");
    }
}
