//! Who has what: the balance of messages, and how what is missing is told from what is on its way.
//!
//! **Invariant**: a message is called missing only behind a fence: a marker that passed through its
//! shard's queue after it was confirmed, and then every consumer of that shard had nothing in hand.
//! No clock takes part in that, so none that steps can make a false alarm.

use std::collections::BTreeMap;
use std::future::Future;

use shared::broker::Depths;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::LedgerError;

/// How often a lane must have been idle behind the fence. The first time may have begun before it.
const IDLE_BEATS: i64 = 2;

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
}

/// One look at the consumers, from both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    pub depths: Depths,
    pub lanes: Vec<LaneCount>,
}

/// What a fence showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Showing {
    /// Something may hold messages that we do not see; look again later.
    Unclear(&'static str),
    /// Somebody is still at work.
    Busy,
    /// Nothing that was confirmed before is in any shard's queue or hand.
    Clear {
        /// And nothing in a retry tier.
        tiers: Tiers,
    },
}

/// Do retry tiers hold anything?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tiers {
    Empty,
    Waiting,
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
    /// proven, overdue retries, and replays without an outcome. At most `limit` of a kind.
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
        let Self { windows, gaps, overdue_before, replayed } = self;
        windows.is_empty() && gaps.is_empty() && overdue_before.is_none() && replayed.is_empty()
    }
}

impl Sighting {
    /// What became clear between this sighting, taken before the markers were published, and `last`.
    /// `passed` are the lanes' counts once the last marker had passed.
    pub fn until(&self, passed: &[LaneCount], last: &Self) -> Showing {
        if self.depths.dead > 0 || last.depths.dead > 0 {
            return Showing::Unclear("dead letters wait in the broker");
        }
        if self.depths.consumers != last.depths.consumers {
            return Showing::Unclear("consumers came or went");
        }
        let (before, passed) = (by_lane(&self.lanes), by_lane(passed));
        let mut alive = vec![0_u32; last.depths.consumers.len()];
        let mut is_busy = false;
        for lane in &last.lanes {
            let moved = before.get(&lane.lane).is_some_and(|before| before.beats < lane.beats);
            let Some(count) = alive.get_mut(usize::from(lane.shard)).filter(|_| moved) else {
                continue;
            };
            *count += 1;
            let idle_since = passed.get(&lane.lane).map_or(i64::MAX, |passed| passed.idles);
            is_busy |= lane.idles < idle_since.saturating_add(IDLE_BEATS);
        }
        if alive != last.depths.consumers {
            return Showing::Unclear("the broker has consumers that tell nothing of themselves");
        }
        if is_busy {
            return Showing::Busy;
        }
        let waiting = self.depths.retrying + last.depths.retrying > 0;
        Showing::Clear { tiers: if waiting { Tiers::Waiting } else { Tiers::Empty } }
    }
}

fn by_lane(lanes: &[LaneCount]) -> BTreeMap<Uuid, LaneCount> {
    lanes.iter().map(|lane| (lane.lane, *lane)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(consumers: &[u32], lanes: &[(u128, u16, i64, i64)]) -> Sighting {
        let depths = Depths { consumers: consumers.to_vec(), retrying: 0, dead: 0 };
        let count = |&(lane, shard, beats, idles): &(u128, u16, i64, i64)| LaneCount {
            lane: Uuid::from_u128(lane),
            shard,
            beats,
            idles,
        };
        Sighting { depths, lanes: lanes.iter().map(count).collect() }
    }

    #[test]
    fn a_fence_is_clear_when_every_consumer_is_a_lane_that_was_idle_behind_it() {
        let clear = Showing::Clear { tiers: Tiers::Empty };
        let first = seen(&[1, 1], &[(1, 0, 5, 3), (2, 1, 9, 9)]);
        let passed = seen(&[], &[(1, 0, 7, 4), (2, 1, 11, 11)]).lanes;
        let table = [
            ("both were idle", seen(&[1, 1], &[(1, 0, 9, 6), (2, 1, 13, 13)]), clear),
            ("one is at work", seen(&[1, 1], &[(1, 0, 9, 5), (2, 1, 13, 13)]), Showing::Busy),
            (
                "one stands still, as a stopped process does",
                seen(&[1, 1], &[(1, 0, 5, 3), (2, 1, 13, 13)]),
                Showing::Unclear("the broker has consumers that tell nothing of themselves"),
            ),
            (
                "the broker still holds a consumer that nobody knows",
                seen(&[2, 1], &[(1, 0, 9, 6), (2, 1, 13, 13)]),
                Showing::Unclear("consumers came or went"),
            ),
            (
                "a lane consumes anew: what it had may have gone back",
                seen(&[1, 1], &[(1, 0, 5, 3), (3, 0, 2, 2), (2, 1, 13, 13)]),
                Showing::Unclear("the broker has consumers that tell nothing of themselves"),
            ),
        ];
        for (what, last, showing) in table {
            assert_eq!(first.until(&passed, &last), showing, "{what}");
        }
    }

    #[test]
    fn what_waits_aside_is_not_missing() {
        let first = seen(&[1], &[(1, 0, 1, 1)]);
        let passed = first.lanes.clone();
        let mut last = seen(&[1], &[(1, 0, 4, 4)]);
        last.depths.retrying = 1;
        assert_eq!(first.until(&passed, &last), Showing::Clear { tiers: Tiers::Waiting });
        last.depths.dead = 1;
        assert!(matches!(first.until(&passed, &last), Showing::Unclear(_)));
    }

    #[test]
    fn a_shard_that_nobody_reads_holds_nothing_behind_a_fence() {
        let first = seen(&[0], &[(1, 0, 1, 1)]);
        let last = seen(&[0], &[(1, 0, 1, 1)]);
        assert_eq!(first.until(&[], &last), Showing::Clear { tiers: Tiers::Empty });
    }
}
