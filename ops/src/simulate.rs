//! Notifications as a provider would send them: genuinely signed, made from a seed, and posted.
//!
//! **Invariant**: the same seed, terms and key give the same bytes. Simulation signs with keys of its
//! own, or with the secrets that the account shares with its provider; it never holds a provider's key.

use std::path::PathBuf;

use shared::money::{Currency, Money};
use shared::provider::{Provider, Section};
use time::OffsetDateTime;

pub mod key;
pub mod certificate;
pub mod scenario;
pub mod signing;
pub mod post;
mod purchase;
mod alipay;
mod wechat_pay;
mod wechat_pay_v2;
mod unionpay;
mod stripe;
mod paypal;
mod adyen;
mod standard_webhooks;

pub use self::scenario::Scenario;
use self::signing::{OpenError, Signing};

/// What is bought, and the chance behind every invented number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub order_no: String,
    pub amount: Money,
    /// The shop's own number of the agreement that is signed or charged under.
    pub agreement: String,
    /// Another seed is another transaction.
    pub seed: u64,
    /// Which charge under the agreement, from 0: each is a month later, and a transaction of its own.
    pub charge: u32,
    /// When it is sent: what a protocol with a time window signs. All else goes by the seed.
    pub now: OffsetDateTime,
}

/// One request, and how an ingress must answer it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulated {
    pub provider: Provider,
    /// By lower-case name, the content type first.
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    pub expected: Expected,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Accepted,
    Rejected,
}

/// A provider's side of the wire, opened for one account.
pub trait Sender: Send + Sync {
    /// What it can play, in the order of their declaration.
    fn scenarios(&self) -> Vec<Scenario>;

    /// The currency of who names none.
    fn currency(&self) -> Currency;

    /// Can its notifications tell amounts in this currency?
    fn tells(&self, currency: Currency) -> bool;

    /// Makes the request; nothing when it has no such scenario.
    fn simulate(&self, scenario: Scenario, terms: &Terms) -> Option<Simulated>;

    /// What the account must list to believe it. Nothing where a shared secret signs.
    fn trust(&self) -> Option<Trust>;
}

/// What must stand under a key of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    pub key: &'static str,
    /// A file, relative to the configuration, or the public key itself.
    pub what: String,
}

/// An account to begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its section of `quittance.toml`, heading and all.
    pub section: String,
    /// Files of secrets that it names, relative to the configuration, with their text.
    pub files: Vec<(PathBuf, String)>,
}

/// Opens the account's provider, with what it signs with.
pub fn open(section: &Section, signing: &mut Signing<'_>) -> Result<Box<dyn Sender>, OpenError> {
    Ok(match section {
        Section::Alipay(section) => Box::new(alipay::Alipay::open(section, signing)?),
        Section::WechatPay(section) => Box::new(wechat_pay::WechatPay::open(section, signing)?),
        Section::WechatPayV2(section) => {
            Box::new(wechat_pay_v2::WechatPayV2::open(section, signing)?)
        }
        Section::UnionPay(section) => Box::new(unionpay::UnionPay::open(section, signing)?),
        Section::PayPal(section) => Box::new(paypal::PayPal::open(section, signing)?),
        Section::Stripe(section) => Box::new(stripe::Stripe::open(section, signing)?),
        Section::Adyen(section) => Box::new(adyen::Adyen::open(section, signing)?),
        Section::StandardWebhooks(section) => {
            Box::new(standard_webhooks::StandardWebhooks::open(section, signing)?)
        }
    })
}

/// An account of this provider that trusts simulation.
pub fn sample(provider: Provider, account: &str) -> Sample {
    match provider {
        Provider::Alipay => alipay::sample(account),
        Provider::WechatPay => wechat_pay::sample(account),
        Provider::WechatPayV2 => wechat_pay_v2::sample(account),
        Provider::UnionPay => unionpay::sample(account),
        Provider::PayPal => paypal::sample(account),
        Provider::Stripe => stripe::sample(account),
        Provider::Adyen => adyen::sample(account),
        Provider::StandardWebhooks => standard_webhooks::sample(account),
    }
}

/// A seed for those who name none: the same for the same order, so that a refund finds its payment.
pub fn seed_of(account: &str, order_no: &str) -> u64 {
    // FNV-1a, 64 bits. Source: draft-eastlake-fnv §2.
    let bytes = account.bytes().chain([0]).chain(order_no.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl Expected {
    fn unless(is_rejected: bool) -> Self {
        if is_rejected { Self::Rejected } else { Self::Accepted }
    }

    /// The word in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        }
    }
}

#[cfg(test)]
mod tests;
