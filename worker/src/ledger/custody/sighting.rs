//! What the consumers of a queue show: that nothing confirmed before a marker is in it or in their hands.

use std::collections::BTreeMap;

use shared::broker::Depths;
use uuid::Uuid;

use super::{LaneCount, MORGUE};

/// How often a lane must have been idle behind the fence. The first time may have begun before it.
const IDLE_BEATS: i64 = 2;
/// A lane's first beat comes before it consumes, the next ones while it does.
const CONSUMING_BEATS: i64 = 2;

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

impl Sighting {
    /// What became clear between this sighting, taken before the markers were published, and `last`.
    /// `passed` are the lanes' counts once the last marker had passed.
    pub fn until(&self, passed: &[LaneCount], last: &Self) -> Showing {
        let consumers = (&self.depths.consumers[..], &last.depths.consumers[..]);
        self.showing(passed, last, consumers, usize::from)
    }

    /// The same for the dead letters' queue and those who keep them, behind a marker of its own.
    pub fn morgues_until(&self, passed: &[LaneCount], last: &Self) -> Showing {
        if last.depths.morgues == 0 {
            return Showing::Unclear("nobody reads the dead letters");
        }
        let consumers = (&[self.depths.morgues][..], &[last.depths.morgues][..]);
        self.showing(passed, last, consumers, |shard| usize::from(MORGUE - shard))
    }

    /// `queue` is the place of a lane's queue among those whose consumers the broker counted.
    fn showing(
        &self,
        passed: &[LaneCount],
        last: &Self,
        consumers: (&[u32], &[u32]),
        queue: impl Fn(u16) -> usize,
    ) -> Showing {
        if self.depths.dead > 0 || last.depths.dead > 0 {
            return Showing::Unclear("dead letters wait in the broker");
        }
        if consumers.0 != consumers.1 {
            return Showing::Unclear("consumers came or went");
        }
        let (before, passed) = (by_lane(&self.lanes), by_lane(passed));
        let mut alive = vec![0_u32; consumers.1.len()];
        let mut is_busy = false;
        for lane in &last.lanes {
            let Some(count) = alive.get_mut(queue(lane.shard)) else { continue };
            let beats = before.get(&lane.lane).map_or(0, |before| before.beats);
            if beats == lane.beats {
                continue;
            }
            // One that began meanwhile may stand where another consumer stood, whose deliveries went back.
            if beats < CONSUMING_BEATS {
                return Showing::Unclear("consumers came or went");
            }
            *count += 1;
            let idle_since = passed.get(&lane.lane).map_or(i64::MAX, |passed| passed.idles);
            is_busy |= lane.idles < idle_since.saturating_add(IDLE_BEATS);
        }
        if alive != consumers.1 {
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
        let depths = Depths { consumers: consumers.to_vec(), ..Depths::default() };
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
    fn a_shard_that_nobody_reads_holds_nothing_behind_a_fence() {
        let first = seen(&[0], &[(1, 0, 1, 1)]);
        let last = seen(&[0], &[(1, 0, 1, 1)]);
        assert_eq!(first.until(&[], &last), Showing::Clear { tiers: Tiers::Empty });
    }

    #[test]
    fn a_dead_letter_is_missing_only_behind_a_marker_that_every_morgue_was_idle_behind() {
        let table = [
            ("both were idle", 2, [(1, 9, 6), (2, 13, 13)], Showing::Clear { tiers: Tiers::Empty }),
            ("one has letters in hand", 2, [(1, 9, 5), (2, 13, 13)], Showing::Busy),
            (
                "one is of a version that tells nothing of itself, or was stopped",
                2,
                [(1, 5, 3), (2, 13, 13)],
                Showing::Unclear("the broker has consumers that tell nothing of themselves"),
            ),
            (
                "the morgue is away",
                0,
                [(1, 5, 3), (2, 11, 11)],
                Showing::Unclear("nobody reads the dead letters"),
            ),
        ];
        let see = |morgues, lanes: [(u128, i64, i64); 2]| {
            let lanes = lanes.map(|(lane, beats, idles)| (lane, MORGUE, beats, idles));
            let mut seen = seen(&[1], &[&lanes[..], &[(3, 0, 1, 1)]].concat());
            seen.depths.morgues = morgues;
            seen
        };
        for (what, morgues, last, showing) in table {
            let first = see(morgues, [(1, 5, 3), (2, 9, 9)]);
            let passed = see(morgues, [(1, 7, 4), (2, 11, 11)]).lanes;
            assert_eq!(first.morgues_until(&passed, &see(morgues, last)), showing, "{what}");
        }
    }
}
