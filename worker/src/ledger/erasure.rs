//! Erasing what tells who paid for an order: tombstones, and what they leave of a body. Pure.
//!
//! **Invariant**: the money facts stay. A tombstone strips later bodies too.

use std::collections::BTreeSet;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use shared::provider::Provider;

use crate::decide::fold::{Changes, Reading, Verdict};

/// A hash of an order's number, or of an account's transaction.
pub type Hash = [u8; 32];

/// What an erasure did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Erased {
    /// The order's numbers, or the one that was given where no order is known.
    pub numbers: Vec<String>,
    pub transactions: usize,
    /// Bodies that are destroyed.
    pub destroyed: usize,
    /// Bodies that tell of other orders too: what was about this one is cut out.
    pub redacted: usize,
    /// Orders whose metadata is removed.
    pub metadata: usize,
}

/// One notification of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub account: String,
    pub order_number: Option<String>,
    pub transaction: Option<String>,
}

/// What becomes of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Keep,
    Redact(Vec<u8>),
    Destroy,
}

pub fn order_hash(number: &str) -> Hash {
    Sha256::new().chain_update(b"quittance order 1\0").chain_update(number).finalize().into()
}

pub fn transaction_hash(account: &str, transaction: &str) -> Hash {
    let hash = Sha256::new().chain_update(b"quittance transaction 1\0").chain_update(account);
    hash.chain_update(b"\0").chain_update(transaction).finalize().into()
}

impl Part {
    /// The tombstones under which it is erased.
    pub fn hashes(&self) -> impl Iterator<Item = Hash> {
        let order = self.order_number.as_deref().map(order_hash);
        let transaction = self.transaction.as_deref();
        order.into_iter().chain(transaction.map(|one| transaction_hash(&self.account, one)))
    }
}

/// The parts of each reading, as they are recorded.
pub fn parts_of(readings: &[&Reading], changes: &Changes) -> Vec<Vec<Part>> {
    let of = |(reading, verdicts): (&&Reading, &Vec<Verdict>)| {
        let part = |verdict: &Verdict| Part {
            account: reading.message.account.clone(),
            order_number: verdict.order_number.clone(),
            transaction: verdict.payment.as_ref().map(|key| key.transaction.clone()),
        };
        verdicts.iter().map(part).collect()
    };
    readings.iter().zip(&changes.verdicts).map(of).collect()
}

/// Which of these parts lie under a tombstone.
pub fn erased(parts: &[Part], tombstones: &BTreeSet<Hash>) -> BTreeSet<usize> {
    let under = |part: &Part| part.hashes().any(|hash| tombstones.contains(&hash));
    parts.iter().enumerate().filter(|(_, part)| under(part)).map(|(place, _)| place).collect()
}

/// What is left of a body with so many parts when these are erased. A body that its provider cannot
/// take apart goes whole: better none than another's.
pub fn fate(provider: &str, body: &[u8], parts: usize, erased: &BTreeSet<usize>) -> Fate {
    if erased.is_empty() {
        return Fate::Keep;
    }
    if erased.len() >= parts {
        return Fate::Destroy;
    }
    let left = Provider::from_word(provider).and_then(|provider| provider.redact(body, erased));
    left.map_or(Fate::Destroy, Fate::Redact)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH: &[u8] = br#"{"notificationItems":[{"a":"mine"},{"b":"other"}]}"#;

    fn part(order: Option<&str>, transaction: Option<&str>) -> Part {
        let owned = |text: Option<&str>| text.map(ToOwned::to_owned);
        Part {
            account: "shop".to_owned(),
            order_number: owned(order),
            transaction: owned(transaction),
        }
    }

    #[test]
    fn a_part_lies_under_its_order_or_its_transaction() {
        let parts = [part(Some("A"), None), part(None, Some("T")), part(Some("B"), Some("U"))];
        let tombstones = [order_hash("A"), transaction_hash("shop", "T")].into();
        assert_eq!(erased(&parts, &tombstones), BTreeSet::from([0, 1]));
        assert_eq!(erased(&parts, &[transaction_hash("other", "T")].into()), BTreeSet::new());
        assert_ne!(transaction_hash("a", "bc"), transaction_hash("ab", "c"));
        assert_ne!(order_hash("A"), transaction_hash("", "A"));
    }

    #[test]
    fn a_batch_keeps_what_is_about_others() {
        let Fate::Redact(left) = fate("adyen", BATCH, 2, &[0].into()) else { panic!("redacted") };
        let left = String::from_utf8(left).unwrap();
        assert!(!left.contains("mine") && left.contains("other"));
        assert_eq!(fate("adyen", BATCH, 2, &[0, 1].into()), Fate::Destroy);
        assert_eq!(fate("adyen", BATCH, 2, &BTreeSet::new()), Fate::Keep);
    }

    #[test]
    fn what_cannot_be_taken_apart_goes_whole() {
        assert_eq!(fate("adyen", b"x", 2, &[0].into()), Fate::Destroy);
        assert_eq!(fate("wechat_pay", b"{}", 2, &[0].into()), Fate::Destroy);
        assert_eq!(fate("gone", BATCH, 2, &[0].into()), Fate::Destroy);
    }
}
