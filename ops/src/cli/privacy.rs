//! `quittance privacy`: the end of what tells who paid.

use clap::{Args, Subcommand};
use serde::Serialize;
use shared::process;
use worker::ledger::Session;
use worker::ledger::erasure::{Erased, Erasure, IfClosed, Subject};
use worker::ledger::records::Act;

use super::act::{actor, reason};
use super::exit::{Exit, Failure};
use super::output::Output;
use super::table::printable;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  quittance privacy erase --order A-1 --dry-run\n  quittance privacy erase --order A-1 --reason \"request 4711\"\n  quittance privacy erase --subscription S-1 --reason \"request 4711\""
)]
pub struct PrivacyArgs {
    #[command(subcommand)]
    verb: PrivacyVerb,
}

#[derive(Debug, Subcommand)]
enum PrivacyVerb {
    /// Destroy what tells who paid for an order or a subscription; the money facts stay
    Erase(EraseArgs),
}

#[derive(Debug, Args)]
struct EraseArgs {
    /// Any of its numbers
    #[arg(long, value_name = "NO", required_unless_present = "subscription")]
    order: Option<String>,
    /// Its number: what was told of its agreements and of their charges
    #[arg(long, value_name = "NO", conflicts_with = "order")]
    subscription: Option<String>,
    /// Why, for the audit
    #[arg(long, value_parser = reason, required_unless_present = "dry_run")]
    reason: Option<String>,
    /// Only say what would go
    #[arg(long, conflicts_with = "reason")]
    dry_run: bool,
    /// Destroy a body whole that tells of others too and that no key at hand opens
    #[arg(long)]
    destroy_unopenable: bool,
}

#[derive(Debug, Serialize)]
struct Shown {
    dry_run: bool,
    #[serde(flatten)]
    erased: Erased,
}

pub async fn run<S: Session>(
    args: PrivacyArgs,
    mut session: S,
    output: Output,
) -> Result<Exit, Failure> {
    let PrivacyVerb::Erase(args) = args.verb;
    let EraseArgs { order, subscription, reason, dry_run, destroy_unopenable } = args;
    let subject = subscription.map(Subject::Subscription);
    let subject = subject.unwrap_or_else(|| Subject::Order(order.unwrap_or_default()));
    let act = reason.map(|reason| Act {
        actor: actor(),
        action: "privacy.erase".to_owned(),
        subject: subject.path(),
        reason,
    });
    let if_closed = if destroy_unopenable { IfClosed::Destroy } else { IfClosed::Refuse };
    let erasure = Erasure { subject, if_closed, act };
    let Some(erased) = session.erase(&erasure, process::now()).await? else {
        let message = match erasure.subject {
            Subject::Order(number) => {
                format!("neither an order nor a notification has the number {number}")
            }
            Subject::Subscription(number) => {
                format!("neither a subscription nor an agreement has the number {number}")
            }
        };
        return Err(Failure::new(Exit::NotFound, message));
    };
    output.one(&Shown { dry_run, erased }, text)?;
    Ok(Exit::Done)
}

fn text(shown: &Shown) -> String {
    let Shown { dry_run, erased } = shown;
    let counts = [
        ("numbers", erased.numbers.len()),
        ("agreements", erased.agreements),
        ("transactions", erased.transactions),
        ("bodies destroyed", erased.destroyed),
        ("bodies redacted", erased.redacted),
        ("metadata removed", erased.metadata),
    ];
    let head = if *dry_run { "would erase" } else { "erased" };
    let counts = counts.map(|(name, count)| format!("{name:<17} {count}\n"));
    let mut text = format!("{head} {}\n{}", printable(&erased.subject.path()), counts.concat());
    let closed = &erased.unopenable;
    let kinds =
        [("notifications show", &closed.notifications), ("dead-letters show", &closed.letters)];
    for (command, ids) in kinds {
        for id in ids {
            text += &format!("does not open: quittance {command} {id}\n");
        }
    }
    if *dry_run && !closed.is_empty() {
        text += "to erase, give the ring that has their keys, or --destroy-unopenable\n";
    }
    for beside in &erased.beside {
        text += &format!("not touched: {} has its own\n", printable(&beside.path()));
    }
    if erased.cases > 0 {
        text += &format!(
            "not touched: what your people wrote on its cases ({}) and in notes on them ({})\n",
            erased.cases, erased.notes
        );
    }
    text
}
