//! PayPal webhooks, signed with a certificate that PayPal publishes.
//!
//! A JSON body; the signed text is `id|time|webhook id|CRC-32 of the body`, whose webhook id is the
//! account's own and stands nowhere in the request. Which certificate signed it says a header, as an
//! url. Source: developer.paypal.com, Webhooks › Integration; PayPal's SDKs for Python and Java.
//!
//! **Invariant**: an url in a request only selects. A key comes from the configuration, or from a
//! certificate that chains to a configured root and bears PayPal's name.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::signature::{SignatureEncoding as _, Signer as _};
use serde::Deserialize;
use sha2::Sha256;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::json::Json;
use super::material::Material;
use super::protocol::{Proof, Protocol, RsaSignature};
use super::public_key::HashFunction;
use super::{Genuine, KeyNote, Rejection, Reply, Request, Unreadable};
use crate::notification::Notification;
use crate::order::Mode;
use crate::units::Span;

pub mod published;
mod reading;

use self::published::{CertificateUrl, Environment, Trust};

const ALGORITHM: &str = "SHA256withRSA";
const VERSION: &str = "v2";
/// What PayPal's simulator signs with, for everybody alike.
const SIMULATOR_WEBHOOK_ID: &str = "WEBHOOK_ID";
/// PayPal repeats for three days, and may do so without signing anew.
const MAX_AGE: Duration = Duration::from_secs(4 * 24 * 60 * 60);
/// How far PayPal's clock may be ahead of ours.
const AHEAD_MAX: time::Duration = time::Duration::minutes(15);
/// A transmission id is a UUID.
const ID_MAX_BYTES: usize = 64;
const SIGNATURE_MAX_BYTES: usize = 1024;

pub(super) struct PayPal;

/// The account's keys in the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// PayPal's number of this account's webhook.
    pub webhook_id: String,
    pub environment: Environment,
    /// Files of certificates that PayPal signs with.
    #[serde(default)]
    pub certificates: Vec<PathBuf>,
    /// Files of the roots that fetched certificates chain to.
    #[serde(default)]
    pub roots: Vec<PathBuf>,
    /// May an ingress fetch certificates from PayPal?
    #[serde(default)]
    pub fetch_certificates: bool,
    /// Compared when set.
    pub merchant_id: Option<String>,
    /// How old a signed time may be; `0s` takes any.
    #[serde(default = "max_age")]
    pub max_age: Span,
}

/// What an account does not need for reading.
pub type Reader = ();

/// Whose notifications an account takes, and what proves them.
#[derive(Debug, Clone)]
pub struct Settings {
    pub webhook_id: String,
    pub merchant_id: Option<String>,
    /// Nothing: any signed time is taken.
    pub max_age: Option<Duration>,
    pub trust: Trust,
}

/// Who signs, for simulation.
#[derive(Debug, Clone, Copy)]
pub struct Signing<'a> {
    pub key: &'a RsaPrivateKey,
    pub webhook_id: &'a str,
    pub environment: Environment,
}

impl Protocol for PayPal {
    type Section = Section;
    type Settings = Settings;
    /// The body says all that there is to read.
    type Reader = ();

    const HEADERS: &'static [&'static str] = &[
        "paypal-auth-algo",
        "paypal-auth-version",
        "paypal-cert-url",
        "paypal-transmission-id",
        "paypal-transmission-sig",
        "paypal-transmission-time",
    ];
    const PERSONAL: &'static [&'static str] = &reading::PERSONAL;
    /// Any 2xx stops the repeats; nobody reads the body.
    const ACCEPT: Reply =
        Reply { status: 200, content_type: "text/plain; charset=utf-8", body: "" };
    /// Any other status makes it send again.
    const REJECT: Reply =
        Reply { status: 401, content_type: "text/plain; charset=utf-8", body: "" };
    // Source: developer.paypal.com, Refund Payments for Individual Transactions: the default period.
    const REFUND_WITHIN: Option<time::Duration> = Some(time::Duration::days(180));

    fn settings(section: &Section, material: &mut Material<'_>) -> Option<Settings> {
        let webhook_id = material.filled("webhook_id", &section.webhook_id);
        if section.webhook_id == SIMULATOR_WEBHOOK_ID {
            let message = "this is the simulator's, which anybody can have signed: configure your \
                           webhook's own id";
            material.problem("webhook_id", message);
            return None;
        }
        let trust = Trust::configured(section, material);
        let max_age = section.max_age.0;
        Some(Settings {
            webhook_id: webhook_id?,
            merchant_id: section.merchant_id.clone(),
            max_age: (!max_age.is_zero()).then_some(max_age),
            trust: trust?,
        })
    }

    fn reader(_: &Section, _: &mut Material<'_>) -> Option<()> {
        Some(())
    }

    fn mode(section: &Section) -> Option<Mode> {
        Some(match section.environment {
            Environment::Live => Mode::Live,
            Environment::Sandbox => Mode::Test,
        })
    }

    fn inherit(settings: &mut Settings, before: &Settings) {
        settings.trust.inherit(&before.trust);
    }

    fn keys(settings: &Settings) -> Vec<KeyNote> {
        settings.trust.notes()
    }

    fn verify(
        settings: &Settings,
        request: &Request,
        now: OffsetDateTime,
    ) -> Result<Proof, Rejection> {
        if !request.headers.may_be("application/json") {
            return Err(Rejection::Malformed("not JSON"));
        }
        let transmission = Transmission::of(request)?;
        settings.check_age(transmission.time, now)?;
        let url = transmission.certificate_url.ok_or(Rejection::UnknownKey)?;
        let url = CertificateUrl::parse(url, settings.trust.environment())
            .ok_or(Rejection::UnknownKey)?;
        let signature = BASE64.decode(transmission.signature).map_err(|_| Rejection::Forged)?;
        let text = signed_text(transmission.id, transmission.time, &settings.webhook_id, request);
        let key = settings.trust.signer(&url, text.as_bytes(), &signature, now)?;
        // What is no JSON is genuine all the same; whoever reads it will say so.
        let Some(json) = Json::parse(&request.body) else {
            return Ok(Proof { key, subject: vec![] });
        };
        if json.at(&["id"]).text().is_none() || json.at(&["event_type"]).text().is_none() {
            return Err(Rejection::NotANotification);
        }
        if let Some(ours) = &settings.merchant_id
            && reading::merchants(&json).any(|merchant| merchant != ours)
        {
            return Err(Rejection::NotOurs("merchant_id"));
        }
        Ok(Proof { key, subject: reading::subject(&json).as_bytes().to_vec() })
    }

    fn rsa(settings: &Settings, request: &Request, now: OffsetDateTime) -> Option<RsaSignature> {
        let signature = BASE64.decode(request.headers.get("paypal-transmission-sig")?).ok()?;
        let url = request.headers.get("paypal-cert-url")?;
        let url = CertificateUrl::parse(url, settings.trust.environment())?;
        let keys = settings.trust.keys_for(&url, now);
        let hash = HashFunction::Sha256;
        (!keys.is_empty()).then_some(RsaSignature { keys, signature, hash, names_key: false })
    }

    fn other_environment(settings: &Settings, request: &Request) -> Option<&'static str> {
        let url = request.headers.get("paypal-cert-url")?;
        let other = settings.trust.environment().other();
        CertificateUrl::parse(url, other).map(|_| "paypal-cert-url")
    }

    fn read((): &(), genuine: &Genuine<'_>) -> Result<Vec<Notification>, Unreadable> {
        reading::read(genuine.body)
    }
}

