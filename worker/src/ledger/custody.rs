//! Who has what: the balance of messages, and how what is missing is told from what is on its way.
//!
//! **Invariant**: a message is called missing only behind a fence: a marker that passed through its
//! shard's queue after it was confirmed, and then every consumer of that shard had nothing in hand.
//! No clock takes part in that, so none that steps can make a false alarm.

use std::future::Future;

use shared::message::Number;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::LedgerError;

mod sighting;

pub use self::sighting::{Showing, Sighting, Tiers};

/// What reads the dead letters' queue beats under this, where a lane names its shard; so does a marker there.
pub const MORGUE: u16 = u16::MAX;

/// How long after its due time a retried message may still be on its way: at-least-once dead lettering
/// tries again every 180 s when its target was away.
pub const OVERDUE: Duration = Duration::seconds(240);
/// How long receipts are kept one by one. A copy that comes later is rare, and counts as it should.
pub const COMPACTED_AFTER: Duration = Duration::minutes(10);
/// How long what a lane told is kept.
pub const LANE_KEPT: Duration = Duration::hours(1);
/// How long a try is kept of which nobody told the end.
pub const TRIES_KEPT: Duration = Duration::days(7);
/// Missing numbers that a balance names in one window.
pub const NAMED_MAX: i64 = 20;
/// Windows that a balance names.
pub const WINDOWS_NAMED_MAX: i64 = 50;

/// A lane's sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneBeat {
    /// Of one consumer: a lane that consumes anew is another.
    pub lane: Uuid,
    /// Or [`MORGUE`].
    pub shard: u16,
    /// It had nothing in hand, and nothing was on its way to it.
    pub idle: bool,
}

/// What a lane told of itself so far: counts, which no clock can turn back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LaneCount {
    pub lane: Uuid,
    pub shard: u16,
    pub beats: i64,
    pub idles: i64,
}

/// A delivery that is about to be read alone, because its readers vanished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoneTry {
    pub message: String,
    /// The lane that holds it, and the delivery's number there.
    pub lane: Uuid,
    pub tag: i64,
}

/// The numbers `(from, to]` of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub epoch: Uuid,
    pub from: i64,
    pub to: i64,
}

/// A message that was sent to the dead letters, and of which no letter is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unburied {
    pub number: Number,
    /// Of its receipt: one that is recorded anew is another.
    pub recorded_at: OffsetDateTime,
}

/// What may be missing, or still on its way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Suspects {
    /// Stated, and they lack receipts.
    pub windows: Vec<Window>,
    /// Between two windows that were stated: no statement about these numbers was recorded.
    pub gaps: Vec<Window>,
    /// Retries whose time to come back was before this, if there are any.
    pub overdue_before: Option<OffsetDateTime>,
    /// Items of replays that were confirmed, and have no outcome.
    pub replayed: Vec<Uuid>,
    /// On its way to the morgue, or nowhere.
    pub unburied: Vec<Unburied>,
}

/// The part of the port that accounts for messages.
pub trait Custody {
    /// A lane tells that it lives, and whether it has nothing in hand.
    fn lane_beat(
        &mut self,
        beat: LaneBeat,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Lanes that told of themselves lately.
    fn lanes(
        &mut self,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<Vec<LaneCount>, LedgerError>> + Send;

    /// Closes windows that are complete, then answers those that are not and that no fence has
    /// proven, overdue retries, replays without an outcome, and dead ones without a letter. At most
    /// `limit` of a kind.
    fn suspects(
        &mut self,
        now: OffsetDateTime,
        limit: i64,
    ) -> impl Future<Output = Result<Suspects, LedgerError>> + Send;

    /// The shards through which this fence's markers passed.
    fn passed(&mut self, fence: Uuid)
    -> impl Future<Output = Result<Vec<u16>, LedgerError>> + Send;

    /// A fence proved it: what these lack is on no way any more. A letter whose replayed message is gone is
    /// open again, with the reason; answers how many.
    fn convict(
        &mut self,
        suspects: &Suspects,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<usize, LedgerError>> + Send;

    /// Counts the receipts of windows that were closed for [`COMPACTED_AFTER`] and removes them; what may
    /// still move to another bucket stays. Answers how many windows, at most `limit`.
    fn compact(
        &mut self,
        now: OffsetDateTime,
        limit: i64,
    ) -> impl Future<Output = Result<usize, LedgerError>> + Send;

    /// Writes down that a message is about to be read alone; answers how many such tries of it never ended.
    /// The same try told again is one.
    fn try_alone(
        &mut self,
        lone: &LoneTry,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<u32, LedgerError>> + Send;

    /// The tries of this message ended, whatever came of it.
    fn end_try(&mut self, message: &str) -> impl Future<Output = Result<(), LedgerError>> + Send;
}

impl Suspects {
    pub fn is_empty(&self) -> bool {
        let Self { windows, gaps, overdue_before, replayed, unburied } = self;
        let nothing_is_lost = replayed.is_empty() && unburied.is_empty();
        windows.is_empty() && gaps.is_empty() && overdue_before.is_none() && nothing_is_lost
    }

    /// What a fence proves of them: among what waits in a tier may be an overdue retry, a replay that is
    /// retried, and a statement about a gap, which leaves no receipt when it is retried.
    pub fn proven(self, tiers: Tiers) -> Self {
        match tiers {
            Tiers::Empty => self,
            Tiers::Waiting => Self { overdue_before: None, gaps: vec![], replayed: vec![], ..self },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_not_missing_while_its_statement_may_wait_in_a_tier() {
        let window = Window { epoch: Uuid::nil(), from: 0, to: 2 };
        let overdue_before = Some(OffsetDateTime::UNIX_EPOCH);
        let windows = Suspects { windows: vec![window], ..Suspects::default() };
        let suspects = Suspects {
            gaps: vec![window],
            overdue_before,
            replayed: vec![Uuid::nil()],
            ..windows.clone()
        };
        assert_eq!(suspects.clone().proven(Tiers::Empty), suspects);
        assert_eq!(suspects.proven(Tiers::Waiting), windows);
    }
}
