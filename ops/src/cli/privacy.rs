//! `quittance privacy`: the end of what tells who paid.

use clap::{Args, Subcommand};
use serde::Serialize;
use shared::process;
use worker::ledger::Session;
use worker::ledger::erasure::{Allowed, Erased, Erasure, Ruling, Subject};
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
#[command(group(clap::ArgGroup::new("what").required(true).args(["order", "subscription"])))]
struct EraseArgs {
    /// Any of its numbers
    #[arg(long, value_name = "NO")]
    order: Option<String>,
    /// Its number: what was told of its agreements and of their charges
    #[arg(long, value_name = "NO")]
    subscription: Option<String>,
    /// Why, for the audit
    #[arg(long, value_parser = reason, required_unless_present = "dry_run")]
    reason: Option<String>,
    /// Only say what would go
    #[arg(long)]
    dry_run: bool,
    /// Destroy a body whole that tells of others too and that cannot be cut: no key at hand opens it, or its
    /// provider's form cannot be taken apart
    #[arg(long)]
    destroy_shared: bool,
    /// Destroy the bodies of dead letters that nobody ended: what they alone tell of money is lost
    #[arg(long)]
    destroy_open_letters: bool,
}

#[derive(Debug, Serialize)]
struct Shown {
    dry_run: bool,
    #[serde(skip)]
    allowed: Allowed,
    #[serde(flatten)]
    erased: Erased,
}

pub async fn run<S: Session>(
    args: PrivacyArgs,
    mut session: S,
    output: Output,
) -> Result<Exit, Failure> {
    let PrivacyVerb::Erase(args) = args.verb;
    let subject = args.subscription.map(Subject::Subscription);
    let subject = subject.unwrap_or_else(|| Subject::Order(args.order.unwrap_or_default()));
    let act = args.reason.filter(|_| !args.dry_run).map(|reason| Act {
        actor: actor(),
        action: "privacy.erase".to_owned(),
        subject: subject.path(),
        reason,
    });
    let allowed = Allowed { shared: args.destroy_shared, open_letters: args.destroy_open_letters };
    let erasure = Erasure { subject, allowed, act };
    match session.erase(&erasure, process::now()).await? {
        Some(Ruling::Done(erased)) => {
            output.one(&Shown { dry_run: args.dry_run, allowed, erased: *erased }, text)?;
            Ok(Exit::Done)
        }
        Some(Ruling::InTheWay(why)) => Err(Failure::new(Exit::Conflict, why)),
        None => Err(Failure::new(Exit::NotFound, unknown(&erasure.subject))),
    }
}

fn unknown(subject: &Subject) -> String {
    match subject {
        Subject::Order(number) => {
            format!("neither an order nor a notification has the number {number}")
        }
        Subject::Subscription(number) => {
            format!("neither a subscription nor an agreement has the number {number}")
        }
    }
}

fn text(shown: &Shown) -> String {
    let Shown { dry_run, allowed, erased } = shown;
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
    let (shared, letters) = (&erased.shared, &erased.open_letters);
    let whole = match (allowed.shared, dry_run) {
        (false, _) => "cannot be cut",
        (true, true) => "would be destroyed whole",
        (true, false) => "destroyed whole",
    };
    let kinds = [
        (whole, "notifications", &shared.notifications),
        (whole, "dead-letters", &shared.letters),
        ("not ended", "dead-letters", letters),
    ];
    for (what, noun, ids) in kinds {
        for id in ids {
            text += &format!("{what}: quittance {noun} show {id}\n");
        }
    }
    if *dry_run && !shared.is_empty() && !allowed.shared {
        text += "to erase, give the ring that has their keys, or --destroy-shared\n";
    }
    if *dry_run && !letters.is_empty() && !allowed.open_letters {
        text += "to erase, replay or discard the letters first, or --destroy-open-letters\n";
    }
    for beside in &erased.beside {
        text += &format!("not touched: {}, if it has any of its own\n", printable(&beside.path()));
    }
    if erased.cases > 0 {
        text += &format!(
            "not touched: what your people wrote on its cases ({}) and in notes on them ({})\n",
            erased.cases, erased.notes
        );
    }
    text
}
