//! What must not get in, and the exact answer to it.

use shared::broker::PublishError;
use shared::process::now;
use shared::provider::Rejection;
use shared::provider::wechat_pay_v2::{Settings, SignType};

use super::sender::{
    API_KEYS, APPID, Pairs, around, body, contract, hmac_of, md5_of, pairs, payment, plain, refund,
    refunded, scheme, sealed, settings, signed, signed_hmac, text, verdict, with, without,
};
use crate::door::{Answer, BODY_LIMIT, Door};

const REJECT: &str = "<xml><return_code><![CDATA[FAIL]]></return_code><return_msg><![CDATA[not accepted]]></return_msg></xml>";
pub(super) const XML: &str = "content-type: text/xml\r\n";

pub(super) async fn post(door: &Door, body: impl AsRef<[u8]>) -> Answer {
    door.post_to("", XML, body.as_ref()).await
}

/// Posts each attack to a door of its own account and checks that it is turned away for this reason.
pub(super) async fn refused(name: &'static str, (status, reason): (u16, &str), attacks: &[String]) {
    let door = Door::of(name, scheme()).await;
    for (times, attack) in (1..).zip(attacks) {
        let answer = post(&door, attack).await;
        door.rejected(&answer, status, (reason, times));
        assert_eq!(answer.body, REJECT);
        assert!(answer.head.contains("content-type: text/xml; charset=utf-8\r\n"));
    }
}

fn bodies(attacks: &[Pairs]) -> Vec<String> {
    attacks.iter().map(body).collect()
}

#[tokio::test]
async fn a_changed_value_is_a_forgery() {
    let changed = |name: &str, value: &str| with(signed(payment()), name, value);
    let attacks = [
        changed("total_fee", "1"),
        changed("total_fee", "2000 "),
        changed("out_trade_no", "A-2"),
        changed("transaction_id", "1"),
        changed("coupon_fee", "500"),
        changed("mch_id", "1900000110"),
        without(signed(payment()), "time_end"),
        with(signed_hmac(payment()), "total_fee", "1"),
    ];
    refused("v2-changed", (401, "forged"), &bodies(&attacks)).await;
}

#[test]
fn no_changed_byte_changes_what_a_genuine_notification_says() {
    let genuine = body(&signed(payment())).into_bytes();
    let said = super::sender::read(&genuine);
    let mut harmless = 0;
    for at in 0..genuine.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut changed = genuine.clone();
            changed[at] ^= flip;
            if verdict(settings(), &changed).is_ok() {
                // A line's end between elements, or the case of the signature's digits.
                assert_eq!(super::sender::read(&changed), said, "byte {at}");
                harmless += 1;
            }
        }
    }
    assert!(harmless > 0, "the comparison is not empty");
}

#[tokio::test]
async fn a_missing_or_empty_signature_is_none() {
    let failed = pairs(&[("return_code", "FAIL"), ("return_msg", "签名失败")]);
    let attacks = [
        payment(),
        with(payment(), "sign", ""),
        failed,
        with(payment(), "req_info", ""),
        pairs(&[]),
    ];
    refused("v2-unsigned", (401, "unsigned"), &bodies(&attacks)).await;
}

#[tokio::test]
async fn a_signature_is_hex_of_a_configured_key() {
    let of = text(&payment());
    let written = |sign: String| with(payment(), "sign", &sign);
    let genuine = md5_of(&of, API_KEYS[0]);
    let attacks = [
        // Another merchant's.
        written(md5_of(&of, API_KEYS[2])),
        written(hmac_of(&of, API_KEYS[2])),
        written(md5_of(&of, "")),
        written(genuine[..31].to_owned()),
        written(genuine[..30].to_owned()),
        written(format!("{genuine}00")),
        written(format!(" {genuine}")),
        written(format!("{}G", &genuine[..31])),
        written("0".repeat(32)),
        written("0".repeat(64)),
    ];
    refused("v2-hex", (401, "forged"), &bodies(&attacks)).await;
}

