//! What an account's simulation signs with: a key pair beside the configuration, or the secrets that
//! the account shares with its provider.

use std::fs;
use std::path::{Path, PathBuf};

use rand::Rng as _;
use rand::distributions::Alphanumeric;
use rand::rngs::OsRng;
use rsa::RsaPrivateKey;
use shared::provider::material::Material;
use shared::provider::public_key::PublicKey;
use shared::provider::standard_webhooks::PrivateKey;
use shared::secret::Secret;
use time::OffsetDateTime;

use super::certificate::{self, CertificateError, Subject};
use super::key::{self, KeyError};

/// A file of secrets, with a line or two of explanation.
const FILE_MAX_BYTES: u64 = 64 * 1024;
/// How the names of these files end, beside the key's.
const CERTIFICATE: &str = "certificate.pem";
const ROOT: &str = "root.pem";

/// One account's keys: where they stand, and what was made of them on the way.
pub struct Signing<'a> {
    account: &'a str,
    /// The configuration's folder.
    base: &'a Path,
    /// A private key to sign with instead of the account's own.
    named: Option<&'a Path>,
    now: OffsetDateTime,
    notes: Vec<String>,
}

/// Why nothing can be signed for an account.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A key of the configuration, and what is wrong with it.
    #[error("{0}: {1}")]
    Secret(String, String),
}

