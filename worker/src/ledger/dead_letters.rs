//! The part of the port that keeps dead letters: buried once, found, and ended by people.
//!
//! **Invariant**: a letter that stands here may leave the queue. Nobody but a person ends one, by name and
//! with a reason, and it can be restored.

use std::future::Future;

use serde::Serialize;
use shared::money::Currency;
use time::OffsetDateTime;
use uuid::Uuid;

use super::LedgerError;
use super::bodies::StoredBody;
use super::records::Act;
use super::replays::Outcome;

pub mod fingerprint;
pub mod group;
pub mod letter;

use self::group::{GroupAct, GroupRecord, GroupStatus};
use self::letter::{Envelope, Letter};

/// Where a letter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterState {
    Open,
    /// A replay has it.
    Replaying,
    Resolved,
    Discarded,
}

/// What burying did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Burial {
    New,
    /// A replay of it failed.
    Again,
    /// It stood there already: delivered once more.
    Known,
}

/// One line of `dead-letters list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LetterRecord {
    pub id: Uuid,
    pub message_id: String,
    pub provider: String,
    pub account: Option<String>,
    pub order_number: Option<String>,
    pub amount: Option<i64>,
    pub currency: Option<Currency>,
    pub group_id: Uuid,
    pub stage: String,
    pub code: String,
    /// The normalised cause.
    pub message: String,
    pub state: LetterState,
    /// How often it was buried: more than once after replays that failed.
    pub failures: i64,
    #[serde(with = "time::serde::rfc3339::option")]
    pub received_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    pub buried_at: OffsetDateTime,
}

/// One time that it was buried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureRecord {
    pub n: i32,
    pub stage: String,
    pub code: String,
    pub cause: String,
    /// How often it was tried.
    pub attempts: i32,
    #[serde(with = "time::serde::rfc3339::option")]
    pub first_failed_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_failed_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    pub buried_at: OffsetDateTime,
    /// The version that buried it.
    pub worker: Option<String>,
    pub item: Option<Uuid>,
}

/// Who ended it, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndingRecord {
    /// `discarded`, `restored`, `replayed`, or `lost`: its replayed message was.
    pub resolution: String,
    pub actor: String,
    pub reason: String,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// One letter with everything about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterFile {
    pub letter: LetterRecord,
    pub envelope: Envelope,
    pub failures: Vec<FailureRecord>,
    pub endings: Vec<EndingRecord>,
    pub body: StoredBody,
}

/// In which state letters are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wanted {
    #[default]
    Any,
    NotEnded,
    In(LetterState),
}

/// Those that still ask for somebody, or for a job's end: a job may halt or be paused.
pub const NOT_ENDED: [LetterState; 2] = [LetterState::Open, LetterState::Replaying];

impl Wanted {
    /// The words of these states; nothing where any will do.
    pub fn words(self) -> Option<Vec<String>> {
        let states = match self {
            Self::Any => return None,
            Self::NotEnded => NOT_ENDED.to_vec(),
            Self::In(state) => vec![state],
        };
        Some(states.into_iter().map(|state| state.as_str().to_owned()).collect())
    }
}

/// Those that fit every part that is set; the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LetterFilter {
    pub state: Wanted,
    pub provider: Option<String>,
    pub account: Option<String>,
    pub stage: Option<String>,
    pub code: Option<String>,
    pub group: Option<Uuid>,
    /// Any number of the order.
    pub order: Option<String>,
    pub message: Option<String>,
    /// A part of the normalised cause, in any letters.
    pub text: Option<String>,
    /// A version that buried it.
    pub version: Option<String>,
    /// Tried so often before one of its burials.
    pub attempts: Option<i32>,
    /// Not buried after this.
    pub until: Option<OffsetDateTime>,
    /// Not buried before this.
    pub since: Option<OffsetDateTime>,
    /// Item of this replay, with this outcome.
    pub replayed: Option<(Uuid, Outcome)>,
    /// Older than this one: where the last page ended.
    pub before: Option<Uuid>,
    pub limit: i64,
}

/// What a person does about letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterAct {
    Discard,
    Restore,
}

/// What became of a word about a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupActed {
    Done(Box<GroupRecord>),
    NotFound,
}

/// What each session can do about dead letters.
pub trait DeadLetters {
    /// Keeps letters with their bodies, groups them and writes their receipts, all in one transaction;
    /// answers what each was.
    fn bury(
        &mut self,
        letters: &[Letter],
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<Vec<Burial>, LedgerError>> + Send;

    /// How many nobody has ended, and no replay has.
    fn open_letters(&mut self) -> impl Future<Output = Result<i64, LedgerError>> + Send;

    fn letters(
        &mut self,
        filter: &LetterFilter,
    ) -> impl Future<Output = Result<Vec<LetterRecord>, LedgerError>> + Send;

    /// One letter with its body, opened where the ring can.
    fn letter(
        &mut self,
        id: Uuid,
    ) -> impl Future<Output = Result<Option<LetterFile>, LedgerError>> + Send;

    /// Groups of this status, or all; in no order: [`group::rank`] has one.
    fn groups(
        &mut self,
        status: Option<GroupStatus>,
    ) -> impl Future<Output = Result<Vec<GroupRecord>, LedgerError>> + Send;

    /// What a person does about a group, noted as `by`.
    fn act_on_group(
        &mut self,
        id: Uuid,
        act: &GroupAct,
        by: &Act,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<GroupActed, LedgerError>> + Send;

    /// Ends or restores those of these letters that stand so that it can be done, and notes each; answers
    /// which.
    fn act_on_letters(
        &mut self,
        ids: &[Uuid],
        act: LetterAct,
        by: &Act,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<Vec<Uuid>, LedgerError>> + Send;
}

impl LetterState {
    pub const ALL: [Self; 4] = [Self::Open, Self::Replaying, Self::Resolved, Self::Discarded];

    /// The word in tables and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Replaying => "replaying",
            Self::Resolved => "resolved",
            Self::Discarded => "discarded",
        }
    }

    /// The state that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

impl LetterAct {
    /// From which state to which, and the word for it.
    pub fn step(self) -> (LetterState, LetterState, &'static str) {
        match self {
            Self::Discard => (LetterState::Open, LetterState::Discarded, "discarded"),
            Self::Restore => (LetterState::Discarded, LetterState::Open, "restored"),
        }
    }
}
