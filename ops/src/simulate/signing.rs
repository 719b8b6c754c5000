//! What an account's simulation signs with: a key pair beside the configuration, or the secrets that
//! the account shares with its provider.

use std::path::{Path, PathBuf};

use rsa::RsaPrivateKey;

use super::key::{self, KeyError};

/// One account's keys: where they stand, and what was made of them on the way.
pub struct Signing<'a> {
    account: &'a str,
    /// The configuration's folder.
    base: &'a Path,
    /// A private key to sign with instead of the account's own.
    named: Option<&'a Path>,
    notes: Vec<String>,
}

/// Why nothing can be signed for an account.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl<'a> Signing<'a> {
    /// `named` signs instead of `keys/ACCOUNT.simulate.pem`.
    pub fn new(account: &'a str, base: &'a Path, named: Option<&'a Path>) -> Self {
        Self { account, base, named, notes: vec![] }
    }

    /// What a person may want to know: files that were made.
    pub fn into_notes(self) -> Vec<String> {
        self.notes
    }

    /// The named key; or the account's own, made where it is missing.
    pub(super) fn rsa(&mut self) -> Result<RsaPrivateKey, OpenError> {
        if let Some(path) = self.named {
            return Ok(key::read(path)?);
        }
        let path = self.base.join(format!("keys/{}.simulate.pem", self.account));
        let public = key::public_path(&path);
        if path.exists() {
            let signing_key = key::read(&path)?;
            if !public.exists() {
                key::write_public(&signing_key, &public)?;
            }
            return Ok(signing_key);
        }
        let signing_key = key::make(&path)?;
        self.notes.push(format!("made a key pair: {} and {}", path.display(), public.display()));
        Ok(signing_key)
    }

    /// The public half of [`Signing::rsa`], relative to the configuration.
    pub(super) fn public_file(&self) -> PathBuf {
        match self.named {
            Some(path) => key::public_path(path),
            None => public_file(self.account),
        }
    }
}

/// Where the account's public half stands, relative to the configuration.
pub(super) fn public_file(account: &str) -> PathBuf {
    PathBuf::from(format!("keys/{account}.simulate.pub.pem"))
}
