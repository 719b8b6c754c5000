//! Alipay (支付宝开放平台), public-key mode, `RSA2`.
//!
//! A form body; the signed text is its decoded pairs in byte order, joined as `key=value` with `&`,
//! without `sign` and, for payments, without `sign_type`. All work is on bytes, so that a GBK
//! notification verifies over GBK bytes. Source: open.alipay.com, 异步通知验签.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use encoding_rs::{Encoding, GB18030, GBK, UTF_8};
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::signature::{SignatureEncoding as _, Signer as _};
use sha2::Sha256;
use time::format_description::BorrowedFormatItem;
use time::macros::{format_description, offset};
use time::{OffsetDateTime, PrimitiveDateTime};

use super::form::{self, Form};
use super::public_key::PublicKey;
use super::{Proof, Rejection, Reply, Unreadable};
use crate::money::{Currency, Money};
use crate::notification::{Notification, PaymentStatus, RefundTotal, TransactionFact};

/// Exactly these seven bytes stop the repeats.
pub const ACCEPT: Reply = Reply { content_type: "text/plain; charset=utf-8", body: "success" };
/// Anything else is a failure; this is the convention.
pub const REJECT: Reply = Reply { content_type: "text/plain; charset=utf-8", body: "fail" };

/// The only algorithm so far: SHA-256 with RSA, PKCS #1 v1.5.
const SIGN_TYPE: &[u8] = b"RSA2";
/// Characters that Alipay allows in `notify_id`; `trade_no` and `out_trade_no` have at most 64.
const NUMBER_MAX_BYTES: usize = 128;
/// What decides whose money it is, and how much.
const DECISIVE: [&str; 17] = [
    "app_id",
    "charset",
    "gmt_close",
    "gmt_create",
    "gmt_payment",
    "gmt_refund",
    "notify_id",
    "notify_time",
    "notify_type",
    "out_biz_no",
    "out_trade_no",
    "refund_fee",
    "seller_id",
    "sign_type",
    "total_amount",
    "trade_no",
    "trade_status",
];
const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");

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

pub(super) fn verify(
    settings: &Settings,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<Proof, Rejection> {
    if !content_type.is_none_or(is_form) {
        return Err(Rejection::Malformed("not a form"));
    }
    let form = Form::parse(body)?;
    let signature = form.get("sign").ok_or(Rejection::Unsigned)?;
    if form.get("sign_type") != Some(SIGN_TYPE) {
        return Err(Rejection::WrongAlgorithm);
    }
    let signature = BASE64.decode(signature).map_err(|_| Rejection::Forged)?;
    let key = signer(&form, &signature, &settings.keys).ok_or(Rejection::Forged)?;
    if reads_two_ways(&form) {
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
    // The payer's own return link bears the same signature, but neither of these.
    if form.get("notify_id").is_none() || form.get("notify_type").is_none() {
        return Err(Rejection::NotANotification);
    }
    let subject = form.get("out_trade_no").or(form.get("notify_id")).unwrap_or_default();
    Ok(Proof { key: key.fingerprint().to_owned(), subject: subject.to_vec() })
}

/// Reads what [`verify`] let in.
pub(super) fn read(body: &[u8]) -> Result<Notification, Unreadable> {
    let form = Form::parse(body).map_err(|_| Unreadable("not a form"))?;
    let fields = Fields { charset: charset(&form)?, form };
    let kind = fields.required("notify_type")?;
    let id = fields.required("notify_id")?;
    if kind != "trade_status_sync" {
        return Ok(Notification { identity: id, kind, fact: None });
    }
    let status = fields.required("trade_status")?;
    let identity = format!("{id}/{status}");
    let kind = format!("{kind}/{status}");
    let fact = fields.transaction(&status)?;
    Ok(Notification { identity, kind, fact })
}

/// The text that was signed.
pub fn signed_text(form: &Form, class: SignClass, empty: EmptyValues) -> Vec<u8> {
    let mut text = Vec::with_capacity(form.len_bytes() + 512);
    for (key, value) in form.iter() {
        let left_out = key == b"sign" || (key == b"sign_type" && class == SignClass::V1);
        if left_out || (value.is_empty() && empty == EmptyValues::Dropped) {
            continue;
        }
        if !text.is_empty() {
            text.push(b'&');
        }
        text.extend_from_slice(key);
        text.push(b'=');
        text.extend_from_slice(value);
    }
    text
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

/// The signer is the same whichever text it signed, and the texts differ only by the literal
/// `sign_type` pair, which was compared, and by empty values, which count as absent.
fn signer<'a>(form: &Form, signature: &[u8], keys: &'a [PublicKey]) -> Option<&'a PublicKey> {
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
                return Some(key);
            }
        }
    }
    None
}

