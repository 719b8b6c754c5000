//! A stored body as a command shows it: personal fields masked, or revealed to whoever says why.
//!
//! **Invariant**: a personal value is shown only after it was noted who looks, and why.

use serde::Serialize;
use shared::process;
use shared::provider::Provider;
use shared::provider::personal::{Field, masked};
use time::OffsetDateTime;
use worker::ledger::Session;
use worker::ledger::bodies::StoredBody;
use worker::ledger::records::Act;

use super::act::actor;
use super::exit::{Exit, Failure};
use super::table::{instant, printable};

const MASK: &str = "•••";

/// What there is of a body.
#[derive(Debug, Serialize)]
pub struct ShownBody {
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

impl ShownBody {
    /// Masked.
    pub fn of(provider: Option<Provider>, stored: &StoredBody) -> Self {
        let (body, body_changed_at, key_id, fields) = match stored {
            StoredBody::Open { bytes, redacted_at } => {
                let word = if redacted_at.is_some() { "redacted" } else { "kept" };
                let fields = provider.and_then(|provider| masked(provider, bytes));
                (word.to_owned(), *redacted_at, None, fields)
            }
            StoredBody::Closed { key_id } => {
                ("sealed".to_owned(), None, Some(key_id.clone()), None)
            }
            StoredBody::Removed { at, reason } => (reason.clone(), Some(*at), None, None),
            StoredBody::Missing => ("missing".to_owned(), None, None, None),
        };
        let of = |Field { name, value }| ShownField { name, masked: value.is_none(), value };
        let fields = fields.map(|fields| fields.into_iter().map(of).collect());
        Self { body, body_changed_at, key_id, fields, revealed: None }
    }

    /// Shows the whole body too, once it is noted who looks at it.
    pub async fn reveal<S: Session>(
        &mut self,
        session: &mut S,
        stored: &StoredBody,
        (noun, subject): (&str, String),
        reason: String,
    ) -> Result<(), Failure> {
        let StoredBody::Open { bytes, .. } = stored else {
            let what = "there is no body to reveal: without `--reveal` the command says why";
            return Err(Failure::new(Exit::Failed, what));
        };
        let action = format!("{noun}.reveal");
        let act = Act { actor: actor(), action, subject: format!("{noun}/{subject}"), reason };
        session.note(&act, process::now()).await?;
        self.revealed = Some(String::from_utf8_lossy(bytes).into_owned());
        Ok(())
    }

    /// For people.
    pub fn lines(&self) -> String {
        let when =
            self.body_changed_at.map(|at| format!(" at {}", instant(at))).unwrap_or_default();
        let key = self.key_id.as_deref().map(|key| {
            format!(": the ring (privacy.keys_file) lacks its key {key}, or the row was changed")
        });
        let mut text = format!("\nbody: {}{when}{}\n", self.body, key.unwrap_or_default());
        match (&self.revealed, &self.fields) {
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
}
