//! `quittance notifications`: what providers sent, without what tells who paid.

use clap::{Args, Subcommand};
use serde::Serialize;
use shared::provider::Provider;
use uuid::Uuid;
use worker::ledger::Session;
use worker::ledger::bodies::{NotificationFilter, NotificationRecord};

use super::act::reason;
use super::body::ShownBody;
use super::exit::{Exit, Failure};
use super::output::Output;
use super::table::{Table, instant};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  quittance notifications list --order A-1\n  quittance notifications show ID\n  quittance notifications show ID --reveal --reason \"dispute 4711\""
)]
pub struct NotificationsArgs {
    #[command(subcommand)]
    verb: NotificationsVerb,
}

#[derive(Debug, Subcommand)]
enum NotificationsVerb {
    /// Recorded notifications, newest first
    List(ListArgs),
    /// One request, with personal fields masked
    Show(ShowArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Any number of an order
    #[arg(long)]
    order: Option<String>,
    #[arg(long)]
    account: Option<String>,
    /// The provider's number of a payment
    #[arg(long, requires = "account")]
    transaction: Option<String>,
    /// The provider's words, as the list shows them
    #[arg(long)]
    kind: Option<String>,
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
}

#[derive(Debug, Args)]
struct ShowArgs {
    message_id: Uuid,
    /// Show the whole body; it is noted who did, and why
    #[arg(long, requires = "reason")]
    reveal: bool,
    /// Why, for the audit
    #[arg(long, requires = "reveal", value_parser = reason)]
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct Shown {
    message_id: Uuid,
    notifications: Vec<NotificationRecord>,
    #[serde(flatten)]
    body: ShownBody,
}

pub async fn run<S: Session>(
    args: NotificationsArgs,
    mut session: S,
    output: Output,
) -> Result<Exit, Failure> {
    match args.verb {
        NotificationsVerb::List(ListArgs { order, account, transaction, kind, limit }) => {
            let filter = NotificationFilter { order, account, transaction, kind, limit };
            output.list(&session.notifications(&filter).await?, table)?;
        }
        NotificationsVerb::Show(ShowArgs { message_id, reason, .. }) => {
            let Some(stored) = session.notification(message_id).await? else {
                let way = "`quittance notifications list` shows them";
                let message = format!("no notification has the message id {message_id}; {way}");
                return Err(Failure::new(Exit::NotFound, message));
            };
            let provider = stored.parts.first();
            let provider = provider.and_then(|part| Provider::from_word(&part.provider));
            let mut body = ShownBody::of(provider, &stored.body);
            if let Some(reason) = reason {
                let subject = ("notification", message_id.to_string());
                body.reveal(&mut session, &stored.body, subject, reason).await?;
            }
            let shown = Shown { message_id, notifications: stored.parts, body };
            output.one(&shown, details)?;
        }
    }
    Ok(Exit::Done)
}

fn table(records: &[NotificationRecord]) -> String {
    let mut table =
        Table::new(&["MESSAGE", "RECEIVED", "ACCOUNT", "KIND", "ORDER", "TRANSACTION", "OUTCOME"]);
    for record in records {
        table.row([
            record.message_id.to_string(),
            instant(record.received_at),
            record.account.clone(),
            record.kind.clone(),
            record.order_number.clone().unwrap_or_default(),
            record.transaction.clone().unwrap_or_default(),
            record.outcome.clone(),
        ]);
    }
    table.to_string()
}

fn details(shown: &Shown) -> String {
    table(&shown.notifications) + &shown.body.lines()
}
