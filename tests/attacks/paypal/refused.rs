//! What must not get in, and the exact answer to it.

use serde_json::json;
use shared::broker::PublishError;
use shared::process::now;
use shared::provider::Rejection;
use time::Duration;

use super::authority::KEYS;
use super::sender::{
    ID, Sent, URL, WEBHOOK_ID, capture, crc32, pinning, scheme, sealed, signed, signed_by,
};
use crate::door::{BODY_LIMIT, Door};

/// Posts each attack to a door of its own account and checks that it is turned away for this reason.
pub(super) async fn refused(name: &'static str, (status, reason): (u16, &str), attacks: &[Sent]) {
    let door = Door::of(name, scheme()).await;
    for (times, attack) in (1..).zip(attacks) {
        let answer = door.post_to("", &attack.lines(), &attack.body).await;
        door.rejected(&answer, status, (reason, times));
        assert_eq!(answer.body, "");
    }
}

fn with_body(sent: &Sent, change: impl Fn(String) -> String) -> Sent {
    let body = change(String::from_utf8(sent.body.clone()).unwrap());
    Sent { body: body.into_bytes(), ..sent.clone() }
}

#[tokio::test]
async fn a_changed_byte_or_header_is_a_forgery() {
    let genuine = signed(&capture());
    let changed = |from: &str, to: &str| with_body(&genuine, |body| body.replace(from, to));
    let id = ID.replace("5e7e", "5e7f");
    let attacks = [
        changed("20.00", "90.00"),
        changed("A-1", "A-2"),
        changed("COMPLETED", "DENIED"),
        changed("{", "{ "),
        with_body(&genuine, |body| body + "\n"),
        with_body(&genuine, |_| String::new()),
        genuine.clone().with("PAYPAL-TRANSMISSION-ID", &id),
        signed_by(capture().to_string(), &KEYS[0], WEBHOOK_ID, now() - Duration::hours(1))
            .with("PAYPAL-TRANSMISSION-TIME", genuine.header("PAYPAL-TRANSMISSION-TIME")),
    ];
    refused("pp-changed", (401, "forged"), &attacks).await;
}

#[tokio::test]
async fn another_webhooks_event_is_a_forgery_here_the_simulators_too() {
    let for_webhook = |id: &str| signed_by(capture().to_string(), &KEYS[0], id, now());
    let attacks = ["4JH86294D6297924H", "WEBHOOK_ID", "", "4jh86294d6297924g"].map(for_webhook);
    refused("pp-webhook", (401, "forged"), &attacks).await;
}

#[tokio::test]
async fn a_missing_empty_or_repeated_signature_is_none() {
    let genuine = signed(&capture());
    let mut attacks = vec![];
    for name in ["PAYPAL-TRANSMISSION-SIG", "PAYPAL-TRANSMISSION-ID", "PAYPAL-TRANSMISSION-TIME"] {
        attacks.push(genuine.clone().without(name));
        attacks.push(genuine.clone().with(name, ""));
    }
    refused("pp-unsigned", (401, "unsigned"), &attacks).await;
    let door = Door::of("pp-repeated-header", scheme()).await;
    let lines = format!("{}paypal-transmission-sig: AAAA\r\n", genuine.lines());
    door.rejected(&door.post_to("", &lines, &genuine.body).await, 400, ("malformed", 1));
}

#[tokio::test]
async fn a_signature_is_exact_base64_of_paypals_key() {
    let genuine = signed(&capture());
    let signature = genuine.header("PAYPAL-TRANSMISSION-SIG").to_owned();
    let written = |text: &str| genuine.clone().with("PAYPAL-TRANSMISSION-SIG", text);
    let attacks = [
        signed_by(capture().to_string(), &KEYS[1], WEBHOOK_ID, now()),
        written(&signature[..signature.len() - 4]),
        written(&format!("{signature}=")),
        written(&format!("{} {}", &signature[..8], &signature[8..])),
        written("AAAA"),
    ];
    refused("pp-base64", (401, "forged"), &attacks).await;
}

#[tokio::test]
async fn the_request_does_not_choose_the_algorithm() {
    let genuine = signed(&capture());
    let algorithm = |name: &str| genuine.clone().with("PAYPAL-AUTH-ALGO", name);
    let attacks = [
        algorithm("SHA1withRSA"),
        algorithm("sha256withrsa"),
        algorithm("SHA256withECDSA"),
        algorithm("none"),
        algorithm(""),
        genuine.clone().without("PAYPAL-AUTH-ALGO"),
        genuine.clone().with("PAYPAL-AUTH-VERSION", "v1"),
        genuine.clone().without("PAYPAL-AUTH-VERSION"),
    ];
    refused("pp-algorithm", (401, "wrong_algorithm"), &attacks).await;
}

