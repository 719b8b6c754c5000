//! What must get in, however odd it looks, and what it then says.

use shared::money::Currency;
use shared::notification::{Fact, PaymentStatus, RefundStatus};
use shared::process::now;
use shared::provider::certificate::Certificate;
use shared::provider::{Account, Rejection, Scheme, verify_return};
use time::macros::datetime;

use super::authority::{CFCA, KEYS, Says};
use super::sender::{
    LEAF, Pairs, SECURE_KEYS, body, genuine, keyed, payment, read, scheme, sealed, settings,
    sharing, signed, signed_under, text, verdict, with, without,
};
use crate::door::Door;

async fn taken(door: &Door, pairs: &Pairs) -> shared::notification::Notification {
    let (before, sent) = (door.enqueued().len(), body(pairs));
    let answer = door.post(&sent).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok"), "{answer:?}");
    assert!(answer.head.contains("content-type: text/plain; charset=utf-8\r\n"));
    let parcels = door.enqueued();
    assert_eq!(parcels.len(), before + 1);
    assert_eq!(parcels[before].body, sent, "the provider's bytes, untouched");
    read(&parcels[before].body).unwrap().remove(0)
}

#[tokio::test]
async fn a_genuine_notification_is_answered_with_ok() {
    let door = Door::of("up-accepted", scheme()).await;
    let said = taken(&door, &signed(payment())).await;
    assert_eq!(
        (said.identity.as_str(), said.kind.as_str()),
        ("782611231200000740281/01/00", "01/00")
    );
    let fact = said.payment().unwrap();
    assert_eq!(
        (fact.transaction.as_str(), fact.order_number.as_str()),
        ("782611231200000740281", "A1")
    );
    assert_eq!((fact.amount.minor, fact.amount.currency), (2000, Currency::CNY));
    assert_eq!(
        (fact.status, fact.occurred_at),
        (PaymentStatus::Succeeded, datetime!(2026-11-23 4:00:03 UTC))
    );
    let parcel = door.enqueued().remove(0);
    assert_eq!(parcel.kind, "unionpay");
    assert_eq!(parcel.text("quittance-key").map(str::len), Some(16));
    assert_eq!(door.counted(""), 1);
}

#[tokio::test]
async fn a_repeat_and_two_at_once_are_answered_alike() {
    let door = Door::of("up-repeated", scheme()).await;
    let sent = signed(payment());
    taken(&door, &sent).await;
    let bytes = body(&sent);
    let post = || async { door.post(&bytes).await.body };
    let (one, other) = tokio::join!(post(), post());
    assert_eq!((one.as_str(), other.as_str(), door.enqueued().len()), ("ok", "ok", 3));
}

#[tokio::test]
async fn a_failure_is_taken_and_is_no_payment() {
    let door = Door::of("up-failed", scheme()).await;
    for (code, status) in [
        ("A6", PaymentStatus::Succeeded),
        ("01", PaymentStatus::Failed),
        ("05", PaymentStatus::Pending),
        ("77", PaymentStatus::Failed),
    ] {
        let said = taken(&door, &signed(with(payment(), "respCode", code.as_bytes()))).await;
        assert_eq!(said.payment().unwrap().status, status, "{code}");
    }
}

#[tokio::test]
async fn a_refund_is_about_the_original_payment() {
    let door = Door::of("up-refund", scheme()).await;
    let refund = with(with(payment(), "origQryId", b"782611231200000740281"), "orderId", b"R1");
    let refund = with(with(refund, "queryId", b"2"), "txnAmt", b"500");
    for kind in ["04", "31", "33"] {
        let said = taken(&door, &signed(with(refund.clone(), "txnType", kind.as_bytes()))).await;
        let Some(Fact::Refund(fact)) = said.fact else { panic!("{kind}") };
        assert_eq!(
            (fact.transaction.as_str(), fact.refund.as_str()),
            ("782611231200000740281", "2")
        );
        assert_eq!((fact.status, fact.amount.minor), (RefundStatus::Succeeded, 500));
    }
}

#[tokio::test]
async fn a_type_that_nobody_knows_is_taken_and_says_nothing() {
    let door = Door::of("up-unknown", scheme()).await;
    for kind in ["00", "72", "99"] {
        let said = taken(&door, &signed(with(payment(), "txnType", kind.as_bytes()))).await;
        assert_eq!(said.fact, None, "{kind}");
    }
}

