//! `quittance keys`: the ring with which ingress and workers seal messages.
//!
//! **Invariant**: an existing file is never overwritten: its keys may still be in use.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use shared::message::seal::SealKeys;

use super::Common;
use super::exit::{Exit, Failure};
use super::output::say;
use crate::simulate::key::write_private;

/// Where the ring goes when nobody says, beside the configuration.
const DEFAULT_FILE: &str = "keys/seal.keys";

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  quittance keys init\n  quittance keys init /etc/quittance/seal.keys"
)]
pub struct KeysArgs {
    #[command(subcommand)]
    verb: KeysVerb,
}

#[derive(Debug, Subcommand)]
enum KeysVerb {
    /// Make a ring with one fresh key
    Init {
        /// [default: seal.keys_file of the configuration, else keys/seal.keys beside it]
        file: Option<PathBuf>,
    },
}

pub fn run(args: KeysArgs, common: &Common) -> Result<Exit, Failure> {
    let KeysVerb::Init { file } = args.verb;
    let (path, is_configured, shown) = match file {
        // Paths in the configuration are relative to its file, so this one is shown in full.
        Some(file) => {
            let shown = std::path::absolute(&file).unwrap_or_else(|_| file.clone());
            (file, false, shown)
        }
        None => {
            let config = common.load()?;
            let configured = config.seal.keys_file.as_deref();
            let shown = configured.unwrap_or(Path::new(DEFAULT_FILE)).to_owned();
            (config.resolve(&shown), configured.is_some(), shown)
        }
    };
    init(&path)?;
    say(&format!(
        "wrote {} (mode 0600): give it to every ingress and every worker",
        path.display()
    ));
    if !is_configured {
        say(&format!(
            "and set it in the configuration:\n\n[seal]\nkeys_file = {:?}",
            shown.display().to_string()
        ));
    }
    Ok(Exit::Done)
}

fn init(path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    write_private(path, &SealKeys::generate().to_text()).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::new(
            Exit::Conflict,
            format!("{shown} exists and may be in use: name another file, or move it away first"),
        ),
        _ => Failure::new(Exit::Failed, format!("{shown}: {error}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_made_once_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/seal.keys");
        init(&path).unwrap();
        let first = std::fs::read_to_string(&path).unwrap();
        assert!(SealKeys::parse(&first).is_ok());
        assert_eq!(init(&path).unwrap_err().exit.code(), 6);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), first);
    }
}
