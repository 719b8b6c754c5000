//! No bytes make the door or the reader panic, and none but genuine ones get in.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::notification::Fact;
use shared::provider::paypal::Settings;
use shared::provider::paypal::published::{CertificateUrl, Environment};

use super::sender::{Sent, capture, pinning, read, signed};

static GENUINE: LazyLock<Sent> = LazyLock::new(|| signed(&capture()));
static SETTINGS: LazyLock<Settings> = LazyLock::new(pinning);
const NAMES: [&str; 6] = [
    "PAYPAL-AUTH-ALGO",
    "PAYPAL-AUTH-VERSION",
    "PAYPAL-CERT-URL",
    "PAYPAL-TRANSMISSION-ID",
    "PAYPAL-TRANSMISSION-SIG",
    "PAYPAL-TRANSMISSION-TIME",
];
const KINDS: [&str; 14] = [
    "CHECKOUT.ORDER.APPROVED",
    "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
    "PAYMENT.CAPTURE.COMPLETED",
    "PAYMENT.CAPTURE.DENIED",
    "PAYMENT.CAPTURE.REFUNDED",
    "PAYMENT.SALE.COMPLETED",
    "PAYMENT.SALE.REVERSED",
    "PAYMENT.AUTHORIZATION.CREATED",
    "PAYMENT.REFUND.FAILED",
    "BILLING.SUBSCRIPTION.ACTIVATED",
    "BILLING.SUBSCRIPTION.PAYMENT.FAILED",
    "CUSTOMER.DISPUTE.CREATED",
    "CUSTOMER.DISPUTE.RESOLVED",
    "X",
];

fn configured() -> ProptestConfig {
    ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() }
}

fn is_taken(body: &[u8]) -> bool {
    let sent = Sent { body: body.to_vec(), ..GENUINE.clone() };
    sent.verdict(&SETTINGS).is_ok()
}

/// A genuine body with one stretch of it replaced by another, or by noise.
fn spliced() -> impl Strategy<Value = Vec<u8>> {
    let place = || any::<prop::sample::Index>();
    let noise = prop::collection::vec(any::<u8>(), 0..12);
    (place(), place(), place(), place(), noise).prop_map(|(a, b, c, d, noise)| {
        let whole = &GENUINE.body;
        let at = |index: prop::sample::Index| index.index(whole.len() + 1);
        let (mut cut, mut copied) = ([at(a), at(b)], [at(c), at(d)]);
        cut.sort_unstable();
        copied.sort_unstable();
        [&whole[..cut[0]], &noise, &whole[copied[0]..copied[1]], &whole[cut[1]..]].concat()
    })
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        "-?[0-9]{0,13}[.]?[0-9]{0,3}".prop_map(Value::from),
        Just(json!({ "value": "1.00", "currency_code": "USD" })),
        Just(json!({ "total": "-1.00", "currency": "JPY" })),
        Just(json!([{ "rel": "up", "href": "https://api.paypal.com/v2/payments/captures/C1" }])),
        Just(json!([{ "amount": { "value": "1", "currency_code": "EUR" }, "custom_id": "A" }])),
        Just(json!([{ "seller_transaction_id": "S1" }])),
        Just(json!("2026-11-23T12:00:00Z")),
    ]
}

/// An event of a known type whose resource holds anything.
fn strange() -> impl Strategy<Value = Value> {
    let keys = prop::sample::select(vec![
        "id",
        "amount",
        "links",
        "sale_id",
        "custom_id",
        "invoice_id",
        "order_id",
        "update_time",
        "purchase_units",
        "dispute_id",
        "dispute_amount",
        "disputed_transactions",
        "billing_agreement_id",
        "billing_info",
    ]);
    let resource = prop::collection::hash_map(keys.prop_map(ToOwned::to_owned), any_value(), 0..9);
    (prop::sample::select(KINDS.to_vec()), resource).prop_map(|(kind, resource)| {
        let resource: serde_json::Map<_, _> = resource.into_iter().collect();
        json!({ "id": "WH-1", "event_type": kind, "create_time": "2026-11-23T12:00:00Z",
                "resource": resource })
    })
}

proptest! {
    #![proptest_config(configured())]

    #[test]
    fn noise_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        prop_assert!(!is_taken(&bytes));
        prop_assert!(read(&bytes).is_err());
    }

    #[test]
    fn whatever_a_header_says_it_is_refused(name in prop::sample::select(NAMES.to_vec()), value in "[ -~]{0,80}") {
        let sent = GENUINE.clone().with(name, &value);
        prop_assert!(sent.verdict(&SETTINGS).is_err());
    }

    #[test]
    fn no_url_but_paypals_is_one(text in "(https|http|://|/|@|:|[.]|api|api-m|paypal|com|sandbox|evil|v1|notifications|certs|CERT-1|%2e|[?#]){0,12}") {
        let exact = |host: &str| format!("https://{host}/v1/notifications/certs/");
        let is_one = CertificateUrl::parse(&text, Environment::Live).is_some();
        let begins = ["api.paypal.com", "api-m.paypal.com"].iter().any(|host| text.starts_with(&exact(host)));
        prop_assert!(!is_one || begins);
    }

    #[test]
    fn a_spliced_event_gets_in_only_if_it_is_the_same(bytes in spliced()) {
        drop(read(&bytes));
        prop_assert!(!is_taken(&bytes) || bytes == GENUINE.body);
    }

    #[test]
    fn whatever_is_signed_is_read_or_refused(event in strange()) {
        for notification in read(event.to_string().as_bytes()).unwrap_or_default() {
            match notification.fact {
                Some(Fact::Payment(fact)) => {
                    prop_assert!(fact.amount.minor >= 0);
                    prop_assert!(!fact.transaction.is_empty() && !fact.order_number.is_empty());
                }
                Some(Fact::Refund(fact)) => {
                    prop_assert!(fact.amount.minor >= 0);
                    prop_assert!(!fact.transaction.is_empty() && !fact.refund.is_empty());
                }
                Some(Fact::Agreement(fact)) => prop_assert!(!fact.agreement.is_empty()),
                Some(Fact::Dispute(fact)) => prop_assert!(!fact.dispute.is_empty()),
                None => (),
            }
        }
    }
}
