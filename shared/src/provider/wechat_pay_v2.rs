//! WeChat Pay (微信支付), API v2.
//!
//! A flat XML body. The signed text is its non-empty elements but `sign`, in byte order of their names,
//! joined as `name=value` with `&`, and `&key=` with the API key behind them; MD5 or HMAC-SHA256 in hex.
//! A refund's notification bears no signature: its `req_info` is encrypted with the same key, which
//! hinders strangers and proves little, so what it says is a hint.
//! Source: pay.weixin.qq.com, APIv2: 签名算法, 支付结果通知, 退款结果通知, 签约、解约结果通知.

use std::path::PathBuf;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use md5::{Digest as _, Md5};
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use super::joined_text::reads_two_ways;
use super::mac::{from_hex, hmac_sha256, to_hex};
use super::material::Material;
use super::one_or_more::OneOrMore;
use super::protocol::{Proof, Protocol};
use super::xml::{self, Elements};
use super::{Genuine, KeyNote, Rejection, Reply, Request, Unreadable};
use crate::notification::Notification;
use crate::secret::Secret;

mod made;
mod reading;
pub mod req_info;

const ROOT: &str = "xml";
/// Letters and digits of an API key.
const API_KEY_BYTES: usize = 32;

pub(super) struct WechatPayV2;

/// The account's keys in the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    pub mch_id: String,
    /// The sub-merchants; compared when set.
    pub sub_mch_id: Option<OneOrMore>,
    /// Our applications; compared when set.
    pub appid: Option<OneOrMore>,
    /// From the environment; else `api_key_file`. Both, ingress and worker, need it.
    pub api_key: Option<Secret>,
    pub api_key_file: Option<PathBuf>,
    /// What a signature may be made with.
    #[serde(default = "SignType::all")]
    pub sign_types: Vec<SignType>,
}

/// How a signature is made. The signature's length says which it is; the message does not choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum SignType {
    #[serde(rename = "MD5")]
    Md5,
    #[serde(rename = "HMAC-SHA256")]
    HmacSha256,
}

/// What proves a request, and whose it must be.
#[derive(Debug, Clone)]
pub struct Settings {
    pub mch_id: String,
    pub sub_mch_ids: Option<Vec<String>>,
    pub appids: Option<Vec<String>>,
    /// Several while one is replaced.
    pub api_keys: Vec<Secret>,
    pub sign_types: Vec<SignType>,
}

/// What opens a refund's `req_info`.
#[derive(Debug, Clone)]
pub struct Reader {
    pub api_keys: Vec<Secret>,
}

impl Protocol for WechatPayV2 {
    type Section = Section;
    type Settings = Settings;
    type Reader = Reader;

    const PERSONAL: &'static [&'static str] =
        &["openid", "sub_openid", "req_info", "attach", "device_info", "contract_display_account"];
    const ACCEPT: Reply = Reply {
        status: 200,
        content_type: "text/xml; charset=utf-8",
        body: "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>",
    };
    const REJECT: Reply = Reply {
        status: 401,
        content_type: "text/xml; charset=utf-8",
        body: "<xml><return_code><![CDATA[FAIL]]></return_code><return_msg><![CDATA[not accepted]]></return_msg></xml>",
    };
    // As in API v3. Source: pay.weixin.qq.com, APIv2: 申请退款, notes.
    const REFUND_WITHIN: Option<Duration> = Some(Duration::days(365));

    fn settings(section: &Section, material: &mut Material<'_>) -> Option<Settings> {
        let mut optional = |key, names: &Option<OneOrMore>| match names {
            Some(names) => material.names(key, names).map(Some),
            None => Some(None),
        };
        let (sub_mch_ids, appids) =
            (optional("sub_mch_id", &section.sub_mch_id), optional("appid", &section.appid));
        let mch_id = material.filled("mch_id", &section.mch_id);
        let api_keys = api_keys(section, material);
        if section.sign_types.is_empty() {
            material.problem("sign_types", "name MD5, HMAC-SHA256 or both");
            return None;
        }
        Some(Settings {
            mch_id: mch_id?,
            sub_mch_ids: sub_mch_ids?,
            appids: appids?,
            api_keys: api_keys?,
            sign_types: section.sign_types.clone(),
        })
    }

    fn reader(section: &Section, material: &mut Material<'_>) -> Option<Reader> {
        api_keys(section, material).map(|api_keys| Reader { api_keys })
    }

    fn keys(settings: &Settings) -> Vec<KeyNote> {
        let words: Vec<_> = settings.sign_types.iter().map(|sign_type| sign_type.word()).collect();
        let note = |key: &Secret| KeyNote::bare(key.fingerprint(), words.join(" or "));
        settings.api_keys.iter().map(note).collect()
    }

    fn verify(
        settings: &Settings,
        request: &Request,
        _: OffsetDateTime,
    ) -> Result<Proof, Rejection> {
        if !["text/xml", "application/xml"].iter().any(|form| request.headers.may_be(form)) {
            return Err(Rejection::Malformed("not XML"));
        }
        let elements = Elements::parse(&request.body, ROOT).map_err(Rejection::Malformed)?;
        let key = match (elements.get("sign"), elements.get("req_info")) {
            (Some(sign), _) => signer(settings, &elements, sign)?,
            (None, Some(sealed)) => {
                let opens = |key: &&Secret| reading::refund(key.reveal(), sealed).is_some();
                settings.api_keys.iter().find(opens).ok_or(Rejection::Forged)?
            }
            (None, None) => return Err(Rejection::Unsigned),
        };
        check_owner(settings, &elements)?;
        let shape = reading::Shape::of(&elements).ok_or(Rejection::NotANotification)?;
        let subject = shape.subject(&elements).as_bytes().to_vec();
        Ok(Proof { key: key.fingerprint(), subject })
    }

    fn read(reader: &Reader, genuine: &Genuine<'_>) -> Result<Vec<Notification>, Unreadable> {
        reading::read(reader, genuine).map(|notification| vec![notification])
    }
}

