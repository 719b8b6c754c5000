//! Every provider's side of the wire: genuine notifications whose every personal field bears a mark.

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use harness::installation::Installation;
use ops::simulate::certificate::{Subject, issue};
use ops::simulate::{key, sample};
use rsa::RsaPrivateKey;
use shared::process;
use shared::provider::Provider;
use shared::provider::paypal::published::Environment;
use shared::secret::Secret;

mod forms;
mod json;

/// What tells who paid.
pub(super) const MARK: &str = "Zq7Payer";
/// What stands where an amount should, so that nobody can read it.
pub(super) const UNREADABLE: &str = "Zq8Value";
/// UnionPay's other way to sign, which needs no authority.
const BY_SECURE_KEY: &str = "mer_id = \"777290058110048\"\nsign_method = \"11\"\n";

/// The accounts of an installation, one a provider.
pub(super) struct Senders<'a> {
    at: &'a Installation,
    key: RsaPrivateKey,
}

/// One request.
pub(super) struct Said {
    pub(super) provider: Provider,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

/// What a notification says of an order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tells<'a> {
    pub(super) number: &'a str,
    /// Does its amount, or for Adyen its currency, read as one?
    pub(super) reads: bool,
}

impl Tells<'_> {
    fn or_unreadable<'a>(&self, genuine: &'a str) -> &'a str {
        if self.reads { genuine } else { UNREADABLE }
    }
}

pub(super) fn account(provider: Provider) -> String {
    format!("marks-{}", provider.as_str())
}

/// The currency of each provider's ten.
pub(super) fn currency(provider: Provider) -> &'static str {
    match provider {
        Provider::Alipay | Provider::WechatPay | Provider::WechatPayV2 | Provider::UnionPay => {
            "CNY"
        }
        Provider::Stripe | Provider::Adyen | Provider::StandardWebhooks => "EUR",
        Provider::PayPal => "USD",
    }
}

impl<'a> Senders<'a> {
    /// Adds an account of every provider to the configuration, each with a quarantine.
    pub(super) fn join(at: &'a Installation) -> Self {
        at.answer(&["keys", "init", "--for", "quarantine"]).unwrap();
        let mut config = OpenOptions::new().append(true).open(at.config()).unwrap();
        let mut senders = None;
        for provider in Provider::ALL.iter().copied() {
            let account = account(provider);
            let mut sample = sample(provider, &account);
            if provider == Provider::UnionPay {
                let secret = format!("keys/{account}.secret");
                sample.section = format!(
                    "[accounts.{account}]\nprovider = \"unionpay\"\n{BY_SECURE_KEY}\
                     secure_key_file = \"{secret}\"\n"
                );
                sample.files = vec![(secret.into(), "0123456789abcdef\n".to_owned())];
            }
            writeln!(config, "\n{}quarantine = true", sample.section).unwrap();
            for (file, text) in &sample.files {
                fs::write(at.path(&file.display().to_string()), text).unwrap();
            }
            // One key pair signs for all that have one.
            let own = at.path(&format!("keys/{account}.simulate.pem"));
            let Self { key, .. } =
                senders.get_or_insert_with(|| Self { at, key: key::make(&own).unwrap() });
            key::write_public(key, &key::public_path(&own)).unwrap();
            let subject = Subject::PayPal(Environment::Sandbox);
            let issued = issue(key, subject, process::now()).unwrap();
            fs::write(own.with_extension("certificate.pem"), issued.leaf).unwrap();
        }
        writeln!(config, "\n[quarantine]\nkey_file = \"keys/quarantine.key\"").unwrap();
        senders.unwrap()
    }

    /// A payment of ten, succeeded.
    pub(super) fn say(&self, provider: Provider, tells: Tells<'_>) -> Said {
        let (headers, body) = match provider {
            Provider::Alipay => forms::alipay(self, tells),
            Provider::UnionPay => forms::unionpay(self, tells),
            Provider::WechatPayV2 => forms::wechat_pay_v2(self, tells),
            Provider::WechatPay => json::wechat_pay(self, tells),
            Provider::Stripe => json::stripe(self, tells),
            Provider::PayPal => json::paypal(self, tells),
            Provider::Adyen => json::adyen(self, tells),
            Provider::StandardWebhooks => json::standard_webhooks(self, tells),
        };
        Said { provider, headers, body }
    }

    /// A refund that WeChat's second version tells, encrypted.
    pub(super) fn hint(&self, number: &str) -> Said {
        let (headers, body) = forms::wechat_pay_v2_refund(self, number);
        Said { provider: Provider::WechatPayV2, headers, body }
    }

    fn secret(&self, provider: Provider) -> Secret {
        let file = self.at.path(&format!("keys/{}.secret", account(provider)));
        Secret::new(fs::read_to_string(file).unwrap().trim().to_owned())
    }
}

/// The personal names of a provider but these, which stand elsewhere.
fn personal(provider: Provider, but: &[&str]) -> impl Iterator<Item = &'static str> {
    provider.personal().iter().copied().filter(move |name| !but.contains(name))
}
