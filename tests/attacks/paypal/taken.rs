//! What must get in, however odd it looks, and what it then says.

use serde_json::{Value, json};
use shared::notification::{AgreementChange, Fact, Notification, PaymentStatus};
use shared::process::now;

use super::authority::KEYS;
use super::sender::{
    Sent, URL, WEBHOOK_ID, capture, crc32, pinning, read, scheme, signed, signed_by,
};
use crate::door::Door;

async fn taken(door: &Door, sent: &Sent) -> Notification {
    let before = door.enqueued().len();
    let answer = door.post_to("", &sent.lines(), &sent.body).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{answer:?}");
    let parcels = door.enqueued();
    assert_eq!(parcels.len(), before + 1);
    assert_eq!(parcels[before].body, sent.body, "the provider's bytes, untouched");
    read(&parcels[before].body).unwrap().remove(0)
}

fn event(kind: &str, resource: &Value) -> Value {
    json!({ "id": "WH-1", "event_type": kind, "create_time": "2026-11-23T12:00:09Z",
            "resource": resource })
}

#[tokio::test]
async fn a_genuine_event_is_answered_with_an_empty_200() {
    let door = Door::of("pp-accepted", scheme()).await;
    let said = taken(&door, &signed(&capture())).await;
    let fact = said.payment().unwrap();
    assert_eq!(
        (fact.transaction.as_str(), fact.order_number.as_str()),
        ("12A34567BC123456S", "A-1")
    );
    assert_eq!((fact.status, fact.amount.minor), (PaymentStatus::Succeeded, 2000));
    let parcel = door.enqueued().remove(0);
    assert_eq!(parcel.kind, "paypal");
    assert_eq!(parcel.text("quittance-key").map(str::len), Some(16));
    assert_eq!(door.counted(""), 1);
}

#[tokio::test]
async fn a_repeat_and_two_at_once_are_answered_alike() {
    let door = Door::of("pp-repeated", scheme()).await;
    let sent = signed(&capture());
    taken(&door, &sent).await;
    let post = || async { door.post_to("", &sent.lines(), &sent.body).await.status };
    let (one, other) = tokio::join!(post(), post());
    assert_eq!((one, other, door.enqueued().len()), (200, 200, 3));
}

#[tokio::test]
async fn a_type_that_nobody_knows_is_taken_and_says_nothing() {
    let door = Door::of("pp-unknown", scheme()).await;
    for kind in ["CHECKOUT.ORDER.COMPLETED", "PAYMENT.PAYOUTSBATCH.SUCCESS", "SOMETHING.NEW"] {
        let said = taken(&door, &signed(&event(kind, &json!({})))).await;
        assert_eq!((said.identity, said.fact), (format!("WH-1/{kind}"), None));
    }
}

#[tokio::test]
async fn a_refund_a_dispute_and_an_agreement_are_read_as_such() {
    let door = Door::of("pp-said", scheme()).await;
    let refund = json!({ "id": "R1", "amount": { "total": "-0.01", "currency": "USD" },
        "sale_id": "S1", "update_time": "2026-11-23T12:00:00Z" });
    let said = taken(&door, &signed(&event("PAYMENT.SALE.REFUNDED", &refund))).await;
    assert!(matches!(said.fact, Some(Fact::Refund(fact)) if fact.amount.minor == 1));
    let agreement = json!({ "id": "I-1", "status_update_time": "2026-11-23T12:00:00Z" });
    let said = taken(&door, &signed(&event("BILLING.SUBSCRIPTION.CANCELLED", &agreement))).await;
    assert!(
        matches!(said.fact, Some(Fact::Agreement(fact)) if fact.change == AgreementChange::Ended)
    );
    let dispute = json!({ "dispute_id": "D1", "create_time": "2026-11-23T12:00:00.000Z",
        "dispute_amount": { "value": "3.00", "currency_code": "USD" },
        "disputed_transactions": [{ "seller_transaction_id": "S1" }] });
    let said = taken(&door, &signed(&event("CUSTOMER.DISPUTE.CREATED", &dispute))).await;
    assert!(matches!(said.fact, Some(Fact::Dispute(fact)) if fact.transaction == "S1"));
}

