//! `quittance cases`: money that fits no rule.

use clap::{Args, Subcommand};
use shared::money::Money;
use uuid::Uuid;
use worker::ledger::Session;
use worker::ledger::records::{CaseFilter, CaseRecord};

use super::exit::{Exit, Failure};
use super::output::Output;
use super::table::{Table, instant, printable};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  quittance cases list --status open\n  quittance cases show ID -o json"
)]
pub struct CasesArgs {
    #[command(subcommand)]
    verb: CasesVerb,
}

#[derive(Debug, Subcommand)]
enum CasesVerb {
    /// Cases, newest first
    List {
        #[arg(long, value_parser = ["open", "resolved"])]
        status: Option<String>,
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
    },
    /// One case
    Show { id: Uuid },
}

pub async fn run<S: Session>(
    args: CasesArgs,
    mut session: S,
    output: Output,
) -> Result<Exit, Failure> {
    match args.verb {
        CasesVerb::List { status, limit } => {
            let cases = session.cases(&CaseFilter { status, limit }).await?;
            output.list(&cases, table)?;
        }
        CasesVerb::Show { id } => {
            let Some(case) = session.case(id).await? else {
                let message = format!("no case has the id {id}; `quittance cases list` shows them");
                return Err(Failure::new(Exit::NotFound, message));
            };
            output.one(&case, details)?;
        }
    }
    Ok(Exit::Done)
}

/// Cases as `orders show` lists them too.
pub fn table(cases: &[CaseRecord]) -> String {
    let mut table =
        Table::new(&["ID", "KIND", "STATUS", "ORDER", "AT STAKE", "ACCOUNT", "TRANSACTION"]);
    for case in cases {
        let money = Money { minor: case.amount, currency: case.currency };
        table.row([
            case.id.to_string(),
            case.kind.clone(),
            case.status.clone(),
            case.order_number.clone(),
            money.to_string(),
            case.account.clone().unwrap_or_default(),
            case.transaction.clone().unwrap_or_default(),
        ]);
    }
    table.to_string()
}

fn details(case: &CaseRecord) -> String {
    let money = Money { minor: case.amount, currency: case.currency };
    let resolved_at = case.resolved_at.map(instant);
    let lines = [
        ("case", case.id.to_string()),
        ("kind", case.kind.clone()),
        ("status", case.status.clone()),
        ("order", case.order_number.clone()),
        ("at stake", money.to_string()),
        ("account", case.account.clone().unwrap_or_default()),
        ("transaction", case.transaction.clone().unwrap_or_default()),
        ("opened", instant(case.opened_at)),
        ("resolved", resolved_at.unwrap_or_default()),
    ];
    let shown = lines.into_iter().filter(|(_, value)| !value.is_empty());
    shown.map(|(name, value)| format!("{name:<12} {}\n", printable(&value))).collect()
}
