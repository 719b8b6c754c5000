//! No bytes make the door or the reader panic, and none but genuine ones get in.

use proptest::prelude::*;
use shared::process::now;
use shared::provider::{Headers, Request, Returned, verify, verify_return};

use crate::sender::{Pairs, account, body, genuine, payment, read, return_link, signed, with};

const KEYS_READ: [&str; 12] = [
    "app_id",
    "charset",
    "gmt_payment",
    "gmt_refund",
    "notify_id",
    "notify_type",
    "out_biz_no",
    "out_trade_no",
    "refund_fee",
    "total_amount",
    "trade_no",
    "trade_status",
];

fn settings() -> ProptestConfig {
    ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() }
}

fn is_taken(bytes: &[u8], content_type: Option<&str>) -> bool {
    let body = bytes.to_vec().into();
    let headers = Headers::new(content_type.map(|text| ("content-type", text.as_bytes())));
    headers.is_ok_and(|headers| verify(&account("any"), Request { headers, body }, now()).is_ok())
}

fn returned(bytes: &[u8]) -> Option<Returned> {
    verify_return(&account("any"), bytes, now()).ok()
}

/// A genuine body with one stretch of it replaced by another, or by noise.
fn spliced(whole: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let place = || any::<prop::sample::Index>();
    let noise = prop::collection::vec(any::<u8>(), 0..12);
    (place(), place(), place(), place(), noise).prop_map(move |(a, b, c, d, noise)| {
        let at = |index: prop::sample::Index| index.index(whole.len() + 1);
        let (mut cut, mut copied) = ([at(a), at(b)], [at(c), at(d)]);
        cut.sort_unstable();
        copied.sort_unstable();
        let copy = &whole[copied[0]..copied[1]];
        [&whole[..cut[0]], &noise, copy, &whole[cut[1]..]].concat()
    })
}

fn genuine_once() -> &'static [u8] {
    static GENUINE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(genuine);
    &GENUINE
}

fn link_once() -> &'static [u8] {
    static LINK: std::sync::LazyLock<Vec<u8>> =
        std::sync::LazyLock::new(|| body(&signed(return_link())));
    &LINK
}

fn noisy_payment() -> impl Strategy<Value = Pairs> {
    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        "[0-9]{0,14}[.]?[0-9]{0,4}".prop_map(String::into_bytes),
        "[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,3})?"
            .prop_map(String::into_bytes),
        prop::sample::select(vec!["gbk", "gb18030", "utf-16", "TRADE_CLOSED", "trade_status_sync"])
            .prop_map(|text| text.as_bytes().to_vec()),
    ];
    let changes = prop::collection::vec((prop::sample::select(KEYS_READ.to_vec()), value), 0..6);
    changes.prop_map(|changes| {
        changes.iter().fold(payment(), |pairs, (key, value)| with(pairs, key, value))
    })
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn noise_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..512), kind in any::<Option<String>>()) {
        prop_assert!(!is_taken(&bytes, kind.as_deref()));
        prop_assert_eq!(returned(&bytes), None);
        prop_assert!(read(&bytes).is_err());
    }

    #[test]
    fn form_like_noise_is_refused(text in "([a-z_]{0,8}(=|%3D|&|%26|%|[+])[0-9A-Za-z%+]{0,8}&?){0,40}") {
        prop_assert!(!is_taken(text.as_bytes(), None));
        prop_assert!(read(text.as_bytes()).is_err());
    }

    #[test]
    fn a_spliced_notification_gets_in_only_if_it_says_the_same(bytes in spliced(genuine_once())) {
        drop(read(&bytes));
        if is_taken(&bytes, None) {
            prop_assert_eq!(read(&bytes), read(genuine_once()));
        }
    }

    #[test]
    fn a_spliced_return_is_shown_only_if_it_says_the_same(bytes in spliced(link_once())) {
        if let Some(shown) = returned(&bytes) {
            prop_assert_eq!(Some(shown), returned(link_once()));
        }
    }

    #[test]
    fn whatever_is_signed_is_read_or_refused(pairs in noisy_payment()) {
        if let Ok(notifications) = read(&body(&pairs)) {
            for fact in notifications.iter().filter_map(|notification| notification.payment()) {
                prop_assert!(fact.amount.minor >= 0);
                prop_assert!(fact.refund_total.as_ref().is_none_or(|refund| refund.total_minor > 0));
                prop_assert!(!fact.transaction.is_empty() && !fact.order_number.is_empty());
            }
        }
    }
}
