//! What a stranger, and a stranger's page in the operator's browser, can send.

use harness::installation::Installation;
use reqwest::Method;

use crate::client::{Asking, Console, TOKEN};

const ORDER: &str = r#"{"order_no":"evil","amount":1,"currency":"CNY"}"#;
const ORDERS: &str = "/api/v1/orders";

fn nothing_was_written(console: &Console) {
    assert_eq!(console.at.answer(&["orders", "list", "-o", "jsonl"]).unwrap(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_nothing_is_ever_written_not_even_from_this_machine() {
    let console = Console::without_token().await;
    for asking in [
        Asking::post(ORDERS, ORDER),
        Asking::post(ORDERS, ORDER).without("authorization"),
        Asking::post(ORDERS, ORDER).with("authorization", "Bearer "),
        Asking::post(ORDERS, ORDER).with("host", "localhost"),
        Asking::post("/api/v1/orders/A/cancel", r#"{"reason":"r"}"#),
    ] {
        assert_eq!(console.ask(asking).await.0, 403);
    }
    nothing_was_written(&console);
    // Reading is answered here, but not under a name that a stranger may point here.
    for path in [ORDERS, "/api/v1/orders/A", "/api/v1/events"] {
        let asking = Asking::get(path).without("authorization");
        assert_ne!(console.ask(asking).await.0, 403);
        let rebound = Asking::get(path).without("authorization").with("host", "evil.example");
        assert_eq!(console.ask(rebound).await.0, 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_page_can_make_a_browser_send_is_refused() {
    let console = Console::open(Installation::embedded().unwrap()).await;
    let post = || Asking::post(ORDERS, ORDER);
    for (asking, status) in [
        // A form, or a script that asks nobody: no token, one of three types.
        (post().without("authorization").with("content-type", "text/plain"), 401),
        (post().without("authorization").with("cookie", &format!("token={TOKEN}")), 401),
        (post().with("authorization", &format!("Basic {TOKEN}")), 401),
        // A page that learned the token.
        (post().with("origin", "http://evil.example"), 403),
        (post().with("origin", "null"), 403),
        (post().with("origin", &console.door.addresses.console_url()), 403),
        (post().with("content-type", "text/plain"), 415),
        (post().with("content-type", "application/x-www-form-urlencoded"), 415),
    ] {
        assert_eq!(console.ask(asking).await.0, status);
    }
    // A page asks first whether it may: nothing says that it may.
    let preflight = Asking { method: Method::OPTIONS, body: None, ..post() };
    let preflight = preflight
        .with("origin", "http://evil.example")
        .with("access-control-request-method", "POST");
    assert_eq!(console.ask(preflight).await.0, 405);
    // The token stands in the header alone.
    let asking = Asking::post(&format!("{ORDERS}?access_token={TOKEN}"), ORDER);
    assert_eq!(console.ask(asking.without("authorization")).await.0, 401);
    nothing_was_written(&console);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complaint_repeats_little_of_what_was_sent() {
    let console = Console::open(Installation::embedded().unwrap()).await;
    let long = "x".repeat(500_000);
    for body in [
        format!(r#"{{"{long}":1}}"#),
        format!(r#"{{"order_no":"A","amount":"{long}","currency":"CNY"}}"#),
        format!(r#"{{"order_no":"A","amount":1,"currency":"{long}"}}"#),
        format!(r#"{{"order_no":"{long}","amount":1,"currency":"CNY"}}"#),
    ] {
        let (status, answer) = console.post(ORDERS, body).await;
        assert_eq!(status, 422);
        assert!(answer.to_string().len() < 2_000, "{}", answer.to_string().len());
    }
    nothing_was_written(&console);
}
