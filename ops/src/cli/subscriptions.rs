//! `quittance subscriptions`: what is charged each period, and how far it is paid.

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand};
use serde_json::json;
use shared::money::Money;
use shared::process;
use shared::subscription::SubscriptionStatus;
use tokio::io::{AsyncRead, BufReader};
use worker::ledger::records::{Imported, NewSubscription, SubscriptionFilter, SubscriptionRecord};
use worker::ledger::{LedgerError, Session};

use super::exit::{Exit, Failure};
use super::orders::lines::{LINE_MAX_BYTES, Line, Lines, without_mark};
use super::output::{Output, say};
use super::table::{Table, instant, printable};
use crate::orders::from_text;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SubscriptionsArgs {
    #[command(subcommand)]
    verb: SubscriptionsVerb,
}

const EXAMPLES: &str = r#"Examples:
  quittance subscriptions import subscriptions.jsonl
  quittance subscriptions show S-1 -o json
  quittance subscriptions list --status past_due"#;

const IMPORT_HELP: &str = r#"One subscription a line, as JSON; amounts in minor units, periods as ISO 8601:
  {"subscription_no":"S-1","account":"shop-alipay","amount":1500,"currency":"CNY","period":"P1M"}
and, where wanted: "agreement_no" (the provider's number of the agreement), "anchor" (RFC 3339: from when
periods are counted; else from the first charge), "time_zone" (default UTC), "grace" (default P0D), "metadata".

One that exists is updated; once something was charged its terms stand. A bad line does not stop the rest: it
is named on stderr, and the exit code is 7."#;

#[derive(Debug, Subcommand)]
enum SubscriptionsVerb {
    /// Insert or update subscriptions from a file of JSON lines
    #[command(after_help = IMPORT_HELP)]
    Import {
        /// The file, or `-` for standard input
        file: PathBuf,
    },
    /// One subscription with its charges and what was said of its agreement
    Show { number: String },
    /// Subscriptions, newest first
    List {
        #[arg(long, value_parser = PossibleValuesParser::new(SubscriptionStatus::ALL.map(SubscriptionStatus::as_str))
            .try_map(|word| SubscriptionStatus::from_word(&word).ok_or("no such status")))]
        status: Option<SubscriptionStatus>,
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=1_000))]
        limit: i64,
    },
}

impl SubscriptionsArgs {
    pub fn is_import(&self) -> bool {
        matches!(self.verb, SubscriptionsVerb::Import { .. })
    }
}

pub async fn run<S: Session>(
    args: SubscriptionsArgs,
    mut session: S,
    output: Output,
) -> Result<Exit, Failure> {
    match args.verb {
        SubscriptionsVerb::Import { file } => return import(&file, &mut session, output).await,
        SubscriptionsVerb::Show { number } => {
            let subscription_no = Some(number.clone());
            let filter = SubscriptionFilter { subscription_no, status: None, limit: 1 };
            let found = session.subscriptions(&filter).await?.into_iter().next();
            let Some(one) = found else {
                let message = format!(
                    "no subscription has the number `{number}`; `quittance subscriptions list` shows them"
                );
                return Err(Failure::new(Exit::NotFound, message));
            };
            output.one(&one, details)?;
        }
        SubscriptionsVerb::List { status, limit } => {
            let filter = SubscriptionFilter { subscription_no: None, status, limit };
            output.list(&session.subscriptions(&filter).await?, table)?;
        }
    }
    Ok(Exit::Done)
}

async fn import<S: Session>(file: &Path, session: &mut S, output: Output) -> Result<Exit, Failure> {
    let stream: Box<dyn AsyncRead + Unpin + Send> = if file == Path::new("-") {
        Box::new(tokio::io::stdin())
    } else {
        let opened = tokio::fs::File::open(file).await;
        let unreadable = |error| Failure::new(Exit::Usage, format!("{}: {error}", file.display()));
        Box::new(opened.map_err(unreadable)?)
    };
    let mut lines = Lines::new(BufReader::new(stream));
    let (mut inserted, mut updated, mut unchanged, mut failed) = (0, 0, 0, 0);
    let unreadable = |error| Failure::new(Exit::Failed, format!("cannot read on: {error}"));
    while let Some((number, line)) = lines.next().await.map_err(unreadable)? {
        let imported = match read(number, &line) {
            Ok(None) => continue,
            Ok(Some(one)) => subscribe(session, one).await?,
            Err(wrong) => Some(Imported::Refused(wrong)),
        };
        match imported {
            Some(Imported::Inserted) => inserted += 1,
            Some(Imported::Updated) => updated += 1,
            Some(Imported::Unchanged) | None => unchanged += 1,
            Some(Imported::Refused(wrong)) => {
                failed += 1;
                say(&format!("line {number}: {}", printable(&wrong)));
            }
        }
    }
    let tally = json!({
        "inserted": inserted, "updated": updated, "unchanged": unchanged, "failed": failed,
    });
    output.one(&tally, |_| {
        format!("inserted {inserted}, updated {updated}, unchanged {unchanged}, failed {failed}\n")
    })?;
    Ok(match (failed, inserted + updated + unchanged) {
        (0, _) => Exit::Done,
        (_, 0) => Exit::Failed,
        (_, _) => Exit::PartlyDone,
    })
}

/// How the two engines call the rule that an agreement is one subscription's.
const AGREEMENT_TAKEN: [&str; 2] =
    ["subscriptions_account_agreement_no_key", "subscriptions.account, subscriptions.agreement_no"];

