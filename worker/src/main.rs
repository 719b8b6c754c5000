//! `quittance-worker`: settles, relays and reconciles as a process of its own.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use shared::config::load::load;
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
    /// What it does, of: settle, relay, reconcile
    #[arg(long, value_delimiter = ',', default_value = "settle,relay,reconcile")]
    roles: Vec<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let config = load(arguments.config.as_deref())?;
    telemetry::init(config.log.format(), "info");
    let known = |word: &String| {
        Role::from_word(word).with_context(|| format!("--roles: no role is named `{word}`"))
    };
    let roles = arguments.roles.iter().map(known).collect::<anyhow::Result<Vec<_>>>()?;
    worker::config::run(config, roles, process::stop_token()).await?;
    info!("stopped");
    Ok(())
}
