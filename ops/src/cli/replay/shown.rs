//! Plans and jobs for people.

use serde::Serialize;
use worker::ledger::replays::{Counts, ItemRecord, JobRecord, JobState};

use super::planned::ShownPlan;
use crate::cli::table::{Table, instant, printable};

/// One job and its items.
#[derive(Debug, Serialize)]
pub(super) struct ShownJob {
    #[serde(flatten)]
    pub(super) record: JobRecord,
    pub(super) items: Vec<ItemRecord>,
}

/// What would become of a plan's letters, in one line.
pub(super) fn forecast(plan: &ShownPlan) -> String {
    let words = [
        ("settled", "settle"),
        ("no_op", "no-ops"),
        ("duplicate", "duplicates"),
        ("case", "become cases"),
        ("waiting", "wait for their orders"),
        ("dead_again", "fail again"),
        ("skipped", "cannot be sent"),
    ];
    let parts = words.into_iter().filter_map(|(key, words)| {
        let count = plan.forecast.get(key).copied().filter(|count| *count > 0)?;
        Some(format!("{count} {words}"))
    });
    let parts: Vec<String> = parts.collect();
    format!("{} letters: {}", plan.count, parts.join(", "))
}

pub(super) fn plan(plan: &ShownPlan) -> String {
    format!(
        "{}\nto start it, until {}:\n  quittance replay start --plan {} --reason …\n",
        forecast(plan),
        instant(plan.valid_until),
        plan.plan
    )
}

pub(super) fn jobs(jobs: &[JobRecord]) -> String {
    let mut table = Table::new(&["JOB", "STATE", "LETTERS", "DONE", "DIED AGAIN", "BY", "REASON"]);
    for job in jobs {
        let counts = &job.counts;
        table.row([
            job.id.to_string(),
            job.state.as_str().to_owned(),
            counts.letters.to_string(),
            (counts.decided() + counts.skipped).to_string(),
            counts.dead_again.to_string(),
            job.started_by.clone().unwrap_or_else(|| job.planned_by.clone()),
            job.reason.clone().unwrap_or_default(),
        ]);
    }
    table.to_string()
}

/// How far a job is, in one line.
pub(super) fn progress(job: &JobRecord) -> String {
    let Counts { letters, pending, publishing, in_flight, skipped, dead_again, lost, .. } =
        job.counts;
    let decided = job.counts.decided();
    let lost = if lost > 0 { format!(" {lost} lost,") } else { String::new() };
    format!(
        "{}: {} of {letters} decided, {} ok, {dead_again} dead again,{lost} {skipped} skipped, {} in flight, {pending} left",
        job.state.as_str(),
        decided + skipped,
        decided - job.counts.failed(),
        publishing + in_flight,
    )
}

pub(super) fn details(shown: &ShownJob) -> String {
    let job = &shown.record;
    let counts = &job.counts;
    let outcomes = [
        ("settled", counts.settled),
        ("no_op", counts.no_op),
        ("duplicate", counts.duplicate),
        ("case", counts.case),
        ("waiting", counts.waiting),
        ("dead again", counts.dead_again),
        ("lost", counts.lost),
        ("skipped", counts.skipped),
    ];
    let outcomes = outcomes.map(|(word, count)| format!("{word} {count}")).join(", ");
    // It may have been resumed since.
    let halt = if job.state == JobState::Halted { "halted" } else { "last halt" };
    let lines = [
        ("job", job.id.to_string()),
        ("state", progress(job)),
        (halt, job.halted.clone().unwrap_or_default()),
        ("selection", job.selection.clone()),
        ("reason", job.reason.clone().unwrap_or_default()),
        ("started", job.started_at.map(instant).unwrap_or_default()),
        ("ended", job.ended_at.map(instant).unwrap_or_default()),
        ("outcomes", outcomes),
        ("publishes", counts.publishes.to_string()),
    ];
    let lines = lines.into_iter().filter(|(_, value)| !value.is_empty());
    let head: String =
        lines.map(|(name, value)| format!("{name:<12} {}\n", printable(&value))).collect();
    let mut table = Table::new(&["LETTER", "ORDER", "FORECAST", "STATE", "TRIED", "OUTCOME"]);
    for item in &shown.items {
        table.row([
            item.letter_id.to_string(),
            item.order_number.clone().unwrap_or_default(),
            item.forecast.clone(),
            item.state.clone(),
            item.publishes.to_string(),
            item.outcome.clone().unwrap_or_default(),
        ]);
    }
    format!("{head}\n{table}")
}
