//! What must not get in, and the exact answer to it.

use serde_json::json;
use shared::broker::PublishError;
use shared::process::now;
use shared::provider::Rejection;
use time::Duration;

use super::sender::{
    KEYS, PUBLIC_KEY_ID, SERIAL, Sent, envelope, event, genuine, payment, scheme, sealed, signed,
    signed_by,
};
use crate::door::{Answer, BODY_LIMIT, Door};

const REJECT: &str = r#"{"code":"FAIL","message":"not accepted"}"#;

async fn post(door: &Door, sent: &Sent) -> Answer {
    door.post_to("", &sent.lines(), &sent.body).await
}

/// Posts each attack to a door of its own account and checks that it is turned away for this reason.
async fn refused(name: &'static str, (status, reason): (u16, &str), attacks: &[Sent]) {
    let door = Door::of(name, scheme()).await;
    for (times, attack) in (1..).zip(attacks) {
        let answer = post(&door, attack).await;
        door.rejected(&answer, status, (reason, times));
        assert_eq!(answer.body, REJECT);
        assert!(answer.head.contains("content-type: application/json\r\n"), "{}", answer.head);
    }
}

#[tokio::test]
async fn whatever_is_changed_is_a_forgery() {
    let sent = genuine();
    let at = now().unix_timestamp() + 1;
    let body = String::from_utf8(sent.body.clone()).unwrap();
    let with_body = |body: String| Sent { body: body.into_bytes(), ..sent.clone() };
    let pretty = serde_json::to_string_pretty(&payment()).unwrap();
    let attacks = [
        with_body(body.replace("TRANSACTION.SUCCESS", "REFUND.SUCCESS")),
        with_body(body.clone() + " "),
        with_body(body.replacen("{", "{ ", 1)),
        with_body(pretty),
        with_body(String::new()),
        sent.clone().with("Wechatpay-Timestamp", &at.to_string()),
        sent.clone().with("Wechatpay-Nonce", "5K8264ILTKCH16CQ2502SI8ZNMTM67V"),
        // The same text with its parts cut at another place.
        sent.clone().with("Wechatpay-Nonce", "5K8264ILTKCH16CQ2502SI8ZNMTM67VS\\n"),
    ];
    refused("v3-changed", (401, "forged"), &attacks).await;
}

#[test]
fn no_changed_bit_of_a_body_gets_in() {
    let sent = genuine();
    for at in 0..sent.body.len() {
        let mut changed = sent.clone();
        changed.body[at] ^= 1 << (at % 8);
        assert_eq!(changed.verdict(now()), Err(Rejection::Forged), "byte {at}");
    }
}

#[tokio::test]
async fn what_is_not_wholly_signed_is_not_signed() {
    let names =
        ["Wechatpay-Signature", "Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Serial"];
    let mut attacks: Vec<_> = names.iter().map(|name| genuine().without(name)).collect();
    attacks.extend(names.map(|name| genuine().with(name, "")));
    attacks.extend([genuine().with("Wechatpay-Signature", " ")]);
    refused("v3-unsigned", (401, "unsigned"), &attacks).await;
}

#[tokio::test]
async fn a_header_that_stands_twice_is_refused() {
    let door = Door::of("v3-twice", scheme()).await;
    for (times, name) in (1..).zip(["Signature", "Timestamp", "Nonce", "Serial", "Signature-Type"])
    {
        let sent = genuine();
        let name = format!("wechatpay-{name}");
        let held = sent.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name));
        let lines = format!("{}{name}: {}\r\n", sent.lines(), held.unwrap().1);
        let answer = door.post_to("", &lines, &sent.body).await;
        door.rejected(&answer, 400, ("malformed", times));
    }
}

#[tokio::test]
async fn the_message_does_not_choose_the_algorithm() {
    let named = |name| genuine().with("Wechatpay-Signature-Type", name);
    let attacks = [
        named("WECHATPAY2-SM2-WITH-SM3"),
        named("wechatpay2-sha256-rsa2048"),
        named("WECHATPAY2-SHA256-RSA2048 x"),
        named("none"),
        named(""),
    ];
    refused("v3-algorithm", (401, "wrong_algorithm"), &attacks).await;
}

#[tokio::test]
async fn a_time_beyond_the_window_is_stale_though_it_is_signed() {
    let at = |seconds: i64| {
        let at = now().unix_timestamp() + seconds;
        signed_by(genuine().body, SERIAL, &KEYS[0], at)
    };
    refused("v3-stale", (401, "stale"), &[at(-600), at(600), at(-86_400 * 365), at(-301)]).await;
    let door = Door::of("v3-clock", scheme()).await;
    for (times, text) in (1..).zip(["1e9", "0x5", "-1", "12345678901234", "1700000000.5", "now"]) {
        let answer = post(&door, &genuine().with("Wechatpay-Timestamp", text)).await;
        door.rejected(&answer, 400, ("malformed", times));
    }
}

#[test]
fn the_window_is_open_for_less_than_300_seconds_both_ways() {
    let now = now();
    for (skew, is_taken) in [(299, true), (300, false), (301, false)] {
        for seconds in [skew, -skew] {
            let sent = signed_by(genuine().body, SERIAL, &KEYS[0], now.unix_timestamp() + seconds);
            let expected = if is_taken { Ok(SERIAL.to_owned()) } else { Err(Rejection::Stale) };
            assert_eq!(sent.verdict(now), expected, "{seconds}");
        }
    }
    // The clock jumped back: what was fresh is from the future.
    assert_eq!(genuine().verdict(now - Duration::hours(1)), Err(Rejection::Stale));
}

