//! How each provider would sign whatever stands in a fuzzer's input, with keys from a seed.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use bytes::Bytes;
use rsa::RsaPrivateKey;
use shared::provider::form::Form;
use shared::provider::mac::key::MacKey;
use shared::provider::{Headers, Provider, Request};
use shared::provider::{
    adyen, alipay, paypal, standard_webhooks, stripe, unionpay, wechat_pay, wechat_pay_v2,
};
use shared::secret::Secret;
use time::OffsetDateTime;

use super::KEY;

/// Certificates of the seed's public key; nobody else trusts them.
pub(super) const UNIONPAY_CERTIFICATE: &str = include_str!("unionpay.pem");
pub(super) const PAYPAL_CERTIFICATE: &str = include_str!("paypal.pem");
const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";
const WECHAT_KEY: &str = "0123456789abcdef0123456789abcdef";
const ADYEN_KEY: &str = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
const PUB_KEY_ID: &str = "PUB_KEY_ID_0112422897022023";

/// How a provider would sign any body for the account; nothing where it could not have said that.
type Sign = Box<dyn Fn(&[u8]) -> Option<Request> + Send + Sync>;

/// A provider's hand, and the section of the account that trusts it.
pub struct Hand {
    pub section: String,
    sign: Sign,
}

impl Hand {
    /// It signs as at this time.
    pub fn of(provider: Provider, now: OffsetDateTime) -> Self {
        let key = KEY.clone();
        let (section, sign) = match provider {
            Provider::Alipay => alipay(key),
            Provider::WechatPay => wechat_pay(key, now),
            Provider::WechatPayV2 => wechat_pay_v2(),
            Provider::UnionPay => unionpay(key),
            Provider::Stripe => stripe(now),
            Provider::PayPal => paypal(key, now),
            Provider::Adyen => adyen(),
            Provider::StandardWebhooks => standard_webhooks(now),
        };
        Self { section, sign }
    }

    /// The request with which the provider would say this; nothing where it could not.
    pub fn sign(&self, said: &[u8]) -> Option<Request> {
        (self.sign)(said)
    }
}

fn alipay(key: RsaPrivateKey) -> (String, Sign) {
    let section = "app_id = \"2021\"\nseller_id = \"2088\"\npublic_keys = [\"public.pem\"]";
    let sign = move |input: &[u8]| {
        let pairs = pairs(input, &["sign", "sign_type"])?;
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), &value[..])).collect();
        let class = alipay::SignClass::V1;
        request([], alipay::sign(&pairs, class, &key).into_bytes())
    };
    (section.to_owned(), Box::new(sign))
}

fn wechat_pay(key: RsaPrivateKey, now: OffsetDateTime) -> (String, Sign) {
    let section = format!(
        "mchid = \"1900\"\napi_v3_key = \"{WECHAT_KEY}\"\n[public_keys]\n{PUB_KEY_ID} = \"public.pem\""
    );
    let sign = move |input: &[u8]| {
        // The first line says of which event the rest is the resource; without one it is an envelope.
        let text = std::str::from_utf8(input).ok()?;
        let body = match text.split_once('\n') {
            Some((event_type, resource)) => {
                let original_type = event_type.split('.').next()?.to_lowercase();
                let event = wechat_pay::Event {
                    id: &id_of(input),
                    created_at: now,
                    event_type,
                    original_type: &original_type,
                    resource,
                };
                wechat_pay::body(&event, WECHAT_KEY)?.into_bytes()
            }
            None => input.to_vec(),
        };
        let signer = wechat_pay::Signer { serial: PUB_KEY_ID, key: &key };
        request(wechat_pay::sign(&body, now, &signer), body)
    };
    (section, Box::new(sign))
}

