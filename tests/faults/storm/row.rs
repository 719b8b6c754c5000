//! What a step of a schedule came to, as a row of the table in `docs/reliability.md`.

use std::fmt;
use std::time::Duration;

use super::verdict::Tally;

/// How soon everything must go on by itself once what was away is back.
pub(crate) const RESUMES_WITHIN: Duration = Duration::from_secs(10);

/// One step, from its first fault until everything came to rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) faults: String,
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) tally: Tally,
    /// From the end of the last fault.
    pub(crate) recovery: Duration,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { faults, accepted, refused, tally: Tally { lost, doubled }, recovery } = self;
        let recovery_s = recovery.as_secs_f64();
        write!(f, "| {faults} | {accepted} | {lost} | {doubled} | {recovery_s:.1} |")?;
        write!(f, " refused {refused}")
    }
}

/// Many schedules in one row.
pub(crate) fn sum(schedules: usize, rows: &[Row]) -> String {
    let total = |of: fn(&Row) -> u64| rows.iter().map(of).sum::<u64>();
    let mut recoveries: Vec<Duration> = rows.iter().map(|row| row.recovery).collect();
    recoveries.sort();
    let middle_s = recoveries.get(rows.len() / 2).map_or(0.0, Duration::as_secs_f64);
    let longest_s = recoveries.last().map_or(0.0, Duration::as_secs_f64);
    format!(
        "| {schedules} random schedules, {} steps | {} | {} | {} | {middle_s:.1} in the middle, {longest_s:.1} at most |",
        rows.len(),
        total(|row| row.accepted),
        total(|row| row.tally.lost),
        total(|row| row.tally.doubled),
    )
}

/// Of faults that came alone: those after which it took longer than it may.
pub(crate) fn late(rows: &[Row]) -> Vec<String> {
    rows.iter().filter(|row| row.recovery > RESUMES_WITHIN).map(Row::to_string).collect()
}

#[test]
fn rows_add_up_and_late_ones_are_named() {
    let row = |faults: &str, accepted, recovery_s| Row {
        faults: faults.to_owned(),
        accepted,
        refused: 3,
        tally: Tally { lost: 0, doubled: 1 },
        recovery: Duration::from_secs(recovery_s),
    };
    let rows = [row("a", 5, 11), row("b", 7, 2), row("c", 1, 10)];
    assert_eq!(rows[1].to_string(), "| b | 7 | 0 | 1 | 2.0 | refused 3");
    let all = "| 2 random schedules, 3 steps | 13 | 0 | 3 | 10.0 in the middle, 11.0 at most |";
    assert_eq!(sum(2, &rows), all);
    assert_eq!(late(&rows), [rows[0].to_string()]);
}