#[tokio::test]
async fn what_more_is_signed_is_kept_and_what_is_empty_is_not() {
    let door = Door::of("up-more", scheme()).await;
    taken(&door, &signed(with(payment(), "zzNew", b"a=b"))).await;
    taken(&door, &signed(with(payment(), "reqReserved", b"shop=1&item=2&note=x"))).await;
    let token = b"{token=6235240000020757577&trId=99988877766&tokenLevel=40}";
    taken(&door, &signed(with(payment(), "tokenPayData", token))).await;
    let empty = with(payment(), "reserved", b"");
    taken(&door, &signed(empty.clone())).await;
    // UnionPay leaves empty values out of the text; whoever keeps them signs another.
    let kept = with(empty, "signPubKeyCert", LEAF.as_bytes());
    let kept = sealed(kept.clone(), &text(&kept), &KEYS[0]);
    assert_eq!(verdict(settings(), &body(&kept)), Err(Rejection::Forged));
}

#[tokio::test]
async fn the_certificate_that_unionpay_rolls_over_to_is_taken() {
    let door = Door::of("up-rollover", scheme()).await;
    let next = Says {
        name: "041@1@中国银联股份有限公司@00016500".to_owned(), ..Says::default()
    };
    let next = CFCA.issue(&KEYS[1], &next);
    taken(&door, &signed(payment())).await;
    taken(&door, &signed_under(payment(), &next, &KEYS[1])).await;
    let keys: Vec<_> = door
        .enqueued()
        .iter()
        .map(|parcel| parcel.text("quittance-key").map(ToOwned::to_owned))
        .collect();
    // Neither stands in the configuration, but what issued them does.
    let issuer = Certificate::parse(CFCA.intermediate.as_bytes()).unwrap().fingerprint();
    assert_eq!(keys, [Some(issuer.clone()), Some(issuer)]);
}

#[tokio::test]
async fn both_secure_keys_are_taken_during_a_rotation() {
    let door = Door::of("up-keyed", Scheme::UnionPay(sharing())).await;
    for key in SECURE_KEYS {
        taken(&door, &keyed(payment(), key)).await;
    }
}

#[tokio::test]
async fn a_gbk_notification_is_verified_over_its_bytes_and_read_in_gbk() {
    let door = Door::of("up-gbk", scheme()).await;
    let gbk = with(with(payment(), "encoding", b"GBK"), "respMsg", b"\xb3\xc9\xb9\xa6");
    let said = taken(&door, &signed(with(gbk, "orderId", b"\xb6\xa91"))).await;
    assert_eq!(said.payment().unwrap().order_number, "订1");
}

#[tokio::test]
async fn a_genuine_notification_that_cannot_be_read_is_still_taken() {
    let door = Door::of("up-unreadable", scheme()).await;
    for (key, value) in [
        ("txnAmt", &b"20.00"[..]),
        ("txnTime", b"yesterday"),
        ("traceTime", b"1399999999"),
        ("encoding", b"utf-7"),
        ("orderId", b"\xff"),
        ("queryId", b""),
        ("currencyCode", b"CNY"),
    ] {
        let sent = body(&signed(with(payment(), key, value)));
        assert_eq!(door.post(&sent).await.status, 200, "{key}");
        assert!(read(&sent).is_err(), "{key}");
    }
}

#[test]
fn the_payers_way_back_is_proven_like_a_notification_and_pays_nothing() {
    let account = Account { name: "back".to_owned(), scheme: scheme() };
    let back = |pairs: &Pairs| verify_return(&account, &body(pairs), now());
    let returned = back(&signed(payment())).unwrap();
    assert_eq!((returned.order_number.as_str(), returned.amount.unwrap().minor), ("A1", 2000));
    let forged = with(signed(payment()), "txnAmt", b"1");
    assert_eq!(back(&forged), Err(Rejection::Forged));
    assert_eq!(back(&without(signed(payment()), "signature")), Err(Rejection::Unsigned));
    assert_eq!(back(&signed(with(payment(), "merId", b"1"))), Err(Rejection::NotOurs("merId")));
    assert!(matches!(back(&signed(without(payment(), "orderId"))), Err(Rejection::Malformed(_))));
    assert!(verify_return(&account, &genuine()[1..], now()).is_err());
}
