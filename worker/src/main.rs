//! `quittance-worker`: settles, relays, buries and reconciles as a process of its own.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use shared::config::load::load;
use shared::config::{Problem, Problems};
use shared::{process, telemetry};
use tracing::info;
use worker::roles::Role;

/// Settles orders from the queue into the ledger, and announces what it settled.
#[derive(Parser)]
#[command(
    name = "quittance-worker",
    version,
    after_help = "Example:\n  quittance-worker --config /etc/quittance/quittance.toml --roles settle,relay"
)]
struct Arguments {
    /// The configuration file (default: $QUITTANCE_CONFIG, else quittance.toml)
    #[arg(long)]
    config: Option<PathBuf>,
    /// What it does, of: settle, relay, morgue, reconcile
    #[arg(long, value_delimiter = ',', default_value = "settle,relay,morgue,reconcile")]
    roles: Vec<String>,
}

#[tokio::main]
pub(crate) async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quittance-worker: {error:#}");
            let is_configuration = error.is::<Problem>() || error.is::<Problems>();
            ExitCode::from(if is_configuration { 2 } else { 1 })
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config = load(arguments.config.as_deref())?;
    telemetry::init(config.log.format(), "info");
    let known = |word: &String| {
        let message = format!("no role is named `{word}`");
        Role::from_word(word).ok_or(Problem { key: "--roles".to_owned(), message })
    };
    let roles = arguments.roles.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    worker::config::run(config, roles, process::stop_token()).await?;
    info!("stopped");
    Ok(())
}