#[tokio::test]
async fn a_url_that_is_not_paypals_names_no_key() {
    let genuine = signed(&capture());
    let path = "/v1/notifications/certs/CERT-1";
    let urls = [
        format!("http://api.paypal.com{path}"),
        format!("HTTPS://api.paypal.com{path}"),
        format!("https://API.paypal.com{path}"),
        format!("https://api.paypal.com@evil.example{path}"),
        format!("https://api.paypal.com:443{path}"),
        format!("https://user@api.paypal.com{path}"),
        format!("https://api.paypal.com.evil.example{path}"),
        format!("https://evil.example/api.paypal.com{path}"),
        format!("https://api.sandbox.paypal.com{path}"),
        format!("https://www.paypal.com{path}"),
        format!("https://api.paypal.com/{path}"),
        format!("https://api.paypal.com\\@evil.example{path}"),
        "https://api.paypal.com/v1/notifications/certs/".to_owned(),
        "https://api.paypal.com/v1/notifications/certs/../../oauth2".to_owned(),
        "https://api.paypal.com/v1/notifications/certs/%2e%2e".to_owned(),
        "https://api.paypal.com/v1/notifications/certs/A/B".to_owned(),
        format!("{URL}?a=b"),
        format!("{URL}#a"),
        format!("{URL}{}", "A".repeat(128)),
        format!(" {URL} x"),
        "file:///etc/passwd".to_owned(),
        String::new(),
    ];
    let mut attacks: Vec<_> =
        urls.iter().map(|url| genuine.clone().with("PAYPAL-CERT-URL", url)).collect();
    attacks.push(genuine.without("PAYPAL-CERT-URL"));
    refused("pp-url", (401, "unknown_key"), &attacks).await;
}

#[test]
fn a_signed_time_may_be_four_days_old_and_a_quarter_of_an_hour_ahead() {
    let settings = pinning();
    let at = now().replace_nanosecond(0).unwrap();
    let sent = signed_by(capture().to_string(), &KEYS[0], WEBHOOK_ID, at);
    for (later, expected) in [
        (Duration::days(4), Ok(())),
        (Duration::days(4) + Duration::seconds(1), Err(Rejection::Stale)),
        (-Duration::minutes(15), Ok(())),
        (-Duration::minutes(15) - Duration::seconds(1), Err(Rejection::Stale)),
    ] {
        assert_eq!(sent.verdict_at(&settings, at + later).map(drop), expected, "{later}");
    }
    let any = shared::provider::paypal::Settings { max_age: None, ..settings };
    assert!(sent.verdict_at(&any, at + Duration::days(90)).is_ok(), "the window is turned off");
}

#[tokio::test]
async fn a_replay_after_the_window_is_stale() {
    let old = signed_by(capture().to_string(), &KEYS[0], WEBHOOK_ID, now() - Duration::days(5));
    refused("pp-stale", (401, "stale"), &[old]).await;
}

#[tokio::test]
async fn a_header_out_of_form_is_400() {
    let genuine = signed(&capture());
    // With a separator in it the same text has two meanings.
    let time = genuine.header("PAYPAL-TRANSMISSION-TIME").to_owned();
    let text = format!("a|b|{time}|{WEBHOOK_ID}|{}", crc32(&genuine.body));
    let piped = sealed(genuine.body.clone(), &time, &text, &KEYS[0]);
    let named = |name: &str, value: &str| genuine.clone().with(name, value);
    let attacks = [
        piped.with("PAYPAL-TRANSMISSION-ID", "a|b"),
        named("PAYPAL-TRANSMISSION-ID", &"a".repeat(65)),
        named("PAYPAL-TRANSMISSION-TIME", "yesterday"),
        named("PAYPAL-TRANSMISSION-TIME", "1790000000"),
        named("PAYPAL-TRANSMISSION-SIG", &"A".repeat(1028)),
        named("Content-Type", "text/plain"),
        named("Content-Type", "application/x-www-form-urlencoded"),
    ];
    refused("pp-form", (400, "malformed"), &attacks).await;
}

#[tokio::test]
async fn another_merchants_genuine_event_is_not_ours() {
    let mut paid = capture();
    paid["resource"]["payee"]["merchant_id"] = "ABCDEFGHIJKL1".into();
    let order = json!({ "id": "WH-1", "event_type": "CHECKOUT.ORDER.APPROVED", "resource": {
        "id": "O1", "purchase_units": [{ "payee": { "merchant_id": "ABCDEFGHIJKL1" } }] } });
    let dispute = json!({ "id": "WH-1", "event_type": "CUSTOMER.DISPUTE.CREATED", "resource": {
        "dispute_id": "D1",
        "disputed_transactions": [{ "seller": { "merchant_id": "ABCDEFGHIJKL1" } }] } });
    let attacks = [paid, order, dispute].map(|event| signed(&event));
    refused("pp-merchant", (401, "not_ours"), &attacks).await;
}

#[tokio::test]
async fn genuine_json_that_is_no_event_is_refused() {
    let attacks = [json!({}), json!([]), json!({ "id": "WH-1" }), json!({ "event_type": "X" })]
        .map(|event| signed(&event));
    refused("pp-no-event", (401, "not_a_notification"), &attacks).await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_and_what_the_broker_refuses_503() {
    let genuine = signed(&capture());
    let door = Door::of("pp-long", scheme()).await;
    let long = vec![b' '; BODY_LIMIT + 1];
    door.rejected(&door.post_to("", &genuine.lines(), &long).await, 413, ("too_large", 1));
    let door = Door::of_refusing("pp-refused", scheme(), PublishError::Blocked).await;
    let answer = door.post_to("", &genuine.lines(), &genuine.body).await;
    door.rejected(&answer, 503, ("blocked", 1));
}
