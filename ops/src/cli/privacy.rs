//! `quittance privacy`: the end of what tells who paid.

use clap::{Args, Subcommand};
use serde::Serialize;
use shared::process;
use worker::ledger::Session;
use worker::ledger::erasure::Erased;
use worker::ledger::records::Act;

use super::act::{actor, reason};
use super::exit::{Exit, Failure};
use super::output::Output;
use super::table::printable;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  quittance privacy erase --order A-1 --dry-run\n  quittance privacy erase --order A-1 --reason \"request 4711\""
)]
pub struct PrivacyArgs {
    #[command(subcommand)]
    verb: PrivacyVerb,
}

#[derive(Debug, Subcommand)]
enum PrivacyVerb {
    /// Destroy what tells who paid for an order; the money facts stay
    Erase {
        /// Any of its numbers
        #[arg(long)]
        order: String,
        /// Why, for the audit
        #[arg(long, value_parser = reason, required_unless_present = "dry_run")]
        reason: Option<String>,
        /// Only say what would go
        #[arg(long, conflicts_with = "reason")]
        dry_run: bool,
    },
}

#[derive(Debug, Serialize)]
struct Shown {
    order: String,
    dry_run: bool,
    #[serde(flatten)]
    erased: Erased,
}

pub async fn run<S: Session>(
    args: PrivacyArgs,
    mut session: S,
    output: Output,
) -> Result<Exit, Failure> {
    let PrivacyVerb::Erase { order, reason, dry_run } = args.verb;
    let act = reason.map(|reason| Act {
        actor: actor(),
        action: "privacy.erase".to_owned(),
        subject: format!("order/{order}"),
        reason,
    });
    let Some(erased) = session.erase(&order, act.as_ref(), process::now()).await? else {
        let message = format!("neither an order nor a notification has the number {order}");
        return Err(Failure::new(Exit::NotFound, message));
    };
    output.one(&Shown { order, dry_run, erased }, text)?;
    Ok(Exit::Done)
}

fn text(shown: &Shown) -> String {
    let Shown { order, dry_run, erased } = shown;
    let lines = [
        ("numbers", erased.numbers.len()),
        ("transactions", erased.transactions),
        ("bodies destroyed", erased.destroyed),
        ("bodies redacted", erased.redacted),
        ("metadata removed", erased.metadata),
    ];
    let head = if *dry_run { "would erase" } else { "erased" };
    let lines = lines.map(|(name, count)| format!("{name:<17} {count}\n"));
    format!("{head} {}\n{}", printable(order), lines.concat())
}
