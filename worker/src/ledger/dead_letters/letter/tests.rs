//! What is kept of a dead letter, and what makes two the same.

use shared::message::dead::{Verdict, buried, replayed};
use time::macros::datetime;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-01-02 12:00 UTC);

fn keys() -> SealKeys {
    SealKeys::generate()
}

fn message() -> Message {
    Message {
        id: Uuid::now_v7(),
        kind: "alipay".into(),
        account: "shop".into(),
        key: "k".into(),
        attempt: 2,
        received_at: NOW,
        number: Number { epoch: Uuid::now_v7(), seq: 7 },
        content_type: None,
        http: vec![],
        traceparent: None,
        body: Bytes::from_static(b"a=b"),
    }
}

fn dead(parcel: &Parcel, code: &str) -> Parcel {
    let verdict = Verdict { stage: "read", code, cause: "unreadable: x 17", worker: "1.2.3" };
    buried(parcel, verdict, NOW)
}

fn examine(parcel: &Parcel, keys: &SealKeys) -> Letter {
    let delivery = Delivery { tag: 1, returns: 0, parcel: parcel.clone() };
    Letter::examine(&delivery, (keys, &Readers::default()), NOW)
}

#[test]
fn a_letter_tells_what_its_headers_told() {
    let keys = keys();
    let message = message();
    let parcel = dead(&message.clone().into_parcel(&keys), "unreadable");
    let letter = examine(&parcel, &keys);
    assert_eq!(letter.number, Some(message.number));
    assert_eq!((letter.provider.as_str(), letter.account.as_deref()), ("alipay", Some("shop")));
    let Death { stage, code, cause, attempts, .. } = &letter.death;
    assert_eq!((stage.as_str(), code.as_str(), *attempts), ("read", "unreadable", 3));
    assert_eq!(cause, "unreadable: x #");
    assert_eq!(letter.death.last_failed_at, Some(NOW));
    assert_eq!(letter.death.worker.as_deref(), Some("1.2.3"));
    let again = letter.envelope.parcel(&letter.message_id, letter.body.to_vec()).unwrap();
    assert_eq!(again, parcel, "nothing of it is lost");
}

#[test]
fn the_same_message_is_one_letter_however_often_and_whyever_it_dies() {
    let (old, new) = (keys(), keys());
    let message = message();
    let first = examine(&dead(&message.clone().into_parcel(&old), "one"), &old);
    let replay = replayed(message.clone().into_parcel(&new), Uuid::nil(), Uuid::nil());
    let second = examine(&dead(&replay, "two"), &new);
    assert_eq!(first.identity, second.identity, "sealed anew");
    assert_ne!(first.death.fingerprint, second.death.fingerprint);
    assert_eq!(second.death.item, Some(Uuid::nil()));

    let other = Message { number: Number { seq: 8, ..message.number }, ..message.clone() };
    assert_ne!(first.identity, examine(&other.into_parcel(&old), &old).identity);
}

#[test]
fn a_forgery_is_never_taken_for_the_message_that_it_copies() {
    let keys = keys();
    let genuine = message().into_parcel(&keys);
    let mut forged = genuine.clone();
    forged.set("quittance-seal", Header::Text("k.x".into()));
    let letter = examine(&dead(&forged, "broken"), &keys);
    assert_eq!((letter.number, letter.parts.len()), (None, 0));
    assert_ne!(letter.identity, examine(&genuine, &keys).identity);
    assert_eq!(letter.identity, examine(&dead(&forged, "other"), &keys).identity);
}

#[test]
fn whoever_did_not_seal_a_letter_does_not_choose_what_it_died_of() {
    let (keys, others) = (keys(), keys());
    let verdict =
        Verdict { stage: "settle", code: "refused", cause: "the ledger refused", worker: "1.2.3" };
    let dead = |parcel: &Parcel| examine(&buried(parcel, verdict, NOW), &keys).death;
    let of = |death: &Death| (death.stage.clone(), death.code.clone());
    let ours = dead(&message().into_parcel(&keys));
    assert_eq!(of(&ours), ("settle".to_owned(), "refused".to_owned()));
    let rotated = dead(&message().into_parcel(&others));
    assert_eq!(of(&rotated), ("seal".to_owned(), "unknown_key".to_owned()));
    let strange = dead(&Parcel::default());
    assert_eq!(of(&strange), ("seal".to_owned(), "no_message_of_ours".to_owned()));
    assert_ne!(strange.cause, ours.cause);
}

#[test]
fn garbage_is_kept_and_what_is_too_long_is_cut_and_named() {
    let mut parcel = Parcel { body: Bytes::from_static(b"\0\xff"), ..Parcel::default() };
    parcel.id = "\0id".into();
    parcel.kind = "k".repeat(300);
    for index in 0..70 {
        parcel.set(&format!("h{index}"), Header::Text("x".into()));
    }
    parcel.set("h0", Header::Text("ä".repeat(5_000)));
    parcel.set("quittance-stage", Header::Text("A Stage".into()));
    let letter = examine(&parcel, &keys());
    assert_eq!(letter.message_id, "id");
    assert_eq!(letter.body, parcel.body);
    assert_eq!(letter.provider, UNKNOWN);
    let death = (letter.death.stage.as_str(), letter.death.code.as_str());
    assert_eq!(death, ("seal", "no_message_of_ours"));
    let Envelope { headers, cut, body_bytes, .. } = &letter.envelope;
    assert_eq!((headers.len(), *body_bytes), (HEADERS_MAX, 2));
    assert_eq!(*cut, ["h0", "type", "7 headers"]);
    assert_eq!(letter.envelope.parcel("id", vec![]), None, "what was cut is not sent again");
    assert_eq!(letter.bare().body, parcel.body);
    assert!(letter.bare().envelope.headers.is_empty());
}

#[test]
fn a_body_without_anything_is_a_letter_too() {
    let letter = examine(&Parcel::default(), &keys());
    assert_eq!(letter.message_id, "");
    assert!(letter.death.cause.starts_with("no ingress of ours sealed it"), "{letter:?}");
    assert_eq!(letter.received_at, None);
}
