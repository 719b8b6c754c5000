//! What a worker reads from what the door took, and what it refuses to read.

use serde_json::{Value, json};
use shared::notification::{
    AgreementChange, Evidence, Fact, Notification, PaymentStatus, RefundStatus, Revival,
};
use shared::provider::Unreadable;
use time::macros::datetime;

use super::sender::{APPID, MCHID, envelope, event, payment, read, read_by, reader, with};

fn one(event_type: &str, original_type: &str, plain: &Value) -> Result<Notification, Unreadable> {
    let mut read = read(event(event_type, original_type, plain))?;
    assert_eq!(read.len(), 1, "{event_type}");
    Ok(read.remove(0))
}

fn paid(plain: &Value) -> Result<Notification, Unreadable> {
    one("TRANSACTION.SUCCESS", "transaction", plain)
}

fn failed(plain: &Value) -> Option<Fact> {
    let plain = with(plain.clone(), "/trade_state", "FAIL".into());
    one("TRANSACTION.FAIL", "transaction", &plain).unwrap().fact
}

fn refund() -> Value {
    json!({
        "mchid": MCHID,
        "out_trade_no": "A-1",
        "transaction_id": "1217752501201407033233368018",
        "out_refund_no": "A-1-R",
        "refund_id": "50200207182018070300011301001",
        "refund_status": "SUCCESS",
        "success_time": "2026-11-24T09:00:00.5+08:00",
        "user_received_account": "招商银行信用卡0403",
        "amount": { "total": 2000, "refund": 700, "payer_total": 1500, "payer_refund": 525 },
    })
}

fn contract() -> Value {
    json!({
        "appid": APPID,
        "mchid": MCHID,
        "plan_id": 12535,
        "contract_id": "201509160000028648",
        "out_contract_code": "SUB-1",
        "contract_state": "SIGNED",
        "contract_signed_time": "2026-11-23T12:00:00+08:00",
        "contract_expired_time": "2027-11-23T12:00:00+08:00",
        "openid": "oHZx6uMbIG46UXQ3SKxVYEgw1LZs",
    })
}

#[test]
fn a_payment_is_its_orders_total_whatever_the_payer_saved() {
    let notification = paid(&payment()).unwrap();
    assert_eq!(notification.identity, "EV-2018022511223320873/TRANSACTION.SUCCESS");
    let fact = notification.payment().unwrap();
    assert_eq!((fact.amount.minor, fact.amount.currency.as_str()), (2000, "CNY"));
    assert_eq!(fact.status, PaymentStatus::Succeeded);
    assert_eq!((fact.order_number.as_str(), fact.agreement.as_deref()), ("A-1", None));
    assert_eq!(fact.transaction, "1217752501201407033233368018");
    assert_eq!(fact.occurred_at, datetime!(2026-11-23 04:00:03 UTC));
}

#[test]
fn each_part_of_a_combined_order_is_a_payment_of_its_own() {
    let part = |number: &str, total: i64, mchid: &str| {
        json!({
            "mchid": mchid, "out_trade_no": number, "transaction_id": format!("T-{number}"),
            "trade_type": "JSAPI", "trade_state": "SUCCESS",
            "success_time": "2026-11-23T12:00:03+08:00",
            "amount": { "total_amount": total, "payer_amount": total, "currency": "CNY" },
        })
    };
    let combined = |parts: &[Value]| {
        let plain = json!({
            "combine_appid": APPID, "combine_mchid": MCHID, "combine_out_trade_no": "C-1",
            "sub_orders": parts,
        });
        read(event("TRANSACTION.SUCCESS", "transaction", &plain))
    };
    let (first, second) = (part("A-1", 100, MCHID), part("A-2", 200, "1900000110"));
    let both = combined(&[first.clone(), second.clone()]).unwrap();
    let facts: Vec<_> = both.iter().map(|one| one.payment().unwrap()).collect();
    assert_eq!([facts[0].amount.minor, facts[1].amount.minor], [100, 200]);
    assert_eq!([&facts[0].order_number, &facts[1].transaction], ["A-1", "T-A-2"]);
    assert_ne!(both[0].identity, both[1].identity);
    // One that is not ours, or not paid, and none is read.
    let foreign = part("A-3", 300, "1900000999");
    assert_eq!(combined(&[first.clone(), foreign]), Err(Unreadable::NotOurs("mchid")));
    let unpaid = with(second, "/trade_state", "NOTPAY".into());
    assert!(combined(&[first, unpaid]).is_err());
    assert!(combined(&[]).is_err());
}

