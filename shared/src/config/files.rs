//! The files that a configuration names: read with a limit, and remembered by what stood in them.
//!
//! **Invariant**: of a file's text only a hash is kept, and not even that is shown.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// What a value or a file held, to tell whether it changed.
pub(super) type Hash = [u8; 32];

/// Reads files, and remembers what stood in each.
#[derive(Debug, Default)]
pub struct Files(RefCell<Snapshot>);

/// What stood in files: each under the key that names it, and its path.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<(String, PathBuf), Seen>);

#[derive(Clone, PartialEq, Eq)]
struct Seen {
    bytes_max: u64,
    /// Nothing: it could not be read.
    hash: Option<Hash>,
}

impl Files {
    /// The file's text, or why there is none, without its name.
    pub fn text(&self, key: &str, path: &Path, bytes_max: u64) -> Result<String, String> {
        let text = text(path, bytes_max);
        // A pipe is read once: looking again would wait for its writer.
        if !path.exists() || path.is_file() {
            let seen = Seen { bytes_max, hash: hash_of(&text) };
            self.0.borrow_mut().0.insert((key.to_owned(), path.to_owned()), seen);
        }
        text
    }

    pub fn into_snapshot(self) -> Snapshot {
        self.0.into_inner()
    }
}

impl Snapshot {
    /// The same files as they are now.
    pub fn again(&self) -> Self {
        let look = |((key, path), seen): (&(String, PathBuf), &Seen)| {
            let hash = hash_of(&text(path, seen.bytes_max));
            ((key.clone(), path.clone()), Seen { bytes_max: seen.bytes_max, hash })
        };
        Self(self.0.iter().map(look).collect())
    }

    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Each file: the key that names it, its path, and a hash where it could be read.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Path, Option<Hash>)> {
        self.0.iter().map(|((key, path), seen)| (key.as_str(), path.as_path(), seen.hash))
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

pub(super) fn hash(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

fn hash_of(text: &Result<String, String>) -> Option<Hash> {
    text.as_ref().ok().map(|text| hash(text.as_bytes()))
}

fn text(path: &Path, bytes_max: u64) -> Result<String, String> {
    let fail = |error: std::io::Error| error.to_string();
    if std::fs::metadata(path).map_err(fail)?.len() > bytes_max {
        return Err(format!("larger than {bytes_max} bytes"));
    }
    std::fs::read_to_string(path).map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_that_changes_comes_or_goes_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let (kept, missing) = (folder.path().join("kept"), folder.path().join("missing"));
        fs::write(&kept, "one").unwrap();
        let files = Files::default();
        assert_eq!(files.text("a", &kept, 8), Ok("one".to_owned()));
        assert!(files.text("b", &missing, 8).is_err());
        let seen = files.into_snapshot();
        assert_eq!(seen.again(), seen);

        for (path, text) in [(&kept, "two"), (&kept, "longer than 8"), (&missing, "")] {
            let before = seen.again();
            fs::write(path, text).unwrap();
            assert_ne!(before.again(), before, "{text}");
        }
        let before = seen.again();
        fs::remove_file(&kept).unwrap();
        // It was too large to be read, and now it cannot be read either.
        assert_eq!(before.again(), before);
        assert!(!format!("{seen:?}").contains("one"));
    }
}
