//! WeChat Pay (v3) as the attacks need it: it signs and encrypts anything, by rules written down here
//! once more, so that a slip in ours shows.

use std::sync::LazyLock;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use rsa::sha2::Sha256;
use rsa::signature::{SignatureEncoding as _, Signer as _};
use serde_json::{Value, json};
use shared::notification::Notification;
use shared::process::now;
use shared::provider::wechat_pay::{PlatformKey, Reader, Settings};
use shared::provider::{self, Genuine, Headers, Request, Scheme, Unreadable};
use shared::secret::Secret;
use time::OffsetDateTime;

pub(super) const SERIAL: &str = "5ABC01D2";
pub(super) const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0114232134912410000000000000";
pub(super) const API_V3_KEYS: [&str; 2] =
    ["0123456789abcdefghijklmnopqrstuv", "another-key-of-thirty-two-bytes!"];
pub(super) const MCHID: &str = "1900000109";
pub(super) const APPID: &str = "wxd678efh567hg6787";

/// The certificate's key, the public key, and one that is not WeChat's.
pub(super) static KEYS: LazyLock<[RsaPrivateKey; 3]> = LazyLock::new(|| {
    let key = |_| RsaPrivateKey::new(&mut rand::thread_rng(), 2048).unwrap();
    [0, 1, 2].map(key)
});

static SETTINGS: LazyLock<Settings> = LazyLock::new(|| {
    let pem = KEYS[1].to_public_key().to_public_key_pem(LineEnding::LF).unwrap();
    let certificate = PlatformKey::certificate(&certificate_pem()).unwrap();
    Settings { keys: vec![certificate, PlatformKey::named(PUBLIC_KEY_ID, &pem).unwrap()] }
});

/// A request as it is sent.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

pub(super) fn scheme() -> Scheme {
    Scheme::WechatPay(SETTINGS.clone())
}

/// A certificate of the first key, whose serial number has a leading zero.
fn certificate_pem() -> String {
    let key = KEYS[0].to_pkcs8_pem(LineEnding::LF).unwrap();
    let key = rcgen::KeyPair::from_pem_and_sign_algo(&key, &rcgen::PKCS_RSA_SHA256).unwrap();
    let mut parameters = rcgen::CertificateParams::new(vec![]).unwrap();
    parameters.serial_number = Some(vec![0x5a, 0xbc, 0x01, 0xd2].into());
    parameters.self_signed(&key).unwrap().pem()
}

/// Signed now with the certificate's key.
pub(super) fn signed(body: impl Into<Vec<u8>>) -> Sent {
    signed_by(body, SERIAL, &KEYS[0], now().unix_timestamp())
}

pub(super) fn signed_by(
    body: impl Into<Vec<u8>>,
    serial: &str,
    key: &RsaPrivateKey,
    at: i64,
) -> Sent {
    let (body, nonce) = (body.into(), "5K8264ILTKCH16CQ2502SI8ZNMTM67VS");
    let text = [format!("{at}\n{nonce}\n").as_bytes(), &body, b"\n"].concat();
    let signature = SigningKey::<Sha256>::new(key.clone()).sign(&text);
    let headers = vec![
        ("Content-Type", "application/json".to_owned()),
        ("Wechatpay-Timestamp", at.to_string()),
        ("Wechatpay-Nonce", nonce.to_owned()),
        ("Wechatpay-Signature", BASE64.encode(signature.to_bytes())),
        ("Wechatpay-Serial", serial.to_owned()),
        ("Wechatpay-Signature-Type", "WECHATPAY2-SHA256-RSA2048".to_owned()),
    ];
    Sent { headers, body }
}

impl Sent {
    /// The same with one header replaced, or added.
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    pub(super) fn header(&self, name: &str) -> &str {
        &self.headers.iter().find(|(known, _)| *known == name).unwrap().1
    }

    pub(super) fn lines(&self) -> String {
        self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
    }

    /// What the rule says, without a door.
    pub(super) fn verdict(&self, now: OffsetDateTime) -> Result<String, provider::Rejection> {
        let pairs = self.headers.iter().map(|(name, value)| (*name, value.as_bytes()));
        let request = Request { headers: Headers::new(pairs)?, body: self.body.clone().into() };
        let account = provider::Account { name: "any".to_owned(), scheme: scheme() };
        provider::verify(&account, request, now).map(|verified| verified.key().to_owned())
    }
}

/// A resource, encrypted; `associated` none leaves the field out.
pub(super) fn sealed(original_type: &str, plain: &str, associated: Option<&str>) -> Value {
    let nonce = "fdasflkja484";
    let mut bytes = plain.as_bytes().to_vec();
    let key = UnboundKey::new(&AES_256_GCM, API_V3_KEYS[0].as_bytes()).unwrap();
    LessSafeKey::new(key)
        .seal_in_place_append_tag(
            Nonce::try_assume_unique_for_key(nonce.as_bytes()).unwrap(),
            Aad::from(associated.unwrap_or_default()),
            &mut bytes,
        )
        .unwrap();
    let mut resource = json!({
        "original_type": original_type,
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": BASE64.encode(bytes),
        "nonce": nonce,
    });
    if let Some(associated) = associated {
        resource["associated_data"] = associated.into();
    }
    resource
}

pub(super) fn envelope(event_type: &str, resource: &Value) -> Value {
    json!({
        "id": "EV-2018022511223320873",
        "create_time": "2026-11-23T12:00:05+08:00",
        "resource_type": "encrypt-resource",
        "event_type": event_type,
        "summary": "支付成功",
        "resource": resource,
    })
}

/// The body of an event around a resource.
pub(super) fn event(event_type: &str, original_type: &str, plain: &Value) -> String {
    let resource = sealed(original_type, &plain.to_string(), Some(original_type));
    envelope(event_type, &resource).to_string()
}

/// A payment's resource.
pub(super) fn payment() -> Value {
    json!({
        "appid": APPID,
        "mchid": MCHID,
        "out_trade_no": "A-1",
        "transaction_id": "1217752501201407033233368018",
        "trade_type": "JSAPI",
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "bank_type": "CMC",
        "attach": "自定义数据",
        "success_time": "2026-11-23T12:00:03+08:00",
        "payer": { "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" },
        "amount": { "total": 2000, "payer_total": 1500, "currency": "CNY", "payer_currency": "CNY" },
    })
}

/// The same with one member replaced, or added; null takes it away.
pub(super) fn with(mut of: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = of.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        parent.remove(key);
    } else {
        parent.insert(key.to_owned(), value);
    }
    of
}

/// A payment's notification.
pub(super) fn genuine() -> Sent {
    signed(event("TRANSACTION.SUCCESS", "transaction", &payment()))
}

pub(super) fn reader() -> Reader {
    reader_with(None)
}

pub(super) fn reader_with(sub_mchids: Option<Vec<String>>) -> Reader {
    Reader {
        mchids: vec![MCHID.to_owned(), "1900000110".to_owned()],
        sub_mchids,
        appids: Some(vec![APPID.to_owned()]),
        api_v3_keys: API_V3_KEYS.map(|key| Secret::new(key.to_owned())).to_vec(),
    }
}

/// What a worker would read from it.
pub(super) fn read_by(reader: Reader, body: &[u8]) -> Result<Vec<Notification>, Unreadable> {
    provider::Reader::WechatPay(reader).read(&Genuine { http: &[], received_at: now(), body })
}

pub(super) fn read(body: impl AsRef<[u8]>) -> Result<Vec<Notification>, Unreadable> {
    read_by(reader(), body.as_ref())
}
