//! Staying with a job until it ends. Whoever leaves loses nothing: the workers run it.

use std::time::Duration;

use uuid::Uuid;
use worker::ledger::Session;
use worker::ledger::replays::{JobRecord, JobState};

use super::{not_found, shown};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Output, progress, say};

const LOOK_AGAIN: Duration = Duration::from_millis(300);

pub(super) async fn watch<S: Session>(
    session: &mut S,
    id: Uuid,
    output: Output,
) -> Result<Exit, Failure> {
    loop {
        let job = session.job(id).await?.ok_or_else(|| not_found(id))?;
        progress(&shown::progress(&job));
        if let Some(exit) = ended(&job) {
            progress("");
            say(&shown::progress(&job));
            output.one(&job, |job| format!("replay {} is {}\n", job.id, job.state.as_str()))?;
            return Ok(exit);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// What its end says; nothing while it goes on.
fn ended(job: &JobRecord) -> Option<Exit> {
    match job.state {
        JobState::Planned | JobState::Running => None,
        JobState::Completed if job.counts.dead_again + job.counts.skipped == 0 => Some(Exit::Done),
        JobState::Completed | JobState::Halted | JobState::Cancelled => Some(Exit::PartlyDone),
        JobState::Paused => Some(Exit::StillRunning),
    }
}
