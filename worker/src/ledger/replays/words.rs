//! Where jobs and items stand, and where steering leads.

use serde::Serialize;

use crate::ledger::Bucket;

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
    /// It was confirmed and is in no queue any more, and nobody decided it: its letter is open again. A copy
    /// that comes after all takes this back.
    Lost,
    /// It was not published: cancelled, or its bytes or its seal are not what an ingress took in.
    Skipped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steer {
    Pause,
    /// After a halt: go on, and do not halt again.
    Resume,
    Cancel,
    /// So many letters a second from now on.
    Rate(i32),
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
    pub lost: i64,
    pub skipped: i64,
    /// Publishes that were recorded; more than the items published only after a crash.
    pub publishes: i64,
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
            (Self::Running | Self::Paused | Self::Halted, Steer::Rate(_)) => Some(self),
            (_, Steer::Pause | Steer::Resume | Steer::Cancel | Steer::Rate(_)) => None,
        }
    }
}

impl Steer {
    /// Letters a second, where they change.
    pub fn rate(self) -> Option<i32> {
        match self {
            Self::Rate(rate) => Some(rate),
            Self::Pause | Self::Resume | Self::Cancel => None,
        }
    }

    /// The word in `audit`.
    pub fn action(self) -> &'static str {
        match self {
            Self::Pause => "replay.pause",
            Self::Resume => "replay.resume",
            Self::Cancel => "replay.cancel",
            Self::Rate(_) => "replay.rate",
        }
    }
}

impl Outcome {
    pub const ALL: [Self; 8] = [
        Self::Settled,
        Self::NoOp,
        Self::Duplicate,
        Self::Case,
        Self::Waiting,
        Self::DeadAgain,
        Self::Lost,
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
            Self::Lost => "lost",
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
                Some(Outcome::Lost) => &mut counts.lost,
                Some(Outcome::Skipped) => &mut counts.skipped,
            };
            *slot += items;
        }
        counts
    }

    /// Items whose letters are open as before, of those that were published.
    pub fn failed(&self) -> i64 {
        self.dead_again + self.lost
    }

    /// Items whose outcome is known, of those that were published.
    pub fn decided(&self) -> i64 {
        self.settled + self.no_op + self.duplicate + self.case + self.waiting + self.failed()
    }
}
