//! Another program on the embedded file: Python's sqlite3, which knows nothing of ours, not even its foreign keys.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

const SCRIPT: &str = "import sqlite3, sys\n\
    file = sqlite3.connect(sys.argv[1], timeout=20)\n\
    file.execute('pragma foreign_keys = off')\n\
    for row in file.execute(sys.argv[2]):\n\
    \tprint('|'.join(map(str, row)))\n\
    file.commit()";

/// Runs one statement and gives what it answers: rows by line, columns by `|`.
pub async fn sql(file: &Path, statement: &str) -> anyhow::Result<String> {
    let output = tokio::process::Command::new(python()?)
        .args(["-c", SCRIPT])
        .arg(file)
        .arg(statement)
        .kill_on_drop(true)
        .output()
        .await
        .context("cannot start python")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{statement}` failed: {complaint}");
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// The Python that `./test` prepares.
pub fn python() -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let python = std::env::var_os("QUITTANCE_TEST_PYTHON")
        .map_or_else(|| root.join("target/python/bin/python"), PathBuf::from);
    ensure!(python.exists(), "no python at {python:?}: `./test` prepares one");
    Ok(python)
}
