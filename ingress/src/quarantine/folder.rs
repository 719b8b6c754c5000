//! The folder: `ACCOUNT/ID.request`, a file a request, for its owner's eyes only.
//!
//! **Invariant**: a path is made of a checked name and a uuid, never of what somebody typed; and a
//! file is whole or not there.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use shared::config::account::is_name;
use shared::provider::Request;
use shared::secret::cipher::Cipher;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::kept::{self, About, Unusable};

const ENDING: &str = ".request";
/// A file that is not whole yet.
const UNFINISHED: &str = ".writing";
/// What is not whole after this long never will be.
const UNFINISHED_MAX: Duration = Duration::hours(1);

/// Where kept requests stand.
pub struct Folder {
    path: PathBuf,
    cipher: Cipher,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub account: String,
    pub id: Uuid,
    /// Of the file.
    pub bytes: u64,
}

impl Folder {
    /// Makes it where it is missing.
    pub fn open(path: PathBuf, cipher: Cipher) -> io::Result<Self> {
        make(&path)?;
        Ok(Self::existing(path, cipher))
    }

    /// One that may not be there yet, only to look at.
    pub fn existing(path: PathBuf, cipher: Cipher) -> Self {
        Self { path, cipher }
    }

    /// Writes a request, and answers its file's bytes once the disk holds them.
    pub fn put(&self, id: Uuid, about: &About, request: &Request) -> Result<u64, Unusable> {
        if !is_name(&about.account) {
            return Err(Unusable::Form);
        }
        let bytes = kept::seal(id, about, request, &self.cipher)?;
        let room = self.path.join(&about.account);
        let unfinished = room.join(format!("{id}{UNFINISHED}"));
        let write = || {
            make(&room)?;
            let mut options = OpenOptions::new();
            let mut file = options.write(true).create_new(true).mode(0o600).open(&unfinished)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&unfinished, room.join(format!("{id}{ENDING}")))
        };
        write().map_err(|error: io::Error| {
            // What cannot be removed now is when it is old.
            drop(fs::remove_file(&unfinished));
            Unusable::File(error.to_string())
        })?;
        Ok(bytes.len() as u64)
    }

    /// Every request, oldest first. Whatever else lies there is left alone.
    pub fn entries(&self) -> io::Result<Vec<Entry>> {
        let mut entries = vec![];
        for (account, room) in self.rooms()? {
            for file in files(&room)? {
                let name = file.file_name();
                let id = name.to_str().and_then(|name| name.strip_suffix(ENDING));
                let Some(id) = id.and_then(|id| id.parse().ok()) else { continue };
                // A link leads elsewhere, and what was dropped meanwhile is gone.
                if let Ok(found) = file.metadata()
                    && found.is_file()
                {
                    entries.push(Entry { account: account.clone(), id, bytes: found.len() });
                }
            }
        }
        entries.sort_by_key(|entry| entry.id);
        Ok(entries)
    }

    /// What is told of a request, without reading the rest.
    pub fn about(&self, entry: &Entry) -> Result<About, Unusable> {
        let bytes = self.read(entry, kept::HEAD_MAX_BYTES as u64)?;
        kept::about(entry.id, &entry.account, &bytes, &self.cipher)
    }

    /// The whole of it.
    pub fn request(&self, entry: &Entry) -> Result<(About, Request), Unusable> {
        let bytes = self.read(entry, kept::BYTES_MAX)?;
        kept::open(entry.id, &entry.account, &bytes, &self.cipher)
    }

    /// Removes it; false when somebody else has.
    pub fn remove(&self, entry: &Entry) -> io::Result<bool> {
        match fs::remove_file(self.file(entry)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Clears away what a crash left unfinished.
    pub fn clear_unfinished(&self, now: OffsetDateTime) -> io::Result<()> {
        for (_, room) in self.rooms()? {
            for file in files(&room)? {
                let name = file.file_name();
                let id = name.to_str().and_then(|name| name.strip_suffix(UNFINISHED));
                let kept_at = id.and_then(|id| id.parse().ok()).and_then(kept_at);
                if kept_at.is_some_and(|at| at + UNFINISHED_MAX < now) {
                    drop(fs::remove_file(file.path()));
                }
            }
        }
        Ok(())
    }

    fn rooms(&self) -> io::Result<Vec<(String, PathBuf)>> {
        let rooms = files(&self.path)?.into_iter().filter_map(|room| {
            let name = room.file_name().into_string().ok().filter(|name| is_name(name))?;
            room.file_type().ok().filter(fs::FileType::is_dir)?;
            Some((name, room.path()))
        });
        Ok(rooms.collect())
    }

    fn read(&self, entry: &Entry, bytes_max: u64) -> Result<Vec<u8>, Unusable> {
        let mut bytes = vec![];
        let read = File::open(self.file(entry))
            .and_then(|file| file.take(bytes_max).read_to_end(&mut bytes));
        read.map_err(|error| Unusable::File(error.to_string()))?;
        Ok(bytes)
    }

    fn file(&self, entry: &Entry) -> PathBuf {
        self.path.join(&entry.account).join(format!("{}{ENDING}", entry.id))
    }
}

impl Entry {
    /// When it was received, as its id tells.
    pub fn kept_at(&self) -> Option<OffsetDateTime> {
        kept_at(self.id)
    }
}

fn kept_at(id: Uuid) -> Option<OffsetDateTime> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    let at = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()?;
    Some(at + Duration::nanoseconds(i64::from(nanos)))
}

fn make(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// What stands in a folder; nothing when it is not there.
fn files(path: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(path) {
        Ok(entries) => entries.collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(vec![]),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
