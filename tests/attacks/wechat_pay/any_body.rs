//! No bytes make the door or the reader panic, and none but genuine ones get in.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::notification::Fact;
use shared::process::now;

use super::sender::{Sent, envelope, event, genuine, payment, read, sealed, with};

static GENUINE: LazyLock<Sent> = LazyLock::new(genuine);

fn settings() -> ProptestConfig {
    ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() }
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
        any::<Option<i64>>().prop_map(|number| json!(number)),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,40}".prop_map(Value::from),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
            .prop_map(Value::from),
        prop::sample::select(vec!["SUCCESS", "FAIL", "REFUND", "SIGNED", "CNY", "JPY", "CLOSED"])
            .prop_map(Value::from),
        Just(json!([{}, {"mchid": "1900000109"}, null])),
        Just(json!({"a": []})),
    ]
}

/// A payment with some of its members replaced by anything.
fn strange_resource() -> impl Strategy<Value = Value> {
    let keys = prop::sample::select(vec![
        "/amount",
        "/amount/total",
        "/amount/currency",
        "/amount/refund",
        "/contract_id",
        "/contract_state",
        "/mchid",
        "/out_trade_no",
        "/refund_id",
        "/refund_status",
        "/sub_orders",
        "/success_time",
        "/trade_state",
        "/transaction_id",
    ]);
    prop::collection::vec((keys, any_value()), 0..6).prop_map(|changes| {
        changes.into_iter().fold(payment(), |plain, (pointer, value)| {
            let parent = pointer.rsplit_once('/').unwrap().0;
            let fits = plain.pointer(parent).is_some_and(Value::is_object);
            if fits { with(plain, pointer, value) } else { plain }
        })
    })
}

fn event_type() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "TRANSACTION.SUCCESS",
        "TRANSACTION.FAIL",
        "REFUND.SUCCESS",
        "REFUND.CLOSED",
        "ENTRUST.SIGN",
        "ENTRUST.TERMINATE",
        "PAPAY.SIGN",
        "OTHER",
    ])
}

fn check(body: &[u8]) {
    for notification in read(body).into_iter().flatten() {
        assert!(!notification.identity.is_empty());
        match notification.fact {
            Some(Fact::Payment(fact)) => {
                assert!(fact.amount.minor >= 0 && !fact.transaction.is_empty())
            }
            Some(Fact::Refund(fact)) => assert!(fact.amount.minor >= 0 && !fact.refund.is_empty()),
            Some(Fact::Agreement(_) | Fact::Dispute(_)) | None => {}
        }
    }
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn noise_is_refused(body in prop::collection::vec(any::<u8>(), 0..512), value in "[ -~]{0,64}") {
        for name in ["Wechatpay-Signature", "Wechatpay-Serial", "Wechatpay-Timestamp", "Wechatpay-Nonce"] {
            let sent = Sent { body: body.clone(), ..GENUINE.clone() }.with(name, &value);
            prop_assert!(sent.verdict(now()).is_err());
        }
        prop_assert!(read(&body).is_err());
    }

    #[test]
    fn a_spliced_notification_gets_in_only_if_nothing_changed(body in spliced()) {
        let is_same = body == GENUINE.body;
        let sent = Sent { body, ..GENUINE.clone() };
        prop_assert_eq!(sent.verdict(now()).is_ok(), is_same);
        check(&sent.body);
    }

    #[test]
    fn whatever_is_signed_is_read_or_refused(plain in strange_resource(), kind in event_type()) {
        check(event(kind, if kind.starts_with("REFUND") { "refund" } else { "transaction" }, &plain).as_bytes());
    }

    #[test]
    fn whatever_is_sealed_is_read_or_refused(
        plain in "(\\PC|[{}\":,\\[\\]]){0,80}",
        key in prop::sample::select(vec!["/nonce", "/ciphertext", "/associated_data", "/algorithm", "/original_type"]),
        value in any_value(),
        kind in event_type(),
    ) {
        check(envelope(kind, &sealed("transaction", &plain, None)).to_string().as_bytes());
        let resource = with(sealed("transaction", &payment().to_string(), None), key, value);
        check(envelope(kind, &resource).to_string().as_bytes());
    }
}
