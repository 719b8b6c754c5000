//! UnionPay as the attacks need it: it signs any text, with any key, under any certificate, by rules
//! written down here once more, so that a slip in ours shows.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::signature::{SignatureEncoding as _, Signer as _};
use sha2::{Digest as _, Sha256};
use shared::notification::Notification;
use shared::process::now;
use shared::provider::certificate::{Authorities, Certificate, ChainHash};
use shared::provider::unionpay::trust::{Certificates, Trust};
use shared::provider::unionpay::{Encoding, Reader, Settings};
use shared::provider::{
    self, Account, Genuine, Headers, Rejection, Request, Scheme, Unreadable, verify,
};
use shared::secret::Secret;

use super::authority::{CFCA, KEYS, Says};
pub(super) use crate::sender::{Pairs, body, pairs, text, with, without};

pub(super) const MER_ID: &str = "777290058167151";
pub(super) const ORGANISATION: &str = "中国银联股份有限公司";
pub(super) const SECURE_KEYS: [&str; 2] = ["979da4cfccbae7923641daa5dd7047c2", "the-key-before"];

/// UnionPay's certificate, as it stands in a message.
pub(super) static LEAF: LazyLock<String> = LazyLock::new(|| CFCA.issue(&KEYS[0], &Says::default()));

/// An account that takes what CFCA issued in UnionPay's name.
pub(super) fn settings() -> Settings {
    let read = |pem: &str| Certificate::parse_all(pem.as_bytes()).unwrap();
    let authorities =
        Authorities::new(read(&CFCA.root), &read(&CFCA.intermediate), ChainHash::SHA256).unwrap();
    trusting(Certificates::new(&[], Some(authorities), ORGANISATION).unwrap())
}

/// An account that takes the keys of these certificates and no other.
pub(super) fn pinning(certificates: &[&str]) -> Settings {
    let read = |pem: &&str| Certificate::parse(pem.as_bytes()).unwrap();
    let pinned: Vec<_> = certificates.iter().map(read).collect();
    trusting(Certificates::new(&pinned, None, ORGANISATION).unwrap())
}

/// An account that shares secure keys with UnionPay.
pub(super) fn sharing() -> Settings {
    let keys = SECURE_KEYS.map(|key| Secret::new(key.to_owned())).to_vec();
    Settings { mer_id: MER_ID.to_owned(), trust: Trust::SecureKeys(keys) }
}

fn trusting(certificates: Certificates) -> Settings {
    Settings { mer_id: MER_ID.to_owned(), trust: Trust::Certificates(certificates) }
}

pub(super) fn scheme() -> Scheme {
    Scheme::UnionPay(settings())
}

/// A payment's notification without certificate and signature.
pub(super) fn payment() -> Pairs {
    pairs(&[
        ("accNo", "6216***********0018"),
        ("accessType", "0"),
        ("bizType", "000201"),
        ("currencyCode", "156"),
        ("encoding", "utf-8"),
        ("exchangeRate", "0"),
        ("merId", MER_ID),
        ("orderId", "A1"),
        ("queryId", "782611231200000740281"),
        ("reqReserved", "透传 1+1 100% %2B"),
        ("respCode", "00"),
        ("respMsg", "成功[0000000]"),
        ("settleAmt", "2000"),
        ("settleCurrencyCode", "156"),
        ("settleDate", "1123"),
        ("signMethod", "01"),
        ("traceNo", "067402"),
        ("traceTime", "1123120003"),
        ("txnAmt", "2000"),
        ("txnSubType", "01"),
        ("txnTime", "20261123120000"),
        ("txnType", "01"),
        ("version", "5.1.0"),
    ])
}

/// Signed by UnionPay.
pub(super) fn signed(pairs: Pairs) -> Pairs {
    signed_under(pairs, &LEAF, &KEYS[0])
}

/// Signed by any key, with any certificate as a part of the text.
pub(super) fn signed_under(pairs: Pairs, certificate: &str, key: &RsaPrivateKey) -> Pairs {
    let pairs = with(pairs, "signPubKeyCert", certificate.as_bytes());
    let text = text(&filled(&pairs));
    sealed(pairs, &text, key)
}

/// Adds the signature of any text by any key.
pub(super) fn sealed(pairs: Pairs, text: &[u8], key: &RsaPrivateKey) -> Pairs {
    let signature = SigningKey::<Sha256>::new(key.clone()).sign(hex(text).as_bytes());
    with(pairs, "signature", BASE64.encode(signature.to_bytes()).as_bytes())
}

/// Signed with a secure key.
pub(super) fn keyed(pairs: Pairs, key: &str) -> Pairs {
    let pairs = with(pairs, "signMethod", b"11");
    let text = [&text(&filled(&pairs)), &b"&"[..], hex(key.as_bytes()).as_bytes()].concat();
    with(pairs, "signature", hex(&text).as_bytes())
}

fn filled(pairs: &Pairs) -> Pairs {
    pairs.iter().filter(|(_, value)| !value.is_empty()).cloned().collect()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A genuine payment's body.
pub(super) fn genuine() -> Vec<u8> {
    body(&signed(payment()))
}

/// What the rule says, without a door: which key.
pub(super) fn verdict(settings: Settings, body: &[u8]) -> Result<String, Rejection> {
    let account = Account { name: "any".to_owned(), scheme: Scheme::UnionPay(settings) };
    let request = Request { headers: Headers::default(), body: body.to_vec().into() };
    verify(&account, request, now()).map(|verified| verified.key().to_owned())
}

/// What a worker would read from it.
pub(super) fn read(body: &[u8]) -> Result<Vec<Notification>, Unreadable> {
    let reader = provider::Reader::UnionPay(Reader { encoding: Encoding::Utf8 });
    reader.read(&Genuine { http: &[], received_at: now(), body })
}
