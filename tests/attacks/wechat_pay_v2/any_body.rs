//! No bytes make the door or the reader panic, and none but genuine ones get in.

use std::sync::LazyLock;

use proptest::prelude::*;
use shared::notification::Fact;

use super::sender::{
    API_KEYS, Pairs, around, body, contract, payment, plain, read, refund, sealed, settings,
    signed, signed_hmac, verdict, with,
};

static GENUINE: LazyLock<String> = LazyLock::new(|| body(&signed(payment())));

fn configured() -> ProptestConfig {
    ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() }
}

fn is_taken(body: &[u8]) -> bool {
    verdict(settings(), body).is_ok()
}

/// A genuine body with one stretch of it replaced by another, or by noise.
fn spliced() -> impl Strategy<Value = Vec<u8>> {
    let place = || any::<prop::sample::Index>();
    let noise = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..12),
        "(<!--|-->|<!\\[CDATA\\[|\\]\\]>|&#[0-9]{1,4};|&lt;|<a>|</a>|<a/>| |\n){0,3}"
            .prop_map(String::into_bytes),
    ];
    (place(), place(), place(), place(), noise).prop_map(|(a, b, c, d, noise)| {
        let whole = GENUINE.as_bytes();
        let at = |index: prop::sample::Index| index.index(whole.len() + 1);
        let (mut cut, mut copied) = ([at(a), at(b)], [at(c), at(d)]);
        cut.sort_unstable();
        copied.sort_unstable();
        [&whole[..cut[0]], &noise, &whole[copied[0]..copied[1]], &whole[cut[1]..]].concat()
    })
}

fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        "[0-9]{0,20}[.]?[0-9]{0,3}",
        "[0-9]{14}",
        "[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}",
        prop::sample::select(vec!["SUCCESS", "FAIL", "CHANGE", "ADD", "DELETE", "PAY_FAIL", "USD"])
            .prop_map(ToOwned::to_owned),
    ]
}

/// One of the three notifications with some of its values replaced by anything.
fn strange(of: fn() -> Pairs) -> impl Strategy<Value = Pairs> {
    let names = prop::sample::select(vec![
        "change_type",
        "contract_code",
        "contract_expired_time",
        "contract_id",
        "err_code",
        "fee_type",
        "operate_time",
        "out_refund_no",
        "out_trade_no",
        "refund_fee",
        "refund_id",
        "refund_status",
        "req_info",
        "result_code",
        "success_time",
        "time_end",
        "total_fee",
        "trade_state",
        "transaction_id",
    ]);
    prop::collection::vec((names, any_value()), 0..6).prop_map(move |changes| {
        changes.iter().fold(of(), |pairs, (name, value)| with(pairs, name, value))
    })
}

fn check(body: &str) {
    let Ok(notification) = read(body) else { return };
    assert!(!notification.identity.is_empty() && !notification.kind.is_empty());
    match notification.fact {
        Some(Fact::Payment(fact)) => {
            assert!(
                fact.amount.minor >= 0
                    && !fact.transaction.is_empty()
                    && !fact.order_number.is_empty()
            );
        }
        Some(Fact::Refund(fact)) => assert!(fact.amount.minor >= 0 && !fact.refund.is_empty()),
        Some(Fact::Agreement(fact)) => assert!(!fact.agreement.is_empty()),
        Some(Fact::Dispute(_)) | None => {}
    }
}

proptest! {
    #![proptest_config(configured())]

    #[test]
    fn noise_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        prop_assert!(!is_taken(&bytes));
        prop_assert!(read(&bytes).is_err());
    }

    #[test]
    fn noise_in_xml_is_refused(inner in "(<[a-z_]{1,6}>|</[a-z_]{1,6}>|<!\\[CDATA\\[|\\]\\]>|[a-zA-Z0-9&;#<>=\"' ]){0,40}") {
        let text = format!("<xml>{inner}</xml>");
        prop_assert!(!is_taken(text.as_bytes()));
        prop_assert!(read(&text).is_err());
    }

    #[test]
    fn a_spliced_notification_gets_in_only_if_it_says_the_same(bytes in spliced()) {
        drop(read(&bytes));
        if is_taken(&bytes) {
            prop_assert_eq!(read(&bytes), read(GENUINE.as_bytes()));
        }
    }

    #[test]
    fn whatever_is_signed_is_read_or_refused(pay in strange(payment), agree in strange(|| contract("ADD"))) {
        for text in [body(&signed(pay)), body(&signed_hmac(agree))] {
            is_taken(text.as_bytes());
            check(&text);
        }
    }

    #[test]
    fn whatever_is_sealed_is_read_or_refused(inner in strange(refund), noise in "\\PC{0,80}") {
        for clear in [plain(&inner), noise] {
            let text = body(&with(around(), "req_info", &sealed(&clear, API_KEYS[0])));
            is_taken(text.as_bytes());
            check(&text);
        }
    }
}
