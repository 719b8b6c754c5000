//! The file, and how it is reached: every connection has the same settings, and writers of this
//! process take turns.
//!
//! **Invariant**: a write is one transaction that begins with the file's write lock, so it never
//! fails half-way for want of it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::result::Error;

/// Durable at each commit, and patient with other programs on the file. What is deleted is overwritten.
const SETTINGS: &str = "pragma busy_timeout = 5000;
    pragma foreign_keys = on;
    pragma synchronous = full;
    pragma trusted_schema = on;
    pragma secure_delete = on;
    pragma wal_autocheckpoint = 4000;
    pragma cache_size = -16000;";

pub(super) struct Store {
    path: PathBuf,
    /// SQLite lets waiting writers sleep and guess; a turn wakes the next at once.
    turn: Mutex<()>,
    /// The lock of the file's one server.
    owned: Mutex<Option<File>>,
}

#[diesel::declare_sql_function]
extern "SQL" {
    /// Does the asker derive statuses? It exists on our connections only.
    fn quittance_settling() -> diesel::sql_types::Bool;
}

impl Store {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, turn: Mutex::default(), owned: Mutex::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A file that goes with this one.
    pub(super) fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(suffix);
        name.into()
    }

    pub(super) fn own(&self, lock: File) {
        *self.owned.lock().unwrap_or_else(PoisonError::into_inner) = Some(lock);
    }

    /// The first connection to a file that may be new.
    pub(super) fn create(&self) -> Result<SqliteConnection, String> {
        let mut connection = self.connect()?;
        let wal = connection.batch_execute("pragma journal_mode = wal");
        wal.map_err(|error| error.to_string())?;
        Ok(connection)
    }

    /// A connection; never makes a file.
    pub(super) fn connect(&self) -> Result<SqliteConnection, String> {
        let path = self.path.to_str().ok_or("the path is not UTF-8")?;
        if !self.path.exists() {
            return Err(format!("{path} is gone"));
        }
        let opened = SqliteConnection::establish(path);
        let mut connection = opened.map_err(|error| error.to_string())?;
        let ready = connection.batch_execute(SETTINGS).and_then(|()| {
            quittance_settling_utils::register_nondeterministic_impl(&connection, || true)
        });
        ready.map_err(|error| error.to_string())?;
        Ok(connection)
    }

    /// One transaction that holds the write lock from its beginning.
    pub(super) fn write<T, E: From<Error>>(
        &self,
        connection: &mut SqliteConnection,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        connection.immediate_transaction(work)
    }
}
