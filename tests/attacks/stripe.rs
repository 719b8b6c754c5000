//! What strangers send to Stripe's door, and what must get in.

use shared::broker::PublishError;
use shared::notification::PaymentStatus;
use shared::process::now;
use shared::provider::stripe::{OrderFrom, Reader as StripeReader, Settings};
use shared::provider::{Account, Reader, Rejection, Scheme, verify};
use shared::secret::Secret;
use time::{Duration, OffsetDateTime};

use crate::door::Door;
use crate::webhook::{Replies, Webhook, code, read};

const SECRETS: [&str; 2] = ["whsec_new_AbCdEf", "whsec_old_GhIjKl"];
const SIGNATURE: &str = "stripe-signature";
const REPLIES: Replies = Replies { accept: "", reject: 400 };
const PAID: &str = r#"{"id":"evt_1","object":"event","type":"payment_intent.succeeded","created":1790000000,
    "livemode":false,"data":{"object":{"id":"pi_1","amount":2000,"amount_received":2000,
    "currency":"eur","metadata":{"order_no":"A-1"}}}}"#;

pub(crate) fn scheme() -> Scheme {
    let secrets = SECRETS.map(|secret| Secret::new(secret.to_owned())).to_vec();
    Scheme::Stripe(Settings { secrets, livemode: false, account: None })
}

