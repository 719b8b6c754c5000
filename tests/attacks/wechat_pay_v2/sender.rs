//! WeChat Pay (v2) as the attacks need it: it signs and encrypts anything, by rules written down here
//! once more, so that a slip in ours shows.

use aws_lc_rs::cipher::{AES_256, PaddedBlockEncryptingKey, UnboundCipherKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac as _};
use md5::{Digest as _, Md5};
use sha2::Sha256;
use shared::notification::Notification;
use shared::process::now;
use shared::provider::wechat_pay_v2::{Reader, Settings, SignType};
use shared::provider::{self, Account, Genuine, Headers, Rejection, Request, Scheme, Unreadable};
use shared::secret::Secret;

/// The account's key, the one that it replaces, and another merchant's.
pub(super) const API_KEYS: [&str; 3] = [
    "192006250b4c09247ec02edce69f6a2d",
    "292006250b4c09247ec02edce69f6a2d",
    "392006250b4c09247ec02edce69f6a2d",
];
pub(super) const MCH_ID: &str = "1900000109";
pub(super) const APPID: &str = "wx2421b1c4370ec43b";

pub(super) type Pairs = Vec<(String, String)>;

pub(super) fn settings() -> Settings {
    Settings {
        mch_id: MCH_ID.to_owned(),
        sub_mch_ids: None,
        appids: Some(vec![APPID.to_owned()]),
        api_keys: secrets(),
        sign_types: vec![SignType::Md5, SignType::HmacSha256],
    }
}

pub(super) fn scheme() -> Scheme {
    Scheme::WechatPayV2(settings())
}

fn secrets() -> Vec<Secret> {
    API_KEYS[..2].iter().map(|key| Secret::new((*key).to_owned())).collect()
}

pub(super) fn pairs(of: &[(&str, &str)]) -> Pairs {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A payment's notification without its signature.
pub(super) fn payment() -> Pairs {
    pairs(&[
        ("appid", APPID),
        ("attach", "支付测试"),
        ("bank_type", "CFT"),
        ("cash_fee", "1500"),
        ("fee_type", "CNY"),
        ("is_subscribe", "Y"),
        ("mch_id", MCH_ID),
        ("nonce_str", "5d2b6c2a8db53831f7eda20af46e531c"),
        ("openid", "oUpF8uMEb4qRXf22hE3X68TekukE"),
        ("out_trade_no", "A-1"),
        ("result_code", "SUCCESS"),
        ("return_code", "SUCCESS"),
        ("time_end", "20261123120003"),
        ("total_fee", "2000"),
        ("trade_type", "JSAPI"),
        ("transaction_id", "1004400740201409030005092168"),
    ])
}

/// What stands around a refund, bearing no signature.
pub(super) fn around() -> Pairs {
    pairs(&[
        ("return_code", "SUCCESS"),
        ("appid", APPID),
        ("mch_id", MCH_ID),
        ("nonce_str", "TeqClE3i0mvn3DrK"),
    ])
}

/// A refund, in clear.
pub(super) fn refund() -> Pairs {
    pairs(&[
        ("out_refund_no", "A-1-R"),
        ("out_trade_no", "A-1"),
        ("refund_account", "REFUND_SOURCE_RECHARGE_FUNDS"),
        ("refund_fee", "700"),
        ("refund_id", "50000408942018111907145868882"),
        ("refund_recv_accout", "支付用户零钱"),
        ("refund_request_source", "API"),
        ("refund_status", "SUCCESS"),
        ("settlement_refund_fee", "700"),
        ("success_time", "2026-11-24 09:00:00"),
        ("total_fee", "2000"),
        ("transaction_id", "1004400740201409030005092168"),
    ])
}

pub(super) fn contract(change_type: &str) -> Pairs {
    pairs(&[
        ("change_type", change_type),
        ("contract_code", "SUB-1"),
        ("contract_id", "Wx15463511252015071056489715"),
        ("mch_id", MCH_ID),
        ("openid", "onqOjjmM1tad-3ROpncN-yUfa6ua"),
        ("operate_time", "2026-11-23 12:00:00"),
        ("plan_id", "123"),
        ("request_serial", "1695"),
        ("result_code", "SUCCESS"),
        ("return_code", "SUCCESS"),
    ])
}

/// The same with one value replaced, or added.
pub(super) fn with(pairs: Pairs, name: &str, value: &str) -> Pairs {
    let mut pairs = without(pairs, name);
    pairs.push((name.to_owned(), value.to_owned()));
    pairs
}

pub(super) fn without(mut pairs: Pairs, name: &str) -> Pairs {
    pairs.retain(|(known, _)| known != name);
    pairs
}

/// The text that is signed, as far as the API key.
pub(super) fn text(of: &Pairs) -> String {
    let mut sorted = of.clone();
    sorted.retain(|(name, value)| name != "sign" && !value.is_empty());
    sorted.sort();
    let joined = sorted.iter().map(|(name, value)| format!("{name}={value}"));
    joined.collect::<Vec<_>>().join("&")
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02X}")).collect()
}

pub(super) fn md5_of(text: &str, key: &str) -> String {
    hex(Md5::digest(format!("{text}&key={key}")))
}

pub(super) fn hmac_of(text: &str, key: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(format!("{text}&key={key}").as_bytes());
    hex(mac.finalize().into_bytes())
}

/// Signed with MD5, as WeChat does by default.
pub(super) fn signed(pairs: Pairs) -> Pairs {
    let sign = md5_of(&text(&pairs), API_KEYS[0]);
    with(pairs, "sign", &sign)
}

pub(super) fn signed_hmac(pairs: Pairs) -> Pairs {
    let sign = hmac_of(&text(&pairs), API_KEYS[0]);
    with(pairs, "sign", &sign)
}

/// The body as posted.
pub(super) fn body(pairs: &Pairs) -> String {
    let element =
        |(name, value): &(String, String)| format!("<{name}><![CDATA[{value}]]></{name}>\n");
    format!("<xml>\n{}</xml>", pairs.iter().map(element).collect::<String>())
}

/// Encrypted as `req_info`.
pub(super) fn sealed(plain: &str, key: &str) -> String {
    let key = hex(Md5::digest(key)).to_lowercase();
    let key = UnboundCipherKey::new(&AES_256, key.as_bytes()).unwrap();
    let mut bytes = plain.as_bytes().to_vec();
    PaddedBlockEncryptingKey::ecb_pkcs7(key).unwrap().encrypt(&mut bytes).unwrap();
    BASE64.encode(bytes)
}

/// A refund in clear, as it stands before encryption.
pub(super) fn plain(refund: &Pairs) -> String {
    body(refund).replace("<xml>", "<root>").replace("</xml>", "</root>")
}

/// A refund's notification.
pub(super) fn refunded(refund: &Pairs) -> Pairs {
    with(around(), "req_info", &sealed(&plain(refund), API_KEYS[0]))
}

pub(super) fn verdict(settings: Settings, body: &[u8]) -> Result<(), Rejection> {
    let account = Account { name: "any".to_owned(), scheme: Scheme::WechatPayV2(settings) };
    let request = Request { headers: Headers::default(), body: body.to_vec().into() };
    provider::verify(&account, request, now()).map(drop)
}

/// What a worker would read from it.
pub(super) fn read(body: impl AsRef<[u8]>) -> Result<Notification, Unreadable> {
    let reader = provider::Reader::WechatPayV2(Reader { api_keys: secrets() });
    let genuine = Genuine { http: &[], received_at: now(), body: body.as_ref() };
    reader.read(&genuine).map(|mut read| read.remove(0))
}
