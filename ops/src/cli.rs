//! The command line: nouns and verbs over the ledger, and tools around it.
//!
//! **Invariant**: options stand after the verb, data goes to stdout, and each command ends with one
//! of [`exit::Exit`]'s codes.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use shared::config::{Config, load};
use worker::ledger::Ledger;

use crate::engine::{self, Engine};

pub mod exit;
pub mod table;
pub mod csv;
pub mod output;
pub mod act;
pub mod body;
pub mod orders;
pub mod subscriptions;
pub mod cases;
pub mod dead_letters;
pub mod replay;
pub mod events;
pub mod balance;
pub mod notifications;
pub mod privacy;
pub mod accounts;
pub mod quarantine;
pub mod simulate;
pub mod verify;
pub mod topology;
pub mod keys;
pub mod config;

use self::exit::{Exit, Failure};
use self::output::{Format, Output, say};

const EXAMPLES: &str = "\
Examples:
  quittance demo                                    watch genuine notifications settle orders
  quittance serve --config quittance.toml           ingress, worker and console in one process
  quittance orders import orders.jsonl              what is to be paid
  quittance orders show A-1 -o json
  quittance simulate alipay paid --account shop-alipay --order A-1
  quittance verify --account shop-alipay --request capture.txt      why a signature fails
  quittance balance                                 where every accepted notification stands
  quittance accounts                                keys, when they end, when each last verified

Without broker.url and database.url all of it lives in one file, quittance-data/quittance.db.

Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 declined, 4 not allowed, 5 not found,
6 conflict, 7 partly done, 8 still running, 9 threshold exceeded, 10 engine out of reach.";

/// Settles payment notifications: each order exactly once
#[derive(Debug, Parser)]
#[command(name = "quittance", version, after_help = EXAMPLES, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub verb: Verb,
}

/// What every verb takes.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Configuration; paths in it are relative to it [default: quittance.toml, where it exists]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The form of what goes to stdout
    #[arg(short, long, global = true, value_enum, value_name = "FORM", default_value_t)]
    output: Format,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Ingress, worker and console in one process
    #[command(after_help = SERVE_EXAMPLES)]
    Serve,
    /// Play signed notifications against the whole system, and show what became of each
    #[command(after_help = DEMO_EXAMPLES)]
    Demo(DemoArgs),
    #[command(flatten)]
    Noun(Noun),
}

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Go on serving afterwards, until Ctrl-C, and keep the folder
    #[arg(long)]
    pub keep: bool,
}

#[derive(Debug, Subcommand)]
pub enum Noun {
    #[command(flatten)]
    Ledger(LedgerNoun),
    /// Send a genuinely signed notification
    Simulate(simulate::SimulateArgs),
    /// Each account's keys: when they end, and when each last verified something
    Accounts(accounts::AccountsArgs),
    /// Requests that failed verification and were kept
    Quarantine(quarantine::QuarantineArgs),
    /// Say whether a captured request is genuine, and if not, why
    Verify(verify::VerifyArgs),
    /// Send dead letters again, as a job that the workers run
    Replay(replay::ReplayArgs),
    /// Exchanges and queues on the broker
    Topology(topology::TopologyArgs),
    /// Keys that ingress and workers share
    Keys(keys::KeysArgs),
    /// The configuration itself
    Config(config::ConfigArgs),
    /// Completion for a shell
    Completion { shell: clap_complete::Shell },
}

/// Those that read or write the ledger.
#[derive(Debug, Subcommand)]
pub enum LedgerNoun {
    /// What is to be paid, and how it stands
    Orders(orders::OrdersArgs),
    /// What is charged each period, and how far it is paid
    Subscriptions(subscriptions::SubscriptionsArgs),
    /// Money that fits no rule: a person decides
    Cases(cases::CasesArgs),
    /// What could not be settled: found, grouped, and ended by people
    DeadLetters(dead_letters::DeadLettersArgs),
    /// What was announced to subscribers
    Events(events::EventsArgs),
    /// What providers sent, with personal fields masked
    Notifications(notifications::NotificationsArgs),
    /// The end of what tells who paid
    Privacy(privacy::PrivacyArgs),
    /// Where every accepted notification stands; exit 9 when one is unaccounted for
    Balance,
    /// Bring the ledger's schema up to date
    Migrate,
}

const SERVE_EXAMPLES: &str = "\
Examples:
  quittance serve
  quittance serve --config /etc/quittance/quittance.toml
  QUITTANCE__INGRESS__LISTEN=127.0.0.1:8088 quittance serve";

const DEMO_EXAMPLES: &str = "\
Examples:
  quittance demo            about ten seconds; nothing else needs to be installed
  quittance demo --keep     go on serving, to look around";

