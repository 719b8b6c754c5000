//! What must get in, however odd it looks, and what it then says.

use shared::notification::{Notification, PaymentStatus};
use shared::provider::public_key::PublicKey;
use time::macros::datetime;

use crate::door::{Door, FORM};
use crate::sender::{
    KEYS, Pairs, body, genuine, pairs, payment, read, sealed, signed, text, with, without,
};

/// Posts it, and reads what was enqueued.
async fn taken(door: &Door, pairs: &Pairs) -> Notification {
    let before = door.enqueued().len();
    let answer = door.post(&body(pairs)).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "success"));
    let parcels = door.enqueued();
    assert_eq!(parcels.len(), before + 1);
    read(&parcels[before].body).unwrap().remove(0)
}

#[tokio::test]
async fn any_text_survives_the_way() {
    let door = Door::open("text").await;
    let subjects = [
        "a+b",
        "a%2Bb",
        "a%25b",
        "100%",
        " a  b ",
        r#"{"a":"b & c = d"}"#,
        "'\"\\/",
        "语雀\u{1f9fe}",
    ];
    for subject in subjects {
        taken(&door, &signed(with(payment(), "subject", subject.as_bytes()))).await;
    }
}

#[tokio::test]
async fn how_the_form_is_escaped_does_not_matter() {
    let door = Door::open("escapes").await;
    let escaped = String::from_utf8(genuine()).unwrap();
    let variants = [
        escaped.replace("%20", "+"),
        escaped.replace("%2D", "-").replace("%3A", ":").replace("%2E", "."),
        escaped.replace("%2B", "%2b").replace("%3D", "%3d"),
        escaped.replace("%3D", "="),
        escaped.replace("app_id", "%61pp%5Fid"),
        escaped.split('&').rev().collect::<Vec<_>>().join("&"),
    ];
    for variant in variants {
        assert_eq!(door.post(variant.as_bytes()).await.status, 200, "{variant}");
    }
}

#[tokio::test]
async fn a_gbk_notification_is_verified_and_read_in_gbk() {
    let door = Door::open("gbk").await;
    // 语雀, and an order number with 订 in it.
    let gbk = with(with(payment(), "charset", b"gbk"), "subject", b"\xd3\xef\xc8\xb8");
    let notification = taken(&door, &signed(with(gbk, "out_trade_no", b"\xb6\xa9-1"))).await;
    assert_eq!(notification.payment().unwrap().order_number, "订-1");
}

#[tokio::test]
async fn empty_parameters_may_be_signed_or_left_out() {
    let door = Door::open("empty").await;
    let empty = with(with(payment(), "body", b""), "passback_params", b"");
    let dropped = text(&without(payment(), "sign_type"));
    let kept = text(&without(empty.clone(), "sign_type"));
    assert_ne!(dropped, kept);
    for text in [dropped, kept] {
        taken(&door, &sealed(empty.clone(), &text, &KEYS[0])).await;
    }
}

#[tokio::test]
async fn a_parameter_that_nobody_knows_is_signed_like_any() {
    let door = Door::open("more").await;
    taken(&door, &signed(with(payment(), "zz_new_2027", b"a=b"))).await;
    taken(&door, &signed(with(payment(), "AA_new", b"before all others"))).await;
}

#[tokio::test]
async fn the_key_that_alipay_rolls_over_to_is_taken_and_named() {
    let door = Door::open("rollover").await;
    for key in &KEYS[..2] {
        taken(&door, &sealed(payment(), &text(&without(payment(), "sign_type")), key)).await;
    }
    let named: Vec<_> =
        door.enqueued().iter().map(|p| p.text("quittance-key").unwrap().to_owned()).collect();
    let ours: Vec<_> = KEYS[..2]
        .iter()
        .map(|key| PublicKey::new(&key.to_public_key()).unwrap().fingerprint().to_owned())
        .collect();
    assert_eq!(named, ours);
}

