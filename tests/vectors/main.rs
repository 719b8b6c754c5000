//! Vectors that others published, with the verdict each of them states.
//!
//! They lie beside the project, not in it; where they are absent, that is said and nothing fails.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod alipay;

use std::path::{Path, PathBuf};

/// The vectors' folder; nothing where there is none, and a line that says so.
fn folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors");
    let folder = std::env::var_os("QUITTANCE_VECTORS").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("left out: there are no vectors; QUITTANCE_VECTORS may name their folder");
    None
}
