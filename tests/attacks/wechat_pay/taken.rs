//! What must get in, however odd it looks.

use shared::process::now;

use super::sender::{
    KEYS, PUBLIC_KEY_ID, SERIAL, Sent, envelope, event, genuine, payment, read, scheme, sealed,
    signed, signed_by,
};
use crate::door::Door;

async fn taken(door: &Door, sent: &Sent) {
    let before = door.enqueued().len();
    let answer = door.post_to("", &sent.lines(), &sent.body).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{answer:?}");
    let parcels = door.enqueued();
    assert_eq!(parcels.len(), before + 1);
    assert_eq!(parcels[before].body, sent.body, "the provider's bytes, untouched");
}

#[tokio::test]
async fn a_genuine_notification_is_answered_with_an_empty_200() {
    let door = Door::of("v3-accepted", scheme()).await;
    taken(&door, &genuine()).await;
    let parcel = door.enqueued().remove(0);
    assert_eq!(parcel.kind, "wechat_pay");
    assert_eq!(parcel.text("quittance-key"), Some(SERIAL));
    assert_eq!(door.counted(""), 1);
}

#[tokio::test]
async fn a_repeat_and_two_at_once_are_answered_alike() {
    let door = Door::of("v3-repeated", scheme()).await;
    let sent = genuine();
    taken(&door, &sent).await;
    let post = || async { door.post_to("", &sent.lines(), &sent.body).await.status };
    let (one, other) = tokio::join!(post(), post());
    assert_eq!((one, other, door.enqueued().len()), (200, 200, 3));
}

#[tokio::test]
async fn both_kinds_of_keys_are_taken_and_named() {
    let door = Door::of("v3-keys", scheme()).await;
    let now = now().unix_timestamp();
    taken(&door, &genuine()).await;
    taken(&door, &signed_by(genuine().body, PUBLIC_KEY_ID, &KEYS[1], now)).await;
    let parcels = door.enqueued();
    let named: Vec<_> = parcels.iter().map(|parcel| parcel.text("quittance-key")).collect();
    assert_eq!(named, [Some(SERIAL), Some(PUBLIC_KEY_ID)]);
}

#[tokio::test]
async fn a_serial_number_is_a_number_however_it_is_written() {
    let door = Door::of("v3-case", scheme()).await;
    for serial in [SERIAL.to_lowercase(), format!("00{SERIAL}"), "5aBc01D2".to_owned()] {
        taken(&door, &genuine().with("Wechatpay-Serial", &serial)).await;
    }
}

#[tokio::test]
async fn an_absent_signature_type_is_the_only_one() {
    let door = Door::of("v3-untyped", scheme()).await;
    taken(&door, &genuine().without("Wechatpay-Signature-Type")).await;
    taken(&door, &genuine().without("Content-Type")).await;
    taken(&door, &genuine().with("Content-Type", "Application/JSON; charset=utf-8")).await;
    taken(&door, &genuine().with("Request-ID", "08F1")).await;
}

#[tokio::test]
async fn bytes_are_verified_as_they_came() {
    let door = Door::of("v3-bytes", scheme()).await;
    let body = event("TRANSACTION.SUCCESS", "transaction", &payment());
    let variants = [
        body.replace('/', "\\/"),
        body.replace(':', ": ").replace(',', ",\r\n\t"),
        body.replace("支付", "\\u652f\\u4ed8"),
        format!(" {body}\n"),
    ];
    for variant in variants {
        taken(&door, &signed(variant.clone())).await;
        assert_eq!(read(&variant), read(&body), "{variant}");
    }
}

#[tokio::test]
async fn what_the_door_cannot_judge_is_taken_and_judged_in_the_worker() {
    let door = Door::of("v3-unread", scheme()).await;
    let strange = super::sender::with(payment(), "/mchid", "1900000999".into());
    let mut broken = sealed("transaction", "{}", None);
    broken["ciphertext"] = "AAAA".into();
    let bodies = [
        event("TRANSACTION.SUCCESS", "transaction", &strange),
        envelope("TRANSACTION.SUCCESS", &broken).to_string(),
        envelope("INVENTED.TYPE", &broken).to_string(),
    ];
    let verdicts = bodies.clone().map(|body| read(body).is_ok());
    for body in bodies {
        taken(&door, &signed(body)).await;
    }
    assert_eq!(verdicts, [false, false, true]);
}