#[test]
fn what_is_pinned_is_what_is_allowed() {
    let hmac_only = || Settings { sign_types: vec![SignType::HmacSha256], ..settings() };
    let md5_only = || Settings { sign_types: vec![SignType::Md5], ..settings() };
    let (by_md5, by_hmac) = (body(&signed(payment())), body(&signed_hmac(payment())));
    assert_eq!(verdict(hmac_only(), by_hmac.as_bytes()), Ok(()));
    assert_eq!(verdict(hmac_only(), by_md5.as_bytes()), Err(Rejection::WrongAlgorithm));
    assert_eq!(verdict(md5_only(), by_md5.as_bytes()), Ok(()));
    assert_eq!(verdict(md5_only(), by_hmac.as_bytes()), Err(Rejection::WrongAlgorithm));
    let says_md5 = body(&signed_hmac(with(payment(), "sign_type", "MD5")));
    assert_eq!(verdict(hmac_only(), says_md5.as_bytes()), Err(Rejection::WrongAlgorithm));
}

#[tokio::test]
async fn an_algorithm_that_nobody_knows_is_refused() {
    let named = |name: &str| signed(with(payment(), "sign_type", name));
    let attacks = [named("SHA1"), named("md5"), named("HMAC"), named("none"), named("MD5 ")];
    refused("v2-algorithm", (401, "wrong_algorithm"), &bodies(&attacks)).await;
}

#[tokio::test]
async fn what_the_same_key_signs_elsewhere_is_no_notification() {
    let attacks = [
        // The payer's own telephone shows these two: a code to scan, and what opens the payment.
        pairs(&[
            ("appid", APPID),
            ("mch_id", "1900000109"),
            ("nonce_str", "x"),
            ("product_id", "1"),
            ("time_stamp", "1"),
        ]),
        with(
            pairs(&[
                ("appId", APPID),
                ("nonceStr", "x"),
                ("package", "prepay_id=wx1"),
                ("signType", "MD5"),
                ("timeStamp", "1"),
            ]),
            "mch_id",
            "1900000109",
        ),
        // Answers to a shop's own requests.
        without(without(payment(), "transaction_id"), "out_trade_no"),
        without(payment(), "transaction_id"),
        with(payment(), "out_refund_no", "A-1-R"),
        with(payment(), "return_code", "FAIL"),
        without(payment(), "return_code"),
        without(payment(), "result_code"),
    ];
    let attacks: Vec<_> = attacks
        .into_iter()
        .map(|pairs| {
            if pairs.iter().any(|(name, _)| name == "appid") {
                pairs
            } else {
                with(pairs, "appid", APPID)
            }
        })
        .map(signed)
        .collect();
    refused("v2-elsewhere", (401, "not_a_notification"), &bodies(&attacks)).await;
}

#[tokio::test]
async fn what_is_anothers_is_refused() {
    let attacks = [
        signed(with(payment(), "mch_id", "1900000110")),
        signed(without(payment(), "mch_id")),
        signed(with(payment(), "appid", "wx0")),
        signed(without(payment(), "appid")),
        signed(with(contract("ADD"), "mch_id", "1900000110")),
        signed(with(contract("ADD"), "appid", "wx0")),
        with(refunded(&refund()), "mch_id", "1900000110"),
        with(refunded(&refund()), "appid", "wx0"),
    ];
    refused("v2-anothers", (401, "not_ours"), &bodies(&attacks)).await;
}