#[tokio::test]
async fn a_gateway_message_signs_its_algorithm_and_is_no_payment() {
    let door = Door::open("gateway").await;
    let message = pairs(&[
        ("notify_type", "servicemarket_order_notify"),
        ("notify_id", "n1"),
        ("app_id", crate::sender::APP_ID),
        ("sign_type", "RSA2"),
        ("charset", "UTF-8"),
        ("order_ticket", "1"),
    ]);
    let notification = taken(&door, &sealed(message.clone(), &text(&message), &KEYS[0])).await;
    assert_eq!(
        (notification.kind.as_str(), notification.fact),
        ("servicemarket_order_notify", None)
    );
    let authorised = with(message, "notify_type", b"open_app_auth_notify");
    assert_eq!(taken(&door, &signed(authorised)).await.fact, None);
}

#[tokio::test]
async fn the_content_type_may_name_any_charset_or_be_left_out() {
    let door = Door::open("types").await;
    for headers in [
        FORM,
        "content-type: application/x-www-form-urlencoded\r\n",
        "Content-Type: APPLICATION/X-WWW-Form-Urlencoded ; charset=GBK\r\n",
        "",
    ] {
        assert_eq!(door.post_to("", headers, &genuine()).await.status, 200, "{headers}");
    }
}

#[tokio::test]
async fn what_each_trade_status_says() {
    let door = Door::open("status").await;
    let say = async |status: &str, refund_fee: Option<&str>| {
        let mut pairs = with(payment(), "trade_status", status.as_bytes());
        if let Some(refund_fee) = refund_fee {
            pairs = with(pairs, "refund_fee", refund_fee.as_bytes());
            pairs = with(pairs, "gmt_refund", b"2026-11-23 12:30:00.320");
        }
        let notification = taken(&door, &signed(pairs)).await;
        notification
            .payment()
            .cloned()
            .map(|fact| (fact.status, fact.refund_total.map(|refund| refund.total_minor)))
    };
    use PaymentStatus::{Closed, Finished, Pending, Succeeded};
    assert_eq!(say("WAIT_BUYER_PAY", None).await, Some((Pending, None)));
    assert_eq!(say("TRADE_SUCCESS", None).await, Some((Succeeded, None)));
    assert_eq!(say("TRADE_SUCCESS", Some("0.00")).await, Some((Succeeded, None)));
    assert_eq!(say("TRADE_SUCCESS", Some("1.00")).await, Some((Succeeded, Some(100))));
    assert_eq!(say("TRADE_CLOSED", None).await, Some((Closed, None)));
    assert_eq!(say("TRADE_CLOSED", Some("0.00")).await, Some((Succeeded, Some(2000))));
    assert_eq!(say("TRADE_CLOSED", Some("20.00")).await, Some((Succeeded, Some(2000))));
    assert_eq!(say("TRADE_FINISHED", None).await, Some((Finished, None)));
    assert_eq!(say("TRADE_FINISHED", Some("3")).await, Some((Finished, Some(300))));
    assert_eq!(say("TRADE_INVENTED", None).await, None);
}

#[tokio::test]
async fn twenty_is_twenty_and_the_time_is_beijings() {
    let door = Door::open("amounts").await;
    for amount in ["20", "20.0", "20.00"] {
        let notification =
            taken(&door, &signed(with(payment(), "total_amount", amount.as_bytes()))).await;
        let fact = notification.payment().unwrap();
        assert_eq!(fact.amount.minor, 2000, "{amount}");
        assert_eq!(fact.occurred_at, datetime!(2026-11-23 04:00:03 UTC));
        assert_eq!(notification.identity, "2026112300222120005000011111111111/TRADE_SUCCESS");
    }
}

#[tokio::test]
async fn a_genuine_notification_that_cannot_be_read_is_still_taken() {
    let door = Door::open("unreadable").await;
    for (key, value) in [
        ("total_amount", &b"20.001"[..]),
        ("total_amount", b"-1"),
        ("gmt_payment", b"yesterday"),
        ("charset", b"utf-7"),
        ("out_trade_no", b"\xff\xfe"),
        ("out_trade_no", b"a\0b"),
        ("trade_no", &[b'1'; 200]),
    ] {
        let sent = body(&signed(with(payment(), key, value)));
        assert_eq!(door.post(&sent).await.status, 200, "{key}");
        assert!(read(&sent).is_err(), "{key}");
    }
}
