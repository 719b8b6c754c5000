//! Whose key it was, and what cannot be undone any more: with Alipay, which shows all of it.

use super::super::{Case, Cause, Confidence, Effort, diagnose};
use super::corruptions::{self, form_of, one_byte_changed};
use super::senders::{self, KEYS, NOW, alipay_pairs, alipay_request, public};
use crate::provider::public_key::{HashFunction, PublicKey};
use crate::provider::{Account, Accounts, Received, Rejection, Scheme, alipay};

#[test]
fn the_shops_own_key_is_known_when_it_is_given() {
    let sender = senders::alipay();
    let own_key = public(0);
    let case = |received| Case {
        account: &sender.account,
        accounts: &sender.others,
        own_key: Some(&own_key),
        received,
        now: NOW,
        effort: Effort::Quick,
    };
    let found = diagnose(&case(&sender.foreign)).unwrap_err();
    assert_eq!((found.cause, found.confidence), (Cause::OwnKey, Confidence::Proven));
    // A key that verifies is right, whosever it is.
    assert!(diagnose(&case(&sender.genuine)).is_ok());
    assert_eq!(
        diagnose(&case(&one_byte_changed(&sender.genuine))).unwrap_err().cause,
        Cause::BytesChanged
    );
}

#[test]
fn the_shops_own_key_is_told_though_another_account_has_the_right_one() {
    let sender = senders::alipay();
    let right = sender.account.clone();
    let Scheme::Alipay(settings) = &right.scheme else { panic!("Alipay") };
    let settings = alipay::Settings { keys: vec![public(2)], ..settings.clone() };
    let account = Account { name: "wrong".to_owned(), scheme: Scheme::Alipay(settings) };
    let accounts = Accounts([(right.name.clone(), right)].into());
    let own_key = public(2);
    let found = |own_key| {
        let (received, now, effort) = (&sender.genuine, NOW, Effort::Quick);
        let (account, accounts) = (&account, &accounts);
        diagnose(&Case { account, accounts, own_key, received, now, effort }).unwrap_err().cause
    };
    assert_eq!(found(Some(&own_key)), Cause::OwnKey);
    assert_eq!(found(None), Cause::OtherAccount);
}

#[test]
fn what_alipay_signed_for_somebody_else_is_told_by_whose_key_it_was() {
    let sender = senders::alipay();
    let pairs = alipay_pairs("2021000000009999");
    let found = sender.diagnose(&alipay_request(&pairs, 0)).unwrap_err();
    assert_eq!((found.cause, found.rejection), (Cause::NotOurs, Rejection::NotOurs("app_id")));
    let found = sender.diagnose(&alipay_request(&pairs, 1)).unwrap_err();
    assert_eq!((found.cause, found.rejection), (Cause::OtherAccountsKey, Rejection::Forged));
    // The corruption is found all the same, and what remains beneath it.
    let merged = corruptions::named(Cause::ParametersMerged);
    let found = sender.diagnose(&(merged.corrupt)(&alipay_request(&pairs, 0))).unwrap_err();
    assert_eq!((found.cause, found.also), (merged.cause, Some(Cause::NotOurs)));
}

#[test]
fn a_sandbox_shows_by_its_payers() {
    let sender = senders::alipay();
    let mut pairs = alipay_pairs("2021000000000001");
    pairs.push(("buyer_logon_id", b"abc***@sandbox.com"));
    let found = sender.diagnose(&alipay_request(&pairs, 2)).unwrap_err();
    assert_eq!((found.cause, found.confidence), (Cause::Sandbox, Confidence::Likely));
}

#[test]
fn a_return_link_is_no_notification() {
    let sender = senders::alipay();
    let link: [(&str, &[u8]); 3] = [
        ("app_id", b"2021000000000001"),
        ("method", b"alipay.trade.page.pay.return"),
        ("out_trade_no", b"A-1"),
    ];
    assert_eq!(sender.diagnose(&alipay_request(&link, 0)).unwrap_err().cause, Cause::ReturnLink);
    let other = sender.diagnose(&alipay_request(&[link[0], link[2]], 0)).unwrap_err();
    assert_eq!(other.cause, Cause::NotANotification);
}

