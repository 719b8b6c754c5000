//! Alipay (支付宝开放平台), public-key mode, `RSA2`.
//!
//! A form body; the signed text is its decoded pairs in byte order, joined as `key=value` with `&`,
//! without `sign` and, for payments, without `sign_type`. All work is on bytes, so that a GBK
//! notification verifies over GBK bytes. Source: open.alipay.com, 异步通知验签.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::signature::{SignatureEncoding as _, Signer as _};
use serde::Deserialize;
use sha2::Sha256;
use time::OffsetDateTime;

use super::form::{self, Form};
use super::joined_text::reads_two_ways;
use super::material::Material;
use super::protocol::{Proof, Protocol, RsaSignature};
use super::public_key::PublicKey;
use super::{Genuine, KeyNote, Rejection, Reply, Request, Unreadable};
use crate::notification::Notification;

mod reading;

/// The only algorithm so far: SHA-256 with RSA, PKCS #1 v1.5.
const SIGN_TYPE: &[u8] = b"RSA2";
/// What Alipay makes by rules that admit no `&`; among it all that decides whose money it is, and how
/// much.
const MADE: [&str; 30] = [
    "agreement_no",
    "app_id",
    "auth_app_id",
    "buyer_id",
    "buyer_pay_amount",
    "charset",
    "gmt_close",
    "gmt_create",
    "gmt_payment",
    "gmt_refund",
    "invalid_time",
    "invoice_amount",
    "notify_id",
    "notify_time",
    "notify_type",
    "out_biz_no",
    "out_trade_no",
    "point_amount",
    "receipt_amount",
    "refund_fee",
    "seller_id",
    "sign_time",
    "sign_type",
    "status",
    "total_amount",
    "trade_no",
    "trade_status",
    "unsign_time",
    "valid_time",
    "version",
];

pub(super) struct Alipay;

/// The account's keys in the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    pub app_id: String,
    pub seller_id: Option<String>,
    /// Files of Alipay's public keys: PEM, bare base64 SPKI, or an X.509 certificate.
    pub public_keys: Vec<PathBuf>,
    #[serde(default)]
    pub sign_type: SignType,
}

/// The pinned algorithm. The message never chooses.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub enum SignType {
    #[default]
    RSA2,
}

/// What an account does not need for reading.
pub type Reader = ();

/// Whose notifications an account takes, and which keys prove them.
#[derive(Debug, Clone)]
pub struct Settings {
    pub app_id: String,
    /// Compared when set.
    pub seller_id: Option<String>,
    /// Alipay's own public keys, several during a rotation.
    pub keys: Vec<PublicKey>,
}

/// Which literal the signed text leaves out beside `sign`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignClass {
    /// Payments and returns: `sign_type` is left out.
    V1,
    /// Application-gateway messages: `sign_type` is signed.
    V2,
}

/// Does an empty value stand in the signed text as `key=`?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyValues {
    Dropped,
    Kept,
}

impl Protocol for Alipay {
    type Section = Section;
    type Settings = Settings;
    /// The body says all that there is to read.
    type Reader = ();

    /// Exactly these seven bytes stop the repeats.
    const ACCEPT: Reply =
        Reply { status: 200, content_type: "text/plain; charset=utf-8", body: "success" };
    /// Anything else is a failure; this is the convention.
    const REJECT: Reply =
        Reply { status: 401, content_type: "text/plain; charset=utf-8", body: "fail" };

    fn settings(section: &Section, material: &mut Material<'_>) -> Option<Settings> {
        let SignType::RSA2 = section.sign_type;
        let app_id = material.filled("app_id", &section.app_id);
        let keys = material.public_keys("public_keys", &section.public_keys);
        Some(Settings { app_id: app_id?, seller_id: section.seller_id.clone(), keys: keys? })
    }

    fn reader(_: &Section, _: &mut Material<'_>) -> Option<()> {
        Some(())
    }

    fn keys(settings: &Settings) -> Vec<KeyNote> {
        settings.keys.iter().map(PublicKey::note).collect()
    }

    fn verify(
        settings: &Settings,
        request: &Request,
        _: OffsetDateTime,
    ) -> Result<Proof, Rejection> {
        if !request.headers.may_be("application/x-www-form-urlencoded") {
            return Err(Rejection::Malformed("not a form"));
        }
        let form = Form::parse(&request.body)?;
        let key = prove(settings, &form)?;
        // The payer's own return link bears the same signature, but neither of these.
        if form.get("notify_id").is_none() || form.get("notify_type").is_none() {
            return Err(Rejection::NotANotification);
        }
        let subject = form.get("out_trade_no").or(form.get("notify_id")).unwrap_or_default();
        Ok(Proof { key: key.fingerprint().to_owned(), subject: subject.to_vec() })
    }

