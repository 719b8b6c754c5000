//! What a job does next. Pure.

use super::JobRecord;

/// Items that may be on their way at once.
const IN_FLIGHT_MAX: i64 = 1_000;
/// Outcomes from which on a share of failures says something, where there is no canary.
const TELLING: i64 = 20;

/// The next step of a running job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Publish at most so many.
    Publish(i64),
    Wait,
    Halt(String),
    Complete,
}

/// What a running job does when its pace allows so many now. What stands as about to be published, another
/// was about to publish: it is published once more.
pub fn step(job: &JobRecord, allowance: i64) -> Step {
    let counts = &job.counts;
    if let Some(why) = halt(job) {
        return Step::Halt(why);
    }
    let left = counts.pending + counts.publishing;
    if left == 0 && counts.in_flight == 0 {
        return Step::Complete;
    }
    let canary = i64::from(job.canary);
    let sent = counts.in_flight + counts.decided();
    let room = match sent < canary {
        true => canary - sent,
        // The rest waits for every outcome of the canary.
        false if counts.decided() < canary => 0,
        false => IN_FLIGHT_MAX - counts.in_flight,
    };
    match room.min(allowance).min(left) {
        some if some > 0 => Step::Publish(some),
        _ => Step::Wait,
    }
}

fn halt(job: &JobRecord) -> Option<String> {
    let percent = i64::from(job.stop_percent?);
    if job.new_causes > 0 {
        return Some("a letter died of a cause that none had".to_owned());
    }
    let (failed, decided) = (job.counts.failed(), job.counts.decided());
    let telling = match i64::from(job.canary) {
        0 => TELLING.min(job.counts.letters - job.counts.skipped),
        canary => canary.min(TELLING),
    };
    let is_over = decided >= telling && failed * 100 > percent * decided;
    is_over.then(|| format!("{failed} of {decided} died again or were lost"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::OffsetDateTime;
    use uuid::Uuid;

    use super::super::{Counts, JobState, Steer};
    use super::*;

    fn job(canary: i32, stop_percent: Option<i32>, counts: Counts) -> JobRecord {
        JobRecord {
            id: Uuid::nil(),
            state: JobState::Running,
            selection: String::new(),
            planned_at: OffsetDateTime::UNIX_EPOCH,
            planned_by: String::new(),
            started_at: None,
            started_by: None,
            reason: None,
            rate: 10,
            canary,
            stop_percent,
            ended_at: None,
            halted: None,
            counts,
            new_causes: 0,
        }
    }

    fn counts(pending: i64, in_flight: i64, settled: i64, dead_again: i64) -> Counts {
        let letters = pending + in_flight + settled + dead_again;
        Counts { letters, pending, in_flight, settled, dead_again, ..Counts::default() }
    }

    #[test]
    fn the_canary_goes_first_and_the_rest_waits_for_it() {
        let canary = |counts| step(&job(5, Some(20), counts), 100);
        assert_eq!(canary(counts(50, 0, 0, 0)), Step::Publish(5));
        assert_eq!(canary(counts(47, 3, 0, 0)), Step::Publish(2));
        assert_eq!(canary(counts(45, 5, 0, 0)), Step::Wait);
        assert_eq!(canary(counts(45, 1, 4, 0)), Step::Wait);
        assert_eq!(
            canary(counts(45, 0, 4, 1)),
            Step::Publish(45),
            "one in five is not more than 20 %"
        );
        assert_eq!(
            canary(counts(45, 0, 3, 2)),
            Step::Halt("2 of 5 died again or were lost".into())
        );
        assert_eq!(canary(counts(0, 2, 3, 0)), Step::Wait);
        assert_eq!(canary(counts(0, 0, 5, 0)), Step::Complete);
    }

    #[test]
    fn the_pace_and_the_room_are_kept() {
        let with = |allowance, counts| step(&job(0, Some(20), counts), allowance);
        assert_eq!(with(3, counts(50, 0, 0, 0)), Step::Publish(3));
        assert_eq!(with(0, counts(50, 0, 0, 0)), Step::Wait);
        assert_eq!(with(100, counts(50, 990, 0, 0)), Step::Publish(10));
        assert_eq!(with(100, counts(50, 1_000, 0, 0)), Step::Wait);
    }

    #[test]
    fn a_share_of_failures_or_a_new_cause_halts_it_unless_told_otherwise() {
        let failing = counts(50, 0, 10, 10);
        let halt = |words: &str| Step::Halt(words.into());
        let both = "10 of 20 died again or were lost";
        assert_eq!(step(&job(0, Some(20), failing), 1), halt(both));
        let lost = Counts { dead_again: 4, lost: 6, ..failing };
        assert_eq!(step(&job(0, Some(20), lost), 1), halt(both), "what vanishes fails as well");
        assert_eq!(step(&job(0, None, failing), 1), Step::Publish(1));
        assert_eq!(
            step(&job(0, Some(20), counts(50, 0, 0, 19)), 1),
            Step::Publish(1),
            "too few to tell"
        );
        assert_eq!(
            step(&job(0, Some(20), counts(0, 0, 0, 3)), 1),
            halt("3 of 3 died again or were lost")
        );
        let strange = JobRecord { new_causes: 1, ..job(0, Some(20), counts(9, 0, 9, 1)) };
        assert!(matches!(step(&strange, 1), Step::Halt(_)));
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
            pending in 0..2_000_i64, in_flight in 0..1_500_i64, settled in 0..50_i64,
            dead in 0..50_i64, canary in 0..20_i32, allowance in 0..500_i64,
        ) {
            let job = job(canary, None, counts(pending, in_flight, settled, dead));
            if let Step::Publish(some) = step(&job, allowance) {
                prop_assert!(some > 0 && some <= allowance && some <= pending);
                prop_assert!(some + in_flight <= IN_FLIGHT_MAX.max(i64::from(canary)));
            }
        }
    }
}
