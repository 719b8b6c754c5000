//! UnionPay (银联全渠道), version 5.1.0.
//!
//! A form body; the signed text is its decoded pairs without `signature` and without empty values, in
//! byte order, joined as `key=value` with `&`; what is signed is the lower-case hex of its SHA-256. The
//! certificate comes with the message, as a part of the text. Source: open.unionpay.com,
//! 平台接入接口规范, and its SDK of version 5.1.0.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use time::OffsetDateTime;

use super::certificate::ChainHash;
use super::form::Form;
use super::joined_text::reads_two_ways;
use super::material::Material;
use super::protocol::{Distrust, Proof, Protocol, RsaSignature};
use super::public_key::HashFunction;
use super::{Genuine, KeyNote, Rejection, Reply, Request, Returned, Unreadable};
use crate::notification::Notification;
use crate::secret::Secret;

mod reading;
mod signing;
pub mod trust;

pub use self::reading::Encoding;
pub use self::signing::{Signing, sign};
use self::trust::Trust;

/// The only version that is taken: 5.0.0 signs with SHA-1.
const VERSION: &[u8] = b"5.1.0";
/// Whose certificate signs, by the third part of its common name.
const ORGANISATION: &str = "中国银联股份有限公司";
/// What UnionPay makes by rules that admit no `&`; among it all that decides whose money it is, and how
/// much.
const MADE: [&str; 29] = [
    "accNo",
    "accessType",
    "acqInsCode",
    "bizType",
    "channelType",
    "currencyCode",
    "encoding",
    "exchangeDate",
    "exchangeRate",
    "merId",
    "orderId",
    "origQryId",
    "origRespCode",
    "payCardType",
    "payType",
    "queryId",
    "respCode",
    "settleAmt",
    "settleCurrencyCode",
    "settleDate",
    "signMethod",
    "signPubKeyCert",
    "traceNo",
    "traceTime",
    "txnAmt",
    "txnSubType",
    "txnTime",
    "txnType",
    "version",
];

pub(super) struct UnionPay;

/// The account's keys in the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    pub mer_id: String,
    #[serde(default)]
    pub sign_method: SignMethod,
    /// Files of the roots that UnionPay's certificates chain to.
    #[serde(default)]
    pub roots: Vec<PathBuf>,
    /// Files of what stands between them.
    #[serde(default)]
    pub intermediates: Vec<PathBuf>,
    /// Files of certificates that are taken for their key, without a chain.
    #[serde(default)]
    pub pinned_certificates: Vec<PathBuf>,
    #[serde(default)]
    pub chain_hash: ChainHash,
    /// The third part of the common name that a chained certificate must bear.
    #[serde(default = "organisation")]
    pub organisation: String,
    /// For `sign_method` 11.
    pub secure_key: Option<Secret>,
    pub secure_key_file: Option<PathBuf>,
    /// How the values of a message that names no `encoding` are read.
    #[serde(default)]
    pub encoding: Encoding,
}

/// The pinned algorithm. The message never chooses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum SignMethod {
    /// RSA with SHA-256, by the certificate in the message.
    #[default]
    #[serde(rename = "01")]
    Certificate,
    /// SHA-256 with a secure key.
    #[serde(rename = "11")]
    SecureKey,
}

/// What reading needs.
#[derive(Debug, Clone)]
pub struct Reader {
    pub encoding: Encoding,
}

/// Whose notifications an account takes, and what proves them.
#[derive(Debug, Clone)]
pub struct Settings {
    pub mer_id: String,
    pub trust: Trust,
}

impl Protocol for UnionPay {
    type Section = Section;
    type Settings = Settings;
    type Reader = Reader;