#[tokio::test]
async fn a_text_cut_into_other_pairs_is_refused_though_its_signature_fits() {
    // The remark was worded by a stranger; WeChat signed it in good faith.
    let worded = "x&out_trade_no=A-2&total_fee=1&transaction_id=T9&zz=";
    let honest = signed(with(payment(), "attach", worded));
    let joined = text(&honest);
    let hidden = joined.split_once("&zz=").unwrap().1;
    let mut cut = pairs(&[("appid", APPID), ("attach", "x"), ("out_trade_no", "A-2")]);
    cut = with(with(cut, "total_fee", "1"), "transaction_id", "T9");
    cut = with(cut, "zz", hidden);
    assert_eq!(text(&cut), joined);
    let sign = honest.iter().find(|(name, _)| name == "sign").unwrap().1.clone();
    // An agreement that WeChat named is taken away, or one is brought in.
    let named = signed(with(with(payment(), "contract_id", "C-1"), "coin", "1"));
    let merged = with(without(named, "contract_id"), "coin", "1&contract_id=C-1");
    let brought = signed(with(payment(), "attach", "x&contract_id=C-9&d="));
    let joined = text(&brought);
    let hidden = joined.split_once("&d=").unwrap().1.split_once("&fee_type=").unwrap().0;
    let sign_of_brought = brought.iter().find(|(name, _)| name == "sign").unwrap().1.clone();
    let mut taken_in = with(payment(), "attach", "x");
    for name in ["bank_type", "cash_fee"] {
        taken_in = without(taken_in, name);
    }
    taken_in = with(with(taken_in, "contract_id", "C-9"), "d", hidden);
    assert_eq!(text(&taken_in), joined);
    let attacks =
        [with(cut, "sign", &sign), honest, merged, with(taken_in, "sign", &sign_of_brought)];
    refused("v2-cut", (401, "ambiguous"), &bodies(&attacks)).await;
}

#[tokio::test]
async fn every_failure_within_a_refund_is_one_and_the_same() {
    let clear = plain(&refund());
    let whole = sealed(&clear, API_KEYS[0]);
    let blocks = |sealed: &str, from: usize, to: usize| {
        use base64::Engine as _;
        let engine = base64::engine::general_purpose::STANDARD;
        engine.encode(&engine.decode(sealed).unwrap()[from..to])
    };
    let length = whole.len() / 4 * 3;
    let with_info = |info: &str| body(&with(around(), "req_info", info));
    let of = |clear: &str| with_info(&sealed(clear, API_KEYS[0]));
    let attacks = [
        // Bad padding: the last block is another, or cut.
        with_info(&blocks(&whole, 0, 16)),
        with_info(&blocks(&whole, 16, length / 16 * 16)),
        with_info(&blocks(&whole, 0, 17)),
        with_info(&format!("{whole} ")),
        with_info("AAAA"),
        with_info("%%%"),
        // Good padding, and no whole refund within.
        of(""),
        of("<root></root>"),
        of(&clear.replace("root>", "xml>")),
        of(&clear.replace("</root>", "")),
        of(&format!("<!DOCTYPE root>{clear}")),
        of(&plain(&without(refund(), "refund_fee"))),
        of(&plain(&without(refund(), "out_trade_no"))),
        with_info(&sealed(&clear, API_KEYS[2])),
        with_info(&sealed("支付", API_KEYS[0])),
    ];
    let door = Door::of("v2-refund", scheme()).await;
    let mut answers = vec![];
    for (times, attack) in (1..).zip(&attacks) {
        let answer = post(&door, attack).await;
        door.rejected(&answer, 401, ("forged", times));
        let lines = answer.head.lines().filter(|line| !line.starts_with("date:"));
        answers.push((lines.map(ToOwned::to_owned).collect::<Vec<_>>(), answer.body));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_413_and_a_dead_broker_503() {
    let door = Door::of("v2-long", scheme()).await;
    let answer = post(&door, "x".repeat(BODY_LIMIT + 1)).await;
    door.rejected(&answer, 413, ("too_large", 1));
    assert_eq!(answer.body, REJECT);
    let door = Door::of_refusing("v2-down", scheme(), PublishError::TimedOut).await;
    let answer = post(&door, body(&signed(payment()))).await;
    door.rejected(&answer, 503, ("timed_out", 1));
    assert_eq!(answer.body, REJECT);
}

#[test]
fn no_time_is_checked_because_none_is_signed_for_that() {
    let sent = body(&signed(payment()));
    let account = shared::provider::Account { name: "any".to_owned(), scheme: scheme() };
    for now in [now(), time::OffsetDateTime::UNIX_EPOCH] {
        let headers = shared::provider::Headers::default();
        let request = shared::provider::Request { headers, body: sent.clone().into() };
        assert!(shared::provider::verify(&account, request, now).is_ok());
    }
}
