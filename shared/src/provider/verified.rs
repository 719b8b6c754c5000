//! From a request to bytes that are proven genuine.
//!
//! **Invariant**: only [`verify`] makes a [`Verified`].

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use super::{Account, Provider, Rejection, Request};

/// Bytes that were proven genuine, and by what.
#[derive(Debug, Clone)]
pub struct Verified {
    provider: Provider,
    account: String,
    key: String,
    content_type: Option<String>,
    carried: Vec<(String, String)>,
    affinity: u64,
    body: Bytes,
}

/// Proves a request genuine and ours, or says why it is not. `now` is when it was received.
pub fn verify(
    account: &Account,
    request: Request,
    now: OffsetDateTime,
) -> Result<Verified, Rejection> {
    let proof = account.scheme.verify(&request, now)?;
    let provider = account.provider();
    let carry = |name: &&'static str| {
        request.headers.get(name).map(|value| ((*name).to_owned(), value.to_owned()))
    };
    Ok(Verified {
        provider,
        account: account.name.clone(),
        key: proof.key,
        content_type: request.headers.content_type().map(ToOwned::to_owned),
        carried: provider.carried().iter().filter_map(carry).collect(),
        affinity: affinity(&proof.subject),
        body: request.body,
    })
}

impl Verified {
    pub fn provider(&self) -> Provider {
        self.provider
    }

    pub fn account(&self) -> &str {
        &self.account
    }

    /// Which of the account's keys verified it, as [`KeyNote::id`] names it.
    pub fn key(&self) -> &str {
        &self.key
    }

    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// The HTTP headers that are needed to read it, by lower-case name, sorted.
    pub fn carried(&self) -> &[(String, String)] {
        &self.carried
    }

    /// Requests about one order share this number where the protocol shows the order, so that they can
    /// share a shard.
    pub fn affinity(&self) -> u64 {
        self.affinity
    }

    pub fn into_body(self) -> Bytes {
        self.body
    }
}

/// A number by which whatever is about one subject finds the same shard.
pub fn affinity(subject: &[u8]) -> u64 {
    let digest = Sha256::digest(subject);
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}
