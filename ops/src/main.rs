//! `quittance`: what a person runs.

use std::process::ExitCode;

use clap::Parser as _;
use ops::cli::exit::{Exit, Failure};
use ops::cli::output::say;
use ops::cli::table::printable;
use ops::cli::{self, Cli, Verb};
use ops::{demo, serve};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let exit = run(cli).await.unwrap_or_else(|failure| {
        if !failure.message.is_empty() {
            // It may quote what a stranger wrote, such as an order's number.
            let lines: Vec<_> = failure.message.lines().map(printable).collect();
            say(&format!("quittance: {}", lines.join("\n")));
        }
        failure.exit
    });
    ExitCode::from(exit.code())
}

async fn run(cli: Cli) -> Result<Exit, Failure> {
    cli.check_form()?;
    match cli.verb {
        Verb::Serve => serve::run(cli.common.load()?).await,
        Verb::Demo(args) => demo::run(args.keep, cli.common.output()).await,
        Verb::Noun(noun) => cli::run(noun, &cli.common).await,
    }
}
