//! What a job does next. Pure.

use uuid::Uuid;

/// Items that may be on their way at once; a look counts no further.
pub const IN_FLIGHT_MAX: i64 = 1_000;
/// Outcomes that are judged together: as many as may go out between two looks, so that no burst passes unseen.
/// Of fewer, a share that is well below the limit would be over it by chance every now and then.
pub const WINDOW: i64 = 200;
/// Fewer say nothing yet.
const TELLING: i64 = 20;

/// What the next step of a running job needs: as little for a hundred thousand items as for ten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    pub job: Uuid,
    /// Letters a second.
    pub rate: i32,
    pub canary: i32,
    /// Nothing: it never halts by itself.
    pub stop_percent: Option<i32>,
    /// Items that are to be published, or were about to be; of many not all are counted.
    pub left: i64,
    /// Published, without an outcome yet; of many not all are counted.
    pub in_flight: i64,
    /// Of those that were decided first, as many as the canary has; after a halt and a resume it begins anew.
    pub first: Tally,
    /// Of the [`WINDOW`] that were decided last.
    pub last: Tally,
    /// Has one died again of a cause that none of the letters had, since it was resumed?
    pub is_new_cause: bool,
}

/// Outcomes, and how many of them are failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub decided: i64,
    pub failed: i64,
}

/// The next step of a running job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Publish at most so many.
    Publish(i64),
    Wait,
    Halt(String),
    Complete,
}

/// What a running job does when its pace allows so many now. What stands as about to be published, somebody
/// was about to publish and told no more: it is published once more.
pub fn step(look: &Look, allowance: i64) -> Step {
    if let Some(why) = halt(look) {
        return Step::Halt(why);
    }
    if look.left == 0 && look.in_flight == 0 {
        return Step::Complete;
    }
    let canary = i64::from(look.canary);
    let free = IN_FLIGHT_MAX - look.in_flight;
    let room = match look.first.decided < canary {
        // The rest waits for every outcome of the canary.
        true => free.min(canary - look.in_flight - look.first.decided),
        false => free,
    };
    match room.min(allowance).min(look.left) {
        some if some > 0 => Step::Publish(some),
        _ => Step::Wait,
    }
}

