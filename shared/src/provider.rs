//! The providers: what makes a request genuine, and what it says.
//!
//! **Invariant**: only [`verify`] makes a [`Verified`]. The request may select among configured
//! keys and is compared with the pinned algorithm; it never supplies either.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer};
use time::{Duration, OffsetDateTime};

use crate::notification::Notification;
use crate::order::Mode;
use crate::units::UNRECORDABLE;

pub mod protocol;
pub mod expiry;
pub mod request;
pub mod received;
pub mod account;
pub mod verified;
pub mod one_or_more;
pub mod material;
pub mod form;
pub mod joined_text;
pub mod json;
pub mod xml;
pub mod personal;
pub mod mac;
pub mod aead;
pub mod public_key;
pub mod certificate;
pub mod alipay;
pub mod wechat_pay;
pub mod wechat_pay_v2;
pub mod unionpay;
pub mod stripe;
pub mod paypal;
pub mod adyen;
pub mod standard_webhooks;
#[cfg(test)]
pub mod acme_pay;
pub mod diagnosis;

pub use self::account::{Account, Accounts, Readers};
use self::material::Material;
use self::protocol::Protocol as _;
pub use self::protocol::{Genuine, KeyNote, Rejection, Renewal, Reply, Returned, Unreadable};
pub use self::received::Received;
pub use self::request::{Headers, Request};
pub use self::verified::{Verified, affinity, verify};

