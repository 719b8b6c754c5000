//! `[accounts.NAME]`: one merchant account with one provider. What every account may set stands here;
//! a provider's own keys stand in its file.

use std::path::Path;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use toml::Table;

use super::return_to::ReturnTo;
use super::{Problem, problem};
use crate::provider::material::Material;
use crate::provider::{Account, Provider, Reader, Section};

/// Letters of an account's name: it is a part of a url, a header and a label.
const NAME_MAX_BYTES: usize = 64;
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
}

/// The keys of [`General`].
const GENERAL: [&str; 2] = ["provider", "return_to"];

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
        let scheme = resolve(name, base, |material| self.own.scheme(material))?;
        Ok(Account { name: name.to_owned(), scheme })
    }

    /// What a worker needs, with the keys read from their files.
    pub fn reader(&self, name: &str, base: &Path) -> Result<Reader, Vec<Problem>> {
        resolve(name, base, |material| self.own.reader(material))
    }
}

fn resolve<T>(
    name: &str,
    base: &Path,
    read: impl FnOnce(&mut Material<'_>) -> Option<T>,
) -> Result<T, Vec<Problem>> {
    let section = format!("accounts.{name}");
    let read_file = |file: &Path| text(&base.join(file));
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

fn text(path: &Path) -> Result<String, String> {
    let fail = |error: std::io::Error| format!("{}: {error}", path.display());
    if std::fs::metadata(path).map_err(fail)?.len() > FILE_MAX_BYTES {
        return Err(format!("{}: larger than {FILE_MAX_BYTES} bytes", path.display()));
    }
    std::fs::read_to_string(path).map_err(fail)
}

fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !name.is_empty() && name.len() <= NAME_MAX_BYTES && name.bytes().all(letter)
}
