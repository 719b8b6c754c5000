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
use super::{Bucket, LedgerError, Work};

use self::course::Look;

pub mod course;
mod words;

pub use self::words::{Counts, JobState, Outcome, Steer};

/// How long a plan may be started.
pub const PLAN_KEEPS: Duration = Duration::minutes(15);
/// How long one that nobody started is still known, so that whoever starts it late is told that it is too old.
pub const PLAN_FORGOTTEN: Duration = Duration::days(1);
/// Items that one plan may have.
pub const ITEMS_MAX: usize = 100_000;

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

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Steered {
    Done,
    NotFound,
    /// It does not go from this state.
    Not(JobState),
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

    /// What the next step of a job needs: of the one that was started first of those that run.
    fn running(&mut self) -> impl Future<Output = Result<Option<Look>, LedgerError>> + Send;

    /// Records that these items are about to be published: those that somebody was about to publish, and those
    /// that nobody was. None when this holder does not hold the lease; so with all that follows, as a holder
    /// that was stopped may wake up.
    fn claim(
        &mut self,
        job: Uuid,
        holder: Uuid,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<(Uuid, StoredLetter)>, LedgerError>> + Send;

    /// Of what this holder was about to publish the broker confirmed these; those were not published, and
    /// may be claimed again.
    fn published(
        &mut self,
        holder: Uuid,
        confirmed: &[Uuid],
        back: &[Uuid],
    ) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Of what this holder was about to publish these cannot be sent again: their letters stand open as before.
    fn skip(
        &mut self,
        holder: Uuid,
        items: &[Uuid],
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// A running job ends, or halts for this reason.
    fn finish(
        &mut self,
        job: Uuid,
        holder: Uuid,
        halted: Option<&str>,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send;
}