/// What the headers say about a request.
struct Transmission<'a> {
    id: &'a str,
    time: &'a str,
    signature: &'a str,
    certificate_url: Option<&'a str>,
}

impl<'a> Transmission<'a> {
    fn of(request: &'a Request) -> Result<Self, Rejection> {
        let header = |name: &str| request.headers.get(name);
        let signature = header("paypal-transmission-sig").ok_or(Rejection::Unsigned)?;
        let id = header("paypal-transmission-id").ok_or(Rejection::Unsigned)?;
        let time = header("paypal-transmission-time").ok_or(Rejection::Unsigned)?;
        if header("paypal-auth-algo") != Some(ALGORITHM)
            || header("paypal-auth-version") != Some(VERSION)
        {
            return Err(Rejection::WrongAlgorithm);
        }
        // A separator in it would let two ids give one text.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if id.len() > ID_MAX_BYTES || !id.bytes().all(is_plain) {
            return Err(Rejection::Malformed("a transmission id"));
        }
        if signature.len() > SIGNATURE_MAX_BYTES {
            return Err(Rejection::Malformed("a signature"));
        }
        Ok(Self { id, time, signature, certificate_url: header("paypal-cert-url") })
    }
}

impl Settings {
    fn check_age(&self, text: &str, now: OffsetDateTime) -> Result<(), Rejection> {
        let time = OffsetDateTime::parse(text, &Rfc3339)
            .map_err(|_| Rejection::Malformed("a transmission time"))?;
        match self.max_age {
            Some(max) if now - time > max || time - now > AHEAD_MAX => Err(Rejection::Stale),
            Some(_) | None => Ok(()),
        }
    }

    /// The certificate that an ingress should fetch before it verifies this request again.
    pub fn wanted(&self, request: &Request, now: OffsetDateTime) -> Option<CertificateUrl> {
        let url = request.headers.get("paypal-cert-url")?;
        let url = CertificateUrl::parse(url, self.trust.environment())?;
        self.trust.wants(&url, now).then_some(url)
    }
}

fn signed_text(id: &str, time: &str, webhook_id: &str, request: &Request) -> String {
    let checksum = crc32fast::hash(&request.body);
    format!("{id}|{time}|{webhook_id}|{checksum}")
}

/// Signs a body as PayPal would, for simulation: answers the headers.
pub fn sign(
    body: &[u8],
    transmission_id: &str,
    at: OffsetDateTime,
    by: Signing<'_>,
) -> Vec<(&'static str, String)> {
    let at = at.replace_nanosecond(0).unwrap_or(at).to_offset(time::UtcOffset::UTC);
    let time = at.format(&Rfc3339).unwrap_or_default();
    let checksum = crc32fast::hash(body);
    let text = format!("{transmission_id}|{time}|{}|{checksum}", by.webhook_id);
    let signature = SigningKey::<Sha256>::new(by.key.clone()).sign(text.as_bytes());
    vec![
        ("content-type", "application/json".to_owned()),
        ("paypal-auth-algo", ALGORITHM.to_owned()),
        ("paypal-auth-version", VERSION.to_owned()),
        ("paypal-cert-url", CertificateUrl::simulated(by.environment).as_str().to_owned()),
        ("paypal-transmission-id", transmission_id.to_owned()),
        ("paypal-transmission-sig", BASE64.encode(signature.to_bytes())),
        ("paypal-transmission-time", time),
    ]
}

fn max_age() -> Span {
    Span(MAX_AGE)
}
