//! A clock that a test sets, for processes that are started under it: Debian's libfaketime stands between them and
//! the system's. Only the time of day is false; what measures spans goes on as it is.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Debian's package `faketime`, of any architecture.
const LIBRARIES: &str = "/usr/lib";
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";
/// Where the library keeps what belongs to a process, by its id.
const SHARED_MEMORY: &str = "/dev/shm";
const OF_PROCESSES: [&str; 2] = ["faketime_shm_", "sem.faketime_sem_"];

/// As far from the true time as it was last set.
#[derive(Debug)]
pub struct Clock {
    folder: TempDir,
    library: PathBuf,
}

impl Clock {
    /// One that is right; nothing where the library is not installed.
    pub fn new() -> anyhow::Result<Option<Self>> {
        let Some(library) = library() else { return Ok(None) };
        let clock = Self { folder: tempfile::tempdir()?, library };
        clock.set(0)?;
        Ok(Some(clock))
    }

    /// Steps to so many seconds from the true time.
    pub fn set(&self, offset_s: i64) -> anyhow::Result<()> {
        // Whoever reads it never finds half of it.
        let new = self.folder.path().join("new");
        fs::write(&new, format!("{offset_s:+}\n"))?;
        Ok(fs::rename(new, self.file())?)
    }

    /// What a process needs in its environment to go by this clock.
    pub fn variables(&self) -> anyhow::Result<[(&'static str, String); 5]> {
        forget_ended_processes()?;
        let text = |path: &Path| path.display().to_string();
        Ok([
            ("LD_PRELOAD", text(&self.library)),
            ("FAKETIME_TIMESTAMP_FILE", text(&self.file())),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
        ])
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }
}

fn library() -> Option<PathBuf> {
    let folders = fs::read_dir(LIBRARIES).ok()?.filter_map(Result::ok);
    folders.map(|folder| folder.path().join(LIBRARY)).find(|path| path.exists())
}

/// A process that was killed leaves its memory behind, and one that is given its id would end at once.
fn forget_ended_processes() -> anyhow::Result<()> {
    for entry in fs::read_dir(SHARED_MEMORY)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let id = OF_PROCESSES.iter().find_map(|prefix| name.strip_prefix(prefix));
        if id.is_some_and(|id| !Path::new("/proc").join(id).exists()) {
            // Another test may have been quicker.
            drop(fs::remove_file(Path::new(SHARED_MEMORY).join(&name)));
        }
    }
    Ok(())
}