#[test]
fn a_service_provider_may_pin_its_sub_merchants() {
    let plain = with(with(payment(), "/mchid", Value::Null), "/appid", Value::Null);
    let plain = with(with(plain, "/sp_mchid", MCHID.into()), "/sp_appid", APPID.into());
    let plain = with(plain, "/sub_mchid", "1900000200".into());
    let body = event("TRANSACTION.SUCCESS", "transaction", &plain);
    let with_subs = |subs: Option<&str>| {
        let sub_mchids = subs.map(|sub| vec![sub.to_owned()]);
        read_by(super::sender::reader_with(sub_mchids), body.as_bytes()).map(|read| read.len())
    };
    assert_eq!(with_subs(None), Ok(1));
    assert_eq!(with_subs(Some("1900000200")), Ok(1));
    assert_eq!(with_subs(Some("1900000201")), Err(Unreadable::NotOurs("sub_mchid")));
}

#[test]
fn what_is_anothers_is_not_read() {
    for (pointer, value, expected) in [
        ("/mchid", json!("1900000999"), "mchid"),
        ("/mchid", Value::Null, "mchid"),
        ("/mchid", json!(1_900_000_109), "mchid"),
        ("/sp_mchid", json!("1900000999"), "mchid"),
        ("/appid", json!("wx0"), "appid"),
        ("/appid", Value::Null, "appid"),
    ] {
        let said = paid(&with(payment(), pointer, value));
        assert_eq!(said, Err(Unreadable::NotOurs(expected)), "{pointer}");
    }
    let any_app = shared::provider::wechat_pay::Reader { appids: None, ..reader() };
    let body =
        event("TRANSACTION.SUCCESS", "transaction", &with(payment(), "/appid", "wx0".into()));
    assert!(read_by(any_app, body.as_bytes()).is_ok());
}

#[test]
fn a_charge_that_failed_names_its_agreement_or_its_payment() {
    let under = with(payment(), "/contract_id", "C-1".into());
    let Some(Fact::Agreement(fact)) = failed(&under) else { panic!("no agreement") };
    assert_eq!((fact.agreement.as_str(), fact.revival), ("C-1", Revival::Never));
    let AgreementChange::ChargeFailed { charge, amount } = fact.change else { panic!("no charge") };
    assert_eq!((charge.as_str(), amount.unwrap().minor), ("1217752501201407033233368018", 2000));
    assert_eq!(fact.occurred_at, datetime!(2026-11-23 04:00:05 UTC), "when it was told");

    let Some(Fact::Payment(fact)) = failed(&payment()) else { panic!("no payment") };
    assert_eq!(fact.status, PaymentStatus::Failed);
    // It need not have got as far as a transaction.
    let early = with(payment(), "/transaction_id", Value::Null);
    assert_eq!(failed(&early), None);
    let early = with(with(early, "/contract_id", "C-1".into()), "/amount", Value::Null);
    let Some(Fact::Agreement(fact)) = failed(&early) else { panic!("no agreement") };
    let expected = AgreementChange::ChargeFailed { charge: "A-1".into(), amount: None };
    assert_eq!(fact.change, expected);
    // A charge that succeeded is a payment under its agreement.
    let charged = paid(&with(under, "/trade_type", "PAP".into())).unwrap();
    assert_eq!(charged.payment().unwrap().agreement.as_deref(), Some("C-1"));
}

#[test]
fn what_each_refund_event_says() {
    for (event_type, state, expected) in [
        ("REFUND.SUCCESS", "SUCCESS", RefundStatus::Succeeded),
        ("REFUND.ABNORMAL", "ABNORMAL", RefundStatus::Failed),
        ("REFUND.CLOSED", "CLOSED", RefundStatus::Closed),
    ] {
        let plain = with(refund(), "/refund_status", state.into());
        let Some(Fact::Refund(fact)) = one(event_type, "refund", &plain).unwrap().fact else {
            panic!("no refund")
        };
        assert_eq!((fact.status, fact.amount.minor), (expected, 700));
        assert_eq!((fact.evidence, fact.refund_no.as_deref()), (Evidence::Signed, Some("A-1-R")));
        assert_eq!(fact.occurred_at, datetime!(2026-11-24 01:00:00.5 UTC));
    }
}

