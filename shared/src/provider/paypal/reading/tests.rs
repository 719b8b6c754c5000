//! What events say, told by table, with resources in the shapes that PayPal documents.

use time::macros::datetime;

use super::*;
use crate::notification::{DisputeFact, DisputeStatus};

fn event(kind: &str, resource: &str) -> String {
    format!(
        r#"{{"id":"WH-1","event_type":"{kind}","create_time":"2026-11-23T12:00:09.5Z","resource":{resource}}}"#
    )
}

fn said(kind: &str, resource: &str) -> Result<Vec<Notification>, Unreadable> {
    read(event(kind, resource).as_bytes())
}

fn fact(kind: &str, resource: &str) -> Option<Fact> {
    let [notification] = said(kind, resource).unwrap().try_into().unwrap();
    assert_eq!(notification.identity, format!("WH-1/{kind}"));
    assert_eq!(notification.kind, kind);
    notification.fact
}

fn payment(kind: &str, resource: &str) -> PaymentFact {
    match fact(kind, resource) {
        Some(Fact::Payment(fact)) => fact,
        other => panic!("{kind} says {other:?}"),
    }
}

fn refund(kind: &str, resource: &str) -> RefundFact {
    match fact(kind, resource) {
        Some(Fact::Refund(fact)) => fact,
        other => panic!("{kind} says {other:?}"),
    }
}

fn agreement(kind: &str, resource: &str) -> AgreementFact {
    match fact(kind, resource) {
        Some(Fact::Agreement(fact)) => fact,
        other => panic!("{kind} says {other:?}"),
    }
}

fn disputes(kind: &str, resource: &str) -> Vec<DisputeFact> {
    let facts =
        said(kind, resource).unwrap().into_iter().map(|notification| match notification.fact {
            Some(Fact::Dispute(fact)) => fact,
            other => panic!("{kind} says {other:?}"),
        });
    facts.collect()
}

const CAPTURE: &str = r#"{"id":"C1","amount":{"currency_code":"USD","value":"30.00"},
    "invoice_id":"INV-1","custom_id":"A-1","update_time":"2026-11-23T12:00:03Z",
    "supplementary_data":{"related_ids":{"order_id":"O1"}},
    "links":[{"rel":"self","href":"https://api.paypal.com/v2/payments/captures/C1"},
             {"rel":"up","href":"https://api.paypal.com/v2/checkout/orders/O1"}]}"#;

#[test]
fn how_far_each_event_says_that_a_payment_has_come() {
    use PaymentStatus::{Authorised, Closed, Failed, Pending, Succeeded};
    for (kind, status) in [
        ("PAYMENT.CAPTURE.COMPLETED", Succeeded),
        ("PAYMENT.SALE.COMPLETED", Succeeded),
        ("PAYMENT.CAPTURE.PENDING", Pending),
        ("PAYMENT.SALE.PENDING", Pending),
        ("PAYMENT.CAPTURE.DENIED", Failed),
        ("PAYMENT.CAPTURE.DECLINED", Failed),
        ("PAYMENT.SALE.DENIED", Failed),
        ("PAYMENT.AUTHORIZATION.CREATED", Authorised),
        ("PAYMENT.AUTHORIZATION.VOIDED", Closed),
    ] {
        let fact = payment(kind, CAPTURE);
        assert_eq!(fact.status, status, "{kind}");
        assert_eq!((fact.transaction.as_str(), fact.order_number.as_str()), ("C1", "A-1"));
        assert_eq!((fact.amount.minor, fact.amount.currency.as_str()), (3000, "USD"));
        assert_eq!(fact.occurred_at, datetime!(2026-11-23 12:00:03 UTC));
    }
}

#[test]
fn an_order_is_known_by_the_shops_number_or_else_by_paypals() {
    let number = |less: &[&str]| {
        let lines = less
            .iter()
            .fold(CAPTURE.to_owned(), |text, key| text.replace(key, &format!("{key}_x")));
        payment("PAYMENT.CAPTURE.COMPLETED", &lines).order_number
    };
    assert_eq!(number(&[]), "A-1");
    assert_eq!(number(&["custom_id"]), "INV-1");
    assert_eq!(number(&["custom_id", "invoice_id"]), "O1");
    assert_eq!(number(&["custom_id", "invoice_id", "supplementary_data"]), "O1");
    let all = ["custom_id", "invoice_id", "supplementary_data", r#"rel":"up"#];
    assert_eq!(number(&all), "C1");
    let long = CAPTURE.replace("A-1", &"x".repeat(NUMBER_MAX_BYTES + 1));
    assert_eq!(payment("PAYMENT.CAPTURE.COMPLETED", &long).order_number, "INV-1");
}

#[test]
fn a_sale_of_the_first_version_may_be_a_charge_under_an_agreement() {
    let sale = r#"{"id":"S1","amount":{"total":"0.48","currency":"USD"},"custom":"SUB-1",
        "parent_payment":"PAY-1","create_time":"2026-10-23T17:22:56-07:00"}"#;
    let once = payment("PAYMENT.SALE.COMPLETED", sale);
    assert_eq!((once.order_number.as_str(), once.agreement), ("SUB-1", None));
    assert_eq!(once.occurred_at, datetime!(2026-10-24 0:22:56 UTC));
    let charge = sale.replace("parent_payment", "billing_agreement_id");
    let charge = payment("PAYMENT.SALE.COMPLETED", &charge);
    assert_eq!(charge.agreement.as_deref(), Some("PAY-1"));
    assert_eq!(charge.order_number, "S1", "what all charges share is no order's number");
}

