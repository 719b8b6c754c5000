//! A genuine request of each provider, as its own signing functions make it.

use std::collections::HashMap;
use std::sync::LazyLock;

use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePublicKey as _, LineEnding};
use time::OffsetDateTime;
use time::macros::datetime;

use super::super::{Case, Diagnosis, Effort, diagnose};
use crate::provider::public_key::PublicKey;
use crate::provider::{Account, Accounts, Received, Scheme, Verified};
use crate::provider::{alipay, wechat_pay, wechat_pay_v2};
use crate::secret::Secret;

pub(super) const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:05 +08:00);
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
const API_KEYS: [&str; 2] =
    ["192006250b4c09247ec02edce69f6a2d", "0123456789abcdef0123456789abcdef"];
/// What a sender may word, with everything that is changed on the way.
pub(super) const SUBJECT: &str = "语雀 1+1 \"a/b\" <c> 100% %2B";

/// The provider's key, another account's, and one that nobody configured.
pub(super) static KEYS: LazyLock<[RsaPrivateKey; 3]> =
    LazyLock::new(|| [0, 1, 2].map(|_| RsaPrivateKey::new(&mut rand::thread_rng(), 2048).unwrap()));

/// One provider: an account, and another one of ours with the same provider.
pub(super) struct Sender {
    pub(super) account: Account,
    pub(super) others: Accounts,
    pub(super) genuine: Received,
    /// The same, signed for the other account.
    pub(super) for_another: Received,
    /// The same, signed with a key that is not configured.
    pub(super) foreign: Received,
}

impl Sender {
    /// `scheme` and `send` for: ours, another account's, nobody's.
    fn new(scheme: impl Fn(usize) -> Scheme, send: impl Fn(usize) -> Received) -> Self {
        let account = |name: &str, at| Account { name: name.to_owned(), scheme: scheme(at) };
        let others = ["ours", "another"].into_iter().enumerate();
        let others = others.map(|(at, name)| (name.to_owned(), account(name, at)));
        Self {
            account: account("ours", 0),
            others: Accounts(HashMap::from_iter(others)),
            genuine: send(0),
            for_another: send(1),
            foreign: send(2),
        }
    }

    pub(super) fn diagnose(&self, received: &Received) -> Result<Verified, Box<Diagnosis>> {
        self.at(received, NOW, Effort::Thorough)
    }

    pub(super) fn at(
        &self,
        received: &Received,
        now: OffsetDateTime,
        effort: Effort,
    ) -> Result<Verified, Box<Diagnosis>> {
        let accounts = &self.others;
        diagnose(&Case { account: &self.account, accounts, own_key: None, received, now, effort })
    }
}

pub(super) fn all() -> Vec<Sender> {
    vec![alipay(), wechat_pay(), wechat_pay_v2()]
}

pub(super) fn public(at: usize) -> PublicKey {
    PublicKey::new(&KEYS[at].to_public_key()).unwrap()
}

fn pem(at: usize) -> String {
    KEYS[at].to_public_key().to_public_key_pem(LineEnding::LF).unwrap()
}

fn received(headers: &[(&str, String)], body: impl Into<bytes::Bytes>) -> Received {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into()));
    Received { query: None, headers: headers.collect(), body: body.into() }
}

pub(super) fn alipay_pairs(app_id: &str) -> Vec<(&str, &[u8])> {
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

pub(super) fn alipay_request(pairs: &[(&str, &[u8])], at: usize) -> Received {
    let body = alipay::sign(pairs, alipay::SignClass::V1, &KEYS[at]);
    received(&[("Content-Type", FORM.to_owned())], body)
}

pub(super) fn alipay() -> Sender {
    const APPS: [&str; 3] = ["2021000000000001", "2021000000000002", "2021000000000001"];
    let scheme = |at: usize| {
        let app_id = APPS[at].to_owned();
        Scheme::Alipay(alipay::Settings { app_id, seller_id: None, keys: vec![public(at)] })
    };
    Sender::new(scheme, |at| alipay_request(&alipay_pairs(APPS[at]), at))
}

fn wechat_pay() -> Sender {
    let id = |at: usize| format!("PUB_KEY_ID_011{at}");
    let scheme = |at: usize| {
        let key = wechat_pay::PlatformKey::named(&id(at), &pem(at)).unwrap();
        Scheme::WechatPay(wechat_pay::Settings { keys: vec![key] })
    };
    Sender::new(scheme, |at| {
        // In WeChat's own order, and with letters that writers of JSON differ in.
        let body = format!(
            "{{\"id\":\"3119dfba-e649-5eec\",\"create_time\":\"2026-11-23T12:00:00+08:00\",\
             \"resource_type\":\"encrypt-resource\",\"event_type\":\"TRANSACTION.SUCCESS\",\
             \"summary\":{},\"resource\":{{\"original_type\":\"transaction\",\
             \"algorithm\":\"AEAD_AES_256_GCM\",\"ciphertext\":\"YDS3/lKP+aC4\",\
             \"associated_data\":\"transaction\",\"nonce\":\"Kj7QIyUiYx1q\"}}}}",
            serde_json::to_string(SUBJECT).unwrap()
        );
        let serial = if at == 2 { id(0) } else { id(at) };
        let signer = wechat_pay::Signer { serial: &serial, key: &KEYS[at] };
        let mut headers = wechat_pay::sign(body.as_bytes(), NOW, &signer);
        headers.push(("content-type", "application/json".to_owned()));
        received(&headers, body)
    })
}

fn wechat_pay_v2() -> Sender {
    let key = |at: usize| API_KEYS.get(at).copied().unwrap_or("fedcba9876543210fedcba9876543210");
    let scheme = |at: usize| {
        Scheme::WechatPayV2(wechat_pay_v2::Settings {
            mch_id: "10000100".to_owned(),
            sub_mch_ids: None,
            appids: None,
            api_keys: vec![Secret::new(key(at).to_owned())],
            sign_types: vec![wechat_pay_v2::SignType::Md5],
        })
    };
    Sender::new(scheme, |at| {
        let elements = [
            ("appid", "wx2421b1c4370ec43b"),
            ("attach", SUBJECT),
            ("bank_type", "CFT"),
            ("mch_id", "10000100"),
            ("nonce_str", "5d2b6c2a8db53831f7eda20af46e531c"),
            ("openid", "oUpF8uMEb4qRXf22hE3X68TekukE"),
            ("out_trade_no", "A-1"),
            ("result_code", "SUCCESS"),
            ("return_code", "SUCCESS"),
            ("time_end", "20261123120003"),
            ("total_fee", "2000"),
            ("trade_type", "JSAPI"),
            ("transaction_id", "1004400740201409030005092168"),
        ];
        let body = wechat_pay_v2::sign(&elements, wechat_pay_v2::SignType::Md5, key(at));
        received(&[("content-type", "text/xml".to_owned())], body)
    })
}
