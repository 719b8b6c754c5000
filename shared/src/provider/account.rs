//! Merchant accounts as a running process holds them: what proves their requests, and what reads them.

use std::collections::HashMap;

use super::{Provider, Reader, Scheme};

/// One merchant account with one provider: the last part of its `notify_url`.
#[derive(Debug, Clone)]
pub struct Account {
    pub name: String,
    pub scheme: Scheme,
}

/// The accounts of an ingress, by their names.
#[derive(Debug, Clone, Default)]
pub struct Accounts(pub HashMap<String, Account>);

/// How each account's notifications are read, by its name.
#[derive(Debug, Clone, Default)]
pub struct Readers(pub HashMap<String, Reader>);

impl Account {
    pub fn provider(&self) -> Provider {
        self.scheme.provider()
    }
}

impl Accounts {
    pub fn of(&self, name: &str) -> Option<&Account> {
        self.0.get(name)
    }

    /// Takes over what was learnt under accounts of the same names before.
    pub(crate) fn inherit(&mut self, before: &Self) {
        for (name, account) in &mut self.0 {
            if let Some(before) = before.of(name) {
                account.scheme.inherit(&before.scheme);
            }
        }
    }
}

impl Readers {
    /// The account's reader, if it is of this provider.
    pub fn of(&self, account: &str, provider: Provider) -> Option<&Reader> {
        self.0.get(account).filter(|reader| reader.provider() == provider)
    }
}
