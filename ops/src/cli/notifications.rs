//! `quittance notifications`: what providers sent, without what tells who paid.
//!
//! **Invariant**: a personal value is shown only to whoever says why, and that is noted first.

use clap::{Args, Subcommand};
use serde::Serialize;
use shared::process;
use shared::provider::Provider;
use shared::provider::personal::{Field, masked};
use time::OffsetDateTime;
use uuid::Uuid;
use worker::ledger::Session;
use worker::ledger::bodies::{NotificationFilter, NotificationRecord, StoredBody, StoredMessage};
use worker::ledger::records::Act;

use super::act::{actor, reason};
use super::exit::{Exit, Failure};
use super::output::Output;
use super::table::{Table, instant, printable};

const MASK: &str = "•••";

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
    /// `kept`, `redacted`, `sealed`, `expired`, `erased`, `missing`.
    body: String,
    /// When it was removed or redacted.
    #[serde(with = "time::serde::rfc3339::option")]
    body_changed_at: Option<OffsetDateTime>,
    /// The ring's key that is needed.
    key_id: Option<String>,
    /// Nothing: the body cannot be taken apart.
    fields: Option<Vec<ShownField>>,
    /// The whole body, only where it was asked for with a reason.
    revealed: Option<String>,
}

#[derive(Debug, Serialize)]
struct ShownField {
    name: String,
    value: Option<String>,
    masked: bool,
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
            let mut shown = show(message_id, &stored);
            if let Some(reason) = reason {
                shown.revealed = Some(reveal(&mut session, message_id, stored, reason).await?);
            }
            output.one(&shown, details)?;
        }
    }
    Ok(Exit::Done)
}

/// The whole body, once it is noted who looks at it.
async fn reveal<S: Session>(
    session: &mut S,
    message: Uuid,
    stored: StoredMessage,
    reason: String,
) -> Result<String, Failure> {
    let StoredBody::Open { bytes, .. } = stored.body else {
        let what = "there is no body to reveal: without `--reveal` the command says why";
        return Err(Failure::new(Exit::Failed, what));
    };
    let act = Act {
        actor: actor(),
        action: "notification.reveal".to_owned(),
        subject: format!("notification/{message}"),
        reason,
    };
    session.note(&act, process::now()).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn show(message_id: Uuid, stored: &StoredMessage) -> Shown {
    let provider = stored.parts.first().and_then(|part| Provider::from_word(&part.provider));
    let (body, body_changed_at, key_id, fields) = match &stored.body {
        StoredBody::Open { bytes, redacted_at } => {
            let word = if redacted_at.is_some() { "redacted" } else { "kept" };
            let fields = provider.and_then(|provider| masked(provider, bytes));
            (word.to_owned(), *redacted_at, None, fields)
        }
        StoredBody::Closed { key_id } => ("sealed".to_owned(), None, Some(key_id.clone()), None),
        StoredBody::Removed { at, reason } => (reason.clone(), Some(*at), None, None),
        StoredBody::Missing => ("missing".to_owned(), None, None, None),
    };
    let of = |Field { name, value }| ShownField { name, masked: value.is_none(), value };
    let fields = fields.map(|fields| fields.into_iter().map(of).collect());
    let notifications = stored.parts.clone();
    Shown { message_id, notifications, body, body_changed_at, key_id, fields, revealed: None }
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
    let mut text = table(&shown.notifications);
    let when = shown.body_changed_at.map(|at| format!(" at {}", instant(at))).unwrap_or_default();
    let key = shown.key_id.as_deref().map(|key| {
        format!(": the ring (privacy.keys_file) lacks its key {key}, or the row was changed")
    });
    text += &format!("\nbody: {}{when}{}\n", shown.body, key.unwrap_or_default());
    match (&shown.revealed, &shown.fields) {
        (Some(revealed), _) => text += &format!("{}\n", printable(revealed)),
        (None, Some(fields)) => {
            for ShownField { name, value, .. } in fields {
                let value = value.as_deref().map_or(MASK.to_owned(), printable);
                text += &format!("  {} = {value}\n", printable(name));
            }
        }
        (None, None) => {}
    }
    text
}