/// The canary is judged by itself, and so is whatever came last: thousands that went well before say nothing
/// about what fails now.
fn halt(look: &Look) -> Option<String> {
    let percent = i64::from(look.stop_percent?);
    if look.is_new_cause {
        return Some("a letter died of a cause that none had".to_owned());
    }
    let canary = match i64::from(look.canary) {
        // No more outcomes will come.
        0 if look.left + look.in_flight == 0 => 1,
        0 => TELLING,
        canary => canary.min(TELLING),
    };
    let last = if look.canary == 0 { canary } else { TELLING };
    let is_over = |(_, tally, telling): &(&str, Tally, i64)| {
        tally.decided >= *telling && tally.failed * 100 > percent * tally.decided
    };
    let judged = [("first", look.first, canary), ("last", look.last, last)];
    let (which, Tally { decided, failed }, _) = judged.into_iter().find(is_over)?;
    Some(format!("{failed} of the {which} {decided} died again or were lost"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};

    use super::super::{JobState, Steer};
    use super::*;

    /// A job whose items were decided in this order, each well or not.
    fn job(canary: i32, stop_percent: Option<i32>, decided: &[bool]) -> Look {
        let tally = |some: &[bool]| Tally {
            decided: i64::try_from(some.len()).unwrap(),
            failed: i64::try_from(some.iter().filter(|is_well| !**is_well).count()).unwrap(),
        };
        let first = decided.len().min(usize::try_from(canary).unwrap());
        let last = decided.len().saturating_sub(usize::try_from(WINDOW).unwrap());
        Look {
            rate: 10,
            canary,
            stop_percent,
            first: tally(&decided[..first]),
            last: tally(&decided[last..]),
            ..Look::default()
        }
    }

    fn outcomes(parts: &[(usize, bool)]) -> Vec<bool> {
        parts.iter().flat_map(|(times, is_well)| vec![*is_well; *times]).collect()
    }

    #[test]
    fn the_canary_goes_first_and_the_rest_waits_for_it() {
        let step = |left, in_flight, well: usize, failed: usize| {
            let decided = outcomes(&[(failed, false), (well, true)]);
            step(&Look { left, in_flight, ..job(5, Some(20), &decided) }, 100)
        };
        let halt = Step::Halt("2 of the first 5 died again or were lost".to_owned());
        for (left, in_flight, well, failed, expected) in [
            (50, 0, 0, 0, Step::Publish(5)),
            (47, 3, 0, 0, Step::Publish(2)),
            (45, 5, 0, 0, Step::Wait),
            (45, 1, 4, 0, Step::Wait),
            // One in five is not more than 20 %.
            (45, 0, 4, 1, Step::Publish(45)),
            (45, 0, 3, 2, halt),
            (0, 2, 3, 0, Step::Wait),
            (0, 0, 5, 0, Step::Complete),
        ] {
            let found = step(left, in_flight, well, failed);
            assert_eq!(found, expected, "{left} {in_flight} {well} {failed}");
        }
    }

    #[test]
    fn the_pace_and_the_room_are_kept() {
        for (canary, in_flight, allowance, expected) in [
            (0, 0, 3, Step::Publish(3)),
            (0, 0, 0, Step::Wait),
            (0, 990, 100, Step::Publish(10)),
            (0, 1_000, 100, Step::Wait),
            (5_000, 990, 100, Step::Publish(10)),
            (5_000, 1_000, 100, Step::Wait),
        ] {
            let look = Look { left: 50, in_flight, ..job(canary, Some(20), &[]) };
            assert_eq!(step(&look, allowance), expected, "{canary} {in_flight} {allowance}");
        }
    }

    #[test]
    fn the_last_ones_are_judged_and_so_is_the_canary() {
        let (well, failed) = (true, false);
        // From twenty on, and of the last two hundred: a share of more than 20 %.
        for (canary, decided, halted) in [
            (0, vec![(10, well), (10, failed)], Some("10 of the last 20")),
            (0, vec![(19, failed)], None),
            (0, vec![(5_000, well), (40, failed)], None),
            (0, vec![(5_000, well), (41, failed)], Some("41 of the last 200")),
            (0, vec![(5_000, well), (41, failed), (159, well)], Some("41 of the last 200")),
            // Well again for as long as one looks back: it goes on.
            (0, vec![(5_000, well), (41, failed), (160, well)], None),
            (5, vec![(5, well), (14, failed)], None),
            (5, vec![(5, well), (15, failed)], Some("15 of the last 20")),
            (5, vec![(1, failed), (4, well)], None),
            (5, vec![(2, failed), (3, well)], Some("2 of the first 5")),
            (5, vec![(5, well), (5_000, well), (41, failed)], Some("41 of the last 200")),
            // A canary of many counts as a whole, also behind many that went well.
            (100, vec![(30, failed), (70, well), (200, well)], Some("30 of the first 100")),
            (100, vec![(20, failed), (80, well)], None),
            (100, vec![(15, well), (5, failed)], Some("5 of the first 20")),
            (100, vec![(4, failed)], None),
        ] {
            let look = |percent| Look { left: 9, ..job(canary, percent, &outcomes(&decided)) };
            let expected = halted.map(|share| format!("{share} died again or were lost"));
            assert_eq!(halt(&look(Some(20))), expected, "{canary} {decided:?}");
            assert_eq!(halt(&look(None)), None, "nobody asked for it");
        }
    }

    /// What fails now and then does not halt a long job by chance.
    #[test]
    fn a_share_well_below_the_limit_halts_no_job_of_thousands() {
        let mut chance = StdRng::seed_from_u64(7);
        let mut decided = vec![];
        for place in 0..8_000 {
            decided.push(!chance.gen_bool(0.05));
            let look = Look { left: 9, ..job(5, Some(20), &decided) };
            assert_eq!(halt(&look), None, "after {place}");
        }
    }

    #[test]
    fn a_short_job_without_a_canary_is_judged_at_its_end() {
        let look = |left, in_flight| Look { left, in_flight, ..job(0, Some(20), &[false; 3]) };
        assert_eq!(step(&look(1, 0), 1), Step::Publish(1));
        assert_eq!(step(&look(0, 1), 1), Step::Wait);
        let all = "3 of the last 3 died again or were lost";
        assert_eq!(step(&look(0, 0), 1), Step::Halt(all.to_owned()));
    }

    #[test]
    fn a_new_cause_halts_at_once_unless_told_otherwise() {
        let strange = |percent| Look { left: 9, is_new_cause: true, ..job(0, percent, &[true; 9]) };
        assert!(matches!(step(&strange(Some(99)), 1), Step::Halt(why) if why.contains("cause")));
        assert_eq!(step(&strange(None), 1), Step::Publish(1));
    }

    #[test]
    fn the_whole_steering() {
        use JobState::{Cancelled, Completed, Halted, Paused, Planned, Running};
        for (state, pause, resume, cancel, rate) in [
            (Planned, None, None, Some(Cancelled), None),
            (Running, Some(Paused), None, Some(Cancelled), Some(Running)),
            (Paused, None, Some(Running), Some(Cancelled), Some(Paused)),
            (Halted, None, Some(Running), Some(Cancelled), Some(Halted)),
            (Cancelled, None, None, None, None),
            (Completed, None, None, None, None),
        ] {
            assert_eq!(JobState::from_word(state.as_str()), Some(state));
            assert_eq!(state.after(Steer::Pause), pause, "{state:?}");
            assert_eq!(state.after(Steer::Resume), resume, "{state:?}");
            assert_eq!(state.after(Steer::Cancel), cancel, "{state:?}");
            assert_eq!(state.after(Steer::Rate(7)), rate, "{state:?}");
        }
    }

    proptest! {
        #[test]
        fn a_job_never_publishes_more_than_it_may(
            left in 0..2_000_i64, in_flight in 0..1_500_i64, decided in 0..50_usize,
            canary in 0..2_000_i32, allowance in 0..500_i64,
        ) {
            let look = Look { left, in_flight, ..job(canary, None, &vec![true; decided]) };
            if let Step::Publish(some) = step(&look, allowance) {
                prop_assert!(some > 0 && some <= allowance && some <= left);
                prop_assert!(some + in_flight <= IN_FLIGHT_MAX);
            }
        }

        #[test]
        fn a_failure_is_noticed_within_the_window_whenever_it_begins(
            before in 0..5_000_usize, canary in 0..200_i32, percent in 0..100_i32,
        ) {
            let decided = outcomes(&[(before, true), (200, false)]);
            let look = Look { left: 9, ..job(canary, Some(percent), &decided) };
            prop_assert!(halt(&look).is_some());
        }
    }
}
