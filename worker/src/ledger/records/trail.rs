//! Everything that touched an order, as the ledger keeps it.

use shared::event::CaseSnapshot;
use time::OffsetDateTime;
use uuid::Uuid;

use super::OrderRecord;

/// Notifications, and acts, that one trail shows; of more the newest.
pub const TRAIL_MAX: i64 = 1_000;

/// One order, with what made it so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trail {
    pub order: OrderRecord,
    pub notifications: Vec<Heard>,
    pub acts: Vec<Acted>,
    pub events: Vec<Announced>,
    pub buried: Vec<Buried>,
    pub replays: Vec<Replayed>,
}

/// A notification that named one of its numbers. Not its bytes: they hold the payer's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub message_id: Uuid,
    pub account: String,
    pub provider: String,
    /// In the provider's words.
    pub kind: String,
    pub transaction: Option<String>,
    /// What it came to.
    pub outcome: String,
    pub received_at: OffsetDateTime,
}

/// What a person or a program did by command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acted {
    pub at: OffsetDateTime,
    pub actor: String,
    pub action: String,
    pub subject: String,
    pub reason: String,
}

/// A message that names one of its numbers, and died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buried {
    pub letter: Uuid,
    pub account: Option<String>,
    pub provider: String,
    /// Stage and code.
    pub cause: String,
    pub at: OffsetDateTime,
}

/// One that was sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    pub letter: Uuid,
    pub job: Uuid,
    /// Who started it.
    pub actor: String,
    /// When it was decided; until then, when the job began.
    pub at: OffsetDateTime,
    /// What it came to.
    pub outcome: Option<String>,
}

/// What was announced of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    pub id: Uuid,
    pub r#type: String,
    pub sequence: i64,
    pub occurred_at: OffsetDateTime,
    pub published: bool,
    /// The case that it is about, as it stood then.
    pub case: Option<CaseSnapshot>,
}

impl Trail {
    /// Under which its acts stand in the ledger's `audit`: its own, and those of its cases.
    pub fn subjects(order: &OrderRecord) -> Vec<String> {
        let own = format!("order/{}", order.summary.order_no);
        let cases = order.cases.iter().map(|case| format!("case/{}", case.id));
        std::iter::once(own).chain(cases).collect()
    }
}
