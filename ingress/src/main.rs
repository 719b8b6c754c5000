//! `quittance-ingress`: the public door as a process of its own.

use std::path::PathBuf;

use clap::Parser;
use shared::config::load::load;
use shared::{process, telemetry};
use tracing::info;

/// Receives payment providers' notifications, proves them genuine and enqueues them.
#[derive(Parser)]
#[command(
    name = "quittance-ingress",
    version,
    after_help = "Example:\n  quittance-ingress --config /etc/quittance/quittance.toml"
)]
struct Arguments {
    /// The configuration file (default: $QUITTANCE_CONFIG, else quittance.toml)
    #[arg(long)]
    config: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let config = load(arguments.config.as_deref())?;
    telemetry::init(config.log.format(), "info");
    ingress::config::run(config, process::stop_token()).await?;
    info!("stopped");
    Ok(())
}
