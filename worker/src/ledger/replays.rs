//! The part of the port that replays dead letters: jobs that are planned, started, watched and steered.
//!
//! **Invariant**: a job touches what was frozen when it was planned, and nothing else. An item is recorded
//! as about to be published before it is, and its outcome is written by whoever decides it, in that
//! transaction.

use std::future::Future;

use serde::Serialize;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::bodies::StoredBody;
use super::dead_letters::letter::Envelope;
use super::records::Act;
use super::{Beat, Bucket, LedgerError, Work};

pub mod course;

/// How long a plan may be started.
pub const PLAN_KEEPS: Duration = Duration::minutes(15);
/// Items that one plan may have.
pub const ITEMS_MAX: usize = 100_000;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    Planned,
    Running,
    Paused,
    /// The stop rule stopped it.
    Halted,
    Cancelled,
    Completed,
}

/// What became of an item, or what a rehearsal says will.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Settled,
    NoOp,
    Duplicate,
    Case,
    /// Recorded; its order is not there yet.
    Waiting,
    DeadAgain,
    /// It was not published: cancelled, or its bytes or its seal are not what an ingress took in.
    Skipped,
}

/// One letter of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedItem {
    pub id: Uuid,
    pub letter: Uuid,
    pub group: Uuid,
    pub failures: i64,
    pub forecast: Outcome,
}

/// How a job is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Course {
    /// Letters a second.
    pub rate: i32,
    pub canary: i32,
    /// Nothing: it never halts by itself.
    pub stop_percent: Option<i32>,
}

/// What became of starting a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    Done,
    NotFound,
    /// It was started already, or cancelled.
    NotPlanned(JobState),
    /// It was planned too long ago.
    Old,
    /// So many of its letters are not as they were.
    Stale {
        changed: i64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steer {
    Pause,
    /// After a halt: go on, and do not halt again.
    Resume,
    Cancel,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Steered {
    Done,
    NotFound,
    /// It does not go from this state.
    Not(JobState),
}

/// How many items stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    pub letters: i64,
    pub pending: i64,
    /// About to be published.
    pub publishing: i64,
    /// Published, without an outcome yet.
    pub in_flight: i64,
    pub settled: i64,
    pub no_op: i64,
    pub duplicate: i64,
    pub case: i64,
    pub waiting: i64,
    pub dead_again: i64,
    pub skipped: i64,
    /// Publishes that were recorded; more than the items published only after a crash.
    pub publishes: i64,
}

/// One job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobRecord {
    pub id: Uuid,
    pub state: JobState,
    pub selection: String,
    #[serde(with = "time::serde::rfc3339")]
    pub planned_at: OffsetDateTime,
    pub planned_by: String,
    #[serde(with = "time::serde::rfc3339::option")]
    pub started_at: Option<OffsetDateTime>,
    pub started_by: Option<String>,
    pub reason: Option<String>,
    pub rate: i32,
    pub canary: i32,
    pub stop_percent: Option<i32>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub ended_at: Option<OffsetDateTime>,
    /// Why it halted.
    pub halted: Option<String>,
    pub counts: Counts,
    /// Items that died again of a cause that none of the letters had.
    pub new_causes: i64,
}

/// One item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemRecord {
    pub id: Uuid,
    pub letter_id: Uuid,
    pub order_number: Option<String>,
    pub forecast: String,
    pub state: String,
    pub publishes: i32,
    pub outcome: Option<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub decided_at: Option<OffsetDateTime>,
}

/// What is sent again of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLetter {
    pub letter: Uuid,
    pub message_id: String,
    pub order_number: Option<String>,
    pub envelope: Envelope,
    pub body: StoredBody,
}

/// What each session can do about replays.
pub trait Replays {
    /// Letters with what is needed to send them again, in the order of their ids.
    fn stored_letters(
        &mut self,
        letters: &[Uuid],
    ) -> impl Future<Output = Result<Vec<StoredLetter>, LedgerError>> + Send;

