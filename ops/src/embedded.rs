//! The embedded engine: queue and ledger on one SQLite file, the default when no servers are
//! configured.
//!
//! **Invariant**: what is answered with success is on the disk; one process at a time serves a
//! file, however many read it or write orders into it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};
use shared::config::account::Choices;
use shared::message::seal::{KeyRingError, SealKeys};
use shared::secret::bodies::Bodies;
use shared::secret::cipher::CipherKeyError;
use shared::secret::envelope::BodyKeys;
use tokio::sync::watch;

pub mod ledger;
pub mod queue;
mod schema;
mod store;
mod values;

use self::ledger::SqliteLedger;
use self::queue::Queue;
use self::store::Store;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// One file, opened; clones share it.
#[derive(Clone)]
pub struct Embedded {
    store: Arc<Store>,
    queue: Arc<OnceLock<Queue>>,
    choices: watch::Receiver<Arc<Choices>>,
    bodies: Bodies,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    #[error("{0} is served by another process")]
    Owned(PathBuf),
    #[error("{0}")]
    File(PathBuf, #[source] io::Error),
    #[error("{0} is not there, and nothing is configured")]
    Missing(PathBuf),
    #[error("{0} is locked by another program")]
    Locked(PathBuf),
    #[error("{0} is no database of ours: {1}")]
    Database(PathBuf, String),
    #[error("{0}")]
    SealKeys(PathBuf, #[source] KeyRingError),
    #[error("{0}")]
    BodyKeys(PathBuf, #[source] CipherKeyError),
}

impl Embedded {
    /// Opens the file where it is there.
    pub fn found(path: &Path) -> Result<Self, EmbeddedError> {
        match path.try_exists() {
            Ok(true) => Self::open(path),
            Ok(false) => Err(EmbeddedError::Missing(path.to_owned())),
            Err(error) => Err(EmbeddedError::File(path.to_owned(), error)),
        }
    }

    /// Opens the file, which it makes where it is missing, and brings its schema up to date.
    pub fn open(path: &Path) -> Result<Self, EmbeddedError> {
        let failed = |error| EmbeddedError::File(path.to_owned(), error);
        let folder = folder_of(path);
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        // Several programs may come upon a new file at once: one of them makes it.
        let folder = File::open(folder).map_err(failed)?;
        folder.lock().map_err(failed)?;
        create(path).map_err(failed)?;
        let store = Arc::new(Store::new(path.to_owned()));
        migrate(&store).map_err(|error| match error.contains("database is locked") {
            true => EmbeddedError::Locked(path.to_owned()),
            false => EmbeddedError::Database(path.to_owned(), error),
        })?;
        let choices = Choices::default().still();
        let bodies = Bodies::sealed_by(body_keys(&store)?);
        Ok(Self { store, queue: Arc::default(), choices, bodies })
    }

    /// Its ledger keeps bodies in this way; until told so, sealed by the ring beside the file.
    pub fn keeping(self, bodies: Bodies) -> Self {
        Self { bodies, ..self }
    }

    /// The ring beside the file.
    pub fn body_keys(&self) -> Result<BodyKeys, EmbeddedError> {
        body_keys(&self.store)
    }

    /// Its ledger settles by the rules that stand at each moment.
    pub fn governed_by(self, choices: watch::Receiver<Arc<Choices>>) -> Self {
        Self { choices, ..self }
    }

    /// Becomes the file's one server, for as long as anything of it lives, and gives back to the
    /// queue what a former server had in hand.
    pub fn own(&self) -> Result<(), EmbeddedError> {
        let failed = |error| EmbeddedError::File(self.store.path().to_owned(), error);
        let path = self.store.beside(".lock");
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let lock = options.open(path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => (),
            Err(TryLockError::WouldBlock) => {
                return Err(EmbeddedError::Owned(self.store.path().to_owned()));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let mend = self.store.connect().and_then(|mut connection| {
            self.store
                .write(&mut connection, queue::give_back_all)
                .map_err(|error| error.to_string())
        });
        mend.map_err(|error| EmbeddedError::Database(self.store.path().to_owned(), error))?;
        self.store.own(lock);
        Ok(())
    }

    /// The broker.
    pub fn queue(&self) -> Queue {
        self.queue.get_or_init(|| Queue::start(Arc::clone(&self.store))).clone()
    }

    /// The ledger.
    pub fn ledger(&self) -> SqliteLedger {
        SqliteLedger::new(Arc::clone(&self.store), self.choices.clone(), self.bodies.clone())
    }

    /// The key ring beside the file, made at first use.
    pub fn seal_keys(&self) -> Result<SealKeys, EmbeddedError> {
        let path = self.store.beside(".seal_keys");
        let text = read_or_make(&path, || SealKeys::generate().to_text())
            .map_err(|error| EmbeddedError::File(path.clone(), error))?;
        SealKeys::parse(&text).map_err(|error| EmbeddedError::SealKeys(path, error))
    }
}

/// The ring that seals bodies, made at first use.
fn body_keys(store: &Store) -> Result<BodyKeys, EmbeddedError> {
    let path = store.beside(".body_keys");
    let text = read_or_make(&path, BodyKeys::generate)
        .map_err(|error| EmbeddedError::File(path.clone(), error))?;
    BodyKeys::parse(&text).map_err(|error| EmbeddedError::BodyKeys(path, error))
}

/// Brings the schema up to date; safe when several start at once.
fn migrate(store: &Store) -> Result<(), String> {
    let mut connection = store.create()?;
    // One transaction around all: another process waits, and then finds nothing to do.
    let migrated = connection.immediate_transaction(|connection| {
        connection.run_pending_migrations(MIGRATIONS).map(drop).map_err(Failed)
    });
    migrated.map_err(|Failed(error)| error.to_string())
}

struct Failed(Box<dyn std::error::Error + Send + Sync>);

impl From<diesel::result::Error> for Failed {
    fn from(error: diesel::result::Error) -> Self {
        Self(error.into())
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the file, readable by its owner only. An existing one is not even opened: closing it
/// would drop the locks that SQLite holds on it in this process.
fn create(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Reads a secret; makes it whole, or not at all, where it is missing.
fn read_or_make(path: &Path, make: impl FnOnce() -> String) -> io::Result<String> {
    if !path.try_exists()? {
        // Such a file is its owner's only.
        let mut file = tempfile::NamedTempFile::new_in(folder_of(path))?;
        file.write_all(make().as_bytes())?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(path) {
            Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(error.error);
            }
            Ok(_) | Err(_) => (),
        }
    }
    fs::read_to_string(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn only_its_owner_reads_what_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/quittance.db");
        let embedded = Embedded::open(&path).unwrap();
        embedded.seal_keys().unwrap();
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&path.with_extension("db.seal_keys")), 0o600);
        assert_eq!(mode(&path.with_extension("db.body_keys")), 0o600);
    }

    #[test]
    fn a_second_server_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quittance.db");
        let first = Embedded::open(&path).unwrap();
        first.own().unwrap();
        let second = Embedded::open(&path).unwrap();
        let error = second.own().unwrap_err();
        assert!(matches!(&error, EmbeddedError::Owned(named) if *named == path), "{error}");
        drop(first);
        second.own().unwrap();
    }

    #[test]
    fn the_seal_keys_stay_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quittance.db");
        let keys = |embedded: &Embedded| embedded.seal_keys().unwrap().to_text();
        let made = keys(&Embedded::open(&path).unwrap());
        assert_eq!(keys(&Embedded::open(&path).unwrap()), made);
    }

    #[test]
    fn several_may_open_a_new_file_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quittance.db");
        std::thread::scope(|scope| {
            let openers: Vec<_> = (0..4).map(|_| scope.spawn(|| Embedded::open(&path))).collect();
            for opener in openers {
                opener.join().unwrap().unwrap();
            }
        });
    }
}
