//! What must not get in.

use shared::process::now;
use shared::provider::form::Form;
use shared::provider::{Headers, Request, verify};

use crate::door::{Door, FORM};
use crate::sender::{
    KEYS, Pairs, account, body, genuine, payment, return_link, sealed, signed, text, with, without,
};

/// Posts each attack to a door of its own account and checks that it is turned away for this reason.
async fn refused(name: &'static str, (status, reason): (u16, &str), attacks: &[Pairs]) {
    let door = Door::open(name).await;
    for (times, attack) in (1..).zip(attacks) {
        let answer = door.post(&body(attack)).await;
        door.rejected(&answer, status, (reason, times));
    }
}

#[tokio::test]
async fn a_changed_value_is_a_forgery() {
    let changed = |key: &str, value: &[u8]| with(signed(payment()), key, value);
    let attacks = [
        changed("total_amount", b"2.000"),
        changed("total_amount", b"20.0"),
        changed("out_trade_no", b"A-2"),
        changed("trade_no", b"2026112322001400001111111112"),
        changed("subject", "语雀空间 1 1 100% %2B".as_bytes()),
        changed("subject", "语雀空间 1+1 100% +".as_bytes()),
        changed("fund_bill_list", br#"[{"amount": "20.00","fundChannel":"ALIPAYACCOUNT"}]"#),
        changed("refund_fee", b"20.00"),
        without(signed(payment()), "gmt_payment"),
        without(signed(payment()), "total_amount"),
    ];
    refused("changed", (401, "forged"), &attacks).await;
}

#[test]
fn no_changed_byte_changes_what_a_genuine_notification_says() {
    let account = account("bytes");
    let genuine = genuine();
    let said = said(&genuine);
    let mut harmless = 0;
    for at in 0..genuine.len() {
        for flip in [0x01, 0x10, 0x20, 0x80] {
            let mut changed = genuine.clone();
            changed[at] ^= flip;
            let request = Request { headers: Headers::default(), body: changed.clone().into() };
            if verify(&account, request, now()).is_ok() {
                // `%2f` says what `%2F` says.
                assert_eq!(self::said(&changed), said, "byte {at}");
                harmless += 1;
            }
        }
    }
    assert!(harmless > 0, "the comparison is not empty");
}

fn said(body: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let form = Form::parse(body).unwrap();
    form.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

#[tokio::test]
async fn the_message_does_not_choose_the_algorithm() {
    let named = |name: &[u8]| with(signed(payment()), "sign_type", name);
    let attacks = [
        named(b"RSA"),
        named(b"rsa2"),
        named(b"SM2"),
        named(b"none"),
        named(b""),
        named(b"RSA2 "),
        without(signed(payment()), "sign_type"),
        // Genuinely signed in the class that signs the word itself.
        sealed(
            with(payment(), "sign_type", b"RSA"),
            &text(&with(payment(), "sign_type", b"RSA")),
            &KEYS[0],
        ),
    ];
    refused("algorithm", (401, "wrong_algorithm"), &attacks).await;
}

#[tokio::test]
async fn a_missing_or_empty_signature_is_none() {
    let attacks = [payment(), with(payment(), "sign", b"")];
    refused("unsigned", (401, "unsigned"), &attacks).await;
}

#[tokio::test]
async fn a_signature_is_exact_base64_of_a_configured_key() {
    let genuine = signed(payment());
    let sign = genuine.iter().find(|(key, _)| key == "sign").unwrap().1.clone();
    let written = |sign: &[u8]| with(genuine.clone(), "sign", sign);
    let foreign = sealed(payment(), &text(&without(payment(), "sign_type")), &KEYS[2]);
    let url_safe: Vec<u8> =
        sign.iter().map(|byte| if *byte == b'/' { b'_' } else { *byte }).chain(*b"_").collect();
    let attacks = [
        foreign,
        written(&[&sign[..100], b"\n", &sign[100..]].concat()),
        written(&[b" ", &sign[..]].concat()),
        written(&[&sign[..], b"\r\n"].concat()),
        written(&sign[..sign.len() - 2]),
        written(&[&sign[..], b"="].concat()),
        written(&url_safe),
        written(b"AAAA"),
        written(&sign[4..]),
    ];
    refused("base64", (401, "forged"), &attacks).await;
}

#[tokio::test]
async fn a_plus_that_came_unescaped_is_not_repaired() {
    let door = Door::open("plus").await;
    let mut sent = 0;
    // Signatures differ with every number, and nearly all hold a plus.
    for number in 0..8 {
        let pairs = signed(with(payment(), "notify_id", format!("n{number}").as_bytes()));
        let body = String::from_utf8(body(&pairs)).unwrap();
        if body.contains("%2B%") || body.split("&sign=").nth(1).unwrap().contains("%2B") {
            let (rest, sign) = body.split_once("&sign=").unwrap();
            let spaced = format!("{rest}&sign={}", sign.replace("%2B", "+"));
            sent += 1;
            door.rejected(&door.post(spaced.as_bytes()).await, 401, ("forged", sent));
        }
    }
    assert!(sent > 0, "some signature held a plus");
}

#[tokio::test]
async fn a_key_that_stands_twice_is_no_form_whatever_it_says() {
    let door = Door::open("twice").await;
    let genuine = genuine();
    let more: [&[u8]; 6] = [
        b"&total_amount=20%2E00",
        b"&total_amount=0.01",
        b"&sign=x",
        b"&sign_type=RSA2",
        b"&total%5famount=1",
        b"&app_id=",
    ];
    for (times, more) in (1..).zip(more) {
        let appended = door.post(&[&genuine, more].concat()).await;
        door.rejected(&appended, 400, ("malformed", 2 * times - 1));
        let prefixed = door.post(&[&more[1..], b"&", &genuine].concat()).await;
        door.rejected(&prefixed, 400, ("malformed", 2 * times));
    }
}

#[tokio::test]
async fn what_stands_in_the_url_is_not_part_of_the_notification() {
    let door = Door::open("query").await;
    let less = body(&without(signed(payment()), "total_amount"));
    let answer = door.post_to("?total_amount=20.00", FORM, &less).await;
    door.rejected(&answer, 401, ("forged", 1));
    let all = format!("?{}", String::from_utf8(genuine()).unwrap());
    let answer = door.post_to(&all, FORM, b"").await;
    door.rejected(&answer, 400, ("malformed", 1));
    let injected = door.post_to("?total_amount=0.01&sign_type=RSA&a=%zz", FORM, &genuine()).await;
    assert_eq!((injected.status, injected.body.as_str()), (200, "success"));
}

#[tokio::test]
async fn another_apps_or_sellers_genuine_notification_is_not_ours() {
    let attacks = [
        signed(with(payment(), "app_id", b"2021000000000002")),
        signed(without(payment(), "app_id")),
        signed(with(payment(), "seller_id", b"2088000000000000")),
        signed(without(payment(), "seller_id")),
        signed(with(payment(), "app_id", b"2021000000000001 ")),
    ];
    refused("foreign", (401, "not_ours"), &attacks).await;
}

#[tokio::test]
async fn the_payers_return_link_is_no_notification() {
    let link = return_link();
    // What an attacker adds without a signature, even if the text ignores it, does not make it one.
    let adorned = with(with(signed(link.clone()), "notify_id", b""), "notify_type", b"");
    refused("return", (401, "not_a_notification"), &[signed(link), adorned]).await;
}

#[tokio::test]
async fn a_text_cut_into_other_pairs_is_refused_though_its_signature_fits() {
    // The buyer worded the subject; Alipay signed it in good faith.
    let worded = b"x&total_amount=20.00&trade_no=T9&trade_status=TRADE_SUCCESS&z=".to_vec();
    let honest = signed(with(payment(), "subject", &worded));
    let joined = String::from_utf8(text(&without(honest.clone(), "sign_type"))).unwrap();
    let (_, hidden) = joined.split_once("&z=").unwrap();
    let mut cut = honest.clone();
    for (key, value) in
        [("subject", "x"), ("total_amount", "20.00"), ("trade_no", "T9"), ("z", hidden)]
    {
        cut = with(cut, key, value.as_bytes());
    }
    let cut = without(without(cut, "version"), "sign");
    let sign = honest.iter().find(|(key, _)| key == "sign").unwrap().1.clone();
    let hidden_refund = with(payment(), "refund_fee", b"20.00");
    let hidden_refund = signed(with(hidden_refund, "point_amount", b"0.00"));
    let merged =
        with(without(hidden_refund, "refund_fee"), "point_amount", b"0.00&refund_fee=20.00");
    assert_eq!(
        text(&without(cut.clone(), "sign_type")),
        text(&without(without(honest, "sign"), "sign_type"))
    );
    refused("cut", (401, "ambiguous"), &[with(cut, "sign", &sign), merged]).await;
}

#[tokio::test]
async fn a_key_that_holds_a_separator_hides_nothing() {
    let both = with(with(payment(), "point_amount", b"0.00"), "refund_fee", b"20.00");
    let honest = signed(both);
    let hidden = without(without(honest, "point_amount"), "refund_fee");
    let hidden = with(hidden, "point_amount=0.00&refund_fee", b"20.00");
    refused("separator", (400, "malformed"), &[hidden]).await;
}

#[tokio::test]
async fn only_a_plain_form_is_looked_at() {
    let door = Door::open("form").await;
    let headers = [
        "content-type: application/json\r\n",
        "content-type: text/plain\r\n",
        "content-type: multipart/form-data; boundary=x\r\n",
        "content-type: application/x-www-form-urlencoded-not\r\n",
        "content-type: \r\n",
        "content-type: \u{e9}\r\n",
        &format!("{FORM}content-encoding: gzip\r\n"),
        &format!("{FORM}content-encoding: identity\r\n"),
    ];
    for (times, headers) in (1..).zip(headers) {
        let answer = door.post_to("", headers, &genuine()).await;
        door.rejected(&answer, 400, ("malformed", times));
    }
}
