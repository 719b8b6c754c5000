//! Alipay (支付宝开放平台): public-key and certificate mode, `RSA2` and, where configured, `RSA`.
//!
//! A form body whose pairs are signed as one text (`alipay/signature.rs`). Payments, refunds and
//! agreements are notified; the payer's browser brings a return that is signed alike. Source:
//! open.alipay.com, 异步通知验签.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use time::OffsetDateTime;

use super::form::Form;
use super::material::Material;
use super::protocol::{Proof, Protocol, RsaSignature};
use super::public_key::{HashFunction, PublicKey};
use super::{Genuine, KeyNote, Rejection, Reply, Request, Returned, Unreadable};
use crate::notification::Notification;

pub mod certificate;
mod reading;
mod signature;

pub use self::signature::{EmptyValues, SignClass, sign, sign_with, signed_text};

pub(super) struct Alipay;

/// The account's keys in the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    pub app_id: String,
    pub seller_id: Option<String>,
    /// Files of Alipay's public keys: PEM, bare base64 SPKI, or an X.509 certificate.
    #[serde(default)]
    pub public_keys: Vec<PathBuf>,
    /// Certificate mode: files of Alipay's public certificate, whoever issued it behind it.
    #[serde(default)]
    pub certificates: Vec<PathBuf>,
    /// The bundle that each of them must chain to.
    pub root_certificates: Option<PathBuf>,
    #[serde(default)]
    pub sign_type: SignType,
}

/// The pinned algorithm. The message never chooses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum SignType {
    /// SHA-256 with RSA, PKCS #1 v1.5.
    #[default]
    RSA2,
    /// SHA-1 with RSA, of old applications.
    RSA,
}

/// What an account does not need for reading.
pub type Reader = ();

/// Whose notifications an account takes, and which keys prove them.
#[derive(Debug, Clone)]
pub struct Settings {
    pub app_id: String,
    /// Compared when set.
    pub seller_id: Option<String>,
    pub sign_type: SignType,
    /// Alipay's own public keys, several during a rotation; those of certificates bear their number.
    pub keys: Vec<PublicKey>,
}

impl Protocol for Alipay {
    type Section = Section;
    type Settings = Settings;
    /// The body says all that there is to read.
    type Reader = ();

    /// Exactly these seven bytes stop the repeats.
    const PERSONAL: &'static [&'static str] = &[
        "buyer_id",
        "buyer_open_id",
        "buyer_user_id",
        "buyer_logon_id",
        "alipay_user_id",
        "alipay_open_id",
        "alipay_logon_id",
        "external_logon_id",
        "subject",
        "body",
        "passback_params",
    ];
    const ACCEPT: Reply =
        Reply { status: 200, content_type: "text/plain; charset=utf-8", body: "success" };
    /// Anything else is a failure; this is the convention.
    const REJECT: Reply =
        Reply { status: 401, content_type: "text/plain; charset=utf-8", body: "fail" };

    fn settings(section: &Section, material: &mut Material<'_>) -> Option<Settings> {
        let (sign_type, hash) = (section.sign_type, section.sign_type.hash());
        let app_id = material.filled("app_id", &section.app_id);
        if section.certificates.is_empty() && section.root_certificates.is_some() {
            material.problem("root_certificates", "of no use without `certificates`");
        }
        let bare = match (&section.public_keys, &section.certificates) {
            (files, others) if files.is_empty() && !others.is_empty() => Some(vec![]),
            (files, _) => material.public_keys_for("public_keys", files, hash),
        };
        let certified = certificate::read(section, hash, material);
        let keys = [bare?, certified?].concat();
        Some(Settings { app_id: app_id?, seller_id: section.seller_id.clone(), sign_type, keys })
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
        let key = prove(settings, &form, &[SignClass::V1, SignClass::V2])?;
        // The payer's own return link bears the same signature, but neither of these.
        if form.get("notify_id").is_none() || form.get("notify_type").is_none() {
            return Err(Rejection::NotANotification);
        }
        let is_payment = form.get("notify_type") == Some(b"trade_status_sync");
        if is_payment && settings.seller_id.is_some() && form.get("seller_id").is_none() {
            return Err(Rejection::NotOurs("seller_id"));
        }
        let subject = ["out_trade_no", "agreement_no", "notify_id"].map(|key| form.get(key));
        let subject = subject.into_iter().flatten().next().unwrap_or_default();
        Ok(Proof { key: key.id().to_owned(), subject: subject.to_vec() })
    }

    fn verify_return(
        settings: &Settings,
        pairs: &[u8],
        _: OffsetDateTime,
    ) -> Result<Returned, Rejection> {
        let form = Form::parse(pairs)?;
        prove(settings, &form, &[SignClass::V1])?;
        // What a notification says is not for the payer's eyes, though it bears the same signature.
        let is_return = form.get("method").is_some_and(|method| method.ends_with(b".return"));
        if !is_return || form.get("notify_id").is_some() {
            return Err(Rejection::Malformed("what was posted is no return"));
        }
        if settings.seller_id.is_some() && form.get("seller_id").is_none() {
            return Err(Rejection::NotOurs("seller_id"));
        }
        reading::returned(form).map_err(|_| Rejection::Malformed("a return that cannot be read"))
    }

    fn rsa(settings: &Settings, request: &Request, _: OffsetDateTime) -> Option<RsaSignature> {
        let signature = BASE64.decode(Form::parse(&request.body).ok()?.get("sign")?).ok()?;
        Some(RsaSignature {
            keys: settings.keys.clone(),
            signature,
            hash: settings.sign_type.hash(),
            names_key: true,
        })
    }

    fn read((): &(), genuine: &Genuine<'_>) -> Result<Vec<Notification>, Unreadable> {
        reading::read(genuine.body).map(|notification| vec![notification])
    }
}

impl SignType {
    /// The word in messages.
    fn word(self) -> &'static [u8] {
        match self {
            Self::RSA2 => b"RSA2",
            Self::RSA => b"RSA",
        }
    }

    fn hash(self) -> HashFunction {
        match self {
            Self::RSA2 => HashFunction::Sha256,
            Self::RSA => HashFunction::Sha1,
        }
    }
}

/// What notifications and returns have in common: signed by Alipay, with one meaning, and ours.
fn prove<'a>(
    settings: &'a Settings,
    form: &Form,
    classes: &[SignClass],
) -> Result<&'a PublicKey, Rejection> {
    let sign = form.get("sign").ok_or(Rejection::Unsigned)?;
    if form.get("sign_type") != Some(settings.sign_type.word()) {
        return Err(Rejection::WrongAlgorithm);
    }
    // A certificate's number chooses among those that are configured, and brings none.
    let named = form.get(signature::CERTIFICATE);
    let is_meant = |key: &&PublicKey| named.is_none_or(|name| name == key.id().as_bytes());
    let keys: Vec<_> = settings.keys.iter().filter(is_meant).collect();
    if keys.is_empty() {
        return Err(Rejection::UnknownKey);
    }
    let sign = BASE64.decode(sign).map_err(|_| Rejection::Forged)?;
    let key = signature::signer(form, classes, &sign, &keys)?;

    if form.get("app_id") != Some(settings.app_id.as_bytes()) {
        return Err(Rejection::NotOurs("app_id"));
    }
    let seller = form.get("seller_id");
    if let Some(ours) = &settings.seller_id
        && seller.is_some_and(|seller| seller != ours.as_bytes())
    {
        return Err(Rejection::NotOurs("seller_id"));
    }
    Ok(key)
}

#[cfg(test)]
mod tests;
