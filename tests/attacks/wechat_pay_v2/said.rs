//! What a worker reads from what the door took, and what it refuses to read.

use shared::notification::{
    AgreementChange, Evidence, Fact, Notification, PaymentStatus, RefundStatus, Revival,
};
use shared::process::now;
use shared::provider::Unreadable;
use shared::provider::wechat_pay_v2::Reader;
use shared::provider::{self, Genuine};
use shared::secret::Secret;
use time::macros::datetime;

use super::sender::{
    API_KEYS, Pairs, body, contract, payment, read, refund, refunded, settings, signed, verdict,
    with, without,
};

/// The door takes it, and this is what it says.
fn said(pairs: Pairs) -> Notification {
    let sent = body(&pairs);
    assert_eq!(verdict(settings(), sent.as_bytes()), Ok(()), "{sent}");
    read(&sent).unwrap()
}

fn failed() -> Pairs {
    let names = ["transaction_id", "total_fee", "time_end", "fee_type", "cash_fee", "bank_type"];
    let bare = names.iter().fold(payment(), |pairs, name| without(pairs, name));
    let bare = with(with(bare, "result_code", "FAIL"), "err_code", "NOTENOUGH");
    with(with(bare, "err_code_des", "余额不足"), "trade_state", "PAY_FAIL")
}

#[test]
fn a_payment_is_its_orders_total_whatever_the_payer_saved() {
    let notification = said(signed(payment()));
    assert_eq!(notification.identity, "1004400740201409030005092168/SUCCESS");
    assert_eq!(notification.kind, "payment/SUCCESS");
    let fact = notification.payment().unwrap();
    assert_eq!((fact.amount.minor, fact.amount.currency.as_str()), (2000, "CNY"));
    assert_eq!((fact.order_number.as_str(), fact.status), ("A-1", PaymentStatus::Succeeded));
    assert_eq!(fact.occurred_at, datetime!(2026-11-23 04:00:03 UTC));
    let without_currency = said(signed(without(payment(), "fee_type")));
    assert_eq!(without_currency.payment(), Some(fact));
    let yen = said(signed(with(payment(), "fee_type", "JPY")));
    assert_eq!(yen.payment().unwrap().amount.to_decimal(), "2000");
}

#[test]
fn a_charge_that_failed_names_its_agreement_or_its_payment() {
    let notification = said(signed(with(failed(), "contract_id", "C-1")));
    assert_eq!(notification.identity, "A-1/FAIL/PAY_FAIL/NOTENOUGH");
    let Some(Fact::Agreement(fact)) = notification.fact else { panic!("no agreement") };
    assert_eq!((fact.agreement.as_str(), fact.revival), ("C-1", Revival::Never));
    let expected = AgreementChange::ChargeFailed { charge: "A-1".into(), amount: None };
    assert_eq!(fact.change, expected);

    assert_eq!(said(signed(failed())).fact, None, "it names neither");
    let named = with(with(failed(), "transaction_id", "T1"), "total_fee", "2000");
    let notification = said(signed(named));
    assert_eq!(notification.payment().unwrap().status, PaymentStatus::Failed);
    // The same number, when the charge succeeds at last, is another notification and a payment.
    let later = said(signed(with(with(payment(), "transaction_id", "T1"), "contract_id", "C-1")));
    assert_ne!(later.identity, notification.identity);
    assert_eq!(later.payment().unwrap().agreement.as_deref(), Some("C-1"));
}

#[test]
fn a_result_that_is_not_wholly_success_is_no_payment() {
    let stated = |state: &str| said(signed(with(payment(), "trade_state", state)));
    assert!(stated("SUCCESS").payment().is_some());
    for state in ["NOTPAY", "USERPAYING", "ACCEPT", "CLOSED", "REVOKED", "REFUND", "success"] {
        let notification = stated(state);
        assert_eq!((notification.payment(), &notification.fact), (None, &None), "{state}");
    }
    for state in ["PAYERROR", "PAY_FAIL"] {
        assert_eq!(stated(state).payment().unwrap().status, PaymentStatus::Failed, "{state}");
    }
    assert_eq!(said(signed(with(payment(), "result_code", "success"))).fact, None);
}

