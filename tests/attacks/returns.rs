//! What a payer's browser may bring back, and what an attacker makes of such a link.

use shared::money::{Currency, Money};
use shared::process::now;
use shared::provider::{Rejection, Returned, verify_return};

use crate::sender::{
    KEYS, Pairs, SELLER_ID, account, body, genuine, payment, return_link, sealed, signed, text,
    with, without,
};

const NOT_A_RETURN: Rejection = Rejection::Malformed("what was posted is no return");

fn shown(pairs: &Pairs) -> Result<Returned, Rejection> {
    verify_return(&account("return"), &body(pairs), now())
}

#[test]
fn a_signed_link_says_the_order_and_its_amount() {
    let said = Returned {
        order_number: "A-1".to_owned(),
        amount: Some(Money { minor: 2000, currency: Currency::CNY }),
    };
    assert_eq!(shown(&signed(return_link())), Ok(said.clone()));
    let wap = with(return_link(), "method", b"alipay.trade.wap.pay.return");
    assert_eq!(shown(&signed(wap)), Ok(said));
    let gbk = with(with(return_link(), "charset", b"gbk"), "out_trade_no", b"\xb6\xa9-1");
    assert_eq!(shown(&signed(gbk)).unwrap().order_number, "订-1");
}

#[test]
fn a_changed_link_is_a_forgery() {
    let changed = |key: &str, value: &[u8]| with(signed(return_link()), key, value);
    for link in [
        changed("out_trade_no", b"A-2"),
        changed("total_amount", b"0.01"),
        changed("shop", b"1"),
        without(signed(return_link()), "timestamp"),
        sealed(return_link(), &text(&without(return_link(), "sign_type")), &KEYS[2]),
        // Returns are signed in one class alone.
        sealed(return_link(), &text(&return_link()), &KEYS[0]),
    ] {
        assert_eq!(shown(&link), Err(Rejection::Forged));
    }
}

#[test]
fn each_link_that_is_not_shown_is_refused_for_its_own_reason() {
    let signed_with = |key: &str, value: &[u8]| signed(with(return_link(), key, value));
    for (link, reason) in [
        (return_link(), "unsigned"),
        (with(signed(return_link()), "sign_type", b"RSA"), "wrong_algorithm"),
        (without(signed(return_link()), "sign_type"), "wrong_algorithm"),
        (signed_with("app_id", b"2021000000000002"), "not_ours"),
        (signed_with("seller_id", b"2088000000000000"), "not_ours"),
        (signed(without(return_link(), "seller_id")), "not_ours"),
        (signed_with("method", b"alipay.trade.page.pay"), "malformed"),
        (signed(without(return_link(), "method")), "malformed"),
        (signed_with("total_amount", b"20.001"), "malformed"),
        (signed_with("out_trade_no", b"a\0b"), "malformed"),
        (signed(without(return_link(), "out_trade_no")), "malformed"),
        (with(return_link(), "sign", b"AAAA"), "forged"),
    ] {
        assert_eq!(shown(&link).unwrap_err().reason(), reason, "{link:?}");
    }
}

#[test]
fn a_notification_is_no_return_though_its_signature_is_the_same() {
    assert_eq!(verify_return(&account("return"), &genuine(), now()), Err(NOT_A_RETURN));
    // Whoever words the subject cannot make it one: `notify_id` stays.
    let posing = with(payment(), "method", b"alipay.trade.page.pay.return");
    assert_eq!(shown(&signed(posing)), Err(NOT_A_RETURN));
    assert!(
        payment().iter().any(|(key, value)| key == "seller_id" && value == SELLER_ID.as_bytes())
    );
}

#[test]
fn a_link_that_is_no_form_is_not_repaired() {
    let link = String::from_utf8(body(&signed(return_link()))).unwrap();
    for bytes in ["", "&", "a=%zz", &format!("{link}&out_trade_no=A-2"), &format!("{link}%")] {
        let judged = verify_return(&account("return"), bytes.as_bytes(), now());
        assert!(matches!(judged, Err(Rejection::Malformed(_) | Rejection::Forged)), "{bytes}");
    }
}