impl Cli {
    /// Refuses a form that the command does not write, before it has done anything.
    pub fn check_form(&self) -> Result<(), Failure> {
        let writes_csv = match &self.verb {
            Verb::Noun(Noun::Ledger(LedgerNoun::DeadLetters(args))) => args.writes_csv(),
            Verb::Serve | Verb::Demo(_) | Verb::Noun(_) => false,
        };
        if self.common.output == Format::Csv && !writes_csv {
            let message =
                "--output csv: only `dead-letters export` writes it; json and jsonl are for all";
            return Err(Failure::new(Exit::Usage, message));
        }
        Ok(())
    }
}

/// Runs one command.
pub async fn run(noun: Noun, common: &Common) -> Result<Exit, Failure> {
    let output = common.output();
    if let Noun::Ledger(LedgerNoun::Orders(args)) = &noun
        && let Some(printed) = args.example()
    {
        return printed;
    }
    match noun {
        Noun::Ledger(noun) => {
            let config = common.load()?;
            let engine = if noun.begins() { engine::begin(&config) } else { engine::open(&config) };
            match engine? {
                Engine::Embedded(embedded) => over_ledger(noun, embedded.ledger(), output).await,
                Engine::Servers(servers) => over_ledger(noun, servers.ledger, output).await,
            }
        }
        Noun::Simulate(args) => simulate::run(args, &common.load()?, output).await,
        Noun::Accounts(args) => accounts::run(args, &common.load()?, output).await,
        Noun::Quarantine(args) => quarantine::run(args, &common.load()?, output).await,
        Noun::Verify(args) => verify::run(args, &common.load()?, output),
        Noun::Replay(args) => replay::run(args, &common.load()?, output).await,
        Noun::Topology(args) => topology::run(args, &common.load()?, output).await,
        Noun::Keys(args) => keys::run(args, common),
        Noun::Config(args) => config::run(args, common, output),
        Noun::Completion { shell } => completion(shell),
    }
}

impl LedgerNoun {
    /// May a ledger begin with it?
    fn begins(&self) -> bool {
        match self {
            Self::Orders(args) => args.is_import(),
            Self::Subscriptions(args) => args.is_import(),
            Self::Migrate => true,
            Self::Cases(_)
            | Self::DeadLetters(_)
            | Self::Events(_)
            | Self::Notifications(_)
            | Self::Privacy(_)
            | Self::Balance => false,
        }
    }
}

impl Common {
    pub fn output(&self) -> Output {
        Output { format: self.output }
    }

    pub fn load(&self) -> Result<Config, Failure> {
        Ok(load::load(self.config.as_deref())?)
    }
}

async fn over_ledger<L: Ledger>(
    noun: LedgerNoun,
    ledger: L,
    output: Output,
) -> Result<Exit, Failure> {
    match noun {
        LedgerNoun::Orders(args) => orders::run(args, ledger.open().await?, output).await,
        LedgerNoun::Subscriptions(args) => {
            subscriptions::run(args, ledger.open().await?, output).await
        }
        LedgerNoun::Cases(args) => cases::run(args, ledger.open().await?, output).await,
        LedgerNoun::DeadLetters(args) => {
            dead_letters::run(args, ledger.open().await?, output).await
        }
        LedgerNoun::Events(args) => events::run(args, ledger.open().await?, output).await,
        LedgerNoun::Notifications(args) => {
            notifications::run(args, ledger.open().await?, output).await
        }
        LedgerNoun::Privacy(args) => privacy::run(args, ledger.open().await?, output).await,
        LedgerNoun::Balance => balance::run(ledger.open().await?, output).await,
        LedgerNoun::Migrate => {
            ledger.migrate().await?;
            say("the ledger's schema is up to date");
            Ok(Exit::Done)
        }
    }
}

fn completion(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut script = vec![];
    let mut command = <Cli as clap::CommandFactory>::command();
    clap_complete::generate(shell, &mut command, "quittance", &mut script);
    output::data(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_stand_after_the_verb() {
        let words = ["quittance", "orders", "show", "A-1", "--config", "q.toml", "-o", "json"];
        let cli = Cli::try_parse_from(words).unwrap();
        assert_eq!(cli.common.output, Format::Json);
        assert_eq!(cli.common.config, Some(PathBuf::from("q.toml")));
    }

    #[test]
    fn wrong_usage_ends_with_2() {
        for words in [
            &["quittance"][..],
            &["quittance", "orders", "cancel", "A-1"],
            &["quittance", "orders", "list", "--status", "fulfilled"],
            &["quittance", "balance", "-o", "xml"],
            &["quittance", "simulate", "alipay", "paid", "--account", "../x", "--order", "1"],
        ] {
            assert_eq!(Cli::try_parse_from(words).unwrap_err().exit_code(), 2, "{words:?}");
        }
    }
}
