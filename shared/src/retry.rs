//! The retry schedule, pure; and the one place where `backoff` is used, for reconnecting.
//!
//! `backoff` is unmaintained (RUSTSEC-2025-0012). It is named in the project's brief, so it stays,
//! behind this module; nothing else may import it.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;
use rand::Rng;

/// Tiers that a schedule may have.
pub const TIERS_MAX: usize = 16;
/// The longest tier.
pub const TIER_MAX: Duration = Duration::from_secs(24 * 60 * 60);
const RECONNECT_INITIAL: Duration = Duration::from_millis(100);
/// One reconnection may wait for another, and all are done within 10 s of a server's return.
const RECONNECT_MAX: Duration = Duration::from_secs(2);

/// The delays after the first, second, … failure; each is a tier queue of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    delays: Vec<Duration>,
}

/// Why delays are no schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    #[error("a schedule has from 1 to {TIERS_MAX} delays")]
    Count,
    #[error(
        "a delay lies between 1 s and 24 h in whole seconds, and none is shorter than the one before"
    )]
    Delay,
}

/// Delays between tries to reach a broker or a database. Never gives up.
pub struct Reconnect {
    policy: ExponentialBackoff,
}

impl Schedule {
    pub fn new(delays: Vec<Duration>) -> Result<Self, ScheduleError> {
        if delays.is_empty() || delays.len() > TIERS_MAX {
            return Err(ScheduleError::Count);
        }
        let whole = |delay: &Duration| delay.subsec_nanos() == 0 && !delay.is_zero();
        if !delays.iter().all(whole) || !delays.is_sorted() || delays.iter().any(|d| *d > TIER_MAX)
        {
            return Err(ScheduleError::Delay);
        }
        Ok(Self { delays })
    }

    /// Each tier once, shortest first.
    pub fn tiers(&self) -> Vec<Duration> {
        let mut tiers = self.delays.clone();
        tiers.dedup();
        tiers
    }

    /// How long to wait after this many earlier attempts; nothing: patience has ended. With `rng`
    /// it sometimes takes the next shorter tier, so that what failed together does not come back
    /// together.
    pub fn delay_after(&self, attempt: u32, rng: &mut impl Rng) -> Option<Duration> {
        let index = attempt as usize;
        let due = *self.delays.get(index)?;
        let early = index.checked_sub(1).and_then(|before| self.delays.get(before));
        match early {
            Some(shorter) if rng.gen_ratio(1, 4) => Some(*shorter),
            Some(_) | None => Some(due),
        }
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self { delays: [1, 5, 30, 120, 600, 3600].map(Duration::from_secs).to_vec() }
    }
}

impl Default for Reconnect {
    fn default() -> Self {
        let policy = ExponentialBackoff {
            initial_interval: RECONNECT_INITIAL,
            current_interval: RECONNECT_INITIAL,
            max_interval: RECONNECT_MAX,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        Self { policy }
    }
}

impl Reconnect {
    /// The next delay, longer on average than the one before, with jitter.
    pub fn next_delay(&mut self) -> Duration {
        self.policy.next_backoff().unwrap_or(RECONNECT_MAX)
    }

    /// It was reached: begin again with short delays.
    pub fn reached(&mut self) {
        self.policy.reset();
    }
}

/// A tier's name: `1s`, `2m`, `1h`.
pub fn tier_name(delay: Duration) -> String {
    match delay.as_secs() {
        seconds if seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        seconds if seconds % 60 == 0 => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::mock::StepRng;

    #[test]
    fn patience_ends() {
        let schedule = Schedule::default();
        let mut never_early = StepRng::new(u64::MAX, 0);
        let delays: Vec<_> =
            (0..7).map(|attempt| schedule.delay_after(attempt, &mut never_early)).collect();
        let seconds: Vec<_> = delays.iter().map(|delay| delay.map(|d| d.as_secs())).collect();
        assert_eq!(seconds, [Some(1), Some(5), Some(30), Some(120), Some(600), Some(3600), None]);
    }

    #[test]
    fn jitter_only_takes_the_tier_before() {
        let schedule = Schedule::default();
        let mut always_early = StepRng::new(0, 0);
        assert_eq!(schedule.delay_after(0, &mut always_early), Some(Duration::from_secs(1)));
        assert_eq!(schedule.delay_after(3, &mut always_early), Some(Duration::from_secs(30)));
        assert_eq!(schedule.delay_after(6, &mut always_early), None);
    }

    #[test]
    fn reconnecting_never_gives_up_and_never_waits_long() {
        let mut reconnect = Reconnect::default();
        for _ in 0..1_000 {
            assert!(reconnect.next_delay() <= RECONNECT_MAX * 2);
        }
    }

    #[test]
    fn tiers_are_named_in_their_largest_unit() {
        let names: Vec<_> = Schedule::default().tiers().into_iter().map(tier_name).collect();
        assert_eq!(names, ["1s", "5s", "30s", "2m", "10m", "1h"]);
    }
}
