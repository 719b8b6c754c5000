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
    let mut said = None;
    loop {
        let job = session.job(id).await?.ok_or_else(|| not_found(id))?;
        if job.state == JobState::Planned {
            let message = format!("replay {id} is not started; `quittance replay start` does it");
            return Err(Failure::new(Exit::Conflict, message));
        }
        let line = shown::progress(&job);
        let exit = ended(&job);
        // Where no line replaces another, one for each state is enough.
        let is_seen = progress(&line);
        if exit.is_some() || !is_seen && said != Some(job.state) {
            progress("");
            say(&line);
            said = Some(job.state);
        }
        if let Some(exit) = exit {
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
        JobState::Completed if job.counts.failed() + job.counts.skipped == 0 => Some(Exit::Done),
        JobState::Completed | JobState::Halted | JobState::Cancelled => Some(Exit::PartlyDone),
        JobState::Paused => Some(Exit::StillRunning),
    }
}