#[tokio::test]
async fn a_serial_that_is_not_configured_is_refused_however_many_come() {
    let named = |serial: &str| genuine().with("Wechatpay-Serial", serial);
    let mut attacks = vec![
        named("0"),
        named(&SERIAL[1..]),
        named("PUB_KEY_ID_"),
        named(&PUBLIC_KEY_ID.to_lowercase()),
        named(&format!("0{PUBLIC_KEY_ID}")),
        named(PUBLIC_KEY_ID.trim_start_matches("PUB_KEY_ID_")),
        named("../../etc/passwd"),
    ];
    attacks.extend((0..100).map(|number| named(&format!("{number:040X}"))));
    refused("v3-serial", (401, "unknown_key"), &attacks).await;
}

#[tokio::test]
async fn only_the_key_that_is_named_can_prove_it() {
    let now = now().unix_timestamp();
    let attacks = [
        signed_by(genuine().body, PUBLIC_KEY_ID, &KEYS[0], now),
        signed_by(genuine().body, SERIAL, &KEYS[1], now),
        // Another merchant's.
        signed_by(genuine().body, SERIAL, &KEYS[2], now),
    ];
    refused("v3-named", (401, "forged"), &attacks).await;
}

#[tokio::test]
async fn a_probe_of_wechats_is_a_forgery_like_any() {
    let probe =
        |rest: &str| genuine().with("Wechatpay-Signature", &format!("WECHATPAY/SIGNTEST/{rest}"));
    let sent = genuine();
    let real = sent.header("Wechatpay-Signature").to_owned();
    let attacks = [probe(""), probe(&real), probe(&real[..325]), probe("LAhHbQ==")];
    refused("v3-probe", (401, "forged"), &attacks).await;
}

#[tokio::test]
async fn a_signature_is_exact_base64() {
    let sent = genuine();
    let real = sent.header("Wechatpay-Signature").to_owned();
    let written = |text: &str| sent.clone().with("Wechatpay-Signature", text);
    let attacks = [
        written(&format!("{} {}", &real[..100], &real[100..])),
        written(real.trim_end_matches('=')),
        written(&format!("{real}=")),
        written(&real.replace(['+', '/'], "-")),
        written(&real[4..]),
        written("AAAA"),
    ];
    refused("v3-base64", (401, "forged"), &attacks).await;
}

#[tokio::test]
async fn what_wechat_signs_but_does_not_notify_is_refused() {
    let resource = sealed("transaction", &payment().to_string(), Some("transaction"));
    let whole = envelope("TRANSACTION.SUCCESS", &resource);
    let without = |key: &str| super::sender::with(whole.clone(), &format!("/{key}"), json!(null));
    let attacks = [
        // The answer to a query is signed with the same key, in the same way.
        signed(payment().to_string()),
        signed(without("id").to_string()),
        signed(without("event_type").to_string()),
        signed(without("resource").to_string()),
        signed("{}"),
        signed("[]"),
        signed("null"),
    ];
    refused("v3-answer", (401, "not_a_notification"), &attacks).await;
}

#[tokio::test]
async fn what_is_no_json_is_malformed_though_it_is_signed() {
    let repeated = event("TRANSACTION.SUCCESS", "transaction", &payment()).replacen(
        r#""id":"#,
        r#""id":"EV-0","id":"#,
        1,
    );
    let attacks = [
        signed(""),
        signed("{"),
        signed(repeated),
        signed(b"{\"id\":\"\xff\"}".to_vec()),
        genuine().with("Content-Type", "text/plain"),
        genuine().with("Content-Type", "application/x-www-form-urlencoded"),
        genuine().with("Content-Encoding", "gzip"),
    ];
    refused("v3-json", (400, "malformed"), &attacks).await;
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_413() {
    let door = Door::of("v3-long", scheme()).await;
    let answer = post(&door, &signed("x".repeat(BODY_LIMIT + 1))).await;
    door.rejected(&answer, 413, ("too_large", 1));
    assert_eq!(answer.body, REJECT);
}

#[tokio::test]
async fn what_the_broker_did_not_take_is_503_so_that_it_is_sent_again() {
    let door = Door::of_refusing("v3-down", scheme(), PublishError::Unreachable).await;
    let answer = post(&door, &genuine()).await;
    door.rejected(&answer, 503, ("unreachable", 1));
    assert_eq!(answer.body, REJECT);
}

#[tokio::test]
async fn the_answers_to_all_forgeries_are_the_same_bytes() {
    let door = Door::of("v3-silent", scheme()).await;
    let mut answers = vec![];
    for sent in [
        genuine().with("Wechatpay-Nonce", "1"),
        genuine().with("Wechatpay-Serial", "1"),
        genuine().with("Wechatpay-Signature-Type", "x"),
        genuine().without("Wechatpay-Signature"),
        signed_by(genuine().body, SERIAL, &KEYS[0], 1),
        signed("{}"),
    ] {
        let answer = post(&door, &sent).await;
        let lines = answer.head.lines().filter(|line| !line.starts_with("date:"));
        answers.push((lines.map(ToOwned::to_owned).collect::<Vec<_>>(), answer.body));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}
