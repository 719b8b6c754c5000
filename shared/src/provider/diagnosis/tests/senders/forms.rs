//! Alipay and UnionPay: forms.

use std::sync::LazyLock;

use rcgen::{CertificateParams, KeyPair};
use rsa::pkcs8::{EncodePrivateKey as _, LineEnding};

use super::super::super::super::certificate::Certificate;
use super::{KEYS, SUBJECT, Sender, public, received};
use crate::provider::{Received, Scheme, alipay, unionpay};

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// A certificate for each key.
static CERTIFICATES: LazyLock<[String; 3]> = LazyLock::new(|| {
    [0, 1, 2].map(|at: usize| {
        let pem = KEYS[at].to_pkcs8_pem(LineEnding::LF).unwrap();
        let algorithm = &rcgen::PKCS_RSA_SHA256;
        let key = KeyPair::from_pkcs8_pem_and_sign_algo(&pem, algorithm).unwrap();
        CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap().pem()
    })
});

pub(in super::super) fn alipay_pairs(app_id: &str) -> Vec<(&str, &[u8])> {
    vec![
        ("notify_time", b"2026-11-23 12:00:05"),
        ("notify_type", b"trade_status_sync"),
        ("notify_id", b"2026112300222120005000011111111111"),
        ("app_id", app_id.as_bytes()),
        ("charset", b"utf-8"),
        ("trade_no", b"2026112322001400001111111111"),
        ("out_trade_no", b"A-1"),
        ("trade_status", b"TRADE_SUCCESS"),
        ("total_amount", b"20.00"),
        ("subject", SUBJECT.as_bytes()),
        ("body", b"two lines:\r\nhere"),
        ("fund_bill_list", br#"[{"amount":"20.00","fundChannel":"ALIPAYACCOUNT"}]"#),
        ("passback_params", b"a%3D1%26b%3D2"),
        ("gmt_create", b"2026-11-23 12:00:00"),
        ("gmt_payment", b"2026-11-23 12:00:03"),
    ]
}

pub(in super::super) fn alipay_request(pairs: &[(&str, &[u8])], at: usize) -> Received {
    let body = alipay::sign(pairs, alipay::SignClass::V1, &KEYS[at]);
    received(&[("Content-Type", FORM.to_owned())], body)
}

pub(in super::super) fn alipay() -> Sender {
    const APPS: [&str; 3] = ["2021000000000001", "2021000000000002", "2021000000000001"];
    let scheme = |at: usize| {
        let app_id = APPS[at].to_owned();
        let (sign_type, keys) = (alipay::SignType::RSA2, vec![public(at)]);
        Scheme::Alipay(alipay::Settings { app_id, seller_id: None, sign_type, keys })
    };
    Sender::new(scheme, |at| alipay_request(&alipay_pairs(APPS[at]), at))
}

pub(super) fn unionpay() -> Sender {
    let scheme = |at: usize| {
        let pinned = Certificate::parse(CERTIFICATES[at].as_bytes()).unwrap();
        let trusted = unionpay::trust::Certificates::new(&[pinned], None, "x").unwrap();
        let trust = unionpay::trust::Trust::Certificates(trusted);
        Scheme::UnionPay(unionpay::Settings { mer_id: "777290058167151".to_owned(), trust })
    };
    // Nobody's key under the certificate that is configured.
    Sender::new(scheme, |at| unionpay_named(at, if at == 2 { 0 } else { at }))
}

/// Signed with one key, under the certificate of another.
pub(in super::super) fn unionpay_named(at: usize, name: usize) -> Received {
    unionpay_under(at, &CERTIFICATES[name])
}

/// The same under whatever certificate.
pub(in super::super) fn unionpay_under(at: usize, certificate: &str) -> Received {
    let pairs: [(&str, &[u8]); 12] = [
        ("accessType", b"0"),
        ("bizType", b"000201"),
        ("currencyCode", b"156"),
        ("encoding", b"utf-8"),
        ("merId", b"777290058167151"),
        ("orderId", b"A1"),
        ("queryId", b"782209081322060674028"),
        ("reqReserved", SUBJECT.as_bytes()),
        ("respCode", b"00"),
        ("txnAmt", b"2000"),
        ("txnTime", b"20261123120003"),
        ("txnType", b"01"),
    ];
    let by = unionpay::Signing::Certificate { key: &KEYS[at], certificate };
    received(&[("content-type", FORM.to_owned())], unionpay::sign(&pairs, by))
}
