//! What must get in, however odd it looks.

use super::sender::{
    API_KEYS, Pairs, body, contract, hmac_of, md5_of, payment, read, refund, refunded, scheme,
    settings, signed, signed_hmac, text, verdict, with, without,
};
use crate::door::Door;
use shared::provider::Rejection;
use shared::provider::wechat_pay_v2::Settings;

const ACCEPT: &str = "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>";

async fn taken_from(door: &Door, headers: &str, body: &str) {
    let before = door.enqueued().len();
    let answer = door.post_to("", headers, body.as_bytes()).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ACCEPT), "{body}");
    let parcels = door.enqueued();
    assert_eq!(parcels.len(), before + 1);
    assert_eq!(parcels[before].body, body.as_bytes(), "the provider's bytes, untouched");
}

async fn taken(door: &Door, pairs: &Pairs) {
    taken_from(door, "content-type: text/xml\r\n", &body(pairs)).await;
}

#[tokio::test]
async fn genuine_notifications_are_answered_with_success_in_xml() {
    let door = Door::of("v2-accepted", scheme()).await;
    taken(&door, &signed(payment())).await;
    taken(&door, &signed_hmac(payment())).await;
    taken(&door, &signed(contract("ADD"))).await;
    taken(&door, &refunded(&refund())).await;
    let parcel = door.enqueued().remove(0);
    assert_eq!(parcel.kind, "wechat_pay_v2");
    let ours = shared::secret::Secret::new(API_KEYS[0].to_owned()).fingerprint();
    assert_eq!(parcel.text("quittance-key"), Some(ours.as_str()));
    assert_eq!(door.counted(""), 4);
}

#[tokio::test]
async fn a_repeat_and_two_at_once_are_answered_alike() {
    let door = Door::of("v2-repeated", scheme()).await;
    let sent = body(&signed(payment()));
    taken(&door, &signed(payment())).await;
    let post = || async { door.post_to("", "", sent.as_bytes()).await.body };
    let (one, other) = tokio::join!(post(), post());
    assert_eq!((one.as_str(), other.as_str(), door.enqueued().len()), (ACCEPT, ACCEPT, 3));
}

#[tokio::test]
async fn the_key_that_replaces_another_is_taken_and_named() {
    let door = Door::of("v2-rollover", scheme()).await;
    for key in &API_KEYS[..2] {
        let sign = md5_of(&text(&payment()), key);
        taken(&door, &with(payment(), "sign", &sign)).await;
    }
    let parcels = door.enqueued();
    let named: Vec<_> = parcels.iter().map(|parcel| parcel.text("quittance-key")).collect();
    assert_ne!(named[0], named[1]);
}

#[tokio::test]
async fn the_digits_of_a_signature_may_be_in_either_case() {
    let door = Door::of("v2-case", scheme()).await;
    let of = text(&payment());
    for sign in [md5_of(&of, API_KEYS[0]), hmac_of(&of, API_KEYS[0])] {
        taken(&door, &with(payment(), "sign", &sign.to_lowercase())).await;
    }
}

#[tokio::test]
async fn the_length_says_which_algorithm_it_is_whatever_the_element_says() {
    let door = Door::of("v2-length", scheme()).await;
    for stated in ["MD5", "HMAC-SHA256"] {
        taken(&door, &signed(with(payment(), "sign_type", stated))).await;
        taken(&door, &signed_hmac(with(payment(), "sign_type", stated))).await;
    }
}

#[tokio::test]
async fn empty_and_unknown_elements_are_as_the_rule_says() {
    let door = Door::of("v2-elements", scheme()).await;
    let empty = with(with(payment(), "device_info", ""), "err_code", "");
    assert_eq!(text(&empty), text(&payment()));
    taken(&door, &signed(empty)).await;
    taken(&door, &signed(with(payment(), "zz_new_2027", "a=b"))).await;
    taken(&door, &signed(with(payment(), "AA_new", "before all others"))).await;
}

#[tokio::test]
async fn a_remark_may_look_like_anything() {
    let door = Door::of("v2-remark", scheme()).await;
    for remark in [
        "a=1&b=2",
        "out_trade_no=A-1&openid=o1&total_fee=2000",
        "?x=%26&y=+",
        "]]> & <b>\"'",
        "{\"a\":\"b & c\"}",
        "\u{1f9fe} ümläut",
        "  blanks  ",
        "two\nlines",
    ] {
        let pairs = signed(with(payment(), "attach", remark));
        let escaped = body(&pairs).replace(
            &format!("<![CDATA[{remark}]]>"),
            &remark.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
        );
        taken_from(&door, "", &escaped).await;
        assert!(read(&escaped).is_ok());
    }
}

#[tokio::test]
async fn how_the_xml_is_written_does_not_matter() {
    let door = Door::of("v2-written", scheme()).await;
    let genuine = body(&signed(payment()));
    let bare = genuine.replace("<![CDATA[", "").replace("]]>", "");
    let variants = [
        genuine.replace('\n', ""),
        genuine.replace('\n', "\r\n\t"),
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{genuine}"),
        format!("<?xml version='1.0'?>{bare}"),
        bare.replace("CFT", "&#67;&#x46;T"),
        bare.replace("CFT", "C<![CDATA[F]]>T"),
        format!("\n {genuine} \n"),
    ];
    for variant in variants {
        taken_from(&door, "content-type: Application/XML; charset=utf-8\r\n", &variant).await;
        assert_eq!(read(&variant), read(&genuine), "{variant}");
    }
}

#[test]
fn a_service_provider_may_pin_its_sub_merchants() {
    let of = |subs: &str| Settings { sub_mch_ids: Some(vec![subs.to_owned()]), ..settings() };
    let sent = body(&signed(with(payment(), "sub_mch_id", "1900000200")));
    assert_eq!(verdict(settings(), sent.as_bytes()), Ok(()));
    assert_eq!(verdict(of("1900000200"), sent.as_bytes()), Ok(()));
    let refused = Err(Rejection::NotOurs("sub_mch_id"));
    assert_eq!(verdict(of("1900000201"), sent.as_bytes()), refused);
    let without_sub = body(&signed(without(payment(), "sub_mch_id")));
    assert_eq!(verdict(of("1900000200"), without_sub.as_bytes()), refused);
    let contract = body(&signed(contract("ADD")));
    assert_eq!(verdict(of("1900000200"), contract.as_bytes()), Ok(()));
}
