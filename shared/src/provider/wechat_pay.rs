//! WeChat Pay (微信支付), API v3.
//!
//! A JSON body with one encrypted part, the resource. The signed text is the time, a nonce and the
//! body as it came, a line feed behind each; RSASSA-PKCS1-v1_5 with SHA-256 by the key that the request
//! names. What the resource says, whose it is included, only a worker can read.
//! Source: pay.weixin.qq.com, APIv3: 如何验证签名, 回调通知注意事项, 如何解密回调报文.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use super::json::Json;
use super::material::Material;
use super::one_or_more::OneOrMore;
use super::protocol::{Proof, Protocol, RsaSignature, check_fresh};
use super::public_key::HashFunction;
use super::{Genuine, KeyNote, Rejection, Reply, Request, Unreadable, aead};
use crate::notification::Notification;
use crate::secret::Secret;

mod platform_key;
mod reading;
mod resource;
mod signing;

pub use self::platform_key::PlatformKey;
pub use self::signing::{Event, Signer, body, sign};

const NONCE: &str = "wechatpay-nonce";
const SERIAL: &str = "wechatpay-serial";
const SIGNATURE: &str = "wechatpay-signature";
const SIGNATURE_TYPE: &str = "wechatpay-signature-type";
const TIMESTAMP: &str = "wechatpay-timestamp";
/// The only algorithm; where none is named, it is this one.
const RSA_SHA256: &str = "WECHATPAY2-SHA256-RSA2048";
/// Keys that one account may have at a time, while WeChat replaces certificates by public keys.
const KEYS_MAX: usize = 16;
/// Every repeat is signed anew, so a repeat is as fresh as a first one.
const WINDOW: Duration = Duration::seconds(300);

pub(super) struct WechatPay;

/// The account's keys in the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Our merchant numbers; also as service provider and as initiator of combined orders.
    pub mchid: OneOrMore,
    /// The sub-merchants; compared when set.
    pub sub_mchid: Option<OneOrMore>,
    /// Our applications; compared when set.
    pub appid: Option<OneOrMore>,
    /// Files of WeChat's platform certificates, each an X.509 certificate in PEM.
    #[serde(default)]
    pub platform_certificates: Vec<PathBuf>,
    /// Files of WeChat's public keys in PEM, by their `PUB_KEY_ID_`.
    #[serde(default)]
    pub public_keys: BTreeMap<String, PathBuf>,
    /// From the environment; else `api_v3_key_file`. An ingress needs neither.
    pub api_v3_key: Option<Secret>,
    pub api_v3_key_file: Option<PathBuf>,
}

/// What proves a request.
#[derive(Debug, Clone)]
pub struct Settings {
    pub keys: Vec<PlatformKey>,
}

/// What opens a resource, and whose it must be.
#[derive(Debug, Clone)]
pub struct Reader {
    pub mchids: Vec<String>,
    pub sub_mchids: Option<Vec<String>>,
    pub appids: Option<Vec<String>>,
    /// Several while one is replaced.
    pub api_v3_keys: Vec<Secret>,
}

impl Protocol for WechatPay {
    type Section = Section;
    type Settings = Settings;
    type Reader = Reader;