pub(crate) fn reader(order_from: OrderFrom) -> Reader {
    let [order_key, subscription_key] = ["order_no", "subscription_no"].map(ToOwned::to_owned);
    Reader::Stripe(StripeReader { order_from, order_key, subscription_key })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn signature(body: &[u8], secret: &str, at: OffsetDateTime) -> String {
    let message = [format!("{}.", at.unix_timestamp()).as_bytes(), body].concat();
    hex(&code(secret.as_bytes(), &message))
}

/// A body signed now, with the first secret.
pub(crate) fn signed(body: &str) -> Webhook {
    signed_at(body, SECRETS[0], now())
}

fn signed_at(body: &str, secret: &str, at: OffsetDateTime) -> Webhook {
    let code = signature(body.as_bytes(), secret, at);
    let header = format!("t={},v1={code}", at.unix_timestamp());
    Webhook::new(&[(SIGNATURE, &header)], body.as_bytes())
}

pub(crate) fn paid() -> Webhook {
    signed(PAID)
}

#[tokio::test]
async fn what_holds_for_every_provider_holds_for_stripe() {
    let door = Door::of("stripe-common", scheme()).await;
    let reader = reader(OrderFrom::PaymentIntent);
    REPLIES.hold_for_every_provider(&door, &paid(), &reader).await;
    let fact = read(&reader, &door.enqueued()[0]).unwrap()[0].payment().unwrap().clone();
    assert_eq!((fact.order_number.as_str(), fact.amount.minor), ("A-1", 2000));

    let refusing = Door::of_refusing("stripe-refusing", scheme(), PublishError::Unreachable).await;
    let answer = paid().post(&refusing).await;
    assert_eq!((answer.status, answer.body.as_str()), (503, ""));
    REPLIES.taken(&door, &signed(&PAID.replace("payment_intent.succeeded", "new.in_2027"))).await;
}

#[tokio::test]
async fn the_header_proves_one_body_at_one_time() {
    let door = Door::of("stripe-header", scheme()).await;
    let genuine = paid();
    let header = genuine.headers[1].1.clone();
    let (time, code) = header.split_once(",v1=").unwrap();
    for (header, reason) in [
        (String::new(), "unsigned"),
        (time.to_owned(), "unsigned"),
        (format!("{time},v0={code}"), "wrong_algorithm"),
        (format!("{time},V1={code}"), "wrong_algorithm"),
        (format!("{time}, v1={code}"), "wrong_algorithm"),
        (format!("{time},{time},v1={code}"), "malformed"),
        (format!("v1={code}"), "malformed"),
        (format!("t=,v1={code}"), "malformed"),
        (format!("t=1e9,v1={code}"), "malformed"),
        (format!("t=+1790000000,v1={code}"), "malformed"),
        (format!("{time},v1={code},x"), "malformed"),
        (format!("{time},{}", "v1=00,".repeat(40)), "malformed"),
        (format!("{time},v1="), "forged"),
        (format!("{time},v1={}", code.to_uppercase()), "forged"),
        (format!("{time},v1={}", &code[..62]), "forged"),
        (format!("{time},v1={code}00"), "forged"),
        (format!("t=0{},v1={code}", &time[2..]), "forged"),
    ] {
        REPLIES.refused(&door, &genuine.with(SIGNATURE, &header), reason).await;
    }
    REPLIES.refused(&door, &genuine.without(SIGNATURE), "unsigned").await;
    REPLIES.refused(&door, &genuine.and(SIGNATURE, &header), "malformed").await;
    REPLIES.taken(&door, &genuine.with(SIGNATURE, &format!("{header},v0=00,v1=00"))).await;
    REPLIES.taken(&door, &genuine.with(SIGNATURE, &format!("v1={code},{time}"))).await;
}

#[tokio::test]
async fn a_changed_body_is_a_forgery_even_if_it_means_the_same() {
    let door = Door::of("stripe-body", scheme()).await;
    let genuine = paid();
    let reserialised: serde_json::Value = serde_json::from_str(PAID).unwrap();
    for body in [
        PAID.replace("2000", "2001"),
        PAID.replace("A-1", "A-2"),
        format!("{PAID} "),
        PAID.replace('\n', ""),
        reserialised.to_string(),
        String::new(),
    ] {
        REPLIES.refused(&door, &genuine.around(body.as_bytes()), "forged").await;
    }
}

#[tokio::test]
async fn only_the_endpoints_own_secrets_count_and_each_as_its_whole_text() {
    let door = Door::of("stripe-secrets", scheme()).await;
    REPLIES.taken(&door, &signed_at(PAID, SECRETS[1], now())).await;
    for secret in ["whsec_another", "new_AbCdEf", "", "whsec_new_AbCdEf\n", "whsec_"] {
        REPLIES.refused(&door, &signed_at(PAID, secret, now()), "forged").await;
    }
}

#[tokio::test]
async fn what_is_too_old_or_too_new_is_stale() {
    let door = Door::of("stripe-stale", scheme()).await;
    for seconds in [-100_000, -400, 400, 100_000] {
        let at = now() + Duration::seconds(seconds);
        REPLIES.refused(&door, &signed_at(PAID, SECRETS[0], at), "stale").await;
    }
    let account = Account { name: "stripe".to_owned(), scheme: scheme() };
    let at = now();
    let request = signed_at(PAID, SECRETS[0], at).request().unwrap();
    for (seconds, expected) in [(299, true), (300, true), (301, false)] {
        for later in [Duration::seconds(seconds), Duration::seconds(-seconds)] {
            let verdict = verify(&account, request.clone(), at + later);
            assert_eq!(verdict.is_ok(), expected, "{later}");
            assert!(expected || verdict.is_err_and(|error| error == Rejection::Stale));
        }
    }
}

#[tokio::test]
async fn anothers_genuine_event_is_not_ours() {
    let door = Door::of("stripe-foreign", scheme()).await;
    for body in [
        PAID.replace(r#""livemode":false"#, r#""livemode":true"#),
        PAID.replace(r#""livemode":false,"#, ""),
        PAID.replace(r#""livemode":false"#, r#""livemode":"false""#),
        PAID.replace(r#""livemode":false"#, r#""livemode":false,"account":"acct_1""#),
    ] {
        REPLIES.refused(&door, &signed(&body), "not_ours").await;
    }
}

#[tokio::test]
async fn what_is_no_event_is_turned_away_though_it_is_signed() {
    let door = Door::of("stripe-form", scheme()).await;
    let object = PAID.replace(r#""object":"event""#, r#""object":"charge""#);
    REPLIES.refused(&door, &signed(&object), "not_a_notification").await;
    REPLIES.refused(&door, &signed("[]"), "not_a_notification").await;
    let repeated = PAID.replace(r#""amount":2000"#, r#""amount":2000,"amount":1"#);
    for body in ["", "{", "null}", &repeated] {
        REPLIES.refused(&door, &signed(body), "malformed").await;
    }
    let form = paid().with("content-type", "application/x-www-form-urlencoded");
    REPLIES.refused(&door, &form, "malformed").await;
}

#[tokio::test]
async fn an_unpaid_session_and_a_thin_event_get_in_and_prove_no_payment() {
    let door = Door::of("stripe-unpaid", scheme()).await;
    let session = r#"{"id":"evt_2","object":"event","type":"checkout.session.completed","created":1,
        "livemode":false,"data":{"object":{"id":"cs_1","mode":"payment","payment_status":"unpaid",
        "payment_intent":"pi_1","amount_total":2000,"currency":"eur"}}}"#;
    let reader = reader(OrderFrom::CheckoutSession);
    let parcel = REPLIES.taken(&door, &signed(session)).await;
    let notification = read(&reader, &parcel).unwrap().remove(0);
    assert_eq!(notification.payment().unwrap().status, PaymentStatus::Pending);
    let thin = r#"{"id":"evt_3","object":"v2.core.event","type":"payment_intent.succeeded",
        "livemode":false,"created":"2026-11-23T12:00:00.000Z","related_object":{"id":"pi_1"}}"#;
    let parcel = REPLIES.taken(&door, &signed(thin)).await;
    assert_eq!(read(&reader, &parcel).unwrap().remove(0).fact, None);
}
