//! No bytes make the door or the reader panic, and none but genuine ones get in.

use std::sync::LazyLock;

use proptest::prelude::*;
use shared::notification::Fact;

use super::sender::{Pairs, body, genuine, payment, read, settings, verdict, with};

static GENUINE: LazyLock<Vec<u8>> = LazyLock::new(genuine);
const KEYS_READ: [&str; 11] = [
    "currencyCode",
    "encoding",
    "orderId",
    "origQryId",
    "origRespCode",
    "queryId",
    "respCode",
    "traceTime",
    "txnAmt",
    "txnTime",
    "txnType",
];

fn configured() -> ProptestConfig {
    ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() }
}

fn is_taken(body: &[u8]) -> bool {
    verdict(settings(), body).is_ok()
}

/// A genuine body with one stretch of it replaced by another, or by noise.
fn spliced() -> impl Strategy<Value = Vec<u8>> {
    let place = || any::<prop::sample::Index>();
    let noise = prop::collection::vec(any::<u8>(), 0..12);
    (place(), place(), place(), place(), noise).prop_map(|(a, b, c, d, noise)| {
        let at = |index: prop::sample::Index| index.index(GENUINE.len() + 1);
        let (mut cut, mut copied) = ([at(a), at(b)], [at(c), at(d)]);
        cut.sort_unstable();
        copied.sort_unstable();
        [&GENUINE[..cut[0]], &noise, &GENUINE[copied[0]..copied[1]], &GENUINE[cut[1]..]].concat()
    })
}

fn strange() -> impl Strategy<Value = Pairs> {
    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        "[0-9]{0,14}".prop_map(String::into_bytes),
        "[01][0-9][0-3][0-9][0-2][0-9][0-5][0-9][0-5][0-9]".prop_map(String::into_bytes),
        prop::sample::select(vec!["00", "01", "03", "04", "31", "32", "33", "A6", "gbk", "156"])
            .prop_map(|text| text.as_bytes().to_vec()),
    ];
    let changes = prop::collection::vec((prop::sample::select(KEYS_READ.to_vec()), value), 0..6);
    changes.prop_map(|changes| {
        changes.iter().fold(payment(), |pairs, (key, value)| with(pairs, key, value))
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
    fn whatever_stands_for_a_certificate_is_refused(text in "(-----BEGIN CERTIFICATE-----|-----END CERTIFICATE-----|\r\n|\n|MII|[A-Za-z0-9+/=]{0,64}){0,12}") {
        let pairs = super::sender::signed_under(payment(), &text, &super::authority::KEYS[0]);
        prop_assert!(!is_taken(&body(&pairs)));
    }

    #[test]
    fn a_spliced_notification_gets_in_only_if_it_says_the_same(bytes in spliced()) {
        drop(read(&bytes));
        if is_taken(&bytes) {
            prop_assert_eq!(read(&bytes), read(&GENUINE));
        }
    }

    #[test]
    fn whatever_is_signed_is_read_or_refused(pairs in strange()) {
        for notification in read(&body(&pairs)).unwrap_or_default() {
            match notification.fact {
                Some(Fact::Payment(fact)) => {
                    prop_assert!(fact.amount.minor >= 0);
                    prop_assert!(!fact.transaction.is_empty() && !fact.order_number.is_empty());
                }
                Some(Fact::Refund(fact)) => {
                    prop_assert!(fact.amount.minor >= 0);
                    prop_assert!(!fact.transaction.is_empty() && !fact.refund.is_empty());
                }
                Some(Fact::Agreement(_) | Fact::Dispute(_)) => prop_assert!(false, "none of these"),
                None => (),
            }
        }
    }
}