    const HEADERS: &'static [&'static str] = &[NONCE, SERIAL, SIGNATURE, SIGNATURE_TYPE, TIMESTAMP];
    /// The status alone counts.
    const PERSONAL: &'static [&'static str] = &["ciphertext"];
    const ACCEPT: Reply = Reply { status: 200, content_type: "application/json", body: "" };
    const REJECT: Reply = Reply {
        status: 401,
        content_type: "application/json",
        body: r#"{"code":"FAIL","message":"not accepted"}"#,
    };
    // An order that was paid over a year ago cannot be refunded.
    // Source: pay.weixin.qq.com, APIv3: 申请退款 (Submit Refund), notes.
    const REFUND_WITHIN: Option<Duration> = Some(Duration::days(365));

    fn settings(section: &Section, material: &mut Material<'_>) -> Option<Settings> {
        let keys = platform_keys(section, material)?;
        let id = |at: usize| keys[at].id();
        if (1..keys.len()).any(|at| (0..at).any(|before| id(before) == id(at))) {
            let rule = "two certificates bear the same serial number: list each of them once";
            material.problem("platform_certificates", rule);
            return None;
        }
        Some(Settings { keys })
    }

    fn reader(section: &Section, material: &mut Material<'_>) -> Option<Reader> {
        let mut optional = |key, names: &Option<OneOrMore>| match names {
            Some(names) => material.names(key, names).map(Some),
            None => Some(None),
        };
        let (sub_mchids, appids) =
            (optional("sub_mchid", &section.sub_mchid), optional("appid", &section.appid));
        let mchids = material.names("mchid", &section.mchid);
        let (value, file) = (section.api_v3_key.as_ref(), section.api_v3_key_file.as_ref());
        let api_v3_keys = material.secrets("api_v3_key", value, file)?;
        if api_v3_keys.iter().any(|key| key.reveal().len() != aead::KEY_BYTES) {
            let rule = "WeChat's API v3 key has exactly 32 bytes; as it is, no blanks around it";
            material.problem("api_v3_key", rule);
            return None;
        }
        Some(Reader { mchids: mchids?, sub_mchids: sub_mchids?, appids: appids?, api_v3_keys })
    }

    fn keys(settings: &Settings) -> Vec<KeyNote> {
        settings.keys.iter().map(PlatformKey::note).collect()
    }

    fn verify(
        settings: &Settings,
        request: &Request,
        now: OffsetDateTime,
    ) -> Result<Proof, Rejection> {
        if !request.headers.may_be("application/json") {
            return Err(Rejection::Malformed("not JSON"));
        }
        let header = |name| request.headers.get(name).ok_or(Rejection::Unsigned);
        let signature = header(SIGNATURE)?;
        let (timestamp, nonce, serial) = (header(TIMESTAMP)?, header(NONCE)?, header(SERIAL)?);
        let mut named = request.headers.iter().filter(|(name, _)| *name == SIGNATURE_TYPE);
        if named.any(|(_, signature_type)| signature_type != RSA_SHA256) {
            return Err(Rejection::WrongAlgorithm);
        }
        check_fresh(timestamp, now, WINDOW)?;
        let mut keys = settings.keys.iter();
        let key = keys.find(|key| key.is_named(serial)).ok_or(Rejection::UnknownKey)?;
        // WeChat's probes bear a text that is not even base64; they are forgeries like any.
        let signature = BASE64.decode(signature).map_err(|_| Rejection::Forged)?;
        if !key.verifies(&signed_text(timestamp, nonce, &request.body), &signature) {
            return Err(Rejection::Forged);
        }

        let envelope = Json::parse(&request.body).ok_or(Rejection::Malformed("not JSON"))?;
        let [id, kind] = ["id", "event_type"].map(|key| envelope.at(&[key]).text());
        // WeChat signs its answers to a shop's own requests in the same way.
        let (Some(id), Some(_), Json::Object(_)) = (id, kind, envelope.at(&["resource"])) else {
            return Err(Rejection::NotANotification);
        };
        Ok(Proof { key: key.id().to_owned(), subject: id.as_bytes().to_vec() })
    }

    fn needed(_: &Settings, _: &Request) -> &'static [&'static str] {
        &[NONCE, SERIAL, SIGNATURE, TIMESTAMP]
    }

    fn rsa(settings: &Settings, request: &Request, _: OffsetDateTime) -> Option<RsaSignature> {
        let signature = BASE64.decode(request.headers.get(SIGNATURE)?).ok()?;
        let keys = settings.keys.iter().map(|key| key.key().clone()).collect();
        Some(RsaSignature { keys, signature, hash: HashFunction::Sha256, names_key: true })
    }

    fn read(reader: &Reader, genuine: &Genuine<'_>) -> Result<Vec<Notification>, Unreadable> {
        reading::read(reader, genuine)
    }
}

/// The text that was signed; neither header can hold a line feed.
pub fn signed_text(timestamp: &str, nonce: &str, body: &[u8]) -> Vec<u8> {
    [timestamp.as_bytes(), b"\n", nonce.as_bytes(), b"\n", body, b"\n"].concat()
}

fn platform_keys(section: &Section, material: &mut Material<'_>) -> Option<Vec<PlatformKey>> {
    let (certificates, public_keys) = (&section.platform_certificates, &section.public_keys);
    if certificates.is_empty() && public_keys.is_empty() {
        let rule = "set platform_certificates, public_keys or both: what WeChat signs with";
        material.problem("public_keys", rule);
        return None;
    }
    if certificates.len() + public_keys.len() > KEYS_MAX {
        material.problem("public_keys", format!("at most {KEYS_MAX} keys of both kinds"));
        return None;
    }
    let mut keys = vec![];
    let mut add = |key: &str, file: &Path, id: Option<&str>| {
        let Some(text) = material.text(key, file) else { return };
        let parsed = match id {
            Some(id) => PlatformKey::named(id, &text),
            None => PlatformKey::certificate(&text),
        };
        match parsed {
            Ok(parsed) => keys.push(parsed),
            Err(error) => material.problem(key, format!("{}: {error}", file.display())),
        }
    };
    certificates.iter().for_each(|file| add("platform_certificates", file, None));
    public_keys.iter().for_each(|(id, file)| add("public_keys", file, Some(id)));
    (keys.len() == certificates.len() + public_keys.len()).then_some(keys)
}

#[cfg(test)]
mod tests;
