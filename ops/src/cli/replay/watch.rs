//! Staying with a job until it ends. Whoever leaves loses nothing: the workers run it.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use uuid::Uuid;
use worker::ledger::Session;
use worker::ledger::replays::{JobRecord, JobState};

use super::{not_found, shown};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Output, progress, say};

pub(super) const WAIT_EXAMPLES: &str = "Examples:
  quittance replay wait JOB                      up to ten minutes
  quittance replay wait JOB --timeout 1h && echo all settled

Exit codes: 0 all is done; 7 it halted or was cancelled, or some died again, were lost or skipped; 8 the time
is over, and it goes on; 6 it is not started.";

const LOOK_AGAIN: Duration = Duration::from_millis(300);
/// A look counts a job's items: of a job of very many it takes this share of the time at most.
const SHARE: u32 = 20;

/// Shows how far it is, until it ends or is paused: a person is to see that nothing happens any more.
pub(super) async fn watch<S: Session>(
    session: &mut S,
    id: Uuid,
    output: Output,
) -> Result<Exit, Failure> {
    let mut said = None;
    loop {
        let (job, next) = started(session, id).await?;
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
            return tell(&job, exit, output);
        }
        sleep(next).await;
    }
}

/// Shows nothing before it ends, or before the time is over. One that is paused may be resumed meanwhile.
pub(super) async fn wait<S: Session>(
    session: &mut S,
    id: Uuid,
    timeout: Duration,
    output: Output,
) -> Result<Exit, Failure> {
    let begun = Instant::now();
    loop {
        let (job, next) = started(session, id).await?;
        let left = timeout.saturating_sub(begun.elapsed());
        let exit = ended(&job).unwrap_or(Exit::StillRunning);
        if exit != Exit::StillRunning || left.is_zero() {
            say(&shown::progress(&job));
            return tell(&job, exit, output);
        }
        sleep(next.min(left)).await;
    }
}

/// The job, and how long until it is looked at again.
async fn started<S: Session>(session: &mut S, id: Uuid) -> Result<(JobRecord, Duration), Failure> {
    let begun = Instant::now();
    let job = session.job(id).await?.ok_or_else(|| not_found(id))?;
    if job.state == JobState::Planned {
        let message = format!("replay {id} is not started; `quittance replay start` does it");
        return Err(Failure::new(Exit::Conflict, message));
    }
    Ok((job, LOOK_AGAIN.max(begun.elapsed() * SHARE)))
}

fn tell(job: &JobRecord, exit: Exit, output: Output) -> Result<Exit, Failure> {
    output.one(job, |job| format!("replay {} is {}\n", job.id, job.state.as_str()))?;
    Ok(exit)
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
