//! How UnionPay signs, for simulation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::signature::{SignatureEncoding as _, Signer as _};
use sha2::{Digest as _, Sha256};

use super::super::form::{self, Form};
use super::super::mac::to_hex;
use super::{SignMethod, VERSION, signed_text, trust};
use crate::secret::Secret;

/// Who signs, for simulation.
#[derive(Debug, Clone, Copy)]
pub enum Signing<'a> {
    /// The certificate is PEM.
    Certificate {
        key: &'a RsaPrivateKey,
        certificate: &'a str,
    },
    SecureKey(&'a Secret),
}

/// Signs pairs as UnionPay would, for simulation: adds `version`, `signMethod`, the certificate and
/// `signature`, and returns the body.
pub fn sign(pairs: &[(&str, &[u8])], by: Signing<'_>) -> String {
    let mut pairs: Vec<(&str, &[u8])> = pairs.to_vec();
    let certificate = match by {
        Signing::Certificate { certificate, .. } => windows_lines(certificate),
        Signing::SecureKey(_) => String::new(),
    };
    pairs.push(("version", VERSION));
    pairs.push(("signMethod", by.method().as_str().as_bytes()));
    if !certificate.is_empty() {
        pairs.push(("signPubKeyCert", certificate.as_bytes()));
    }
    let unsigned = form::encode(pairs.iter().copied());
    let text = Form::parse(unsigned.as_bytes()).map(|form| signed_text(&form)).unwrap_or_default();
    let signature = match by {
        Signing::Certificate { key, .. } => {
            let signed = to_hex(&Sha256::digest(&text));
            let signature = SigningKey::<Sha256>::new(key.clone()).sign(signed.as_bytes());
            BASE64.encode(signature.to_bytes())
        }
        Signing::SecureKey(key) => trust::keyed_hash(&text, key),
    };
    pairs.push(("signature", signature.as_bytes()));
    form::encode(pairs)
}

impl Signing<'_> {
    fn method(self) -> SignMethod {
        match self {
            Self::Certificate { .. } => SignMethod::Certificate,
            Self::SecureKey(_) => SignMethod::SecureKey,
        }
    }
}

/// UnionPay sends its certificate with the line ends of Windows, and signs them.
fn windows_lines(text: &str) -> String {
    text.trim().lines().collect::<Vec<_>>().join("\r\n")
}
