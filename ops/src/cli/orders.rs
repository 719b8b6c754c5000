//! `quittance orders`: what is to be paid, and how it stands.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand};
use serde_json::json;
use shared::order::OrderStatus;
use shared::process;
use shared::units::recordable;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use worker::ledger::Session;
use worker::ledger::records::{Cancelled, OrderFilter};

use super::act::{actor, reason};
use super::exit::{Exit, Failure};
use super::output::Output;
use super::table::printable;
use crate::orders::explain::explain;
use crate::orders::timeline::timeline;

mod import;
pub(super) mod lines;
mod progress;
mod show;

use self::import::Form;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct OrdersArgs {
    #[command(subcommand)]
    verb: OrdersVerb,
}

const EXAMPLES: &str = r#"Examples:
  echo '{"order_no":"A-1","amount":10,"currency":"CNY"}' | quittance orders import -
  quittance orders show A-1 -o json
  quittance orders explain A-1
  quittance orders timeline A-1
  quittance orders list --status paid --limit 20
  quittance orders cancel A-1 --reason "out of stock""#;

const IMPORT_HELP: &str = r#"One order a line, as JSON; amounts in minor units (10 is 0.10 CNY):
  {"order_no":"A-1","amount":10,"currency":"CNY"}
and, where wanted: "account", "numbers" (further numbers under which it is offered to providers),
"expires_at" (RFC 3339), "mode" (live or test; else as its account's), "subscription_no" and "period"
(ISO 8601: paying it extends that subscription by so much), "metadata".

Or as CSV with these names in its first line; `numbers` are separated by | and metadata is JSON.
--example prints a file to begin with.

An order that exists is updated while nothing was paid for it. A bad line does not stop the rest:
it is named on stderr, and the exit code is 7.

Examples:
  quittance orders import orders.jsonl
  quittance orders import orders.csv
  quittance orders import --format csv - < export.txt
  quittance orders import --example --format csv > orders.csv"#;

#[derive(Debug, Subcommand)]
enum OrdersVerb {
    /// Insert or update orders from a file of JSON lines or CSV
    #[command(after_help = IMPORT_HELP)]
    Import {
        /// The file, or `-` for standard input
        #[arg(required_unless_present = "example")]
        file: Option<PathBuf>,
        /// How it is written [default: csv where it is named so, else jsonl]
        #[arg(long, value_enum)]
        format: Option<Form>,
        /// Print a file to begin with, and do nothing else
        #[arg(long, conflicts_with = "file")]
        example: bool,
    },
    /// One order with everything about it, by any of its numbers
    Show { number: String },
    /// Everything that touched an order, oldest first
    Timeline { number: String },
    /// Why an order stands as it does, in words
    Explain { number: String },
    /// Orders, newest first
    List(Page),
    /// Cancel an order that is not paid
    Cancel {
        number: String,
        /// Why, for those who read it later
        #[arg(long, value_parser = reason)]
        reason: String,
    },
}

/// Which orders a list shows.
#[derive(Debug, Args)]
struct Page {
    #[arg(long, value_parser = PossibleValuesParser::new(OrderStatus::ALL.map(OrderStatus::as_str))
        .try_map(|word| OrderStatus::from_word(&word).ok_or("no such status")))]
    status: Option<OrderStatus>,
    /// Those that only this account may be paid for
    #[arg(long)]
    account: Option<String>,
    /// Created then or later, RFC 3339
    #[arg(long, value_name = "TIME", value_parser = time_of)]
    since: Option<OffsetDateTime>,
    /// Read on behind this order: the last of the page before
    #[arg(long, value_name = "NUMBER")]
    after: Option<String>,
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=100_000))]
    limit: i64,
}

impl Page {
    async fn filter<S: Session>(self, session: &mut S) -> Result<OrderFilter, Failure> {
        let Self { status, account, since, after, limit } = self;
        let after = match after {
            None => None,
            Some(number) => {
                let order = session.order(&number).await?.ok_or_else(|| not_found(&number))?;
                Some((order.summary.created_at, order.summary.order_no))
            }
        };
        Ok(OrderFilter { status, account, since, after, limit })
    }
}

fn time_of(text: &str) -> Result<OffsetDateTime, String> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok().and_then(recordable);
    at.ok_or_else(|| "a time such as 2026-11-23T00:00:00Z is needed".to_owned())
}