#[test]
fn what_each_agreement_event_says() {
    for family in ["ENTRUST", "ECOMMERCE_ENTRUST", "INSURANCE_ENTRUST", "PAPAY"] {
        let signed = one(&format!("{family}.SIGN"), "entrust", &contract()).unwrap();
        let Some(Fact::Agreement(fact)) = signed.fact else { panic!("no agreement") };
        assert_eq!(fact.subscription_no.as_deref(), Some("SUB-1"));
        let valid_until = Some(datetime!(2027-11-23 04:00:00 UTC));
        assert_eq!(fact.change, AgreementChange::Signed { valid_until });
        let plain = with(contract(), "/contract_state", "TERMINATED".into());
        let info = json!({ "contract_terminated_time": "2026-12-01T00:00:00+08:00" });
        let plain = with(plain, "/contract_terminate_info", info);
        let ended = one(&format!("{family}.TERMINATE"), "entrust", &plain).unwrap();
        let Some(Fact::Agreement(fact)) = ended.fact else { panic!("no agreement") };
        assert_eq!(fact.change, AgreementChange::Ended);
        assert_eq!(fact.occurred_at, datetime!(2026-11-30 16:00:00 UTC));
    }
    // Overseas there is no state, and the time has another name.
    let plain = with(
        with(contract(), "/contract_state", Value::Null),
        "/contract_signed_time",
        Value::Null,
    );
    let plain = with(plain, "/operate_time", "2026-11-23T13:00:00+08:00".into());
    let Some(Fact::Agreement(fact)) = one("PAPAY.SIGN", "entrust", &plain).unwrap().fact else {
        panic!("no agreement")
    };
    assert_eq!(fact.occurred_at, datetime!(2026-11-23 05:00:00 UTC));
}

#[test]
fn an_event_and_its_resource_must_say_the_same() {
    let ended = with(contract(), "/contract_state", "TERMINATED".into());
    for (event_type, original_type, plain) in [
        ("REFUND.SUCCESS", "refund", payment()),
        ("REFUND.SUCCESS", "transaction", payment()),
        ("REFUND.SUCCESS", "transaction", refund()),
        ("REFUND.SUCCESS", "refund", with(refund(), "/refund_status", "PROCESSING".into())),
        ("REFUND.CLOSED", "refund", refund()),
        ("TRANSACTION.SUCCESS", "transaction", refund()),
        ("TRANSACTION.SUCCESS", "refund", payment()),
        ("TRANSACTION.SUCCESS", "transaction", with(payment(), "/trade_state", "REFUND".into())),
        ("TRANSACTION.SUCCESS", "transaction", with(payment(), "/trade_state", "NOTPAY".into())),
        ("TRANSACTION.SUCCESS", "transaction", with(payment(), "/trade_state", Value::Null)),
        ("TRANSACTION.FAIL", "transaction", payment()),
        ("ENTRUST.SIGN", "entrust", ended),
        ("ENTRUST.TERMINATE", "entrust", contract()),
        ("ENTRUST.SIGN", "entrust", payment()),
    ] {
        let said = one(event_type, original_type, &plain);
        assert!(
            matches!(said, Err(Unreadable::Malformed(_) | Unreadable::NotOurs("appid"))),
            "{event_type}: {said:?}"
        );
    }
}

#[test]
fn what_we_do_not_know_is_no_error_and_is_not_even_opened() {
    for event_type in [
        "PROFITSHARING.SUCCESS",
        "PAYSCORE.USER_PAID",
        "SECURITY_ECHO.SUCCESS",
        "ENTRUST.TERMINATE_INQUIRY",
        "ENTRUST.SIGNING",
        "TRANSACTION.PAY_BACK",
        "transaction.success",
    ] {
        let said = read(envelope(event_type, &json!({})).to_string()).unwrap();
        assert_eq!((said[0].kind.as_str(), &said[0].fact), (event_type, &None));
    }
}

#[test]
fn amounts_times_and_numbers_are_exact_or_not_read() {
    for (pointer, value) in [
        ("/amount/total", json!(-1)),
        ("/amount/total", json!(20.0)),
        ("/amount/total", json!("2000")),
        ("/amount/total", json!(12_345_678_901_234_567_890_u64)),
        ("/amount/total", Value::Null),
        ("/amount/currency", json!("cny")),
        ("/amount/currency", json!(156)),
        ("/success_time", json!("20261123120003")),
        ("/success_time", json!("9999-12-31T23:59:59-23:59")),
        ("/success_time", Value::Null),
        ("/out_trade_no", json!("")),
        ("/out_trade_no", json!("a\u{0}b")),
        ("/out_trade_no", json!("1".repeat(129))),
        ("/transaction_id", json!(1)),
    ] {
        let said = paid(&with(payment(), pointer, value.clone()));
        assert!(matches!(said, Err(Unreadable::Malformed(_))), "{pointer} {value}: {said:?}");
    }
    let yen = with(with(payment(), "/amount/currency", "JPY".into()), "/amount/total", 500.into());
    let fact = paid(&yen).unwrap().payment().unwrap().amount;
    assert_eq!((fact.minor, fact.to_decimal().as_str()), (500, "500"));
}