#[test]
fn a_payment_of_less_than_nothing_is_unreadable() {
    let less = CAPTURE.replace("30.00", "-30.00");
    for kind in ["PAYMENT.CAPTURE.COMPLETED", "PAYMENT.SALE.COMPLETED"] {
        assert!(said(kind, &less).is_err(), "{kind}");
    }
}

#[test]
fn a_refund_names_itself_and_is_linked_to_what_it_takes_back() {
    let capture = r#"{"id":"R1","amount":{"currency_code":"USD","value":"0.99"},"invoice_id":"RI-1",
        "create_time":"2026-08-15T12:13:29-07:00",
        "links":[{"rel":"self","href":"https://api.paypal.com/v2/payments/refunds/R1"},
                 {"rel":"up","href":"https://api.paypal.com/v2/payments/captures/C1"}]}"#;
    let sale = r#"{"id":"R1","amount":{"total":"-0.99","currency":"USD"},"sale_id":"C1",
        "update_time":"2026-08-15T19:13:29Z"}"#;
    let reversed = r#"{"id":"C1","amount":{"total":"-0.99","currency":"USD"},
        "update_time":"2026-08-15T19:13:29Z",
        "links":[{"rel":"self","href":"https://api.paypal.com/v1/payments/sale/C1"}]}"#;
    for (kind, resource, status) in [
        ("PAYMENT.CAPTURE.REFUNDED", capture, RefundStatus::Succeeded),
        ("PAYMENT.CAPTURE.REVERSED", capture, RefundStatus::Succeeded),
        ("PAYMENT.REFUND.PENDING", capture, RefundStatus::Pending),
        ("PAYMENT.REFUND.FAILED", capture, RefundStatus::Failed),
        ("PAYMENT.SALE.REFUNDED", sale, RefundStatus::Succeeded),
        ("PAYMENT.SALE.REVERSED", reversed, RefundStatus::Succeeded),
    ] {
        let fact = refund(kind, resource);
        assert_eq!((fact.transaction.as_str(), fact.status), ("C1", status), "{kind}");
        assert_eq!((fact.amount.minor, fact.order_number), (99, None));
        assert_eq!(fact.occurred_at, datetime!(2026-08-15 19:13:29 UTC));
    }
    assert_eq!(refund("PAYMENT.CAPTURE.REFUNDED", capture).refund_no.as_deref(), Some("RI-1"));
    let orphan = capture.replace("\"up\"", "\"other\"");
    assert!(said("PAYMENT.CAPTURE.REFUNDED", &orphan).is_err());
}

#[test]
fn an_approval_is_about_paypals_order_and_no_money_yet() {
    let order = r#"{"id":"O1","purchase_units":[{"custom_id":"A-1",
        "amount":{"currency_code":"JPY","value":"500"}}]}"#;
    let fact = payment("CHECKOUT.ORDER.APPROVED", order);
    assert_eq!((fact.transaction.as_str(), fact.order_number.as_str()), ("O1", "A-1"));
    assert_eq!((fact.status, fact.amount.minor), (PaymentStatus::Pending, 500));
    let reversed = order.replace(r#""id""#, r#""order_id""#);
    let fact = payment("CHECKOUT.PAYMENT-APPROVAL.REVERSED", &reversed);
    assert_eq!((fact.transaction.as_str(), fact.status), ("O1", PaymentStatus::Closed));
    let silent = r#"{"order_id":"O1","purchase_units":[{"custom_id":"A-1"}]}"#;
    assert_eq!(self::fact("CHECKOUT.PAYMENT-APPROVAL.REVERSED", silent), None);
    assert_eq!(self::fact("CHECKOUT.ORDER.APPROVED", r#"{"id":"O1"}"#), None);
}

#[test]
fn an_agreement_may_be_signed_again_after_it_ended() {
    let resource =
        r#"{"id":"I-1","custom_id":"SUB-1","status_update_time":"2026-11-23T12:00:01Z"}"#;
    for (kind, change) in [
        ("ACTIVATED", AgreementChange::Signed { valid_until: None }),
        ("RE-ACTIVATED", AgreementChange::Signed { valid_until: None }),
        ("SUSPENDED", AgreementChange::Ended),
        ("CANCELLED", AgreementChange::Ended),
        ("EXPIRED", AgreementChange::Ended),
    ] {
        let fact = agreement(&format!("BILLING.SUBSCRIPTION.{kind}"), resource);
        assert_eq!((fact.agreement.as_str(), fact.change), ("I-1", change), "{kind}");
        assert_eq!(fact.subscription_no.as_deref(), Some("SUB-1"));
        assert_eq!(fact.occurred_at, datetime!(2026-11-23 12:00:01 UTC));
        assert_eq!(fact.revival, Revival::ByLaterTime);
    }
    for kind in ["CREATED", "UPDATED"] {
        assert_eq!(fact(&format!("BILLING.SUBSCRIPTION.{kind}"), resource), None);
    }
}

#[test]
fn a_charge_that_failed_is_named_by_its_event() {
    let resource = r#"{"id":"I-1","billing_info":{"last_failed_payment":{
        "amount":{"currency_code":"USD","value":"500.00"},"time":"2026-11-23T01:20:49Z"}}}"#;
    let fact = agreement("BILLING.SUBSCRIPTION.PAYMENT.FAILED", resource);
    let AgreementChange::ChargeFailed { charge, amount } = fact.change else { panic!() };
    assert_eq!((charge.as_str(), amount.unwrap().minor), ("WH-1", 50_000));
    assert_eq!(fact.occurred_at, datetime!(2026-11-23 1:20:49 UTC));
    let bare = agreement("BILLING.SUBSCRIPTION.PAYMENT.FAILED", r#"{"id":"I-1"}"#);
    assert_eq!(bare.occurred_at, datetime!(2026-11-23 12:00:09.5 UTC));
}

