//! A genuine request of each provider, as its own signing functions make it.

use std::collections::HashMap;
use std::sync::LazyLock;

use rsa::RsaPrivateKey;
use time::OffsetDateTime;
use time::macros::datetime;

use super::super::{Case, Diagnosis, Effort, diagnose};
use crate::provider::public_key::PublicKey;
use crate::provider::{Account, Accounts, Received, Scheme, Verified};

mod forms;
mod json;
mod xml;

pub(super) use self::forms::{
    alipay, alipay_pairs, alipay_request, unionpay_named, unionpay_under,
};

pub(in super::super) const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:05 +08:00);
/// What a sender may word, with everything that is changed on the way.
pub(super) const SUBJECT: &str = "语雀 1+1 \"a/b\" <c> 100% %2B";

/// The provider's key, another account's, and one that nobody configured.
pub(super) static KEYS: LazyLock<[RsaPrivateKey; 3]> =
    LazyLock::new(|| [0, 1, 2].map(|_| RsaPrivateKey::new(&mut rand::thread_rng(), 2048).unwrap()));

/// One provider: an account, and another one of ours with the same provider.
pub(in super::super) struct Sender {
    pub(in super::super) account: Account,
    pub(in super::super) others: Accounts,
    pub(in super::super) genuine: Received,
    /// The same, signed for the other account.
    pub(in super::super) for_another: Received,
    /// The same, signed with a key that is not configured.
    pub(in super::super) foreign: Received,
}

impl Sender {
    /// `scheme` and `send` for: ours, another account's, nobody's.
    fn new(scheme: impl Fn(usize) -> Scheme, send: impl Fn(usize) -> Received) -> Self {
        let account = |name: &str, at| Account { name: name.to_owned(), scheme: scheme(at) };
        let others = ["ours", "another"].into_iter().enumerate();
        let others = others.map(|(at, name)| (name.to_owned(), account(name, at)));
        Self {
            account: account("ours", 0),
            others: Accounts(HashMap::from_iter(others)),
            genuine: send(0),
            for_another: send(1),
            foreign: send(2),
        }
    }

    pub(in super::super) fn diagnose(
        &self,
        received: &Received,
    ) -> Result<Verified, Box<Diagnosis>> {
        self.at(received, NOW, Effort::Thorough)
    }

    pub(in super::super) fn at(
        &self,
        received: &Received,
        now: OffsetDateTime,
        effort: Effort,
    ) -> Result<Verified, Box<Diagnosis>> {
        let accounts = &self.others;
        diagnose(&Case { account: &self.account, accounts, own_key: None, received, now, effort })
    }
}

/// One of each provider.
pub(in super::super) fn all() -> &'static [Sender] {
    &*ALL
}

static ALL: LazyLock<[Sender; 8]> = LazyLock::new(|| {
    [
        forms::alipay(),
        forms::unionpay(),
        json::wechat_pay(),
        json::stripe(),
        json::paypal(),
        json::adyen(),
        json::standard_webhooks(),
        xml::wechat_pay_v2(),
    ]
});

/// Does a signature show who made it?
pub(super) fn has_rsa(sender: &Sender) -> bool {
    let request = sender.genuine.request(sender.account.provider()).unwrap();
    sender.account.scheme.rsa(&request, NOW).is_some()
}

pub(super) fn public(at: usize) -> PublicKey {
    PublicKey::new(&KEYS[at].to_public_key()).unwrap()
}

fn received(headers: &[(&str, String)], body: impl Into<bytes::Bytes>) -> Received {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into()));
    Received { query: None, headers: headers.collect(), body: body.into() }
}