impl OrdersArgs {
    pub fn is_import(&self) -> bool {
        matches!(self.verb, OrdersVerb::Import { .. })
    }

    /// What needs no ledger: an example is printed without one.
    pub fn example(&self) -> Option<Result<Exit, Failure>> {
        match &self.verb {
            OrdersVerb::Import { example: true, format, .. } => {
                Some(import::example(format.unwrap_or(Form::Jsonl)))
            }
            OrdersVerb::Import { .. }
            | OrdersVerb::Show { .. }
            | OrdersVerb::Timeline { .. }
            | OrdersVerb::Explain { .. }
            | OrdersVerb::List(_)
            | OrdersVerb::Cancel { .. } => None,
        }
    }
}

pub async fn run<S: Session>(
    args: OrdersArgs,
    mut session: S,
    output: Output,
) -> Result<Exit, Failure> {
    match args.verb {
        OrdersVerb::Import { file, format, .. } => {
            let form = |file: &PathBuf| format.unwrap_or_else(|| Form::of(file));
            return match file {
                Some(file) => import::run(&file, form(&file), &mut session, output).await,
                None => import::example(format.unwrap_or(Form::Jsonl)),
            };
        }
        OrdersVerb::Show { number } => {
            let order = session.order(&number).await?.ok_or_else(|| not_found(&number))?;
            output.one(&order, show::details)?;
        }
        OrdersVerb::Timeline { number } => {
            let trail = session.trail(&number).await?.ok_or_else(|| not_found(&number))?;
            output.list(&timeline(&trail), show::happenings)?;
        }
        OrdersVerb::Explain { number } => {
            let order = session.order(&number).await?.ok_or_else(|| not_found(&number))?;
            let why = explain(&order);
            let summary = &order.summary;
            let told =
                json!({ "order_no": summary.order_no, "status": summary.status, "why": why });
            output
                .one(&told, |_| why.iter().map(|sentence| printable(sentence) + "\n").collect())?;
        }
        OrdersVerb::List(page) => {
            let filter = page.filter(&mut session).await?;
            let orders = session.orders(&filter).await?;
            output.list(&orders, show::table)?;
        }
        OrdersVerb::Cancel { number, reason } => {
            let actor = actor();
            let cancelled = session.cancel(&number, &reason, &actor, process::now()).await?;
            if cancelled == Cancelled::NotFound
                && let Some(order) = session.order(&number).await?
            {
                return Err(further(&number, &order.summary.order_no));
            }
            let outcome = outcome(cancelled, &number)?;
            output.one(&json!({ "order_no": number, "outcome": outcome }), |_| {
                format!("order {} is {outcome}\n", printable(&number))
            })?;
        }
    }
    Ok(Exit::Done)
}

fn outcome(cancelled: Cancelled, number: &str) -> Result<&'static str, Failure> {
    match cancelled {
        Cancelled::Done => Ok("cancelled"),
        Cancelled::Already => Ok("cancelled already"),
        Cancelled::NotFound => Err(not_found(number)),
        Cancelled::Paid(status) => {
            let status = status.as_str();
            let message = format!(
                "order {number} is {status}: it cannot be cancelled any more; refund it at the provider"
            );
            Err(Failure::new(Exit::Conflict, message))
        }
    }
}

/// What is cancelled is the order, under all its numbers: so it is named by its own.
fn further(number: &str, order_no: &str) -> Failure {
    let message = format!(
        "`{number}` is a further number of order `{order_no}`; cancel it by its own number"
    );
    Failure::new(Exit::NotFound, message)
}

fn not_found(number: &str) -> Failure {
    let message =
        format!("no order bears the number `{number}`; `quittance orders list` shows them");
    Failure::new(Exit::NotFound, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_a_cancel_is_its_exit_code() {
        let code = |cancelled| match outcome(cancelled, "A-1") {
            Ok(_) => Exit::Done.code(),
            Err(failure) => failure.exit.code(),
        };
        assert_eq!(code(Cancelled::Done), 0);
        assert_eq!(code(Cancelled::Already), 0);
        assert_eq!(code(Cancelled::NotFound), 5);
        assert_eq!(code(Cancelled::Paid(OrderStatus::Paid)), 6);
    }
}
