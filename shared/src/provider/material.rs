//! What an account's section points at: key files and secrets, read with every problem collected.
//! The rules do no IO, so whoever holds the files brings the reading.

use std::path::{Path, PathBuf};

use super::one_or_more::OneOrMore;
use super::public_key::{HashFunction, PublicKey};
use crate::secret::Secret;

/// Keys that one account may have at a time: rotation needs two.
pub(super) const KEYS_MAX: usize = 8;
/// Numbers of its own that one account may have, such as those of its sub-merchants.
const NAMES_MAX: usize = 256;
/// The longest secret of a provider has about 100 bytes.
const SECRET_MAX_BYTES: usize = 1024;

/// Reads a file below the configuration's folder, or says why it cannot.
pub type ReadFile<'a> = dyn Fn(&Path) -> Result<String, String> + 'a;

pub struct Material<'a> {
    read: &'a ReadFile<'a>,
    problems: Vec<(String, String)>,
}

impl<'a> Material<'a> {
    pub fn new(read: &'a ReadFile<'a>) -> Self {
        Self { read, problems: vec![] }
    }

    /// What is wrong: a key of the section, and why.
    pub fn into_problems(self) -> Vec<(String, String)> {
        self.problems
    }

    /// Notes what is wrong with a key of the section.
    pub fn problem(&mut self, key: &str, message: impl Into<String>) {
        self.problems.push((key.to_owned(), message.into()));
    }

    /// The file's text.
    pub fn text(&mut self, key: &str, path: &Path) -> Option<String> {
        let read = (self.read)(path);
        read.map_err(|message| self.problem(key, message)).ok()
    }

    /// A value that may not be empty.
    pub fn filled(&mut self, key: &str, value: &str) -> Option<String> {
        if value.trim().is_empty() {
            self.problem(key, "may not be empty");
            return None;
        }
        Some(value.to_owned())
    }

    /// Names of which none may be empty.
    pub fn names(&mut self, key: &str, names: &OneOrMore) -> Option<Vec<String>> {
        let OneOrMore(names) = names;
        let is_filled = names.iter().all(|name| !name.trim().is_empty());
        if names.is_empty() || names.len() > NAMES_MAX || !is_filled {
            self.problem(key, format!("from 1 to {NAMES_MAX} names, none of them empty"));
            return None;
        }
        Some(names.clone())
    }

    /// The one secret of `KEY` (from the environment) or `KEY_file`.
    pub fn secret(
        &mut self,
        key: &str,
        value: Option<&Secret>,
        file: Option<&PathBuf>,
    ) -> Option<Secret> {
        let mut secrets = self.secrets(key, value, file)?;
        if secrets.len() > 1 {
            self.problem(key, "one is enough here");
            return None;
        }
        secrets.pop()
    }

    /// The secrets of `KEY` (from the environment, divided by blanks) or of `KEY_file`, one a line;
    /// several during a rotation. Empty lines are skipped, and comments: `#` alone, or before a blank.
    pub fn secrets(
        &mut self,
        key: &str,
        value: Option<&Secret>,
        file: Option<&PathBuf>,
    ) -> Option<Vec<Secret>> {
        let text = match (value, file) {
            (Some(_), Some(_)) => {
                self.problem(key, format!("set either {key} or {key}_file, not both"));
                return None;
            }
            (None, None) => {
                self.problem(&format!("{key}_file"), "missing: the file that holds it");
                return None;
            }
            (Some(value), None) => value.reveal().replace(' ', "\n"),
            (None, Some(file)) => self.text(&format!("{key}_file"), file)?,
        };
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        let secrets: Vec<_> = lines
            .filter(|line| !line.is_empty() && *line != "#" && !line.starts_with("# "))
            .map(|line| Secret::new(line.to_owned()))
            .collect();
        let too_long = secrets.iter().any(|secret| secret.reveal().len() > SECRET_MAX_BYTES);
        if secrets.is_empty() || secrets.len() > KEYS_MAX || too_long {
            let rule = format!("from 1 to {KEYS_MAX} secrets of up to {SECRET_MAX_BYTES} bytes");
            self.problem(key, rule);
            return None;
        }
        if secrets.iter().any(|secret| is_placeholder(secret.reveal().as_bytes())) {
            self.problem(key, "one letter over and over is a placeholder, which anybody guesses");
            return None;
        }
        Some(secrets)
    }

    /// Public keys from files: PEM, bare base64 SPKI, or an X.509 certificate.
    pub fn public_keys(&mut self, key: &str, files: &[PathBuf]) -> Option<Vec<PublicKey>> {
        self.public_keys_for(key, files, HashFunction::Sha256)
    }

    /// The same for another hash.
    pub fn public_keys_for(
        &mut self,
        key: &str,
        files: &[PathBuf],
        hash: HashFunction,
    ) -> Option<Vec<PublicKey>> {
        if files.is_empty() || files.len() > KEYS_MAX {
            self.problem(key, format!("from 1 to {KEYS_MAX} files with the provider's public key"));
            return None;
        }
        let mut keys = vec![];
        for file in files {
            match PublicKey::parse_for(&self.text(key, file)?, hash) {
                Ok(public_key) => keys.push(public_key),
                Err(error) => self.problem(key, format!("{}: {error}", file.display())),
            }
        }
        (keys.len() == files.len()).then_some(keys)
    }
}

/// One byte, however often: what stands in examples, and in a file that was made but never filled.
pub(super) fn is_placeholder(secret: &[u8]) -> bool {
    secret.windows(2).all(|pair| pair[0] == pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_has_several_secrets_a_line_each() {
        let read = |_: &Path| Ok("# old\none\n\n two \n".to_owned());
        let mut material = Material::new(&read);
        let file = PathBuf::from("x");
        let secrets = material.secrets("secret", None, Some(&file)).unwrap();
        assert_eq!(secrets.iter().map(Secret::reveal).collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(material.secret("secret", None, Some(&file)), None);
        assert_eq!(material.secrets("secret", None, None), None);
        assert_eq!(material.into_problems().len(), 2);
    }

    #[test]
    fn one_letter_over_and_over_is_no_secret() {
        let read = |_: &Path| Err("no file is named".to_owned());
        let mut material = Material::new(&read);
        let mut is_taken = |text: &str| {
            let secret = Secret::new(text.to_owned());
            material.secrets("secret", Some(&secret), None).is_some()
        };
        assert!(is_taken("ab"));
        for text in ["a", &"0".repeat(64), "ab 111111"] {
            assert!(!is_taken(text), "{text}");
        }
    }
}
