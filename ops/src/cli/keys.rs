//! `quittance keys`: the rings that seal messages and stored bodies, and the key of kept requests.
//!
//! **Invariant**: an existing file is never overwritten: its keys may still be in use.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use shared::config::Config;
use shared::message::seal::SealKeys;
use shared::secret::cipher::Cipher;
use shared::secret::envelope::BodyKeys;

use super::Common;
use super::exit::{Exit, Failure};
use super::output::say;
use crate::simulate::key::write_private;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  quittance keys init\n  quittance keys init /etc/quittance/seal.keys\n  quittance keys init --for quarantine\n  quittance keys init --for bodies"
)]
pub struct KeysArgs {
    #[command(subcommand)]
    verb: KeysVerb,
}

#[derive(Debug, Subcommand)]
enum KeysVerb {
    /// Make a file with one fresh key
    Init {
        /// [default: as configured, else keys/seal.keys, keys/quarantine.key or keys/body.keys beside the configuration]
        file: Option<PathBuf>,
        /// What it is for
        #[arg(long = "for", value_enum, default_value_t)]
        purpose: Purpose,
    },
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Purpose {
    /// The ring that seals messages between ingress and workers
    #[default]
    Seal,
    /// The key that seals kept requests on an ingress's disk
    Quarantine,
    /// The ring that seals the bodies in the ledger
    Bodies,
}

impl Purpose {
    fn configured(self, config: &Config) -> Option<&Path> {
        match self {
            Self::Seal => config.seal.keys_file.as_deref(),
            Self::Quarantine => config.quarantine.key_file.as_deref(),
            Self::Bodies => config.privacy.keys_file.as_deref(),
        }
    }

    /// Where it goes when nobody says, beside the configuration.
    fn default_file(self) -> &'static Path {
        Path::new(match self {
            Self::Seal => "keys/seal.keys",
            Self::Quarantine => "keys/quarantine.key",
            Self::Bodies => "keys/body.keys",
        })
    }

    fn make(self) -> String {
        match self {
            Self::Seal => SealKeys::generate().to_text(),
            Self::Quarantine => Cipher::generate(),
            Self::Bodies => BodyKeys::generate(),
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Seal => "give it to every ingress and every worker",
            Self::Quarantine => {
                "give it to the ingresses, and to whoever runs `quittance quarantine`"
            }
            Self::Bodies => {
                "give it to every worker, keep a copy apart from the database's backups"
            }
        }
    }

    /// The section and the key that name it.
    fn key(self) -> (&'static str, &'static str) {
        match self {
            Self::Seal => ("seal", "keys_file"),
            Self::Quarantine => ("quarantine", "key_file"),
            Self::Bodies => ("privacy", "keys_file"),
        }
    }
}

pub fn run(args: KeysArgs, common: &Common) -> Result<Exit, Failure> {
    let KeysVerb::Init { file, purpose } = args.verb;
    let (path, is_configured, shown) = match file {
        // Paths in the configuration are relative to its file, so this one is shown in full.
        Some(file) => {
            let shown = std::path::absolute(&file).unwrap_or_else(|_| file.clone());
            (file, false, shown)
        }
        None => {
            let config = common.load()?;
            let configured = purpose.configured(&config);
            let shown = configured.unwrap_or(purpose.default_file()).to_owned();
            (config.resolve(&shown), configured.is_some(), shown)
        }
    };
    init(&path, purpose)?;
    say(&format!("wrote {} (mode 0600): {}", path.display(), purpose.advice()));
    if !is_configured {
        let (section, key) = purpose.key();
        let shown = shown.display().to_string();
        say(&format!("and set it in the configuration:\n\n[{section}]\n{key} = {shown:?}"));
    }
    Ok(Exit::Done)
}

fn init(path: &Path, purpose: Purpose) -> Result<(), Failure> {
    let shown = path.display();
    write_private(path, &purpose.make()).map_err(|error| match error.kind() {
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
        init(&path, Purpose::Seal).unwrap();
        let first = std::fs::read_to_string(&path).unwrap();
        assert!(SealKeys::parse(&first).is_ok());
        assert_eq!(init(&path, Purpose::Seal).unwrap_err().exit.code(), 6);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), first);
    }

    #[test]
    fn each_other_key_is_one_that_its_reader_takes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/quarantine.key");
        init(&path, Purpose::Quarantine).unwrap();
        assert!(Cipher::parse(&std::fs::read_to_string(&path).unwrap()).is_ok());
        let path = folder.path().join("keys/body.keys");
        init(&path, Purpose::Bodies).unwrap();
        assert!(BodyKeys::parse(&std::fs::read_to_string(&path).unwrap()).is_ok());
    }
}
