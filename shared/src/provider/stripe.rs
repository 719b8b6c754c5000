//! Stripe: a JSON event, signed with HMAC-SHA256 over `{t}.{body}`, in hex, in `Stripe-Signature`.
//!
//! The key is the endpoint secret's whole text, `whsec_` included. Each endpoint has its own, and so
//! have live and test mode. Source: docs.stripe.com/webhooks, "Verify webhook signatures manually".

use std::path::PathBuf;

use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use super::json::Json;
use super::mac::{from_hex, hmac_sha256, is_same, to_hex};
use super::material::Material;
use super::protocol::{Proof, Protocol, check_fresh};
use super::{Genuine, KeyNote, Rejection, Reply, Request, Unreadable};
use crate::notification::Notification;
use crate::order::Mode;
use crate::secret::Secret;

mod reading;

pub use self::reading::decimals;

const SIGNATURE: &str = "stripe-signature";
/// The scheme that counts. `v0` is made for tests, with a key that anybody may have.
const SCHEME: &str = "v1";
const SECRET_PREFIX: &str = "whsec_";
/// Letters behind the prefix. Stripe's have 32 and more.
const SECRET_LETTERS_MIN: usize = 16;
/// Signed times count that are up to 300 s away, as in Stripe's libraries.
const WINDOW: Duration = Duration::seconds(301);
/// Elements of one header: a time, and a signature for each secret of a rotation.
const ELEMENTS_MAX: usize = 32;

pub(super) struct Stripe;

/// The account's keys in the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// From the environment; else `secrets_file`, one a line.
    pub secrets: Option<Secret>,
    pub secrets_file: Option<PathBuf>,
    pub livemode: bool,
    /// The connected account (`acct_…`) that a Connect endpoint is for.
    pub account: Option<String>,
    #[serde(default)]
    pub order_from: OrderFrom,
    #[serde(default = "default_order_key")]
    pub order_key: String,
    #[serde(default = "default_subscription_key")]
    pub subscription_key: String,
}

/// Which of Stripe's objects proves one-time payments. It is one alone, so that two objects never name
/// two orders for one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderFrom {
    #[default]
    PaymentIntent,
    CheckoutSession,
}

/// What proves an event, and whose it must be.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The endpoint's secrets, several during a rotation.
    pub secrets: Vec<Secret>,
    pub livemode: bool,
    pub account: Option<String>,
}

/// Where a shop's numbers stand.
#[derive(Debug, Clone)]
pub struct Reader {
    pub order_from: OrderFrom,
    /// The key in `metadata` that holds the order's number.
    pub order_key: String,
    /// The key in a subscription's `metadata` that holds the shop's number of it.
    pub subscription_key: String,
}

impl Protocol for Stripe {
    type Section = Section;
    type Settings = Settings;
    type Reader = Reader;

    const HEADERS: &'static [&'static str] = &[SIGNATURE];
    const PERSONAL: &'static [&'static str] = &[
        "billing_details",
        "shipping",
        "shipping_details",
        "collected_information",
        "customer",
        "customer_account",
        "customer_details",
        "customer_email",
        "customer_name",
        "customer_phone",
        "customer_address",
        "customer_shipping",
        "customer_tax_ids",
        "receipt_email",
        "payment_method_details",
        "source",
        "evidence",
        "name",
        "email",
        "phone",
        "address",
        "last4",
        "fingerprint",
        "client_secret",
        "description",
        "metadata",
        "custom_fields",
        "receipt_url",
        "url",
        "hosted_invoice_url",
        "invoice_pdf",
    ];
    const ACCEPT: Reply =
        Reply { status: 200, content_type: "text/plain; charset=utf-8", body: "" };
    const REJECT: Reply =
        Reply { status: 400, content_type: "text/plain; charset=utf-8", body: "" };

    fn settings(section: &Section, material: &mut Material<'_>) -> Option<Settings> {
        let (value, file) = (section.secrets.as_ref(), section.secrets_file.as_ref());
        let secrets = material.secrets("secrets", value, file)?;
        let letters = |secret: &Secret| secret.reveal().strip_prefix(SECRET_PREFIX).map(str::len);
        let is_whole = |secret: &Secret| letters(secret) >= Some(SECRET_LETTERS_MIN);
        if !secrets.iter().all(is_whole) {
            let rule = format!(
                "an endpoint's signing secret is `{SECRET_PREFIX}` and at least \
                 {SECRET_LETTERS_MIN} letters; an API key is none"
            );
            material.problem("secrets", rule);
            return None;
        }
        let account = match &section.account {
            Some(account) => Some(material.filled("account", account)?),
            None => None,
        };
        Some(Settings { secrets, livemode: section.livemode, account })
    }

    fn reader(section: &Section, material: &mut Material<'_>) -> Option<Reader> {
        let order_key = material.filled("order_key", &section.order_key);
        let subscription_key = material.filled("subscription_key", &section.subscription_key);
        Some(Reader {
            order_from: section.order_from,
            order_key: order_key?,
            subscription_key: subscription_key?,
        })
    }

    fn mode(section: &Section) -> Option<Mode> {
        Some(if section.livemode { Mode::Live } else { Mode::Test })
    }

    fn keys(settings: &Settings) -> Vec<KeyNote> {
        let note = |key: &Secret| KeyNote::bare(key.fingerprint(), "HMAC-SHA256");
        settings.secrets.iter().map(note).collect()
    }

    fn verify(
        settings: &Settings,
        request: &Request,
        now: OffsetDateTime,
    ) -> Result<Proof, Rejection> {
        if !request.headers.may_be("application/json") {
            return Err(Rejection::Malformed("not JSON by its content type"));
        }
        let header = request.headers.get(SIGNATURE).ok_or(Rejection::Unsigned)?;
        let claim = Claim::parse(header)?;
        check_fresh(claim.time, now, WINDOW)?;
        let signer = |secret: &&Secret| {
            let key = secret.reveal().as_bytes();
            let code = hmac_sha256(key, &[claim.time.as_bytes(), b".", &request.body]);
            claim.signatures.iter().any(|signature| is_same(&code, signature))
        };
        let key = settings.secrets.iter().find(signer).ok_or(Rejection::Forged)?;

        let event = Json::parse(&request.body).ok_or(Rejection::Malformed("no JSON"))?;
        check_ours(settings, &event)?;
        let object = event.at(&["data", "object"]);
        let about = object.at(&["payment_intent"]).text().or(object.at(&["id"]).text());
        let subject = about.or(event.at(&["id"]).text()).unwrap_or_default();
        Ok(Proof { key: key.fingerprint(), subject: subject.as_bytes().to_vec() })
    }

    fn other_environment(settings: &Settings, request: &Request) -> Option<&'static str> {
        let livemode = Json::parse(&request.body)?.at(&["livemode"]).boolean()?;
        (livemode != settings.livemode).then_some("livemode")
    }

    fn read(reader: &Reader, genuine: &Genuine<'_>) -> Result<Vec<Notification>, Unreadable> {
        reading::read(reader, genuine.body).map(|notification| vec![notification])
    }
}