/// What fails one line stops no other; only a ledger out of reach does.
async fn subscribe<S: Session>(
    session: &mut S,
    one: NewSubscription,
) -> Result<Option<Imported>, LedgerError> {
    match session.subscribe(&[one], process::now()).await {
        Ok(mut imported) => Ok(imported.pop()),
        Err(error @ LedgerError::Unreachable(_)) => Err(error),
        Err(LedgerError::Refused(rule)) if AGREEMENT_TAKEN.iter().any(|it| rule.contains(it)) => {
            let why = "agreement_no: it is another subscription's of this account";
            Ok(Some(Imported::Refused(why.to_owned())))
        }
        Err(
            error @ (LedgerError::Conflict(_) | LedgerError::Refused(_) | LedgerError::Fault(_)),
        ) => Ok(Some(Imported::Refused(error.to_string()))),
    }
}

/// The subscription on a line; nothing on an empty one.
fn read(number: u64, line: &Line) -> Result<Option<NewSubscription>, String> {
    let Line::Text(text) = line else {
        return Err(format!("longer than {LINE_MAX_BYTES} bytes"));
    };
    if text.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let one: NewSubscription =
        from_text(without_mark(number, text)).map_err(|wrong| wrong.to_string())?;
    one.check()?;
    Ok(Some(one))
}

fn table(all: &[SubscriptionRecord]) -> String {
    let mut table = Table::new(&[
        "SUBSCRIPTION",
        "STATUS",
        "AMOUNT",
        "PERIOD",
        "PERIODS",
        "PAID THROUGH",
        "ACCOUNT",
    ]);
    for one in all {
        table.row([
            one.subscription_no.clone(),
            one.status.as_str().to_owned(),
            Money { minor: one.amount, currency: one.currency }.to_string(),
            one.period.clone(),
            one.periods.to_string(),
            one.paid_through.map(instant).unwrap_or_default(),
            one.account.clone(),
        ]);
    }
    table.to_string()
}

fn details(one: &SubscriptionRecord) -> String {
    let at = |at: Option<_>| at.map(instant).unwrap_or_else(|| "-".to_owned());
    let reason = one.ended.map(|why| format!(" ({})", why.as_str())).unwrap_or_default();
    let lines = [
        ("subscription", one.subscription_no.clone()),
        ("status", format!("{}{reason}", one.status.as_str())),
        ("amount", Money { minor: one.amount, currency: one.currency }.to_string()),
        ("period", format!("{} in {}, grace {}", one.period, one.time_zone, one.grace)),
        ("account", one.account.clone()),
        ("agreement", one.agreement_no.clone().unwrap_or_else(|| "-".to_owned())),
        ("periods", one.periods.to_string()),
        ("paid through", at(one.paid_through)),
        ("entitled", at(one.entitled_until)),
    ];
    let mut text: String =
        lines.iter().map(|(name, value)| format!("{name:<13} {}\n", printable(value))).collect();
    if !one.charges.is_empty() {
        let mut table = Table::new(&["TRANSACTION", "AT", "FROM", "UNTIL"]);
        for charge in &one.charges {
            table.row([
                charge.transaction.clone(),
                instant(charge.occurred_at),
                at(charge.starts_at),
                at(charge.ends_at),
            ]);
        }
        text += &format!("\nCharges\n{table}");
    }
    if !one.agreement_changes.is_empty() {
        let mut table = Table::new(&["AGREEMENT", "WHAT", "AT", "VALID UNTIL"]);
        for change in &one.agreement_changes {
            table.row([
                change.agreement.clone(),
                change.what.to_owned(),
                instant(change.occurred_at),
                at(change.valid_until),
            ]);
        }
        text += &format!("\nAgreement\n{table}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_subscription_or_says_what_is_wrong() {
        let line = |rest: &str| {
            let head = r#"{"subscription_no":"S-1","account":"shop","currency":"CNY""#;
            read(2, &Line::Text(format!("{head},{rest}}}").into_bytes()))
        };
        let good = line(r#""amount":1500,"period":"P1M""#).unwrap().unwrap();
        assert_eq!((good.time_zone.as_str(), good.grace.as_str()), ("UTC", "P0D"));
        assert_eq!(read(2, &Line::Text(b" ".to_vec())), Ok(None));
        let marked = "\u{feff}{}".as_bytes().to_vec();
        assert!(read(1, &Line::Text(marked)).unwrap_err().contains("missing field"));
        for (rest, wrong) in [
            (r#""amount":0,"period":"P1M""#, "amount: more than 0"),
            (r#""amount":1.5,"period":"P1M""#, "amount: a whole number of minor units"),
            (r#""amount":1,"period":"P1M","anchor":"soon""#, "anchor: "),
            (r#""amount":1,"period":"P1M"} {"a":1"#, "trailing characters"),
            (r#""amount":1,"period":"monthly""#, "period: an ISO 8601 duration"),
            (r#""amount":1,"period":"P0D""#, "period: more than nothing"),
            (r#""amount":1,"period":"P1M","grace":"-P1D""#, "grace: an ISO 8601 duration"),
            (r#""amount":1,"period":"P1M","time_zone":"Mars""#, "time_zone: no such time zone"),
            (r#""amount":1,"period":"P1M","status":"active""#, "unknown field"),
        ] {
            let error = line(rest).unwrap_err();
            assert!(error.contains(wrong), "{rest}: {error}");
        }
    }
}
