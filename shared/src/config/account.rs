//! `[accounts.NAME]`: one merchant account with one provider.

use std::path::Path;

use serde::Deserialize;

use super::{Problem, problem};
use crate::provider::public_key::PublicKey;
use crate::provider::{Account, Scheme, alipay};

/// Letters of an account's name: it is a part of a url, a header and a label.
const NAME_MAX_BYTES: usize = 64;
const KEYS_MAX: usize = 8;

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "provider", rename_all = "snake_case", deny_unknown_fields)]
pub enum AccountSection {
    Alipay(AlipaySection),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlipaySection {
    pub app_id: String,
    pub seller_id: Option<String>,
    /// Files of Alipay's public keys: PEM, bare base64 SPKI, or an X.509 certificate.
    pub public_keys: Vec<std::path::PathBuf>,
    #[serde(default)]
    pub sign_type: SignType,
}

/// The pinned algorithm. The message never chooses.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub enum SignType {
    #[default]
    RSA2,
}

impl AccountSection {
    /// Reads the keys from their files.
    pub fn read(&self, name: &str, base: &Path) -> Result<Account, Vec<Problem>> {
        let mut problems = vec![];
        if !is_name(name) {
            let rule = format!("a name has up to {NAME_MAX_BYTES} letters, digits, `-` or `_`");
            problems.push(problem(&format!("accounts.{name}"), &rule));
        }
        let Self::Alipay(section) = self;
        let scheme = section.read(name, base).map(Scheme::Alipay);
        match scheme {
            Ok(scheme) if problems.is_empty() => Ok(Account { name: name.to_owned(), scheme }),
            Ok(_) => Err(problems),
            Err(found) => {
                problems.extend(found);
                Err(problems)
            }
        }
    }
}

impl AlipaySection {
    fn read(&self, name: &str, base: &Path) -> Result<alipay::Settings, Vec<Problem>> {
        let SignType::RSA2 = self.sign_type;
        let at = |field: &str| format!("accounts.{name}.{field}");
        let mut problems = vec![];
        if self.app_id.is_empty() {
            problems.push(problem(&at("app_id"), "may not be empty"));
        }
        if self.public_keys.is_empty() || self.public_keys.len() > KEYS_MAX {
            let rule = format!("from 1 to {KEYS_MAX} files with Alipay's public key");
            problems.push(problem(&at("public_keys"), &rule));
        }
        let mut keys = vec![];
        for file in &self.public_keys {
            let path = base.join(file);
            let read = std::fs::read_to_string(&path)
                .map_err(|error| error.to_string())
                .and_then(|text| PublicKey::parse(&text).map_err(|error| error.to_string()));
            match read {
                Ok(key) => keys.push(key),
                Err(error) => {
                    let message = format!("{}: {error}", path.display());
                    problems.push(problem(&at("public_keys"), &message));
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let (app_id, seller_id) = (self.app_id.clone(), self.seller_id.clone());
        Ok(alipay::Settings { app_id, seller_id, keys })
    }
}

fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !name.is_empty() && name.len() <= NAME_MAX_BYTES && name.bytes().all(letter)
}