#[test]
fn a_refund_is_a_hint_whatever_it_says() {
    for (stated, expected) in [
        ("SUCCESS", RefundStatus::Succeeded),
        ("CHANGE", RefundStatus::Failed),
        ("REFUNDCLOSE", RefundStatus::Closed),
    ] {
        let notification = said(refunded(&with(refund(), "refund_status", stated)));
        let identity = format!("50000408942018111907145868882/{stated}");
        assert_eq!(notification.identity, identity);
        let Some(Fact::Refund(fact)) = notification.fact else { panic!("no refund") };
        assert_eq!((fact.status, fact.evidence), (expected, Evidence::Hint));
        assert_eq!((fact.amount.minor, fact.refund_no.as_deref()), (700, Some("A-1-R")));
        assert_eq!(fact.occurred_at, datetime!(2026-11-24 01:00:00 UTC));
    }
    assert_eq!(said(refunded(&with(refund(), "refund_status", "PROCESSING"))).fact, None);
    // A refund that nobody asked for is one too: who knows the orders decides.
    let unknown = said(refunded(&with(refund(), "out_refund_no", "never-asked")));
    let Some(Fact::Refund(fact)) = unknown.fact else { panic!("no refund") };
    assert_eq!(fact.evidence, Evidence::Hint);
    // Even a signature around it does not cover who encrypted it.
    let Some(Fact::Refund(fact)) = said(signed(refunded(&refund()))).fact else { panic!("none") };
    assert_eq!(fact.evidence, Evidence::Hint);
}

#[test]
fn what_each_change_of_an_agreement_says() {
    let signing = with(contract("ADD"), "contract_expired_time", "2027-11-23 12:00:00");
    let notification = said(signed(signing.clone()));
    assert_eq!(
        (notification.identity.as_str(), notification.kind.as_str()),
        ("Wx15463511252015071056489715/ADD/2026-11-23 12:00:00", "contract/ADD")
    );
    let Some(Fact::Agreement(fact)) = notification.fact else { panic!("no agreement") };
    let valid_until = Some(datetime!(2027-11-23 04:00:00 UTC));
    assert_eq!(fact.change, AgreementChange::Signed { valid_until });
    assert_eq!(fact.subscription_no.as_deref(), Some("SUB-1"));
    assert_eq!(fact.occurred_at, datetime!(2026-11-23 04:00:00 UTC));
    // An end that cannot be read is no reason to lose the signing.
    let odd = said(signed(with(signing, "contract_expired_time", "1453953047")));
    let Some(Fact::Agreement(fact)) = odd.fact else { panic!("no agreement") };
    assert_eq!(fact.change, AgreementChange::Signed { valid_until: None });

    let ended = said(signed(with(contract("DELETE"), "contract_termination_mode", "2")));
    let Some(Fact::Agreement(fact)) = ended.fact else { panic!("no agreement") };
    assert_eq!(fact.change, AgreementChange::Ended);
    assert_eq!(said(signed(contract("PAUSE"))).fact, None);
    assert_eq!(said(signed(with(contract("ADD"), "result_code", "FAIL"))).fact, None);
}

#[test]
fn a_genuine_notification_that_cannot_be_read_is_still_taken() {
    for (name, value) in [
        ("total_fee", "20.00"),
        ("total_fee", "-1"),
        ("total_fee", "+1"),
        ("total_fee", "12345678901234567890"),
        ("total_fee", "１"),
        ("fee_type", "RMB yuan"),
        ("time_end", "2026-11-23T12:00:03Z"),
        ("time_end", "20261323120003"),
        ("out_trade_no", "a\tb"),
        ("transaction_id", &"1".repeat(129)),
    ] {
        let sent = body(&signed(with(payment(), name, value)));
        assert_eq!(verdict(settings(), sent.as_bytes()), Ok(()), "{name}");
        assert!(matches!(read(&sent), Err(Unreadable::Malformed(_))), "{name} {value}");
    }
    for name in ["total_fee", "time_end"] {
        let sent = body(&signed(without(payment(), name)));
        assert_eq!(verdict(settings(), sent.as_bytes()), Ok(()), "{name}");
        assert!(read(&sent).is_err(), "{name}");
    }
    let odd = body(&refunded(&with(refund(), "refund_fee", "7.00")));
    assert_eq!(verdict(settings(), odd.as_bytes()), Ok(()));
    assert!(read(&odd).is_err());
}

#[test]
fn a_worker_without_the_key_reads_no_refund() {
    let reader = Reader { api_keys: vec![Secret::new(API_KEYS[2].to_owned())] };
    let body = body(&refunded(&refund()));
    let genuine = Genuine { http: &[], received_at: now(), body: body.as_bytes() };
    let read = provider::Reader::WechatPayV2(reader).read(&genuine);
    assert_eq!(read, Err(Unreadable::Undecryptable));
}