/// The signed text does not tell `&` within a value from `&` between pairs. So whoever may word one
/// value of a genuine notification, such as its subject, could cut the same text into other pairs;
/// but then the true reading of each pair that he replaced still stands within another value.
fn reads_two_ways(form: &Form) -> bool {
    let is_decisive = |pair: &[u8]| {
        let key = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        key.len() < pair.len() && DECISIVE.iter().any(|known| known.as_bytes() == key)
    };
    let hides = |value: &[u8]| {
        value.contains(&b'&') && value.split(|byte| *byte == b'&').skip(1).any(is_decisive)
    };
    form.iter().any(|(_, value)| hides(value))
}

fn is_form(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn charset(form: &Form) -> Result<&'static Encoding, Unreadable> {
    let Some(label) = form.get("charset") else { return Ok(UTF_8) };
    match Encoding::for_label(label) {
        Some(encoding) if [UTF_8, GBK, GB18030].contains(&encoding) => Ok(encoding),
        Some(_) | None => Err(Unreadable("unknown charset")),
    }
}

struct Fields {
    charset: &'static Encoding,
    form: Form,
}

impl Fields {
    fn optional(&self, key: &'static str) -> Result<Option<String>, Unreadable> {
        let Some(bytes) = self.form.get(key) else { return Ok(None) };
        if bytes.len() > NUMBER_MAX_BYTES {
            return Err(Unreadable("a field is too long"));
        }
        let text = self
            .charset
            .decode_without_bom_handling_and_without_replacement(bytes)
            .ok_or(Unreadable("a field is not in the stated charset"))?;
        if text.chars().any(char::is_control) {
            return Err(Unreadable("a field has a control character"));
        }
        Ok(Some(text.into_owned()))
    }

    fn required(&self, key: &'static str) -> Result<String, Unreadable> {
        self.optional(key)?.ok_or(Unreadable("a field is missing"))
    }

    fn money(&self, key: &'static str) -> Result<Option<Money>, Unreadable> {
        let Some(text) = self.optional(key)? else { return Ok(None) };
        let money = Money::from_decimal(&text, Currency::CNY);
        money.map(Some).map_err(|_| Unreadable("an amount is not exact"))
    }

    /// The first of these times that is given.
    fn time(&self, keys: &[&'static str]) -> Result<OffsetDateTime, Unreadable> {
        for key in keys {
            if let Some(text) = self.optional(key)? {
                // A refund's time may bear a fraction of a second, which nothing here needs.
                let text = text.split('.').next().unwrap_or_default();
                let local = PrimitiveDateTime::parse(text, TIME)
                    .map_err(|_| Unreadable("a time is not in the provider's form"))?;
                return Ok(local.assume_offset(offset!(+8)));
            }
        }
        Err(Unreadable("a time is missing"))
    }

    /// The fact that a `trade_status_sync` states; nothing for a status that we do not know.
    fn transaction(&self, status: &str) -> Result<Option<TransactionFact>, Unreadable> {
        let refunded = self.money("refund_fee")?.filter(|total| total.minor > 0);
        let (status, times): (_, &[&'static str]) = match (status, &refunded) {
            ("WAIT_BUYER_PAY", _) => (PaymentStatus::Pending, &["gmt_create", "notify_time"]),
            ("TRADE_SUCCESS", _) | ("TRADE_CLOSED", Some(_)) => {
                (PaymentStatus::Succeeded, &["gmt_payment", "gmt_create", "notify_time"])
            }
            ("TRADE_FINISHED", _) => (
                PaymentStatus::Finished,
                &["gmt_payment", "gmt_close", "gmt_create", "notify_time"],
            ),
            ("TRADE_CLOSED", None) => {
                (PaymentStatus::Closed, &["gmt_close", "gmt_create", "notify_time"])
            }
            _ => return Ok(None),
        };
        let occurred_at = self.time(times)?;
        let refund_total = match refunded {
            Some(total) => Some(RefundTotal {
                total_minor: total.minor,
                refund_no: self.optional("out_biz_no")?,
                occurred_at: self.time(&["gmt_refund", "gmt_close", "notify_time"])?,
            }),
            None => None,
        };
        Ok(Some(TransactionFact {
            transaction: self.required("trade_no")?,
            order_number: self.required("out_trade_no")?,
            status,
            amount: self.money("total_amount")?.ok_or(Unreadable("an amount is missing"))?,
            occurred_at,
            refund_total,
        }))
    }
}