fn wechat_pay_v2() -> (String, Sign) {
    let section = format!("mch_id = \"1900\"\napi_key = \"{WECHAT_KEY}\"");
    let sign = |input: &[u8]| {
        let pairs = pairs(input, &["sign"])?;
        // Names and values as XML holds them, so that what is signed is what is written.
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let begins = |name: &str| name.starts_with(|letter: char| letter.is_ascii_alphabetic());
        let holds = |(name, value): &(String, Vec<u8>)| {
            begins(name)
                && name.bytes().all(|b| plain(&b))
                && !value.iter().any(u8::is_ascii_control)
        };
        if !pairs.iter().all(holds) {
            return None;
        }
        let texts: Option<Vec<(&str, &str)>> = pairs
            .iter()
            .map(|(name, value)| Some((name.as_str(), std::str::from_utf8(value).ok()?)))
            .collect();
        let body = wechat_pay_v2::sign(&texts?, wechat_pay_v2::SignType::Md5, WECHAT_KEY);
        request([], body.into_bytes())
    };
    (section, Box::new(sign))
}

fn unionpay(key: RsaPrivateKey) -> (String, Sign) {
    let section = "mer_id = \"7000\"\npinned_certificates = [\"unionpay.pem\"]";
    let sign = move |input: &[u8]| {
        let pairs = pairs(input, &["signature", "version", "signMethod", "signPubKeyCert"])?;
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), &value[..])).collect();
        let by = unionpay::Signing::Certificate { key: &key, certificate: UNIONPAY_CERTIFICATE };
        request([], unionpay::sign(&pairs, by).into_bytes())
    };
    (section.to_owned(), Box::new(sign))
}

fn stripe(now: OffsetDateTime) -> (String, Sign) {
    let section = format!("secrets = \"{SECRET}\"\nlivemode = false");
    let secret = Secret::new(SECRET.to_owned());
    let sign = move |input: &[u8]| request(stripe::sign(input, &secret, now), input.to_vec());
    (section, Box::new(sign))
}

fn paypal(key: RsaPrivateKey, now: OffsetDateTime) -> (String, Sign) {
    let section = "webhook_id = \"8PT597110X687430LKGECATA\"\nenvironment = \"live\"\ncertificates = [\"paypal.pem\"]";
    let sign = move |input: &[u8]| {
        let by = paypal::Signing {
            key: &key,
            webhook_id: "8PT597110X687430LKGECATA",
            environment: paypal::published::Environment::Live,
        };
        request(paypal::sign(input, "fuzzed", now, by), input.to_vec())
    };
    (section.to_owned(), Box::new(sign))
}

fn adyen() -> (String, Sign) {
    let section =
        format!("merchant_accounts = [\"Shop\"]\nhmac_keys = \"{ADYEN_KEY}\"\nlive = false");
    let key = MacKey::new(shared::provider::mac::from_hex(ADYEN_KEY).unwrap_or_default());
    let sign = move |input: &[u8]| {
        let batch = serde_json::from_slice(input).ok()?;
        match adyen::sign(&batch, &key) {
            Some(body) => request([], body.into_bytes()),
            None => request(adyen::sign_body(input, &key), input.to_vec()),
        }
    };
    (section, Box::new(sign))
}

fn standard_webhooks(now: OffsetDateTime) -> (String, Sign) {
    let section = format!("secrets = \"{SECRET}\"");
    let key = standard_webhooks::key_of(&Secret::new(SECRET.to_owned()));
    let sign = move |input: &[u8]| {
        let headers = standard_webhooks::sign(&id_of(input), input, key.as_ref()?, now);
        request(headers, input.to_vec())
    };
    (section, Box::new(sign))
}

/// One input is one notification, and another input another.
fn id_of(input: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    format!("msg_{:016x}", hasher.finish())
}

fn request(
    headers: impl IntoIterator<Item = (&'static str, String)>,
    body: Vec<u8>,
) -> Option<Request> {
    let headers: Vec<_> = headers.into_iter().collect();
    let pairs = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    Some(Request { headers: Headers::new(pairs).ok()?, body: Bytes::from(body) })
}

/// The input's form, without what signing adds.
fn pairs(input: &[u8], without: &[&str]) -> Option<Vec<(String, Vec<u8>)>> {
    let form = Form::parse(input).ok()?;
    let names = form.iter().map(|(name, value)| Some((std::str::from_utf8(name).ok()?, value)));
    let pairs: Option<Vec<(&str, &[u8])>> = names.collect();
    let kept = pairs?.into_iter().filter(|(name, _)| !without.contains(name));
    Some(kept.map(|(name, value)| (name.to_owned(), value.to_vec())).collect())
}
