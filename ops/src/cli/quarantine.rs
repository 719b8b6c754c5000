//! `quittance quarantine`: requests that failed verification and were kept.
//!
//! **Invariant**: no body is ever shown; what is enqueued was proven anew; what is dropped was noted
//! first, with who and why.

use std::sync::Arc;

use clap::{Args, Subcommand};
use ingress::quarantine::folder::{Entry, Folder};
use shared::config::Config;
use uuid::Uuid;

use super::act;
use super::exit::{Exit, Failure};
use super::output::{Output, say};

mod discard;
mod list;
mod recheck;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct QuarantineArgs {
    #[command(subcommand)]
    verb: QuarantineVerb,
}

const EXAMPLES: &str = "\
Examples:
  quittance quarantine list --account shop-alipay
  quittance quarantine recheck                          after a key was added
  quittance quarantine drop --account shop-alipay --reason \"forgeries of 3 May\"

Run it where the folder is: on the host of the ingress, or with its disk at hand.";

#[derive(Debug, Subcommand)]
enum QuarantineVerb {
    /// What is kept, oldest first; never a body
    List {
        #[command(flatten)]
        choice: Choice,
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Verify again with today's keys, and enqueue what is genuine
    Recheck {
        #[command(flatten)]
        choice: Choice,
    },
    /// Remove for good
    #[command(group = clap::ArgGroup::new("which").required(true).multiple(true).args(["ids", "account", "all"]))]
    Drop {
        #[command(flatten)]
        choice: Choice,
        /// Everything that is kept
        #[arg(long, conflicts_with_all = ["ids", "account"])]
        all: bool,
        /// Why, for those who read it later
        #[arg(long, value_parser = act::reason)]
        reason: String,
    },
}

/// Which of them; without any word all.
#[derive(Debug, Args)]
struct Choice {
    /// As `list` shows them
    #[arg(value_name = "ID")]
    ids: Vec<Uuid>,
    /// Those of one account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
}

/// What was chosen, and which ids are nobody's.
struct Chosen {
    entries: Vec<Entry>,
    missing: Vec<Uuid>,
}

pub async fn run(args: QuarantineArgs, config: &Config, output: Output) -> Result<Exit, Failure> {
    let folder = Arc::new(folder(config)?);
    match args.verb {
        QuarantineVerb::List { choice, limit } => {
            let chosen = choice.of(&folder)?;
            list::run(&folder, chosen, limit as usize, config, output)
        }
        QuarantineVerb::Recheck { choice } => {
            let chosen = choice.of(&folder)?;
            recheck::run(&folder, chosen, config, output).await
        }
        QuarantineVerb::Drop { choice, all: _, reason } => {
            let chosen = choice.of(&folder)?;
            discard::run(&folder, chosen, &reason, config, output).await
        }
    }
}

fn folder(config: &Config) -> Result<Folder, Failure> {
    let cipher = config.quarantine_cipher()?.ok_or_else(|| {
        let message = "quarantine.key_file: missing, so nothing is ever kept; \
                       `quittance keys init --for quarantine` makes a key file";
        Failure::new(Exit::Usage, message)
    })?;
    Ok(Folder::existing(config.resolve(&config.quarantine.folder), cipher))
}

impl Choice {
    fn of(&self, folder: &Folder) -> Result<Chosen, Failure> {
        let entries = folder.entries().map_err(|error| {
            Failure::new(Exit::Unreachable, format!("quarantine.folder: {error}"))
        })?;
        let mut chosen = self.among(entries);
        for id in &chosen.missing {
            say(&format!("{id}: no such request is kept"));
        }
        if chosen.entries.is_empty() && !chosen.missing.is_empty() {
            return Err(Failure::new(
                Exit::NotFound,
                "`quittance quarantine list` shows what is kept",
            ));
        }
        chosen.missing.dedup();
        Ok(chosen)
    }

    fn among(&self, entries: Vec<Entry>) -> Chosen {
        let is_of = |entry: &Entry| self.account.as_ref().is_none_or(|name| *name == entry.account);
        let is_named = |entry: &Entry| self.ids.is_empty() || self.ids.contains(&entry.id);
        let entries: Vec<_> =
            entries.into_iter().filter(|entry| is_of(entry) && is_named(entry)).collect();
        let is_missing = |id: &&Uuid| !entries.iter().any(|entry| entry.id == **id);
        let missing = self.ids.iter().filter(is_missing).copied().collect();
        Chosen { entries, missing }
    }
}

impl Chosen {
    /// How a command ends that did with every entry what was asked.
    fn exit(&self) -> Exit {
        if self.missing.is_empty() { Exit::Done } else { Exit::PartlyDone }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_account_both_choose_and_what_is_nobodys_is_told() {
        let entry = |account: &str| Entry { account: account.into(), id: Uuid::now_v7(), bytes: 1 };
        let (a, b, stranger) = (entry("a"), entry("b"), Uuid::now_v7());
        let all = vec![a.clone(), b.clone()];
        let of = |ids: &[Uuid], account: Option<&str>| {
            let choice = Choice { ids: ids.to_vec(), account: account.map(ToOwned::to_owned) };
            let chosen = choice.among(all.clone());
            (chosen.entries, chosen.missing)
        };
        assert_eq!(of(&[], None), (all.clone(), vec![]));
        assert_eq!(of(&[], Some("b")), (vec![b.clone()], vec![]));
        assert_eq!(of(&[a.id, stranger], None), (vec![a.clone()], vec![stranger]));
        assert_eq!(of(&[a.id], Some("b")), (vec![], vec![a.id]));
    }
}