/// Declares every provider: its variant, and the module that holds its protocol. The module's name is
/// the word in configuration, messages and tables.
macro_rules! providers {
    ($($variant:ident = $module:ident),+ $(,)?) => {
        /// Whose protocol an account speaks.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Provider { $($variant),+ }

        /// What proves a request to an account genuine, and whose it must be.
        #[derive(Debug, Clone)]
        pub enum Scheme { $($variant($module::Settings)),+ }

        /// What only reading needs; an ingress never holds it.
        #[derive(Debug, Clone)]
        pub enum Reader { $($variant($module::Reader)),+ }

        /// A provider's own keys of `[accounts.NAME]`.
        #[derive(Debug, Clone)]
        pub enum Section { $($variant($module::Section)),+ }

        impl Provider {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in configuration, messages and tables.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($module)),+ }
            }

            /// What stops the provider from sending it again.
            pub fn accept(self) -> Reply {
                match self { $(Self::$variant => $module::$variant::ACCEPT),+ }
            }

            /// What makes the provider send it again.
            pub fn reject(self) -> Reply {
                match self { $(Self::$variant => $module::$variant::REJECT),+ }
            }

            /// The HTTP headers that the protocol reads, in lower case.
            pub fn headers(self) -> &'static [&'static str] {
                match self { $(Self::$variant => $module::$variant::HEADERS),+ }
            }

            /// How long after a payment it takes a refund of it; nothing where that is not known.
            pub fn refund_within(self) -> Option<Duration> {
                match self { $(Self::$variant => $module::$variant::REFUND_WITHIN),+ }
            }

            /// The names of fields that tell who paid.
            pub fn personal(self) -> &'static [&'static str] {
                match self { $(Self::$variant => $module::$variant::PERSONAL),+ }
            }

            /// The body without these of its notifications; nothing where it cannot be taken apart.
            pub fn redact(self, body: &[u8], parts: &BTreeSet<usize>) -> Option<Vec<u8>> {
                match self { $(Self::$variant => $module::$variant::redact(body, parts)),+ }
            }

            fn carried(self) -> &'static [&'static str] {
                match self { $(Self::$variant => $module::$variant::CARRIED),+ }
            }
        }

        impl Scheme {
            pub fn provider(&self) -> Provider {
                match self { $(Self::$variant(_) => Provider::$variant),+ }
            }

            /// Every configured key: what an operator sees of it.
            pub fn keys(&self) -> Vec<KeyNote> {
                match self { $(Self::$variant(settings) => $module::$variant::keys(settings)),+ }
            }

            /// Takes over what was learnt by the scheme that stood here before.
            pub(crate) fn inherit(&mut self, before: &Self) {
                match (self, before) {
                    $((Self::$variant(held), Self::$variant(before)) => {
                        $module::$variant::inherit(held, before);
                    })+
                    _ => (), // The account changed its provider.
                }
            }

            fn verify(
                &self,
                request: &Request,
                now: OffsetDateTime,
            ) -> Result<protocol::Proof, Rejection> {
                match self {
                    $(Self::$variant(settings) => $module::$variant::verify(settings, request, now)),+
                }
            }

            fn needed(&self, request: &Request) -> &'static [&'static str] {
                match self {
                    $(Self::$variant(settings) => $module::$variant::needed(settings, request)),+
                }
            }

            fn rsa(&self, request: &Request, now: OffsetDateTime) -> Option<protocol::RsaSignature> {
                match self {
                    $(Self::$variant(settings) => $module::$variant::rsa(settings, request, now)),+
                }
            }

            fn distrust(&self, request: &Request, now: OffsetDateTime) -> Option<protocol::Distrust> {
                match self {
                    $(Self::$variant(settings) => $module::$variant::distrust(settings, request, now)),+
                }
            }

            fn other_environment(&self, request: &Request) -> Option<&'static str> {
                match self {
                    $(Self::$variant(settings) => {
                        $module::$variant::other_environment(settings, request)
                    })+
                }
            }

            fn verify_return(&self, pairs: &[u8], now: OffsetDateTime) -> Result<Returned, Rejection> {
                match self {
                    $(Self::$variant(held) => $module::$variant::verify_return(held, pairs, now)),+
                }
            }
        }

        impl Reader {
            pub fn provider(&self) -> Provider {
                match self { $(Self::$variant(_) => Provider::$variant),+ }
            }

            /// Reads what was verified. One request may hold several notifications.
            pub fn read(&self, genuine: &Genuine<'_>) -> Result<Vec<Notification>, Unreadable> {
                let read = match self {
                    $(Self::$variant(reader) => $module::$variant::read(reader, genuine)),+
                }?;
                let kept: Option<_> = read.into_iter().map(Notification::recordable).collect();
                kept.ok_or(Unreadable::Malformed(UNRECORDABLE))
            }
        }

        impl Section {
            pub fn provider(&self) -> Provider {
                match self { $(Self::$variant(_) => Provider::$variant),+ }
            }

            /// Reads the keys that belong to this provider.
            pub fn deserialize<'de, D: Deserializer<'de>>(
                provider: Provider,
                deserializer: D,
            ) -> Result<Self, D::Error> {
                match provider {
                    $(Provider::$variant => {
                        $module::Section::deserialize(deserializer).map(Self::$variant)
                    })+
                }
            }

            /// Whether its keys say that real money moves, or that it is a sandbox.
            pub fn mode(&self) -> Option<Mode> {
                match self { $(Self::$variant(section) => $module::$variant::mode(section)),+ }
            }

            /// What an ingress needs; nothing when a problem was noted.
            pub fn scheme(&self, material: &mut Material<'_>) -> Option<Scheme> {
                match self {
                    $(Self::$variant(section) => {
                        $module::$variant::settings(section, material).map(Scheme::$variant)
                    })+
                }
            }

            /// What a worker needs; nothing when a problem was noted.
            pub fn reader(&self, material: &mut Material<'_>) -> Option<Reader> {
                match self {
                    $(Self::$variant(section) => {
                        $module::$variant::reader(section, material).map(Reader::$variant)
                    })+
                }
            }
        }
    };
}

providers! {
    Alipay = alipay,
    WechatPay = wechat_pay,
    WechatPayV2 = wechat_pay_v2,
    UnionPay = unionpay,
    Stripe = stripe,
    PayPal = paypal,
    Adyen = adyen,
    StandardWebhooks = standard_webhooks,
}

/// Proves the signed pairs that a payer's browser brings back. They say what was ordered, never that
/// it is paid.
pub fn verify_return(
    account: &Account,
    pairs: &[u8],
    now: OffsetDateTime,
) -> Result<Returned, Rejection> {
    account.scheme.verify_return(pairs, now)
}

impl Provider {
    /// The provider that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|provider| provider.as_str() == word)
    }
}

#[cfg(test)]
pub mod ninth;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_carried_is_read_and_stands_sorted() {
        for provider in Provider::ALL.iter().copied() {
            assert_eq!(Provider::from_word(provider.as_str()), Some(provider));
            assert!(provider.carried().is_sorted());
            assert!(provider.carried().iter().all(|name| provider.headers().contains(name)));
        }
    }
}