/// Signs a body as Stripe would, for simulation: the header to post it with.
pub fn sign(body: &[u8], secret: &Secret, now: OffsetDateTime) -> [(&'static str, String); 1] {
    let time = now.unix_timestamp().to_string();
    let code = hmac_sha256(secret.reveal().as_bytes(), &[time.as_bytes(), b".", body]);
    [(SIGNATURE, format!("t={time},{SCHEME}={}", to_hex(&code)))]
}

/// What the header claims.
struct Claim<'a> {
    /// The signed time, as the text that was signed.
    time: &'a str,
    signatures: Vec<Vec<u8>>,
}

impl<'a> Claim<'a> {
    /// Splits at `,`, then at the first `=`: exactly one `t`, all `v1`, and other schemes count for
    /// nothing. A signature that is no lower-case hex is one that fits nothing.
    fn parse(header: &'a str) -> Result<Self, Rejection> {
        if header.split(',').count() > ELEMENTS_MAX {
            return Err(Rejection::Malformed("too many elements in the signature header"));
        }
        let (mut times, mut signatures, mut others) = (vec![], vec![], 0);
        for element in header.split(',') {
            let Some((key, value)) = element.split_once('=') else {
                return Err(Rejection::Malformed("an element of the signature header without `=`"));
            };
            match key {
                "t" => times.push(value),
                SCHEME => signatures.push(lower_hex(value).unwrap_or_default()),
                _ => others += 1,
            }
        }
        let [time] = times[..] else {
            return Err(Rejection::Malformed("no single `t` in the signature header"));
        };
        match (signatures.is_empty(), others) {
            (true, 0) => Err(Rejection::Unsigned),
            (true, _) => Err(Rejection::WrongAlgorithm),
            (false, _) => Ok(Self { time, signatures }),
        }
    }
}

fn lower_hex(text: &str) -> Option<Vec<u8>> {
    from_hex(text).filter(|_| !text.bytes().any(|byte| byte.is_ascii_uppercase()))
}

/// Events of version 2 are thin: they name no account, and nothing is read from them.
fn check_ours(settings: &Settings, event: &Json) -> Result<(), Rejection> {
    let is_thin = match event.at(&["object"]).text() {
        Some("event") => false,
        Some("v2.core.event") => true,
        Some(_) | None => return Err(Rejection::NotANotification),
    };
    if event.at(&["livemode"]).boolean() != Some(settings.livemode) {
        return Err(Rejection::NotOurs("livemode"));
    }
    if !is_thin && event.at(&["account"]).text() != settings.account.as_deref() {
        return Err(Rejection::NotOurs("account"));
    }
    Ok(())
}

fn default_order_key() -> String {
    "order_no".to_owned()
}

fn default_subscription_key() -> String {
    "subscription_no".to_owned()
}

#[cfg(test)]
mod tests;