#[test]
fn an_older_algorithm_shows_in_the_signature_and_in_its_name() {
    use base64::Engine as _;
    use rsa::pkcs1v15::Pkcs1v15Sign;
    const SHA1: &[u8] = b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14";
    let sender = senders::alipay();
    let scheme = Pkcs1v15Sign { hash_len: Some(20), prefix: SHA1.into() };
    let signature = KEYS[0].sign(scheme, &[7; 20]).unwrap();
    let sign = base64::engine::general_purpose::STANDARD.encode(signature);
    for sign_type in ["RSA2", "RSA"] {
        let changed = form_of(&sender.genuine, |key, value| match key {
            "sign" => sign.clone().into_bytes(),
            "sign_type" => sign_type.as_bytes().to_vec(),
            _ => value.to_vec(),
        });
        let found = sender.diagnose(&changed).unwrap_err();
        assert_eq!((found.cause, found.confidence), (Cause::SignType, Confidence::Proven));
        assert!(found.detail.is_some_and(|detail| detail.contains("SHA-1")));
    }
}

#[test]
fn the_pinned_algorithm_is_no_weak_one_whichever_it_is() {
    let keys = vec![PublicKey::new_for(&KEYS[0].to_public_key(), HashFunction::Sha1).unwrap()];
    let (app_id, sign_type) = ("2021000000000001", alipay::SignType::RSA);
    let settings = alipay::Settings { app_id: app_id.to_owned(), seller_id: None, sign_type, keys };
    let account = Account { name: "old".to_owned(), scheme: Scheme::Alipay(settings) };
    let body = |sign_type| {
        let class = alipay::SignClass::V1;
        alipay::sign_with(sign_type, &alipay_pairs(app_id), class, &KEYS[0])
    };
    let sender = senders::alipay();
    let found = |received: &Received| {
        diagnose(&Case {
            account: &account,
            accounts: &sender.others,
            own_key: None,
            received,
            now: NOW,
            effort: Effort::Quick,
        })
    };
    let genuine = sender.genuine.with_body(body(alipay::SignType::RSA));
    assert!(found(&genuine).is_ok());
    let cause = |received: &Received| found(received).unwrap_err().cause;
    assert_eq!(cause(&one_byte_changed(&genuine)), Cause::BytesChanged);
    assert_eq!(cause(&sender.genuine), Cause::OtherAccount, "of one that is pinned to RSA2");
    let foreign = alipay_request(&alipay_pairs("2021000000009999"), 0);
    assert_eq!(cause(&foreign), Cause::SignType);
}

#[test]
fn what_cannot_be_undone_any_more_leaves_its_marks() {
    let sender = senders::alipay();
    let lost = form_of(&sender.genuine, |_, value| {
        String::from_utf8_lossy(value).replace('语', "\u{fffd}").into_bytes()
    });
    let mut cut = sender.genuine.clone();
    cut.headers.push(("Content-Length".to_owned(), cut.body.len().to_string().into()));
    cut.body.truncate(cut.body.len() - 90);
    let gzip = sender.genuine.with_body(&b"\x1f\x8b\x08\0"[..]);
    let escaped = form_of(&sender.genuine, |key, value| {
        let text = String::from_utf8_lossy(value).replace('"', "&quot;");
        if key == "total_amount" { b"9".to_vec() } else { text.into_bytes() }
    });
    for (received, cause) in [
        (lost, Cause::WrongCharset),
        (cut, Cause::Truncated),
        (gzip, Cause::ContentEncoding),
        (escaped, Cause::HtmlEscaped),
    ] {
        let found = sender.diagnose(&received).unwrap_err();
        assert_eq!((found.cause, found.confidence), (cause, Confidence::Likely), "{found:?}");
    }
}
