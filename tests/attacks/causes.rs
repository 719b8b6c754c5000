//! Rejections are counted by what caused them, and a flood of them costs a bounded share.

use std::time::Duration;

use harness::wait;
use shared::telemetry::metrics_text;

use crate::door::{Door, FORM};
use crate::sender::{KEYS, body, genuine, payment, sealed, signed, text, with, without};

const PATIENCE: Duration = Duration::from_secs(20);

/// How often rejections of this account were counted, by `reason` and `cause`.
fn counted(account: &str, reason: &str, cause: &str) -> u64 {
    let labels = [("account", account), ("reason", reason), ("cause", cause)];
    let labels = labels.map(|(label, value)| format!("{label}=\"{value}\""));
    let text = metrics_text();
    let mut lines = text.lines().filter(|line| line.starts_with("quittance_rejections_total{"));
    let line = lines.find(|line| labels.iter().all(|label| line.contains(label)));
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

async fn is_counted(account: &str, reason: &str, cause: &str) {
    let what = format!("{cause} counted");
    let seen = || async { (counted(account, reason, cause) == 1).then_some(()) };
    wait::until(&what, PATIENCE, seen).await.unwrap();
}

#[tokio::test]
async fn what_broke_a_genuine_notification_is_counted_by_its_cause() {
    let door = Door::open("causes").await;
    let escaped = |pairs: Vec<(String, Vec<u8>)>| -> Vec<u8> {
        let escape = |value: Vec<u8>| String::from_utf8(value).unwrap().replace('"', "&quot;");
        let pairs = pairs.into_iter().map(|(key, value)| (key, escape(value).into_bytes()));
        body(&pairs.collect())
    };
    let unsigned = text(&without(payment(), "sign_type"));
    for (sent, reason, cause) in [
        (escaped(signed(payment())), "forged", "html_escaped"),
        ([&genuine()[..], b"&_route=pay"].concat(), "forged", "parameters_merged"),
        (body(&with(signed(payment()), "total_amount", b"9.00")), "forged", "bytes_changed"),
        (body(&sealed(payment(), &unsigned, &KEYS[2])), "forged", "foreign_key"),
        (body(&signed(with(payment(), "app_id", b"2"))), "not_ours", "not_ours"),
    ] {
        let answer = door.post(&sent).await;
        assert_eq!((answer.status, answer.body.as_str()), (401, "fail"), "{cause}");
        is_counted("causes", reason, cause).await;
    }
    assert_eq!(door.enqueued(), [], "a diagnosis lets nothing in");
}

#[tokio::test]
async fn what_is_no_form_any_more_is_counted_by_its_cause() {
    let door = Door::open("formless").await;
    let moved = format!("?{}", String::from_utf8(genuine()).unwrap());
    door.post_to(&moved, FORM, b"").await;
    is_counted("formless", "malformed", "parameters_in_query").await;
    let compressed = format!("{FORM}content-encoding: gzip\r\n");
    door.post_to("", &compressed, b"\x1f\x8b\x08").await;
    is_counted("formless", "malformed", "content_encoding").await;
    assert_eq!(door.enqueued(), [], "a diagnosis lets nothing in");
}

#[tokio::test]
async fn a_flood_of_forgeries_is_answered_whole_and_looked_into_here_and_there() {
    const FORGERIES: u64 = 200;
    let door = Door::open("flood").await;
    let forged = body(&with(signed(payment()), "total_amount", b"9.00"));
    for _ in 0..FORGERIES {
        assert_eq!(door.post(&forged).await.status, 401);
    }
    let all =
        || counted("flood", "forged", "bytes_changed") + counted("flood", "forged", "undiagnosed");
    let seen = || async { (all() == FORGERIES).then_some(()) };
    wait::until("every forgery counted", PATIENCE, seen).await.unwrap();
    assert!(counted("flood", "forged", "bytes_changed") > 0);
    door.rejected(&door.post(&forged).await, 401, ("forged", FORGERIES + 1));
}
