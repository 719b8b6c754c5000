//! `[accounts.NAME]`: one merchant account with one provider. What every account may set stands here;
//! a provider's own keys stand in its file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use tokio::sync::watch;
use toml::Table;

use super::files::Files;
use super::return_to::ReturnTo;
use super::{Config, Problem, problem};
use crate::case::{CaseKind, CasePolicy};
use crate::order::Mode;
use crate::provider::material::Material;
use crate::provider::{Account, Accounts, Provider, Reader, Readers, Section};
use crate::rules::{AccountRules, Rules};
use crate::units::Span;

/// Letters of an account's name: it is a part of a url, a header and a label.
const NAME_MAX_BYTES: usize = 64;
/// Ten years.
const REFUND_WITHIN_MAX: Duration = Duration::from_secs(3_660 * 24 * 60 * 60);
/// A key file, with a chain of certificates.
const FILE_MAX_BYTES: u64 = 64 * 1024;

#[derive(Debug, Clone)]
pub struct AccountSection {
    pub general: General,
    pub own: Section,
}

/// What every account may set, whatever its provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct General {
    /// The provider's word.
    pub provider: String,
    /// Where payers who come back are sent on; without it they see a page of our own.
    pub return_to: Option<ReturnTo>,
    /// Are requests kept that fail verification, until other keys prove them?
    #[serde(default)]
    pub quarantine: bool,
    /// Does real money move in it? An order of the other mode is never paid by it. Nothing: as the
    /// provider's own keys say, else live.
    pub mode: Option<Mode>,
    /// What happens to its cases, by kind; those that are not named are held.
    #[serde(default)]
    pub cases: BTreeMap<CaseKind, CasePolicy>,
    /// How long after a payment a refund of it is taken. Nothing: as the provider's documentation says.
    pub refund_within: Option<Span>,
}

/// The keys of [`General`].
const GENERAL: [&str; 6] =
    ["provider", "return_to", "quarantine", "mode", "cases", "refund_within"];

/// What accounts chose beside their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices {
    /// Where the payers of each account that says so are sent on.
    pub return_to: BTreeMap<String, ReturnTo>,
    /// The accounts of which requests are kept that fail verification.
    pub quarantined: BTreeSet<String>,
    pub rules: Arc<Rules>,
}

impl Choices {
    /// Choices that never change.
    pub fn still(self) -> watch::Receiver<Arc<Self>> {
        watch::channel(Arc::new(self)).1
    }
}

impl<'de> Deserialize<'de> for AccountSection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut own = Table::deserialize(deserializer)?;
        let mut general = Table::new();
        for key in GENERAL {
            general.extend(own.remove(key).map(|value| (key.to_owned(), value)));
        }
        let explain = |error: toml::de::Error| D::Error::custom(error.message());
        let general: General = general.try_into().map_err(explain)?;
        let provider = Provider::from_word(&general.provider).ok_or_else(|| {
            let words: Vec<_> = Provider::ALL.iter().map(|provider| provider.as_str()).collect();
            let (word, known) = (&general.provider, words.join("`, `"));
            D::Error::custom(format!("unknown variant `{word}`, expected one of `{known}`"))
        })?;
        let own = Section::deserialize(provider, own).map_err(explain)?;
        Ok(Self { general, own })
    }
}

impl AccountSection {
    /// What an ingress needs, with the keys read from their files.
    pub fn account(&self, name: &str, base: &Path) -> Result<Account, Vec<Problem>> {
        self.account_from(name, base, &Files::default())
    }

    /// What a worker needs, with the keys read from their files.
    pub fn reader(&self, name: &str, base: &Path) -> Result<Reader, Vec<Problem>> {
        self.reader_from(name, base, &Files::default())
    }

    fn account_from(
        &self,
        name: &str,
        base: &Path,
        files: &Files,
    ) -> Result<Account, Vec<Problem>> {
        let scheme = resolve(name, base, files, |material| self.own.scheme(material))?;
        Ok(Account { name: name.to_owned(), scheme })
    }

    fn reader_from(&self, name: &str, base: &Path, files: &Files) -> Result<Reader, Vec<Problem>> {
        resolve(name, base, files, |material| self.own.reader(material))
    }
}

impl Config {
    /// What an ingress needs of the accounts, with keys read.
    pub fn accounts(&self) -> Result<Accounts, Vec<Problem>> {
        self.accounts_from(&Files::default())
    }

