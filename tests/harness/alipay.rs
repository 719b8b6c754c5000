//! Genuine Alipay notifications in bulk. Signed with aws-lc-rs, because thousands are needed.

use anyhow::{Context as _, anyhow};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use shared::provider::alipay::{EmptyValues, SignClass, signed_text};
use shared::provider::form::{Form, encode};
use shared::provider::public_key::PublicKey;

/// The app that the tests' accounts are for.
pub const APP_ID: &str = "2021000000000001";
/// The seller that the tests' accounts are for.
pub const SELLER_ID: &str = "2088102177890000";

/// Alipay, as far as signing goes.
pub struct Signer {
    key: RsaKeyPair,
}

/// What a notification is about.
#[derive(Debug, Clone)]
pub struct Trade<'a> {
    pub order_number: &'a str,
    pub transaction: &'a str,
    pub notify_id: &'a str,
    pub status: &'a str,
    /// In fen.
    pub amount: i64,
    /// The cumulative total refunded, in fen.
    pub refunded: Option<i64>,
}

impl Signer {
    pub fn generate() -> anyhow::Result<Self> {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow!("no key"))?;
        Ok(Self { key })
    }

    /// The public key as Alipay hands it over: one line of base64 SPKI.
    pub fn public_key(&self) -> anyhow::Result<String> {
        use base64::Engine as _;
        let spki = self.key.public_key().as_der().map_err(|_| anyhow!("no public key"))?;
        let spki: aws_lc_rs::encoding::PublicKeyX509Der<'_> = spki;
        let text = base64::engine::general_purpose::STANDARD.encode(spki.as_ref());
        PublicKey::parse(&text).context("our own key")?;
        Ok(text)
    }

    /// The private key, for a program that signs. Source of the 64: RFC 7468 §2.
    pub fn private_key_pem(&self) -> anyhow::Result<String> {
        use base64::Engine as _;
        let der: Pkcs8V1Der<'_> = self.key.as_der().map_err(|_| anyhow!("no private key"))?;
        let text = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
        let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        let text = lines.join("\n");
        Ok(format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"))
    }

    /// The body that Alipay would post.
    pub fn body(&self, trade: &Trade<'_>) -> anyhow::Result<String> {
        let amount = yuan(trade.amount);
        let refunded = trade.refunded.map(yuan);
        let mut pairs: Vec<(&str, &[u8])> = vec![
            ("notify_time", b"2026-11-23 12:00:05"),
            ("notify_type", b"trade_status_sync"),
            ("notify_id", trade.notify_id.as_bytes()),
            ("app_id", APP_ID.as_bytes()),
            ("seller_id", SELLER_ID.as_bytes()),
            ("charset", b"utf-8"),
            ("version", b"1.0"),
            ("trade_no", trade.transaction.as_bytes()),
            ("out_trade_no", trade.order_number.as_bytes()),
            ("trade_status", trade.status.as_bytes()),
            ("total_amount", amount.as_bytes()),
            ("buyer_id", b"2088102534368455"),
            ("buyer_logon_id", b"xud***@126.com"),
            ("subject", "语雀空间 + 100%".as_bytes()),
            ("fund_bill_list", br#"[{"amount":"0.10","fundChannel":"ALIPAYACCOUNT"}]"#),
            ("gmt_create", b"2026-11-23 12:00:00"),
            ("gmt_payment", b"2026-11-23 12:00:03"),
        ];
        if let Some(refunded) = &refunded {
            pairs.push(("refund_fee", refunded.as_bytes()));
            pairs.push(("gmt_refund", b"2026-11-23 12:30:00.123"));
        }
        self.sign(pairs)
    }

    /// Signs any pairs, in class V1.
    pub fn sign(&self, mut pairs: Vec<(&str, &[u8])>) -> anyhow::Result<String> {
        use base64::Engine as _;
        pairs.push(("sign_type", b"RSA2"));
        let unsigned = encode(pairs.iter().copied());
        let form = Form::parse(unsigned.as_bytes())?;
        let text = signed_text(&form, SignClass::V1, EmptyValues::Dropped);
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &text, &mut signature)
            .map_err(|_| anyhow!("signing failed"))?;
        let sign = base64::engine::general_purpose::STANDARD.encode(signature);
        Ok(format!("{unsigned}&{}", encode([("sign", sign.as_bytes())])))
    }
}

fn yuan(fen: i64) -> String {
    format!("{}.{:02}", fen / 100, fen % 100)
}
