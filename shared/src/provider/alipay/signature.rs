//! The text that Alipay signs, and who signed it.
//!
//! A form's decoded pairs in byte order, joined as `key=value` with `&`, without `sign` and, for
//! payments, without `sign_type`. All work is on bytes, so that a GBK notification verifies over GBK
//! bytes. Source: open.alipay.com, 异步通知验签.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rsa::pkcs1v15::{Pkcs1v15Sign, SigningKey};
use rsa::signature::{SignatureEncoding as _, Signer as _};
use rsa::{RsaPrivateKey, errors};
use sha2::Sha256;

use super::super::Rejection;
use super::super::form::{self, Form};
use super::super::joined_text::reads_two_ways;
use super::super::public_key::PublicKey;
use super::SignType;

/// Certificate mode: which certificate signed. Whether it is signed itself, nobody documents.
pub(super) const CERTIFICATE: &str = "alipay_cert_sn";
/// `DigestInfo` of SHA-1 up to the digest. Source: RFC 8017 §9.2, note 1.
const SHA1_PREFIX: [u8; 15] =
    [0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14];
const SHA1_BYTES: usize = 20;
/// What Alipay makes by rules that admit no `&`; among it all that decides whose money it is, and how
/// much.
const MADE: [&str; 33] = [
    "agreement_no",
    "alipay_cert_sn",
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
    "method",
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
    "timestamp",
    "total_amount",
    "trade_no",
    "trade_status",
    "unsign_time",
    "valid_time",
    "version",
];

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

/// Which pairs a text is made of: the variants that Alipay's products sign.
#[derive(Debug, Clone, Copy)]
struct Cut {
    class: SignClass,
    empty: EmptyValues,
    certificate: CertificateNumber,
}

/// Does `alipay_cert_sn` stand in the signed text?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CertificateNumber {
    Kept,
    Dropped,
}

/// The text that was signed.
pub fn signed_text(form: &Form, class: SignClass, empty: EmptyValues) -> Vec<u8> {
    joined(form, Cut { class, empty, certificate: CertificateNumber::Kept })
}

/// Signs pairs as Alipay would by `RSA2`, for simulation: adds `sign_type` and `sign`, returns the body.
pub fn sign(pairs: &[(&str, &[u8])], class: SignClass, key: &RsaPrivateKey) -> String {
    sign_with(SignType::RSA2, pairs, class, key)
}

/// The same by either algorithm.
pub fn sign_with(
    sign_type: SignType,
    pairs: &[(&str, &[u8])],
    class: SignClass,
    key: &RsaPrivateKey,
) -> String {
    let mut pairs: Vec<(&str, &[u8])> = pairs.to_vec();
    pairs.push(("sign_type", sign_type.word()));
    let unsigned = form::encode(pairs.iter().copied());
    let text = match Form::parse(unsigned.as_bytes()) {
        Ok(form) => signed_text(&form, class, EmptyValues::Dropped),
        Err(_) => vec![],
    };
    let signature = match sign_type {
        SignType::RSA2 => SigningKey::<Sha256>::new(key.clone()).sign(&text).to_vec(),
        // A key of 1024 bits, the shortest there is, holds SHA-1's 35 bytes.
        SignType::RSA => sign_sha1(&text, key).unwrap_or_default(),
    };
    let sign = BASE64.encode(signature);
    pairs.push(("sign", sign.as_bytes()));
    form::encode(pairs)
}

/// Who signed the form, in one of these classes, provided that the text has one meaning.
///
/// The signer is the same whichever text it signed, and the texts differ only by the literal
/// `sign_type` pair, which was compared, by empty values, which count as absent, and by the
/// certificate's number, which does no more than choose among configured keys.
pub(super) fn signer<'a>(
    form: &Form,
    classes: &[SignClass],
    signature: &[u8],
    keys: &[&'a PublicKey],
) -> Result<&'a PublicKey, Rejection> {
    for cut in cuts(form, classes) {
        let text = joined(form, cut);
        if let Some(key) = keys.iter().find(|key| key.verifies(&text, signature)) {
            let is_clear = !reads_two_ways(signed_pairs(form, cut), &MADE);
            return if is_clear { Ok(key) } else { Err(Rejection::Ambiguous) };
        }
    }
    Err(Rejection::Forged)
}

/// The texts that may have been signed: eight at most, and one where nothing is empty or rare.
fn cuts(form: &Form, classes: &[SignClass]) -> Vec<Cut> {
    let has_empty = form.iter().any(|(_, value)| value.is_empty());
    let empties: &[EmptyValues] = if has_empty {
        &[EmptyValues::Dropped, EmptyValues::Kept]
    } else {
        &[EmptyValues::Dropped]
    };
    let numbers: &[CertificateNumber] = if form.get(CERTIFICATE).is_some() {
        &[CertificateNumber::Kept, CertificateNumber::Dropped]
    } else {
        &[CertificateNumber::Kept]
    };
    let mut cuts = vec![];
    for class in classes.iter().copied() {
        for empty in empties.iter().copied() {
            let of =
                |certificate: &CertificateNumber| Cut { class, empty, certificate: *certificate };
            cuts.extend(numbers.iter().map(of));
        }
    }
    cuts
}

fn joined(form: &Form, cut: Cut) -> Vec<u8> {
    let mut text = Vec::with_capacity(form.len_bytes() + 512);
    for (key, value) in signed_pairs(form, cut) {
        if !text.is_empty() {
            text.push(b'&');
        }
        text.extend_from_slice(key);
        text.push(b'=');
        text.extend_from_slice(value);
    }
    text
}

fn signed_pairs(form: &Form, cut: Cut) -> impl Iterator<Item = (&[u8], &[u8])> {
    form.iter().filter(move |(key, value)| {
        let left_out = *key == b"sign"
            || (*key == b"sign_type" && cut.class == SignClass::V1)
            || (*key == CERTIFICATE.as_bytes() && cut.certificate == CertificateNumber::Dropped);
        !left_out && (!value.is_empty() || cut.empty == EmptyValues::Kept)
    })
}

fn sign_sha1(text: &[u8], key: &RsaPrivateKey) -> errors::Result<Vec<u8>> {
    let scheme = Pkcs1v15Sign { hash_len: Some(SHA1_BYTES), prefix: SHA1_PREFIX.into() };
    key.sign(scheme, digest(&SHA1_FOR_LEGACY_USE_ONLY, text).as_ref())
}