    pub(super) fn accounts_from(&self, files: &Files) -> Result<Accounts, Vec<Problem>> {
        let read = |name: &str, section: &AccountSection| {
            section.account_from(name, &self.base, files).map(|account| (name.to_owned(), account))
        };
        Ok(Accounts(self.each_account(read)?.into_iter().collect()))
    }

    /// What a worker needs of the accounts, with keys read.
    pub fn readers(&self) -> Result<Readers, Vec<Problem>> {
        self.readers_from(&Files::default())
    }

    pub(super) fn readers_from(&self, files: &Files) -> Result<Readers, Vec<Problem>> {
        let read = |name: &str, section: &AccountSection| {
            section.reader_from(name, &self.base, files).map(|reader| (name.to_owned(), reader))
        };
        Ok(Readers(self.each_account(read)?.into_iter().collect()))
    }

    /// What the accounts chose beside their keys.
    pub fn choices(&self) -> Choices {
        let mut choices = Choices::default();
        let mut rules = Rules {
            patience: self.policy.order_deadline.0,
            account_required: self.policy.account_required,
            accounts: BTreeMap::new(),
        };
        for (name, AccountSection { general, own }) in &self.accounts {
            choices.return_to.extend(general.return_to.clone().map(|to| (name.clone(), to)));
            choices.quarantined.extend(general.quarantine.then(|| name.clone()));
            let mode = general.mode.or(own.mode()).unwrap_or_default();
            let cases = general.cases.clone();
            let chosen = general.refund_within.and_then(|span| span.0.try_into().ok());
            let refund_within = chosen.or(own.provider().refund_within());
            let chosen = AccountRules { mode, cases, refund_within };
            rules.accounts.insert(name.clone(), chosen);
        }
        choices.rules = Arc::new(rules);
        choices
    }

    /// Choices out of their limits, and policies that can never apply to their kind of case.
    pub(super) fn wrong_choices(&self) -> Vec<Problem> {
        let mut problems = vec![];
        for (name, section) in &self.accounts {
            let span = section.general.refund_within.map(|span| span.0);
            if span.is_some_and(|span| span.is_zero() || span > REFUND_WITHIN_MAX) {
                let key = format!("accounts.{name}.refund_within");
                problems.push(problem(&key, "more than nothing, up to 3660d"));
            }
            for (kind, policy) in &section.general.cases {
                if let Some(why) = kind.refuses_policy(*policy) {
                    let key = format!("accounts.{name}.cases.{}", kind.as_str());
                    problems.push(problem(&key, &format!("`{}`: {why}", policy.as_str())));
                }
            }
        }
        problems
    }

    fn each_account<T>(
        &self,
        read: impl Fn(&str, &AccountSection) -> Result<T, Vec<Problem>>,
    ) -> Result<Vec<T>, Vec<Problem>> {
        let mut found = vec![];
        let mut problems = vec![];
        for (name, section) in &self.accounts {
            match read(name, section) {
                Ok(account) => found.push(account),
                Err(wrong) => problems.extend(wrong),
            }
        }
        if problems.is_empty() { Ok(found) } else { Err(problems) }
    }
}

fn resolve<T>(
    name: &str,
    base: &Path,
    files: &Files,
    read: impl FnOnce(&mut Material<'_>) -> Option<T>,
) -> Result<T, Vec<Problem>> {
    let section = format!("accounts.{name}");
    let read_file = |file: &Path| {
        let path = base.join(file);
        let text = files.text(&section, &path, FILE_MAX_BYTES);
        text.map_err(|error| format!("{}: {error}", path.display()))
    };
    let mut material = Material::new(&read_file);
    let found = read(&mut material);
    let mut problems: Vec<_> = material
        .into_problems()
        .into_iter()
        .map(|(key, message)| problem(&format!("{section}.{key}"), &message))
        .collect();
    if !is_name(name) {
        let rule = format!("a name has up to {NAME_MAX_BYTES} letters, digits, `-` or `_`");
        problems.insert(0, problem(&section, &rule));
    }
    match found {
        Some(found) if problems.is_empty() => Ok(found),
        Some(_) | None => Err(problems),
    }
}

/// May an account bear this name? It is a part of paths too.
pub fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !name.is_empty() && name.len() <= NAME_MAX_BYTES && name.bytes().all(letter)
}
