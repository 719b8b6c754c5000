//! The cases' desk: what people read of a case, and what they do about it.

use serde::Serialize;
use shared::case::{CaseKind, CaseVerdict};
use shared::money::Currency;
use shared::rules::Rules;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Act, CaseRecord};
use crate::decide::PaymentKey;
use crate::decide::case::{About, CaseKey};
use crate::decide::fold::{Books, Changes};
use crate::decide::resolve::{Refusal, Ruling, resolve};

/// Bytes of one note.
pub const NOTE_MAX_BYTES: usize = 2000;
/// Notes that one case may have.
pub const NOTES_MAX: i64 = 200;
/// Notifications that a case's file shows, the newest.
pub const EVIDENCE_MAX: i64 = 100;

/// One case with everything about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseFile {
    #[serde(flatten)]
    pub case: CaseRecord,
    pub resolutions: Vec<ResolutionRecord>,
    pub notes: Vec<NoteRecord>,
    /// The notifications that it rests on.
    pub evidence: Vec<EvidenceRecord>,
}

/// What somebody's word ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResolutionRecord {
    pub verdict: String,
    pub amount: i64,
    pub currency: Currency,
    /// `policy`, or who acted by command.
    pub actor: String,
    pub reason: String,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoteRecord {
    pub actor: String,
    pub text: String,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// A notification, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvidenceRecord {
    pub message_id: Uuid,
    pub account: String,
    pub kind: String,
    pub identity: String,
    pub transaction: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub received_at: OffsetDateTime,
    pub outcome: String,
}

/// What a person does about a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseAct {
    Acknowledge,
    /// It is acknowledged too.
    Assign {
        owner: String,
    },
    Note {
        text: String,
    },
    Resolve {
        verdict: CaseVerdict,
        /// The money at stake that the person saw, in minor units.
        saw_minor: i64,
    },
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseActed {
    Done(CaseRecord),
    NotFound,
    /// It is resolved already.
    Closed(CaseRecord),
    /// Other money is at stake than the person saw.
    Changed(CaseRecord),
    /// Why that cannot be done, and what can.
    Impossible(&'static str),
    TooManyNotes,
}

impl CaseAct {
    /// The word in `audit`.
    pub fn action(&self) -> &'static str {
        match self {
            Self::Acknowledge => "case.acknowledge",
            Self::Assign { .. } => "case.assign",
            Self::Note { .. } => "case.note",
            Self::Resolve { .. } => "case.resolve",
        }
    }
}

impl Act {
    /// The same as a word about a case, by whom and why.
    pub fn ruling(&self, verdict: CaseVerdict, saw_minor: i64) -> Ruling {
        let (actor, reason) = (self.actor.clone(), self.reason.clone());
        Ruling { verdict, saw_minor, actor, reason }
    }
}

impl CaseRecord {
    /// The payment that it is about; nothing where it is about an order.
    pub fn payment(&self) -> Option<PaymentKey> {
        let (account, transaction) = (self.account.clone()?, self.transaction.clone()?);
        Some(PaymentKey { account, transaction })
    }

    /// Its identity; nothing for a kind that this version does not know.
    pub fn key(&self) -> Option<CaseKey> {
        let order = || About::Order(self.order_number.clone());
        let about = self.payment().map_or_else(order, About::Payment);
        CaseKind::from_word(&self.kind).map(|kind| CaseKey { kind, about })
    }

    /// What ending it by this word changes, or why it is refused. The books are those of its number.
    pub fn ruled(
        &self,
        mut books: Books,
        ruling: &Ruling,
        now: OffsetDateTime,
        rules: &Rules,
    ) -> Result<Changes, Box<CaseActed>> {
        let closed = || Box::new(CaseActed::Closed(self.clone()));
        let impossible = |why| Box::new(CaseActed::Impossible(why));
        let key =
            self.key().ok_or_else(|| impossible("a newer version opened it; use that one"))?;
        books.attach();
        let mut states = books.states.into_values();
        let before = states.find(|state| state.cases.contains_key(&key)).ok_or_else(closed)?;
        let after =
            resolve(&before, &key, ruling, now, rules).map_err(|refusal| match refusal {
                Refusal::Closed => closed(),
                Refusal::Changed { case } => {
                    Box::new(CaseActed::Changed(Self { amount: case.amount_minor, ..self.clone() }))
                }
                Refusal::Impossible(why) => impossible(why),
            })?;
        Ok(Changes::of_act(books.contracts, before, after, now))
    }
}