impl SignType {
    const ALL: [Self; 2] = [Self::Md5, Self::HmacSha256];

    fn all() -> Vec<Self> {
        Self::ALL.to_vec()
    }

    /// The word in `sign_type` and in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::HmacSha256 => "HMAC-SHA256",
        }
    }

    /// What a signed text's signature is, in bytes.
    pub fn code(self, text: &str, api_key: &str) -> Vec<u8> {
        match self {
            Self::Md5 => Md5::digest(text).to_vec(),
            Self::HmacSha256 => hmac_sha256(api_key.as_bytes(), &[text.as_bytes()]).to_vec(),
        }
    }
}

/// The text that is signed; the API key stands in it.
pub fn signed_text<'a>(
    elements: impl IntoIterator<Item = (&'a str, &'a str)>,
    api_key: &str,
) -> String {
    let mut text = String::new();
    for (name, value) in elements.into_iter().filter(is_signed) {
        text.push_str(&format!("{name}={value}&"));
    }
    text + "key=" + api_key
}

fn is_signed((name, value): &(&str, &str)) -> bool {
    *name != "sign" && !value.is_empty()
}

/// Whose key signed it, by an allowed algorithm, and with one meaning.
fn signer<'a>(
    settings: &'a Settings,
    elements: &Elements,
    sign: &str,
) -> Result<&'a Secret, Rejection> {
    let allowed = |sign_type: &&SignType| settings.sign_types.contains(sign_type);
    // It is known to come without this element, and with one that says the other of the two.
    if let Some(stated) = elements.get("sign_type")
        && !SignType::ALL.iter().filter(allowed).any(|sign_type| sign_type.word() == stated)
    {
        return Err(Rejection::WrongAlgorithm);
    }
    let claimed = from_hex(sign).ok_or(Rejection::Forged)?;
    let sign_type = match claimed.len() {
        16 => SignType::Md5,
        32 => SignType::HmacSha256,
        _ => return Err(Rejection::Forged),
    };
    if !settings.sign_types.contains(&sign_type) {
        return Err(Rejection::WrongAlgorithm);
    }
    let signed = |key: &&Secret| {
        let code = sign_type.code(&signed_text(elements.iter(), key.reveal()), key.reveal());
        verify_slices_are_equal(&code, &claimed).is_ok()
    };
    let key = settings.api_keys.iter().find(signed).ok_or(Rejection::Forged)?;
    let pairs = elements.iter().filter(is_signed);
    if reads_two_ways(pairs.map(|(name, value)| (name.as_bytes(), value.as_bytes())), &made::MADE) {
        return Err(Rejection::Ambiguous);
    }
    Ok(key)
}

/// Whatever it names of ours must be ours; it must name the merchant.
fn check_owner(settings: &Settings, elements: &Elements) -> Result<(), Rejection> {
    if elements.get("mch_id") != Some(&settings.mch_id) {
        return Err(Rejection::NotOurs("mch_id"));
    }
    // An agreement's notification names neither.
    let is_agreement = elements.get("change_type").is_some();
    for (name, ours) in [("appid", &settings.appids), ("sub_mch_id", &settings.sub_mch_ids)] {
        let Some(ours) = ours else { continue };
        let is_ours = match elements.get(name) {
            Some(named) => ours.iter().any(|known| known == named),
            None => is_agreement,
        };
        if !is_ours {
            return Err(Rejection::NotOurs(name));
        }
    }
    Ok(())
}

fn api_keys(section: &Section, material: &mut Material<'_>) -> Option<Vec<Secret>> {
    let (value, file) = (section.api_key.as_ref(), section.api_key_file.as_ref());
    let keys = material.secrets("api_key", value, file)?;
    if keys.iter().any(|key| key.reveal().len() != API_KEY_BYTES) {
        material.problem("api_key", "WeChat's API key (v2) has exactly 32 letters and digits");
        return None;
    }
    Some(keys)
}

/// Signs elements as WeChat would, for simulation: adds `sign`, returns the body.
pub fn sign(elements: &[(&str, &str)], sign_type: SignType, api_key: &str) -> String {
    let mut sorted = elements.to_vec();
    sorted.sort_unstable();
    let code = sign_type.code(&signed_text(sorted, api_key), api_key);
    let sign = to_hex(&code).to_uppercase();
    xml::write(ROOT, elements.iter().copied().chain([("sign", sign.as_str())]))
}

/// A refund's notification as WeChat would send it, for simulation: what it says is encrypted, and
/// the elements around it bear no signature.
pub fn refund(elements: &[(&str, &str)], refund: &[(&str, &str)], api_key: &str) -> Option<String> {
    let plain = xml::write(req_info::ROOT, refund.iter().copied());
    let sealed = req_info::seal(&plain, api_key)?;
    Some(xml::write(ROOT, elements.iter().copied().chain([("req_info", sealed.as_str())])))
}

#[cfg(test)]
mod tests;
