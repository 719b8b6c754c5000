//! What must not get in, and the exact answer to it.

use shared::broker::PublishError;
use shared::provider::Scheme;

use super::authority::KEYS;
use super::sender::{
    LEAF, Pairs, SECURE_KEYS, body, genuine, hex, keyed, pairs, payment, read, scheme, sealed,
    settings, sharing, signed, text, verdict, with, without,
};
use crate::door::{BODY_LIMIT, Door, FORM};

/// Posts each attack to a door of its own account and checks that it is turned away for this reason.
pub(super) async fn refused(name: &'static str, (status, reason): (u16, &str), attacks: &[Pairs]) {
    let door = Door::of(name, scheme()).await;
    for (times, attack) in (1..).zip(attacks) {
        let answer = door.post(&body(attack)).await;
        door.rejected(&answer, status, (reason, times));
        assert_eq!(answer.body, "fail");
        assert!(answer.head.contains("content-type: text/plain; charset=utf-8\r\n"));
    }
}

#[tokio::test]
async fn a_changed_value_is_a_forgery() {
    let changed = |key: &str, value: &[u8]| with(signed(payment()), key, value);
    let attacks = [
        changed("txnAmt", b"1"),
        changed("txnAmt", b"02000"),
        changed("orderId", b"A2"),
        changed("queryId", b"782611231200000740282"),
        changed("respCode", b"A6"),
        changed("merId", b"777290058167152"),
        changed("origQryId", b"1"),
        changed("reqReserved", "透传 1 1 100% %2B".as_bytes()),
        without(signed(payment()), "traceTime"),
        without(signed(payment()), "txnAmt"),
    ];
    refused("up-changed", (401, "forged"), &attacks).await;
}

#[test]
fn no_changed_byte_changes_what_a_genuine_notification_says() {
    let genuine = genuine();
    let (settings, said) = (settings(), read(&genuine));
    let mut harmless = 0;
    for at in 0..genuine.len() {
        for flip in [0x01, 0x20] {
            let mut changed = genuine.clone();
            changed[at] ^= flip;
            if verdict(settings.clone(), &changed).is_ok() {
                // `%2f` says what `%2F` says.
                assert_eq!(read(&changed), said, "byte {at}");
                harmless += 1;
            }
        }
    }
    assert!(harmless > 0, "the comparison is not empty");
}

#[tokio::test]
async fn a_missing_or_empty_signature_is_none() {
    let attacks = [
        payment(),
        without(signed(payment()), "signature"),
        with(signed(payment()), "signature", b""),
    ];
    refused("up-unsigned", (401, "unsigned"), &attacks).await;
}

#[tokio::test]
async fn a_signature_is_exact_base64_of_unionpays_key() {
    let genuine = signed(payment());
    let sign = genuine.iter().find(|(key, _)| key == "signature").unwrap().1.clone();
    let written = |sign: &[u8]| with(genuine.clone(), "signature", sign);
    let with_leaf = with(payment(), "signPubKeyCert", LEAF.as_bytes());
    let attacks = [
        // Another key under UnionPay's certificate.
        sealed(with_leaf.clone(), &text(&with_leaf), &KEYS[2]),
        // The text itself was signed, not its hash in hex.
        sealed_plainly(&with_leaf),
        written(&[b" ", &sign[..]].concat()),
        written(&[&sign[..], b"\r\n"].concat()),
        written(&sign[..sign.len() - 4]),
        written(b"AAAA"),
    ];
    refused("up-base64", (401, "forged"), &attacks).await;
}

fn sealed_plainly(pairs: &Pairs) -> Pairs {
    use base64::Engine as _;
    use rsa::signature::{SignatureEncoding as _, Signer as _};
    let key = rsa::pkcs1v15::SigningKey::<sha2::Sha256>::new(KEYS[0].clone());
    let signature = key.sign(&text(pairs)).to_bytes();
    let signature = base64::engine::general_purpose::STANDARD.encode(signature);
    with(pairs.clone(), "signature", signature.as_bytes())
}

#[tokio::test]
async fn the_message_does_not_choose_version_or_algorithm() {
    let genuinely = |key: &str, value: &[u8]| signed(with(payment(), key, value));
    let attacks = [
        genuinely("version", b"5.0.0"),
        genuinely("version", b"5.1.1"),
        genuinely("version", b""),
        genuinely("signMethod", b"11"),
        genuinely("signMethod", b"12"),
        genuinely("signMethod", b"1"),
        signed(without(payment(), "signMethod")),
        signed(without(payment(), "version")),
        keyed(payment(), ""),
    ];
    refused("up-algorithm", (401, "wrong_algorithm"), &attacks).await;
}

