//! The providers: what makes a request genuine, and what it says.
//!
//! **Invariant**: only [`verify`] makes a [`Verified`]. The request may select among configured
//! keys and is compared with the pinned algorithm; it never supplies either.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::notification::Notification;

pub mod form;
pub mod public_key;
pub mod alipay;

/// Whose protocol an account speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provider {
    Alipay,
}

/// One merchant account with one provider: the last part of its `notify_url`.
#[derive(Debug, Clone)]
pub struct Account {
    pub name: String,
    pub scheme: Scheme,
}

/// What proves a request to an account genuine, and whose it must be.
#[derive(Debug, Clone)]
pub enum Scheme {
    Alipay(alipay::Settings),
}

/// One HTTP request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    pub content_type: Option<String>,
    pub body: Bytes,
}

/// Bytes that were proven genuine, and by what.
#[derive(Debug, Clone)]
pub struct Verified {
    provider: Provider,
    account: String,
    key: String,
    content_type: Option<String>,
    affinity: u64,
    body: Bytes,
}

/// Why a request is not let in. The answer never says which; the counter and the log do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("the body is not in the provider's form: {0}")]
    Malformed(&'static str),
    #[error("the signature is missing or empty")]
    Unsigned,
    #[error("the signature algorithm is missing or not the pinned one")]
    WrongAlgorithm,
    #[error("no configured key verifies the signature")]
    Forged,
    #[error("what was signed can be read in two ways")]
    Ambiguous,
    #[error("it is genuine, but for another `{0}`")]
    NotOurs(&'static str),
    #[error("it is genuine, but it is no notification")]
    NotANotification,
}

/// A genuine body that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unreadable: {0}")]
pub struct Unreadable(pub &'static str);

/// An answer in the provider's own form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    pub content_type: &'static str,
    pub body: &'static str,
}

/// Proves a request genuine and ours, or says why it is not.
pub fn verify(account: &Account, request: Request) -> Result<Verified, Rejection> {
    let proof = match &account.scheme {
        Scheme::Alipay(settings) => {
            alipay::verify(settings, request.content_type.as_deref(), &request.body)?
        }
    };
    Ok(Verified {
        provider: account.provider(),
        account: account.name.clone(),
        key: proof.key,
        content_type: request.content_type,
        affinity: affinity(&proof.subject),
        body: request.body,
    })
}

/// Reads what was verified. One request may hold several notifications.
pub fn read(provider: Provider, body: &[u8]) -> Result<Vec<Notification>, Unreadable> {
    match provider {
        Provider::Alipay => alipay::read(body).map(|notification| vec![notification]),
    }
}

impl Provider {
    pub const ALL: [Self; 1] = [Self::Alipay];

    /// The word in configuration, messages and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alipay => "alipay",
        }
    }

    /// The provider that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.as_str() == word)
    }

    /// What stops the provider from sending it again.
    pub fn accept(self) -> Reply {
        match self {
            Self::Alipay => alipay::ACCEPT,
        }
    }

    /// What makes the provider send it again.
    pub fn reject(self) -> Reply {
        match self {
            Self::Alipay => alipay::REJECT,
        }
    }
}

impl Account {
    pub fn provider(&self) -> Provider {
        match self.scheme {
            Scheme::Alipay(_) => Provider::Alipay,
        }
    }
}

impl Verified {
    pub fn provider(&self) -> Provider {
        self.provider
    }

    pub fn account(&self) -> &str {
        &self.account
    }

    /// The fingerprint of the key that verified it.
    pub fn key(&self) -> &str {
        &self.key
    }

    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// Requests about one order share this number, so that they can share a shard.
    pub fn affinity(&self) -> u64 {
        self.affinity
    }

    pub fn into_body(self) -> Bytes {
        self.body
    }
}

impl Rejection {
    /// The counter's label.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Unsigned => "unsigned",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::Forged => "forged",
            Self::Ambiguous => "ambiguous",
            Self::NotOurs(_) => "not_ours",
            Self::NotANotification => "not_a_notification",
        }
    }

    /// Could it not even be read as the provider's form?
    pub fn is_malformed(self) -> bool {
        matches!(self, Self::Malformed(_))
    }
}

/// What a provider's file returns of a genuine request.
struct Proof {
    key: String,
    /// What the request is about, as bytes: only to spread load.
    subject: Vec<u8>,
}

fn affinity(subject: &[u8]) -> u64 {
    let digest = Sha256::digest(subject);
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}
