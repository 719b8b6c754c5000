//! The doctor against every provider: each known corruption is done to a genuine request, and named.

use proptest::prelude::*;
use time::Duration;

use super::super::{Provider, Received, Rejection};
use super::{Cause, Confidence, Effort};

mod certificates;
mod corruptions;
mod keys;
pub(super) mod senders;

use corruptions::{CORRUPTIONS, Corruption, one_byte_changed};
use senders::{NOW, Sender, alipay, all, unionpay_named};

#[test]
fn what_is_genuine_is_called_genuine() {
    for sender in all() {
        let verified = sender.diagnose(&sender.genuine).unwrap();
        assert_eq!(verified.account(), "ours");
        assert_eq!(verified.key(), sender.account.scheme.keys()[0].id);
    }
}

#[test]
fn every_corruption_is_named_with_every_provider_that_it_breaks() {
    let mut wrong = vec![];
    for (sender, corruption, received) in corrupted() {
        // Beside live traffic less is tried, but what is common is found.
        for effort in [Effort::Thorough, Effort::Quick] {
            let found = sender.at(&received, NOW, effort);
            let is_named = found.as_ref().is_err_and(|found| {
                found.cause == corruption.cause && found.confidence == Confidence::Proven
            });
            if !is_named {
                let (cause, of) = (corruption.cause.as_str(), sender.account.provider().as_str());
                let body = String::from_utf8_lossy(&received.body).into_owned();
                wrong.push(format!("{cause} of {of}, {effort:?}: {found:?}\n{body}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn corrupted() -> impl Iterator<Item = (&'static Sender, &'static Corruption, Received)> {
    CORRUPTIONS.iter().flat_map(|corruption| {
        let broken = all().iter().filter(|one| corruption.of.contains(&one.account.provider()));
        broken.map(move |sender| (sender, corruption, (corruption.corrupt)(&sender.genuine)))
    })
}

#[test]
fn a_forgery_is_no_known_corruption() {
    for sender in all() {
        let received = one_byte_changed(&sender.genuine);
        let found = sender.diagnose(&received).unwrap_err();
        let has_rsa = senders::has_rsa(sender);
        let expected = if has_rsa { Cause::BytesChanged } else { Cause::Unknown };
        assert_eq!((found.cause, found.rejection), (expected, Rejection::Forged), "{found:?}");
    }
}

#[test]
fn a_key_that_nobody_configured_is_told_from_changed_bytes_where_the_signature_shows_it() {
    for sender in all() {
        let found = sender.diagnose(&sender.foreign).unwrap_err();
        let has_rsa = senders::has_rsa(sender);
        let expected = if has_rsa { Cause::ForeignKey } else { Cause::Unknown };
        assert_eq!(found.cause, expected, "{found:?}");
    }
}

#[test]
fn a_certificate_that_nobody_configured_is_told_by_its_name() {
    for sender in all().iter().filter(|one| one.account.provider() == Provider::UnionPay) {
        let found = sender.diagnose(&unionpay_named(2, 2)).unwrap_err();
        assert_eq!((found.cause, found.rejection), (Cause::UnknownSerial, Rejection::UnknownKey));
    }
    for sender in all().iter().filter(|one| one.account.provider() == Provider::WechatPay) {
        let unknown = sender.foreign.with_header("wechatpay-serial", b"5157F09EFDC096DE");
        let found = sender.diagnose(&unknown).unwrap_err();
        assert_eq!((found.cause, found.rejection), (Cause::UnknownSerial, Rejection::UnknownKey));
        assert!(found.detail.is_some_and(|detail| detail.contains("PUB_KEY_ID_0110")));
    }
}

#[test]
fn the_other_environment_shows_by_a_field() {
    let mark = |sender: &Sender| match sender.account.provider() {
        Provider::Stripe => Some(("\"livemode\": true", "\"livemode\": false")),
        Provider::Adyen => Some(("\"live\":\"true\"", "\"live\":\"false\"")),
        _ => None,
    };
    for sender in all() {
        let Some((from, to)) = mark(sender) else { continue };
        let changed = |received: &Received| {
            let body = String::from_utf8(received.body.to_vec()).unwrap();
            received.with_body(body.replace(from, to))
        };
        let found = sender.diagnose(&changed(&sender.foreign)).unwrap_err();
        assert_eq!((found.cause, found.confidence), (Cause::Sandbox, Confidence::Likely));
    }
    for sender in all().iter().filter(|one| one.account.provider() == Provider::PayPal) {
        let url = b"https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1";
        let found = sender.diagnose(&sender.foreign.with_header("paypal-cert-url", url));
        assert_eq!(found.unwrap_err().cause, Cause::Sandbox);
    }
}

#[test]
fn what_is_another_accounts_is_sent_to_it() {
    for sender in all() {
        let found = sender.diagnose(&sender.for_another).unwrap_err();
        assert_eq!((found.cause, found.confidence), (Cause::OtherAccount, Confidence::Proven));
        assert_eq!(found.detail.as_deref(), Some("account another"));
    }
}

#[test]
fn what_is_stale_alone_is_told_with_its_seconds() {
    for sender in all() {
        for (minutes, told) in [(14, "840 s before"), (-14, "840 s after")] {
            let now = NOW + Duration::minutes(minutes);
            let Err(found) = sender.at(&sender.genuine, now, Effort::Quick) else { continue };
            assert_eq!((found.cause, found.rejection), (Cause::ClockSkew, Rejection::Stale));
            assert_eq!(found.skew_seconds, Some(minutes * 60));
            assert!(found.detail.is_some_and(|detail| detail.contains(told)));
            // What else is wrong shows all the same.
            let both = sender.at(&one_byte_changed(&sender.genuine), now, Effort::Quick);
            let both = both.unwrap_err();
            assert_eq!((both.rejection, both.skew_seconds), (Rejection::Stale, Some(minutes * 60)));
            assert!(matches!(both.cause, Cause::BytesChanged | Cause::Unknown));
        }
    }
}

#[test]
fn two_corruptions_are_found_one_beneath_the_other() {
    let sender = alipay();
    let [mark, merged] = [Cause::ByteOrderMark, Cause::ParametersMerged].map(corruptions::named);
    let received = (mark.corrupt)(&(merged.corrupt)(&sender.genuine));
    let found = sender.diagnose(&received).unwrap_err();
    assert_eq!((found.cause, found.also), (mark.cause, Some(merged.cause)));
    let quick = sender.at(&received, NOW, Effort::Quick).unwrap_err();
    assert_eq!(quick.also, None, "beside live traffic nobody looks for two");
}

#[test]
fn a_probe_needs_no_mending() {
    for sender in all().iter().filter(|one| one.account.provider() == Provider::WechatPay) {
        let name = "wechatpay-signature";
        let probe = sender.genuine.with_header(name, b"WECHATPAY/SIGNTEST/x7Jq+A==");
        let found = sender.diagnose(&probe).unwrap_err();
        assert_eq!((found.cause, found.rejection), (Cause::Probe, Rejection::Forged));
    }
}

/// Bodies and headers that nobody meant, with pieces that the inverses look for.
fn any_received() -> impl Strategy<Value = Received> {
    let piece = prop_oneof![
        "[a-z]{1,3}",
        "(sign|sign_type|=|&|\\+| |%2B|%|\\{|\"|:|,|\\}|\\[|\\]|<xml>|</xml>|<a>|</a>|&quot;|\\\\|\r\n|语)",
    ];
    let body = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes()),
    ];
    let names: Vec<_> = Provider::ALL.iter().flat_map(|one| one.headers()).copied().collect();
    let name = prop::sample::select([names, vec!["content-type", "content-length"]].concat());
    let header = (name, prop::collection::vec(b' '..=b'~', 0..40));
    let headers = prop::collection::vec(header, 0..6);
    (prop::option::of("[a-c=&]{0,8}"), headers, body).prop_map(|(query, headers, body)| Received {
        query,
        headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        body: body.into(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_request_makes_the_doctor_panic_or_call_it_genuine(received in any_received()) {
        for sender in all() {
            prop_assert!(sender.at(&received, NOW, Effort::Quick).is_err());
        }
    }
}
