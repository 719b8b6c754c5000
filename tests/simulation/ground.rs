//! What each run stands on: a copy of an empty ledger, made once.

use std::path::Path;

use ops::embedded::Embedded;
use tempfile::TempDir;

/// The ledger's file.
pub(crate) const LEDGER: &str = "quittance.db";
const FILES: [&str; 3] = [LEDGER, "quittance.db.seal_keys", "quittance.db.body_keys"];

/// An empty ledger, of which each run gets a copy.
pub(crate) struct Ground(TempDir);

impl Ground {
    pub(crate) fn lay() -> anyhow::Result<Self> {
        let folder = folder()?;
        Embedded::open(&folder.path().join(LEDGER))?.seal_keys()?;
        Ok(Self(folder))
    }

    pub(crate) fn copy(&self) -> anyhow::Result<TempDir> {
        let folder = folder()?;
        for file in FILES {
            std::fs::copy(self.0.path().join(file), folder.path().join(file))?;
        }
        Ok(folder)
    }
}

/// In memory where there is such a place: a run's file need not outlive it.
fn folder() -> std::io::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }
}