#[tokio::test]
async fn any_allowed_url_does_where_the_certificate_is_listed() {
    let door = Door::of("pp-urls", scheme()).await;
    for url in [URL, "https://api-m.paypal.com/v1/notifications/certs/CERT_other-1"] {
        taken(&door, &signed(&capture()).with("PAYPAL-CERT-URL", url)).await;
    }
}

#[tokio::test]
async fn the_content_type_may_name_a_charset_or_be_left_out() {
    let door = Door::of("pp-types", scheme()).await;
    let genuine = signed(&capture());
    taken(&door, &genuine.clone().with("Content-Type", "application/json; charset=UTF-8")).await;
    taken(&door, &genuine.without("Content-Type")).await;
}

#[tokio::test]
async fn a_genuine_body_that_cannot_be_read_is_still_taken() {
    let door = Door::of("pp-unreadable", scheme()).await;
    let mut inexact = capture();
    inexact["resource"]["amount"]["value"] = "20.001".into();
    let twice = r#"{"id":"WH-1","event_type":"X","id":"WH-2"}"#;
    for body in [inexact.to_string(), twice.to_owned(), "no JSON".to_owned()] {
        let sent = signed_by(body, &KEYS[0], WEBHOOK_ID, now());
        let answer = door.post_to("", &sent.lines(), &sent.body).await;
        assert_eq!(answer.status, 200);
        assert!(read(&sent.body).is_err());
    }
}

#[test]
fn whoever_saw_a_genuine_request_can_give_another_body_the_same_checksum() {
    // PayPal signs no more of the body than 32 bits that anybody can steer. Hence the trap in the
    // documentation: these headers are to be kept like a secret, and pass through TLS alone.
    let genuine = signed(&capture());
    let mut forged = capture();
    forged["resource"]["custom_id"] = "A-2".into();
    let wanted = crc32(&genuine.body);
    let text = forged.to_string();
    let (head, tail) = text.split_once("语雀").unwrap();
    let steered = steered(head.as_bytes(), tail.as_bytes(), wanted);
    assert_eq!(crc32(&steered), wanted);
    let sent = Sent { body: steered, ..genuine };
    assert!(sent.verdict(&pinning()).is_ok(), "a limit of the protocol, not of ours");
}

/// Letters between head and tail, as many as are needed to have this checksum: each of them may be
/// one of two, and a checksum is linear in what was chosen.
fn steered(head: &[u8], tail: &[u8], wanted: u32) -> Vec<u8> {
    const LETTERS: usize = 48;
    let body = |choice: u64| -> Vec<u8> {
        let letter = |at: usize| if choice >> at & 1 == 1 { b'q' } else { b'p' };
        let letters: Vec<u8> = (0..LETTERS).map(letter).collect();
        [head, &letters, tail].concat()
    };
    let base = crc32(&body(0));
    // Gauss: each pivot bit of a checksum with the choice that flips it.
    let mut pivots: Vec<(u32, u64)> = vec![];
    for at in 0..LETTERS {
        let (mut effect, mut choice) = (crc32(&body(1 << at)) ^ base, 1_u64 << at);
        for (pivot, by) in &pivots {
            if effect & (1 << pivot.ilog2()) != 0 {
                (effect, choice) = (effect ^ pivot, choice ^ by);
            }
        }
        if effect != 0 {
            pivots.push((effect, choice));
        }
    }
    let (mut left, mut chosen) = (wanted ^ base, 0);
    for (pivot, by) in &pivots {
        if left & (1 << pivot.ilog2()) != 0 {
            (left, chosen) = (left ^ pivot, chosen ^ by);
        }
    }
    assert_eq!(left, 0, "enough letters to steer by");
    body(chosen)
}