    fn rsa(settings: &Settings, request: &Request, _: OffsetDateTime) -> Option<RsaSignature> {
        let signature = BASE64.decode(Form::parse(&request.body).ok()?.get("sign")?).ok()?;
        Some(RsaSignature { keys: settings.keys.clone(), signature })
    }

    fn read((): &(), genuine: &Genuine<'_>) -> Result<Vec<Notification>, Unreadable> {
        reading::read(genuine.body).map(|notification| vec![notification])
    }
}

/// What notifications and returns have in common: signed by Alipay, with one meaning, and ours.
fn prove<'a>(settings: &'a Settings, form: &Form) -> Result<&'a PublicKey, Rejection> {
    let signature = form.get("sign").ok_or(Rejection::Unsigned)?;
    if form.get("sign_type") != Some(SIGN_TYPE) {
        return Err(Rejection::WrongAlgorithm);
    }
    let signature = BASE64.decode(signature).map_err(|_| Rejection::Forged)?;
    let (key, class, empty) = signer(form, &signature, &settings.keys).ok_or(Rejection::Forged)?;
    if reads_two_ways(signed_pairs(form, class, empty), &MADE) {
        return Err(Rejection::Ambiguous);
    }

    if form.get("app_id") != Some(settings.app_id.as_bytes()) {
        return Err(Rejection::NotOurs("app_id"));
    }
    let is_payment = form.get("notify_type") == Some(b"trade_status_sync");
    let seller = form.get("seller_id");
    if let Some(ours) = &settings.seller_id
        && (is_payment || seller.is_some())
        && seller != Some(ours.as_bytes())
    {
        return Err(Rejection::NotOurs("seller_id"));
    }
    Ok(key)
}

/// The text that was signed.
pub fn signed_text(form: &Form, class: SignClass, empty: EmptyValues) -> Vec<u8> {
    let mut text = Vec::with_capacity(form.len_bytes() + 512);
    for (key, value) in signed_pairs(form, class, empty) {
        if !text.is_empty() {
            text.push(b'&');
        }
        text.extend_from_slice(key);
        text.push(b'=');
        text.extend_from_slice(value);
    }
    text
}

fn signed_pairs(
    form: &Form,
    class: SignClass,
    empty: EmptyValues,
) -> impl Iterator<Item = (&[u8], &[u8])> {
    form.iter().filter(move |(key, value)| {
        let left_out = *key == b"sign" || (*key == b"sign_type" && class == SignClass::V1);
        !left_out && (!value.is_empty() || empty == EmptyValues::Kept)
    })
}

/// Signs pairs as Alipay would, for simulation: adds `sign_type` and `sign`, returns the body.
pub fn sign(pairs: &[(&str, &[u8])], class: SignClass, key: &RsaPrivateKey) -> String {
    let mut pairs: Vec<(&str, &[u8])> = pairs.to_vec();
    pairs.push(("sign_type", SIGN_TYPE));
    let unsigned = form::encode(pairs.iter().copied());
    let text = match Form::parse(unsigned.as_bytes()) {
        Ok(form) => signed_text(&form, class, EmptyValues::Dropped),
        Err(_) => vec![],
    };
    let signature = SigningKey::<Sha256>::new(key.clone()).sign(&text);
    let sign = BASE64.encode(signature.to_bytes());
    pairs.push(("sign", sign.as_bytes()));
    form::encode(pairs)
}

/// Who signed it, and which text: the texts differ only by the literal `sign_type` pair, which was
/// compared, and by empty values, which count as absent.
fn signer<'a>(
    form: &Form,
    signature: &[u8],
    keys: &'a [PublicKey],
) -> Option<(&'a PublicKey, SignClass, EmptyValues)> {
    let has_empty = form.iter().any(|(_, value)| value.is_empty());
    let empties: &[EmptyValues] = if has_empty {
        &[EmptyValues::Dropped, EmptyValues::Kept]
    } else {
        &[EmptyValues::Dropped]
    };
    for class in [SignClass::V1, SignClass::V2] {
        for empty in empties {
            let text = signed_text(form, class, *empty);
            if let Some(key) = keys.iter().find(|key| key.verifies(&text, signature)) {
                return Some((key, class, *empty));
            }
        }
    }
    None
}
