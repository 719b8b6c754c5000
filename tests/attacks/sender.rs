//! Alipay as the attacks need it: it signs any text, in any class, with any key, by rules written
//! down here once more, so that a slip in ours shows.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::sha2::Sha256;
use rsa::signature::{SignatureEncoding as _, Signer as _};
use shared::notification::Notification;
use shared::provider::alipay::{Settings, SignType};
use shared::provider::public_key::PublicKey;
use shared::provider::{Account, Genuine, Reader, Scheme, Unreadable};

pub(crate) const APP_ID: &str = "2021000000000001";
pub(crate) const SELLER_ID: &str = "2088102177890000";

/// Alipay's key, one that it rolls over to, and one that is not Alipay's.
pub(crate) static KEYS: LazyLock<[RsaPrivateKey; 3]> = LazyLock::new(|| {
    let key = |_| RsaPrivateKey::new(&mut rand::thread_rng(), 2048).unwrap();
    [0, 1, 2].map(key)
});

pub(crate) type Pairs = Vec<(String, Vec<u8>)>;

/// An account that takes the first two keys.
pub(crate) fn account(name: &str) -> Account {
    let keys = KEYS[..2].iter().map(|key| PublicKey::new(&key.to_public_key()).unwrap()).collect();
    let seller_id = Some(SELLER_ID.to_owned());
    let settings =
        Settings { app_id: APP_ID.to_owned(), seller_id, sign_type: SignType::RSA2, keys };
    Account { name: name.to_owned(), scheme: Scheme::Alipay(settings) }
}

/// A payment's notification without its signature.
pub(crate) fn payment() -> Pairs {
    pairs(&[
        ("notify_time", "2026-11-23 12:00:05"),
        ("notify_type", "trade_status_sync"),
        ("notify_id", "2026112300222120005000011111111111"),
        ("app_id", APP_ID),
        ("seller_id", SELLER_ID),
        ("charset", "utf-8"),
        ("version", "1.0"),
        ("sign_type", "RSA2"),
        ("trade_no", "2026112322001400001111111111"),
        ("out_trade_no", "A-1"),
        ("trade_status", "TRADE_SUCCESS"),
        ("total_amount", "20.00"),
        ("subject", "语雀空间 1+1 100% %2B"),
        ("fund_bill_list", r#"[{"amount":"20.00","fundChannel":"ALIPAYACCOUNT"}]"#),
        ("gmt_create", "2026-11-23 12:00:00"),
        ("gmt_payment", "2026-11-23 12:00:03"),
    ])
}

/// The pairs that a payer's browser brings back, without their signature.
pub(crate) fn return_link() -> Pairs {
    pairs(&[
        ("charset", "utf-8"),
        ("out_trade_no", "A-1"),
        ("method", "alipay.trade.page.pay.return"),
        ("total_amount", "20.00"),
        ("trade_no", "2026112322001400001111111111"),
        ("auth_app_id", APP_ID),
        ("version", "1.0"),
        ("app_id", APP_ID),
        ("sign_type", "RSA2"),
        ("seller_id", SELLER_ID),
        ("timestamp", "2026-11-23 12:00:10"),
    ])
}

pub(crate) fn pairs(of: &[(&str, &str)]) -> Pairs {
    of.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect()
}

/// The same with one value replaced, or added.
pub(crate) fn with(mut pairs: Pairs, key: &str, value: &[u8]) -> Pairs {
    pairs.retain(|(known, _)| known != key);
    pairs.push((key.to_owned(), value.to_vec()));
    pairs
}

pub(crate) fn without(mut pairs: Pairs, key: &str) -> Pairs {
    pairs.retain(|(known, _)| known != key);
    pairs
}

/// The signed body, in class V1, with Alipay's first key.
pub(crate) fn signed(pairs: Pairs) -> Pairs {
    let text = text(&without(pairs.clone(), "sign_type"));
    sealed(pairs, &text, &KEYS[0])
}

/// Adds the signature of any text by any key.
pub(crate) fn sealed(pairs: Pairs, text: &[u8], key: &RsaPrivateKey) -> Pairs {
    let signature = SigningKey::<Sha256>::new(key.clone()).sign(text);
    with(pairs, "sign", BASE64.encode(signature.to_bytes()).as_bytes())
}

/// Sorted by key, joined as `key=value` with `&`.
pub(crate) fn text(pairs: &Pairs) -> Vec<u8> {
    let mut sorted = pairs.clone();
    sorted.sort();
    let joined = sorted.iter().map(|(key, value)| [key.as_bytes(), b"=", value].concat());
    joined.collect::<Vec<_>>().join(&b'&')
}

/// The body as posted: every byte but letters and digits escaped.
pub(crate) fn body(pairs: &Pairs) -> Vec<u8> {
    let escape = |bytes: &[u8]| -> String {
        let byte = |byte: &u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => char::from(*byte).to_string(),
            _ => format!("%{byte:02X}"),
        };
        bytes.iter().map(byte).collect()
    };
    let pair =
        |(key, value): &(String, Vec<u8>)| format!("{}={}", escape(key.as_bytes()), escape(value));
    pairs.iter().map(pair).collect::<Vec<_>>().join("&").into_bytes()
}

/// A genuine payment's body.
pub(crate) fn genuine() -> Vec<u8> {
    body(&signed(payment()))
}

/// What a worker would read from it.
pub(crate) fn read(body: &[u8]) -> Result<Vec<Notification>, Unreadable> {
    Reader::Alipay(()).read(&Genuine { http: &[], received_at: shared::process::now(), body })
}
