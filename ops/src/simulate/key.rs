//! The key pair that simulation signs with: made once, the private half readable by its owner alone.
//!
//! **Invariant**: an existing file is never overwritten.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rsa::RsaPrivateKey;
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding};

const BITS: usize = 2048;
/// A private key of 8192 bits has less than 7 KiB as PEM.
const FILE_MAX_BYTES: u64 = 64 * 1024;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("{}: {error}", .path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("{}: not a private RSA key in PKCS #8 PEM (`-----BEGIN PRIVATE KEY-----`)", .0.display())]
    Unreadable(PathBuf),
    #[error("{}: not a private key of Ed25519 (`whsk_` and base64)", .0.display())]
    NotEd25519(PathBuf),
    #[error("the key could not be made: {0}")]
    Generate(String),
    #[error("the key could not be made: this machine gives no chance")]
    Chance,
}

/// Reads a private key in PKCS #8 PEM.
pub fn read(path: &Path) -> Result<RsaPrivateKey, KeyError> {
    let text = text(path)?;
    RsaPrivateKey::from_pkcs8_pem(&text).map_err(|_| KeyError::Unreadable(path.to_owned()))
}

/// A key file's text.
pub fn text(path: &Path) -> Result<String, KeyError> {
    let file = |error| KeyError::File { path: path.to_owned(), error };
    if fs::metadata(path).map_err(file)?.len() > FILE_MAX_BYTES {
        return Err(KeyError::Unreadable(path.to_owned()));
    }
    fs::read_to_string(path).map_err(file)
}

/// Makes a pair: the private half at `path`, the public half beside it.
pub fn make(path: &Path) -> Result<RsaPrivateKey, KeyError> {
    let fail = |error: &dyn std::error::Error| KeyError::Generate(error.to_string());
    let key = RsaPrivateKey::new(&mut rand::rngs::OsRng, BITS).map_err(|error| fail(&error))?;
    let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|error| fail(&error))?;
    write_private(path, &pem).map_err(|error| KeyError::File { path: path.to_owned(), error })?;
    write_public(&key, &public_path(path))?;
    Ok(key)
}

/// Writes the public half as PEM.
pub fn write_public(key: &RsaPrivateKey, path: &Path) -> Result<(), KeyError> {
    let pem = key.to_public_key().to_public_key_pem(LineEnding::LF);
    let pem = pem.map_err(|error| KeyError::Generate(error.to_string()))?;
    fs::write(path, pem).map_err(|error| KeyError::File { path: path.to_owned(), error })
}

/// Where the public half stands: `x.pem` has `x.pub.pem`.
pub fn public_path(path: &Path) -> PathBuf {
    path.with_extension("pub.pem")
}

/// Writes a new file that only its owner reads (mode 0600), and its folder.
pub fn write_private(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_pair_is_made_once_and_kept_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/shop.simulate.pem");
        let made = make(&path).unwrap();
        assert_eq!(read(&path).unwrap(), made);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(folder.path().join("keys/shop.simulate.pub.pem").exists());
        assert!(matches!(make(&path), Err(KeyError::File { .. })));
        assert_eq!(read(&path).unwrap(), made);
    }

    #[test]
    fn what_is_no_private_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        fs::write(&path, "-----BEGIN PUBLIC KEY-----").unwrap();
        assert!(matches!(read(&path), Err(KeyError::Unreadable(_))));
    }
}
