//! `quittance-ingress`: the public door as a process of its own.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use shared::config::load::load;
use shared::config::{Problem, Problems};
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
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quittance-ingress: {error:#}");
            let is_configuration = error.is::<Problem>() || error.is::<Problems>();
            ExitCode::from(if is_configuration { 2 } else { 1 })
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config = load(arguments.config.as_deref())?;
    telemetry::init(config.log.format(), "info");
    ingress::config::run(config, process::stop_token()).await?;
    info!("stopped");
    Ok(())
}