    /// What UnionPay's own examples answer; any 200 stops the repeats.
    const PERSONAL: &'static [&'static str] = reading::PERSONAL;
    const ACCEPT: Reply =
        Reply { status: 200, content_type: "text/plain; charset=utf-8", body: "ok" };
    /// Any other status makes it send again.
    const REJECT: Reply =
        Reply { status: 401, content_type: "text/plain; charset=utf-8", body: "fail" };

    fn settings(section: &Section, material: &mut Material<'_>) -> Option<Settings> {
        let mer_id = material.filled("mer_id", &section.mer_id);
        let trust = Trust::configured(section, material);
        Some(Settings { mer_id: mer_id?, trust: trust? })
    }

    fn reader(section: &Section, _: &mut Material<'_>) -> Option<Reader> {
        Some(Reader { encoding: section.encoding })
    }

    fn keys(settings: &Settings) -> Vec<KeyNote> {
        settings.trust.notes()
    }

    fn verify(
        settings: &Settings,
        request: &Request,
        now: OffsetDateTime,
    ) -> Result<Proof, Rejection> {
        if !request.headers.may_be("application/x-www-form-urlencoded") {
            return Err(Rejection::Malformed("not a form"));
        }
        let form = Form::parse(&request.body)?;
        let key = prove(settings, &form, now)?;
        let needed = ["orderId", "txnTime", "txnType", "respCode"];
        if needed.iter().any(|needed| form.get(needed).is_none()) {
            return Err(Rejection::NotANotification);
        }
        // A refund shares its payment's number.
        let subject = form.get("origQryId").or(form.get("queryId")).or(form.get("orderId"));
        Ok(Proof { key, subject: subject.unwrap_or_default().to_vec() })
    }

    /// The front return has the same fields, posted by the payer's browser.
    fn verify_return(
        settings: &Settings,
        pairs: &[u8],
        now: OffsetDateTime,
    ) -> Result<Returned, Rejection> {
        let form = Form::parse(pairs)?;
        prove(settings, &form, now)?;
        reading::returned(form)
    }

    fn rsa(settings: &Settings, request: &Request, now: OffsetDateTime) -> Option<RsaSignature> {
        let form = Form::parse(&request.body).ok()?;
        let signature = BASE64.decode(form.get("signature")?).ok()?;
        let key = settings.trust.certified(&form, now)?;
        let (keys, hash) = (vec![key], HashFunction::Sha256);
        Some(RsaSignature { keys, signature, hash, names_key: true })
    }

    fn distrust(settings: &Settings, request: &Request, now: OffsetDateTime) -> Option<Distrust> {
        settings.trust.distrust(&Form::parse(&request.body).ok()?, now)
    }

    fn read(reader: &Reader, genuine: &Genuine<'_>) -> Result<Vec<Notification>, Unreadable> {
        reading::read(reader.encoding, genuine.body).map(|notification| vec![notification])
    }
}

/// What notifications and returns have in common: signed by UnionPay, with one meaning, and ours.
/// Answers which key verified it.
fn prove(settings: &Settings, form: &Form, now: OffsetDateTime) -> Result<String, Rejection> {
    let signature = form.get("signature").ok_or(Rejection::Unsigned)?;
    let method = settings.trust.method().as_str().as_bytes();
    if form.get("version") != Some(VERSION) || form.get("signMethod") != Some(method) {
        return Err(Rejection::WrongAlgorithm);
    }
    let key = settings.trust.signer(form, signature, now)?;
    if reads_two_ways(signed_pairs(form), &MADE) {
        return Err(Rejection::Ambiguous);
    }
    if form.get("merId") != Some(settings.mer_id.as_bytes()) {
        return Err(Rejection::NotOurs("merId"));
    }
    Ok(key)
}

/// The text whose hash is signed.
pub fn signed_text(form: &Form) -> Vec<u8> {
    let mut text = Vec::with_capacity(form.len_bytes() + 512);
    for (key, value) in signed_pairs(form) {
        if !text.is_empty() {
            text.push(b'&');
        }
        text.extend_from_slice(key);
        text.push(b'=');
        text.extend_from_slice(value);
    }
    text
}

fn signed_pairs(form: &Form) -> impl Iterator<Item = (&[u8], &[u8])> {
    form.iter().filter(|(key, value)| *key != b"signature" && !value.is_empty())
}

fn organisation() -> String {
    ORGANISATION.to_owned()
}

impl SignMethod {
    /// The word in the message.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "01",
            Self::SecureKey => "11",
        }
    }
}
