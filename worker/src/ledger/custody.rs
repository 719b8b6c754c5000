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

/// A lane's first beat comes before it consumes, the next ones while it does.
const CONSUMING_BEATS: i64 = 2;

/// How long after its due time a retried message may still be on its way: at-least-once dead lettering
/// tries again every 180 s when its target was away.
pub const OVERDUE: Duration = Duration::seconds(240);
/// How long receipts are kept one by one. A copy that comes later is rare, and counts as it should.
pub const COMPACTED_AFTER: Duration = Duration::minutes(10);
/// How long what a lane told is kept.
pub const LANE_KEPT: Duration = Duration::hours(1);
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
    /// proven, and overdue retries. At most `limit` windows of a kind.
    fn suspects(
        &mut self,
        now: OffsetDateTime,
        limit: i64,
    ) -> impl Future<Output = Result<Suspects, LedgerError>> + Send;

    /// The shards through which this fence's markers passed.
    fn passed(&mut self, fence: Uuid)
    -> impl Future<Output = Result<Vec<u16>, LedgerError>> + Send;

    /// A fence proved it: what these lack is on no way any more.
    fn convict(
        &mut self,
        suspects: &Suspects,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Counts the receipts of windows that were closed for [`COMPACTED_AFTER`] and removes them; what may
    /// still move to another bucket stays. Answers how many windows, at most `limit`.
    fn compact(
        &mut self,
        now: OffsetDateTime,
        limit: i64,
    ) -> impl Future<Output = Result<usize, LedgerError>> + Send;
}

impl Suspects {
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty() && self.gaps.is_empty() && self.overdue_before.is_none()
    }

    /// What a fence proves of them: among what waits in a tier may be an overdue retry, and a statement about
    /// a gap, which leaves no receipt when it is retried.
    pub fn proven(self, tiers: Tiers) -> Self {
        match tiers {
            Tiers::Empty => self,
            Tiers::Waiting => Self { overdue_before: None, gaps: vec![], ..self },
        }
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
            let known = before.get(&lane.lane);
            // One that began meanwhile may stand where another consumer stood, whose deliveries went back.
            if known
                .is_none_or(|before| before.beats < CONSUMING_BEATS && before.beats < lane.beats)
            {
                return Showing::Unclear("consumers came or went");
            }
            let moved = known.is_some_and(|before| before.beats < lane.beats);
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
                Showing::Unclear("consumers came or went"),
            ),
        ];
        for (what, last, showing) in table {
            assert_eq!(first.until(&passed, &last), showing, "{what}");
        }
    }

    #[test]
    fn a_lane_in_place_of_a_half_open_connection_hides_nothing() {
        // At first the broker counts the one lane, and a connection that nobody is at the other end of any
        // more; the other lane has told of itself, and does not consume yet.
        let first = seen(&[2], &[(1, 0, 5, 3), (2, 0, 1, 0)]);
        let passed = first.lanes.clone();
        // At last the connection is gone, and what it held is on its way to a lane that was idle until now.
        let last = seen(&[2], &[(1, 0, 9, 7), (2, 0, 4, 3)]);
        assert_eq!(first.until(&passed, &last), Showing::Unclear("consumers came or went"));
    }

    #[test]
    fn what_waits_aside_is_not_missing() {
        let first = seen(&[1], &[(1, 0, 2, 1)]);
        let passed = first.lanes.clone();
        let mut last = seen(&[1], &[(1, 0, 5, 4)]);
        last.depths.retrying = 1;
        assert_eq!(first.until(&passed, &last), Showing::Clear { tiers: Tiers::Waiting });
        last.depths.dead = 1;
        assert!(matches!(first.until(&passed, &last), Showing::Unclear(_)));
    }

    #[test]
    fn a_gap_is_not_missing_while_its_statement_may_wait_in_a_tier() {
        let window = Window { epoch: Uuid::nil(), from: 0, to: 2 };
        let overdue_before = Some(OffsetDateTime::UNIX_EPOCH);
        let suspects = Suspects { windows: vec![window], gaps: vec![window], overdue_before };
        assert_eq!(suspects.clone().proven(Tiers::Empty), suspects);
        let windows = Suspects { windows: vec![window], ..Suspects::default() };
        assert_eq!(suspects.proven(Tiers::Waiting), windows);
    }

    #[test]
    fn a_shard_that_nobody_reads_holds_nothing_behind_a_fence() {
        let first = seen(&[0], &[(1, 0, 1, 1)]);
        let last = seen(&[0], &[(1, 0, 1, 1)]);
        assert_eq!(first.until(&[], &last), Showing::Clear { tiers: Tiers::Empty });
    }
}
