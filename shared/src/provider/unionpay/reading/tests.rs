//! What the fields say, told by table.

use time::macros::datetime;

use super::super::super::form::encode;
use super::*;

fn said(pairs: &[(&str, &str)]) -> Result<Notification, Unreadable> {
    let mut all: Vec<(&str, &str)> = [
        ("encoding", "UTF-8"),
        ("orderId", "A1"),
        ("queryId", "Q2"),
        ("respCode", "00"),
        ("txnAmt", "2000"),
        ("txnTime", "20261123120000"),
        ("txnType", "01"),
    ]
    .into_iter()
    .filter(|(key, _)| pairs.iter().all(|(other, _)| key != other))
    .collect();
    all.extend(pairs);
    let body = encode(all.iter().map(|(key, value)| (*key, value.as_bytes())));
    read(Encoding::Utf8, body.as_bytes())
}

fn payment(pairs: &[(&str, &str)]) -> Option<PaymentFact> {
    said(pairs).unwrap().payment().cloned()
}

fn refund(pairs: &[(&str, &str)]) -> Option<RefundFact> {
    match said(pairs).unwrap().fact {
        Some(Fact::Refund(fact)) => Some(fact),
        Some(_) | None => None,
    }
}

#[test]
fn each_type_of_transaction_with_each_result() {
    use PaymentStatus::{Authorised, Failed, Pending, Succeeded};
    let status = |kind: &str, code: &str| {
        payment(&[("txnType", kind), ("respCode", code), ("origQryId", "Q1")])
            .map(|fact| (fact.transaction, fact.status))
    };
    for (kind, code, expected) in [
        ("01", "00", Some(("Q2", Succeeded))),
        ("01", "A6", Some(("Q2", Succeeded))),
        ("03", "00", Some(("Q2", Succeeded))),
        ("02", "00", Some(("Q2", Authorised))),
        ("01", "03", Some(("Q2", Pending))),
        ("02", "04", Some(("Q2", Pending))),
        ("03", "05", Some(("Q2", Pending))),
        ("01", "06", Some(("Q2", Failed))),
        ("02", "77", Some(("Q2", Failed))),
        ("32", "00", None),
        ("32", "05", None),
        ("32", "01", None),
        ("00", "00", None),
        ("11", "00", Some(("Q2", Succeeded))),
    ] {
        let expected = expected.map(|(number, status)| (number.to_owned(), status));
        assert_eq!(status(kind, code), expected, "{kind} {code}");
    }
    let status = |kind: &str, code: &str| {
        refund(&[("txnType", kind), ("respCode", code), ("origQryId", "Q1")]).map(|fact| {
            assert_eq!((fact.transaction.as_str(), fact.refund.as_str()), ("Q1", "Q2"));
            assert_eq!((fact.order_number, fact.refund_no.as_deref()), (None, Some("A1")));
            assert_eq!((fact.amount.minor, fact.evidence), (2000, Evidence::Signed));
            fact.status
        })
    };
    for kind in ["04", "31", "33"] {
        assert_eq!(status(kind, "00"), Some(RefundStatus::Succeeded));
        assert_eq!(status(kind, "03"), Some(RefundStatus::Pending));
        assert_eq!(status(kind, "01"), Some(RefundStatus::Failed));
    }
}

#[test]
fn a_failure_and_the_success_after_it_are_told_apart() {
    let identity = |code: &str| said(&[("respCode", code)]).unwrap().identity;
    assert_eq!(identity("00"), "Q2/01/00");
    assert_eq!(identity("01"), "Q2/01/01");
    let unnumbered = said(&[("respCode", "01"), ("queryId", "")]).unwrap();
    assert_eq!((unnumbered.identity.as_str(), unnumbered.fact), ("A1@20261123120000/01/01", None));
    assert!(said(&[("queryId", "")]).is_err(), "a success has a number");
}

#[test]
fn in_an_answer_to_a_query_the_original_code_counts() {
    let status = |answer: &str, original: &str| {
        payment(&[("respCode", answer), ("origRespCode", original)]).map(|fact| fact.status)
    };
    assert_eq!(status("00", "00"), Some(PaymentStatus::Succeeded));
    assert_eq!(status("00", "05"), Some(PaymentStatus::Pending));
    assert_eq!(status("00", "01"), Some(PaymentStatus::Failed));
    assert_eq!(status("34", "00"), None, "the query failed");
}

#[test]
fn a_time_without_a_year_lies_nearest_to_when_the_merchant_asked() {
    let at = |asked: &str, trace: &str| {
        payment(&[("txnTime", asked), ("traceTime", trace)]).unwrap().occurred_at
    };
    assert_eq!(at("20261123120000", "1123120005"), datetime!(2026-11-23 12:00:05 +8));
    assert_eq!(at("20261231235959", "0101000003"), datetime!(2027-01-01 0:00:03 +8));
    assert_eq!(at("20270101000001", "1231235959"), datetime!(2026-12-31 23:59:59 +8));
    assert_eq!(at("20280229120000", "0229120001"), datetime!(2028-02-29 12:00:01 +8));
    let asked_only = payment(&[]).unwrap().occurred_at;
    assert_eq!(asked_only, datetime!(2026-11-23 4:00 UTC));
    for (asked, trace) in [
        ("20261123120000", "1323120000"),
        ("20261123120000", "0229120000"),
        ("20261123120000", "112312"),
        ("2026112312000", "1123120005"),
        ("+0261123120000", "1123120005"),
    ] {
        let times = [("txnTime", asked), ("traceTime", trace)];
        assert!(said(&times).is_err(), "{asked} {trace}");
    }
}

#[test]
fn an_amount_is_whole_and_its_currency_known_or_matches_nothing() {
    let money = |amount: &str, code: &str| {
        said(&[("txnAmt", amount), ("currencyCode", code)]).map(|notification| {
            let amount = notification.payment().unwrap().amount;
            (amount.minor, amount.currency.as_str().to_owned())
        })
    };
    assert_eq!(money("1", "156"), Ok((1, "CNY".to_owned())));
    assert_eq!(money("1", ""), Ok((1, "CNY".to_owned())));
    assert_eq!(money("000000002000", "840"), Ok((2000, "USD".to_owned())));
    assert_eq!(money("500", "392"), Ok((500, "XXX".to_owned())));
    for (amount, code) in
        [("1.00", "156"), ("-1", "156"), ("1234567890123", "156"), ("１", "156"), ("1", "CNY")]
    {
        assert!(money(amount, code).is_err(), "{amount} {code}");
    }
    assert!(said(&[("txnAmt", "")]).is_err());
}

#[test]
fn what_is_not_in_the_stated_encoding_is_unreadable() {
    let gbk = b"encoding=GBK&orderId=%B6%A91&queryId=Q2&respCode=00&txnAmt=1&txnTime=20261123120000&txnType=01";
    let notification = read(Encoding::Utf8, gbk).unwrap();
    assert_eq!(notification.payment().unwrap().order_number, "订1");
    let unnamed: Vec<u8> = gbk[b"encoding=GBK&".len()..].to_vec();
    assert!(read(Encoding::Utf8, &unnamed).is_err());
    assert!(read(Encoding::Gbk, &unnamed).is_ok());
    assert!(said(&[("encoding", "utf-7")]).is_err());
    assert!(said(&[("orderId", "A\u{1}")]).is_err());
    assert!(said(&[("orderId", &"A".repeat(NUMBER_MAX_BYTES + 1))]).is_err());
}