    /// Settles a batch as [`super::Session::settle`] does, and takes it back: nothing is written.
    fn rehearse(
        &mut self,
        batch: &[Work],
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<Vec<Bucket>, LedgerError>> + Send;

    /// Freezes what a job will touch: its id, what was asked for, and the letters.
    fn plan(
        &mut self,
        what: (Uuid, &str),
        items: &[PlannedItem],
        by: &Act,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Starts a plan whose letters are as they were.
    fn start(
        &mut self,
        id: Uuid,
        course: &Course,
        by: &Act,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<Started, LedgerError>> + Send;

    /// Jobs, the newest first.
    fn jobs(
        &mut self,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<JobRecord>, LedgerError>> + Send;

    fn job(
        &mut self,
        id: Uuid,
    ) -> impl Future<Output = Result<Option<JobRecord>, LedgerError>> + Send;

    /// Items in their order, of this outcome or all.
    fn items(
        &mut self,
        job: Uuid,
        outcome: Option<Outcome>,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<ItemRecord>, LedgerError>> + Send;

    fn steer(
        &mut self,
        id: Uuid,
        steer: Steer,
        by: &Act,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<Steered, LedgerError>> + Send;

    /// One beat of the lease by which one worker runs the jobs, as the relay's.
    fn replay_beat(
        &mut self,
        holder: Uuid,
        stale: Option<i64>,
    ) -> impl Future<Output = Result<Beat, LedgerError>> + Send;

    /// The job that was started first of those that run.
    fn running(&mut self) -> impl Future<Output = Result<Option<JobRecord>, LedgerError>> + Send;

    /// Records that these items are about to be published: those that nobody published, and those that
    /// another holder was about to publish. None when this holder does not hold the lease.
    fn claim(
        &mut self,
        job: Uuid,
        holder: Uuid,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<(Uuid, StoredLetter)>, LedgerError>> + Send;

    /// The broker confirmed these; those were not published, and may be claimed again.
    fn published(
        &mut self,
        confirmed: &[Uuid],
        back: &[Uuid],
    ) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// These cannot be sent again: their letters stand open as before.
    fn skip(
        &mut self,
        items: &[Uuid],
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// A running job ends, or halts for this reason.
    fn finish(
        &mut self,
        job: Uuid,
        halted: Option<&str>,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send;
}

impl JobState {
    pub const ALL: [Self; 6] = [
        Self::Planned,
        Self::Running,
        Self::Paused,
        Self::Halted,
        Self::Cancelled,
        Self::Completed,
    ];

    /// The word in tables and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Halted => "halted",
            Self::Cancelled => "cancelled",
            Self::Completed => "completed",
        }
    }

    /// The state that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Where steering leads; nothing: it does not go from here.
    pub fn after(self, steer: Steer) -> Option<Self> {
        match (self, steer) {
            (Self::Running, Steer::Pause) => Some(Self::Paused),
            (Self::Paused | Self::Halted, Steer::Resume) => Some(Self::Running),
            (Self::Planned | Self::Running | Self::Paused | Self::Halted, Steer::Cancel) => {
                Some(Self::Cancelled)
            }
            (_, Steer::Pause | Steer::Resume | Steer::Cancel) => None,
        }
    }
}

impl Steer {
    /// The word in `audit`.
    pub fn action(self) -> &'static str {
        match self {
            Self::Pause => "replay.pause",
            Self::Resume => "replay.resume",
            Self::Cancel => "replay.cancel",
        }
    }
}

impl Outcome {
    pub const ALL: [Self; 7] = [
        Self::Settled,
        Self::NoOp,
        Self::Duplicate,
        Self::Case,
        Self::Waiting,
        Self::DeadAgain,
        Self::Skipped,
    ];

    /// The word in tables and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::NoOp => "no_op",
            Self::Duplicate => "duplicate",
            Self::Case => "case",
            Self::Waiting => "waiting",
            Self::DeadAgain => "dead_again",
            Self::Skipped => "skipped",
        }
    }

    /// The outcome that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }
}

impl From<Bucket> for Outcome {
    fn from(bucket: Bucket) -> Self {
        match bucket {
            Bucket::Settled => Self::Settled,
            Bucket::NoOp => Self::NoOp,
            Bucket::Duplicate => Self::Duplicate,
            Bucket::Case => Self::Case,
            Bucket::Waiting => Self::Waiting,
            Bucket::Retrying | Bucket::Dead => Self::DeadAgain,
        }
    }
}

impl Counts {
    /// From rows of a state, an outcome, how many, and how many publishes were recorded.
    pub fn of(rows: impl Iterator<Item = (String, Option<String>, i64, i64)>) -> Self {
        let mut counts = Self::default();
        for (state, outcome, items, publishes) in rows {
            counts.letters += items;
            counts.publishes += publishes;
            let slot = match outcome.as_deref().and_then(Outcome::from_word) {
                None if state == "pending" => &mut counts.pending,
                None if state == "publishing" => &mut counts.publishing,
                None => &mut counts.in_flight,
                Some(Outcome::Settled) => &mut counts.settled,
                Some(Outcome::NoOp) => &mut counts.no_op,
                Some(Outcome::Duplicate) => &mut counts.duplicate,
                Some(Outcome::Case) => &mut counts.case,
                Some(Outcome::Waiting) => &mut counts.waiting,
                Some(Outcome::DeadAgain) => &mut counts.dead_again,
                Some(Outcome::Skipped) => &mut counts.skipped,
            };
            *slot += items;
        }
        counts
    }

    /// Items whose outcome is known, of those that were published.
    pub fn decided(&self) -> i64 {
        self.settled + self.no_op + self.duplicate + self.case + self.waiting + self.dead_again
    }
}