impl<'a> Signing<'a> {
    /// `named` signs instead of `keys/ACCOUNT.simulate.pem`. What is certified is valid from `now` on.
    pub fn new(
        account: &'a str,
        base: &'a Path,
        named: Option<&'a Path>,
        now: OffsetDateTime,
    ) -> Self {
        Self { account, base, named, now, notes: vec![] }
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
        let path = self.key_path();
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

    /// The same with a certificate for it, in PEM, issued where it is missing or another key's.
    pub(super) fn certified(
        &mut self,
        subject: Subject<'_>,
    ) -> Result<(RsaPrivateKey, String), OpenError> {
        let signing_key = self.rsa()?;
        let [leaf, root] = [CERTIFICATE, ROOT].map(|kind| self.key_path().with_extension(kind));
        if leaf.exists() && root.exists() {
            let text = key::text(&leaf)?;
            if is_half_of(&text, &signing_key) {
                return Ok((signing_key, text));
            }
        }
        let issued = certificate::issue(&signing_key, subject, self.now)?;
        for (path, text) in [(&leaf, &issued.leaf), (&root, &issued.root)] {
            fs::write(path, text).map_err(|error| KeyError::File { path: path.clone(), error })?;
        }
        self.notes.push(format!("issued {} and {}", leaf.display(), root.display()));
        Ok((signing_key, issued.leaf))
    }

    fn key_path(&self) -> PathBuf {
        match self.named {
            Some(path) => path.to_owned(),
            None => self.base.join(format!("keys/{}.simulate.pem", self.account)),
        }
    }

    /// The named private key of Ed25519; or the account's own, made where it is missing.
    pub(super) fn ed25519(&mut self) -> Result<PrivateKey, OpenError> {
        let own = self.base.join(format!("keys/{}.simulate.whsk", self.account));
        let path = self.named.unwrap_or(&own);
        if self.named.is_none() && !own.exists() {
            let (private, text) = PrivateKey::generate().ok_or(KeyError::Chance)?;
            key::write_private(&own, &text)
                .map_err(|error| KeyError::File { path: own.clone(), error })?;
            let note = format!("made a key pair: {}, and {}", own.display(), private.public_key());
            self.notes.push(note);
            return Ok(private);
        }
        let text = key::text(path)?;
        PrivateKey::parse(text.trim()).ok_or_else(|| KeyError::NotEd25519(path.to_owned()).into())
    }

    /// The certificate of [`Signing::certified`], relative to the configuration.
    pub(super) fn certificate_file(&self) -> PathBuf {
        self.named
            .map_or_else(|| certificate_file(self.account), |path| path.with_extension(CERTIFICATE))
    }

    /// The root that vouches for it.
    pub(super) fn root_file(&self) -> PathBuf {
        self.named.map_or_else(|| root_file(self.account), |path| path.with_extension(ROOT))
    }

    /// Does this file of the configuration hold the key's public half?
    pub(super) fn is_public_half(&self, file: &Path, key: &RsaPrivateKey) -> bool {
        self.text(file).is_ok_and(|text| is_half_of(&text, key))
    }

    /// The first of the account's secrets under a key: any of them signs.
    pub(super) fn secret(
        &self,
        key: &str,
        value: Option<&Secret>,
        file: Option<&PathBuf>,
    ) -> Result<Secret, OpenError> {
        let read = |path: &Path| self.text(path);
        let mut material = Material::new(&read);
        let secrets = material.secrets(key, value, file).unwrap_or_default();
        secrets.into_iter().next().ok_or_else(|| {
            let problems = material.into_problems();
            let (key, message) = problems.into_iter().next().unwrap_or_default();
            OpenError::Secret(format!("accounts.{}.{key}", self.account), message)
        })
    }

    /// A secret under a key is none.
    pub(super) fn unusable(&self, key: &str) -> OpenError {
        let hint = "not a secret of this provider; `quittance config check` says more".to_owned();
        OpenError::Secret(format!("accounts.{}.{key}", self.account), hint)
    }

    fn text(&self, file: &Path) -> Result<String, String> {
        let path = self.base.join(file);
        let fail = |error: std::io::Error| format!("{}: {error}", path.display());
        if fs::metadata(&path).map_err(fail)?.len() > FILE_MAX_BYTES {
            return Err(format!("{}: larger than {FILE_MAX_BYTES} bytes", path.display()));
        }
        fs::read_to_string(&path).map_err(fail)
    }
}

/// Is this the key's public half, or a certificate for it?
fn is_half_of(text: &str, key: &RsaPrivateKey) -> bool {
    let (listed, own) = (PublicKey::parse(text), PublicKey::new(&key.to_public_key()));
    matches!((listed, own), (Ok(listed), Ok(own)) if listed.fingerprint() == own.fingerprint())
}

/// Where the account's public half stands, relative to the configuration.
pub(super) fn public_file(account: &str) -> PathBuf {
    PathBuf::from(format!("keys/{account}.simulate.pub.pem"))
}

/// Where its certificate stands.
pub(super) fn certificate_file(account: &str) -> PathBuf {
    PathBuf::from(format!("keys/{account}.simulate.{CERTIFICATE}"))
}

/// Where the root that vouches for the certificate stands.
pub(super) fn root_file(account: &str) -> PathBuf {
    PathBuf::from(format!("keys/{account}.simulate.{ROOT}"))
}

/// Where a sample keeps the secret that it shares with its provider.
pub(super) fn secret_file(account: &str) -> PathBuf {
    PathBuf::from(format!("keys/{account}.secret"))
}

/// A secret of letters and digits, by chance.
pub(super) fn secret_letters(count: usize) -> String {
    OsRng.sample_iter(Alphanumeric).take(count).map(char::from).collect()
}

/// A secret of this many bytes in hexadecimal digits, by chance.
pub(super) fn secret_hex(bytes: usize) -> String {
    (0..bytes).map(|_| format!("{:02x}", OsRng.r#gen::<u8>())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::provider::paypal::published::Environment;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-23 12:00 UTC);

    #[test]
    fn a_certificate_is_kept_for_as_long_as_it_fits_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let certified = || {
            let mut signing = Signing::new("shop", folder.path(), None, NOW);
            let (_, leaf) = signing.certified(Subject::PayPal(Environment::Live)).unwrap();
            (leaf, signing.into_notes().len())
        };
        let (first, made) = certified();
        assert_eq!(made, 2, "a key pair, and certificates");
        assert_eq!(certified(), (first.clone(), 0));
        fs::remove_file(folder.path().join("keys/shop.simulate.pem")).unwrap();
        let (second, made) = certified();
        assert!(second != first && made == 2);
    }

    #[test]
    fn a_secret_that_is_missing_is_named_by_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let signing = Signing::new("shop", folder.path(), None, NOW);
        let missing = signing.secret("secrets", None, None).unwrap_err().to_string();
        assert!(missing.starts_with("accounts.shop.secrets_file: missing"), "{missing}");
        let nowhere = PathBuf::from("nowhere");
        let missing = signing.secret("secrets", None, Some(&nowhere)).unwrap_err().to_string();
        assert!(missing.starts_with("accounts.shop.secrets_file: "), "{missing}");
        assert!(missing.contains("nowhere"), "{missing}");
    }
}