#[test]
fn a_dispute_of_several_payments_disputes_each() {
    let outcome = |code: &str| {
        let resource = format!(
            r#"{{"dispute_id":"D1","dispute_amount":{{"currency_code":"USD","value":"3.00"}},
            "dispute_outcome":{{"outcome_code":"{code}"}},"update_time":"2026-11-23T12:00:00.000Z",
            "disputed_transactions":[{{"seller_transaction_id":"C1"}}]}}"#
        );
        disputes("CUSTOMER.DISPUTE.RESOLVED", &resource)[0].status
    };
    assert_eq!(outcome("RESOLVED_BUYER_FAVOUR"), DisputeStatus::Lost);
    assert_eq!(outcome("RESOLVED_SELLER_FAVOUR"), DisputeStatus::Won);
    assert_eq!(outcome("SOMETHING_NEW"), DisputeStatus::Opened);
    let several = r#"{"dispute_id":"D1","dispute_amount":{"currency_code":"USD","value":"3.00"},
        "create_time":"2026-11-23T12:00:00.000Z","disputed_transactions":[
        {"seller_transaction_id":"C1","gross_amount":{"currency_code":"USD","value":"1.00"}},
        {"seller_transaction_id":"C2","gross_amount":{"currency_code":"USD","value":"2.00"}}]}"#;
    let facts = disputes("CUSTOMER.DISPUTE.CREATED", several);
    let told: Vec<_> =
        facts.iter().map(|fact| (fact.transaction.as_str(), fact.amount.minor)).collect();
    assert_eq!(told, [("C1", 100), ("C2", 200)]);
    assert!(facts.iter().all(|fact| fact.status == DisputeStatus::Opened));
    let notifications = said("CUSTOMER.DISPUTE.CREATED", several).unwrap();
    assert_ne!(notifications[0].identity, notifications[1].identity);
    assert!(said("CUSTOMER.DISPUTE.CREATED", r#"{"dispute_id":"D1"}"#).is_err());
    assert_eq!(said("CUSTOMER.DISPUTE.OTHER", "{}").unwrap()[0].fact, None);
}

#[test]
fn an_amount_is_exact_in_its_currency() {
    let minor = |value: &str, letters: &str| {
        let resource = CAPTURE.replace("30.00", value).replace("USD", letters);
        said("PAYMENT.CAPTURE.COMPLETED", &resource)
            .map(|said| said[0].payment().unwrap().amount.minor)
    };
    assert_eq!(minor("20", "USD"), Ok(2000));
    assert_eq!(minor("500", "JPY"), Ok(500));
    assert_eq!(minor("500.00", "JPY"), Ok(500));
    assert_eq!(minor("500", "HUF"), Ok(50_000), "PayPal shows no decimals, ISO 4217 has two");
    for (value, letters) in [("500.5", "JPY"), ("1.001", "USD"), ("1e2", "USD"), ("", "USD")] {
        assert!(minor(value, letters).is_err(), "{value} {letters}");
    }
    assert!(minor("1.00", "usd").is_err());
}

#[test]
fn what_lacks_a_field_is_unreadable_and_what_nobody_knows_is_not() {
    for body in ["", "[]", "{}", r#"{"id":"1"}"#, r#"{"id":"1","id":"1","event_type":"x"}"#] {
        assert!(read(body.as_bytes()).is_err(), "{body}");
    }
    for less in ["\"id\":\"C1\"", "\"value\"", "currency_code"] {
        let resource = CAPTURE.replace(less, "\"other\":1,\"o\"");
        assert!(said("PAYMENT.CAPTURE.COMPLETED", &resource).is_err(), "{less}");
    }
    for kind in ["CHECKOUT.ORDER.COMPLETED", "BILLING.PLAN.CREATED", "SOMETHING.NEW"] {
        assert_eq!(fact(kind, "{}"), None, "{kind}");
    }
}