#[tokio::test]
async fn a_secure_key_is_nobody_elses_and_no_certificate_replaces_it() {
    let door = Door::of("up-secure", Scheme::UnionPay(sharing())).await;
    for (times, key) in (1..).zip(["", "another", "979DA4CFCCBAE7923641DAA5DD7047C2"]) {
        let answer = door.post(&body(&keyed(payment(), key))).await;
        door.rejected(&answer, 401, ("forged", times));
    }
    let upper = keyed(payment(), SECURE_KEYS[0]);
    let sign = upper.iter().find(|(key, _)| key == "signature").unwrap().1.to_ascii_uppercase();
    let answer = door.post(&body(&with(upper, "signature", &sign))).await;
    door.rejected(&answer, 401, ("forged", 4));
    // The text's hash without the key, which everybody can make.
    let bare = with(payment(), "signMethod", b"11");
    let answer =
        door.post(&body(&with(bare.clone(), "signature", hex(&text(&bare)).as_bytes()))).await;
    door.rejected(&answer, 401, ("forged", 5));
    let answer = door.post(&genuine()).await;
    door.rejected(&answer, 401, ("wrong_algorithm", 1));
}

#[tokio::test]
async fn another_merchants_genuine_notification_is_not_ours() {
    let attacks = [
        signed(with(payment(), "merId", b"777290058167152")),
        signed(with(payment(), "merId", b"777290058167151 ")),
        signed(without(payment(), "merId")),
    ];
    refused("up-merchant", (401, "not_ours"), &attacks).await;
}

#[tokio::test]
async fn a_genuine_text_that_is_no_notification_is_refused() {
    let bare =
        pairs(&[("merId", super::sender::MER_ID), ("version", "5.1.0"), ("signMethod", "01")]);
    let attacks = [
        signed(bare),
        signed(without(payment(), "txnType")),
        signed(without(payment(), "respCode")),
        signed(without(payment(), "orderId")),
        signed(with(payment(), "txnTime", b"")),
    ];
    refused("up-no-notification", (401, "not_a_notification"), &attacks).await;
}

#[tokio::test]
async fn a_text_cut_into_other_pairs_is_refused_though_its_signature_fits() {
    // The payer worded what the merchant reserved; UnionPay signed it in good faith.
    let worded = b"x&respCode=00&respMsg=y&settleAmt=1&z=".to_vec();
    let honest = with(with(payment(), "reqReserved", &worded), "respCode", b"01");
    let honest = signed(honest);
    let mut cut = honest.clone();
    let hidden = "&respCode=01&respMsg=成功[0000000]&settleAmt=2000";
    for (key, value) in
        [("reqReserved", "x"), ("respCode", "00"), ("respMsg", "y"), ("settleAmt", "1")]
    {
        cut = with(cut, key, value.as_bytes());
    }
    // Sorted, `z` would stand behind the rest, so the cut text would be another: it stays hidden.
    let swallowed = with(honest.clone(), "settleAmt", format!("1&z={hidden}").as_bytes());
    let signature =
        |pairs: &Pairs| pairs.iter().find(|(key, _)| key == "signature").unwrap().1.clone();
    let cut = with(cut, "settleAmt", format!("1&z={hidden}").as_bytes());
    let cut = with(cut, "signature", &signature(&honest));
    let unsigned = |pairs: &Pairs| text(&without(pairs.clone(), "signature"));
    assert_eq!(unsigned(&cut), unsigned(&honest), "the same text");
    assert_ne!(unsigned(&swallowed), unsigned(&honest));
    let merged = with(payment(), "origQryId", b"9");
    let merged = signed(with(merged, "orderId", b"A1"));
    let merged = with(without(merged, "origQryId"), "orderId", b"A1&origQryId=9");
    refused("up-cut", (401, "ambiguous"), &[cut, merged]).await;
}

#[tokio::test]
async fn what_is_no_form_is_400() {
    let door = Door::of("up-form", scheme()).await;
    let genuine = genuine();
    let bodies: [&[u8]; 5] = [
        b"",
        b"a=%zz",
        &[&genuine[..], b"&signature=x"].concat(),
        &[&genuine[..], b"&txnAmt=1"].concat(),
        &[&genuine[..], b"&txn%41mt=1"].concat(),
    ];
    for (times, body) in (1..).zip(bodies) {
        door.rejected(&door.post(body).await, 400, ("malformed", times));
    }
    let json = "content-type: application/json\r\n";
    door.rejected(&door.post_to("", json, &genuine).await, 400, ("malformed", 6));
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_and_what_the_broker_refuses_503() {
    let door = Door::of("up-long", scheme()).await;
    let long = [&genuine()[..], &vec![b'a'; BODY_LIMIT]].concat();
    door.rejected(&door.post(&long).await, 413, ("too_large", 1));
    let door = Door::of_refusing("up-refused", scheme(), PublishError::TimedOut).await;
    door.rejected(&door.post(&genuine()).await, 503, ("timed_out", 1));
}

#[tokio::test]
async fn what_stands_in_the_url_is_not_part_of_the_notification() {
    let door = Door::of("up-query", scheme()).await;
    let less = body(&without(signed(payment()), "txnAmt"));
    door.rejected(&door.post_to("?txnAmt=2000", FORM, &less).await, 401, ("forged", 1));
    let injected = door.post_to("?txnAmt=1&merId=9", FORM, &genuine()).await;
    assert_eq!((injected.status, injected.body.as_str()), (200, "ok"));
}
