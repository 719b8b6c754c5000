//! `quittance replay`: dead letters are sent again, as a job that the workers run.
//!
//! **Invariant**: nothing is sent again that was not planned, counted and rehearsed before.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand};
use shared::config::Config;
use shared::config::reload::{Live, Part};
use shared::message::seal::SealKeys;
use shared::process;
use shared::provider::Readers;
use shared::units::Span;
use uuid::Uuid;
use worker::ledger::records::Act;
use worker::ledger::replays::{Outcome, Replays as _, Steer, Steered};
use worker::ledger::{Ledger, Session};

use super::act::actor;
use super::exit::{Exit, Failure};
use super::output::Output;
use crate::engine::{self, Engine};

mod again;
mod planned;
mod shown;
mod start;
mod watch;

/// Letters a second that a job may send.
const RATE_MAX: i32 = 1_000;

const EXAMPLES: &str = r#"Examples:
  quittance replay plan -q 'code:refused age:<2h'     what would become of each; nothing is sent
  quittance replay plan --group GROUP
  quittance replay start --plan PLAN --reason "INC-7, mended in 1.4.3" --canary 5 --watch
  quittance replay show JOB
  quittance replay watch JOB                          how far it is, until it ends
  quittance replay wait JOB --timeout 10m             the same for scripts
  quittance replay again JOB --outcome dead_again     a new plan of what died again
  quittance replay rate JOB 50/s

A plan may be started for 15 minutes. Exit codes: 5 no such plan or job; 6 a letter of the plan has changed
since, or the job does not go from where it stands; 7 some died again, were lost or skipped; 8 it still runs."#;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReplayArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Freeze what a job would send, and say what would become of each letter
    Plan(planned::PlanArgs),
    /// Plan anew what one job left open
    #[command(after_help = again::EXAMPLES)]
    Again(again::AgainArgs),
    /// Start a plan, or plan and start in one; the workers run it
    #[command(after_help = start::EXAMPLES)]
    Start(start::StartArgs),
    /// Jobs, the newest first
    List {
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
    },
    /// One job and its items
    Show {
        job: Uuid,
        /// Items with this outcome alone
        #[arg(long, value_parser = PossibleValuesParser::new(Outcome::ALL.map(Outcome::as_str))
            .try_map(|word| Outcome::from_word(&word).ok_or("no such outcome")))]
        outcome: Option<Outcome>,
        /// Items to show
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=100_000))]
        limit: i64,
    },
    /// Stay with a job until it ends, and show how far it is; leaving stops nothing
    Watch { job: Uuid },
    /// Wait until a job ends, for scripts: nothing is shown meanwhile
    #[command(after_help = watch::WAIT_EXAMPLES)]
    Wait {
        job: Uuid,
        /// Exit 8 when it has not ended by then, as in 10m
        #[arg(long, value_name = "TIME", default_value = "10m", value_parser = span)]
        timeout: Duration,
    },
    /// Send so many letters a second from now on
    Rate {
        job: Uuid,
        /// As in 50/s
        #[arg(value_name = "RATE", value_parser = rate)]
        rate: i32,
    },
    /// Send nothing more until it is resumed; what was sent goes on
    Pause { job: Uuid },
    /// Go on; after a halt by the same rule, which judges what comes then
    Resume { job: Uuid },
    /// Send nothing more for good; what was sent is not called back
    Cancel { job: Uuid },
}

pub async fn run(args: ReplayArgs, config: &Config, output: Output) -> Result<Exit, Failure> {
    let engine = engine::open(config)?;
    let keys = engine.seal_keys(config)?;
    let Live { readers, .. } = Live::open(config, Part::Reading)?;
    let readers = readers.borrow().clone();
    match engine {
        Engine::Embedded(embedded) => {
            over(args.verb, embedded.ledger(), (&keys, &readers), output).await
        }
        Engine::Servers(servers) => {
            over(args.verb, servers.ledger, (&keys, &readers), output).await
        }
    }
}

async fn over<L: Ledger>(
    verb: Verb,
    ledger: L,
    by: (&SealKeys, &Readers),
    output: Output,
) -> Result<Exit, Failure> {
    let mut session = ledger.open().await?;
    let session = &mut session;
    match verb {
        Verb::Plan(args) => planned::run(session, args, by, output).await?,
        Verb::Again(args) => again::run(session, args, by, output).await?,
        Verb::Start(args) => return start::run(session, args, by, output).await,
        Verb::List { limit } => output.list(&session.jobs(limit).await?, shown::jobs)?,
        Verb::Show { job, outcome, limit } => {
            let record = session.job(job).await?.ok_or_else(|| not_found(job))?;
            let items = session.items(job, outcome, limit).await?;
            output.one(&shown::ShownJob { record, items }, shown::details)?;
        }
        Verb::Watch { job } => return watch::watch(session, job, output).await,
        Verb::Wait { job, timeout } => return watch::wait(session, job, timeout, output).await,
        Verb::Rate { job, rate } => steer(session, job, Steer::Rate(rate), output).await?,
        Verb::Pause { job } => steer(session, job, Steer::Pause, output).await?,
        Verb::Resume { job } => steer(session, job, Steer::Resume, output).await?,
        Verb::Cancel { job } => steer(session, job, Steer::Cancel, output).await?,
    }
    Ok(Exit::Done)
}

async fn steer<S: Session>(
    session: &mut S,
    job: Uuid,
    steer: Steer,
    output: Output,
) -> Result<(), Failure> {
    let reason = steer.rate().map_or_else(|| "by command".to_owned(), |rate| format!("{rate}/s"));
    let by = act(steer.action(), job, reason);
    match session.steer(job, steer, &by, process::now()).await? {
        Steered::Done => {}
        Steered::NotFound => return Err(not_found(job)),
        Steered::Not(state) => {
            let message = format!("replay {job} is {}", state.as_str());
            return Err(Failure::new(Exit::Conflict, message));
        }
    }
    let job = session.job(job).await?.ok_or_else(|| not_found(job))?;
    let pace = steer.rate().map(|rate| format!(", at {rate}/s")).unwrap_or_default();
    output.one(&job, |job| format!("replay {} is {}{pace}\n", job.id, job.state.as_str()))?;
    Ok(())
}

fn act(action: &str, job: Uuid, reason: String) -> Act {
    let (action, subject) = (action.to_owned(), format!("replay/{job}"));
    Act { actor: actor(), action, subject, reason }
}

fn not_found(id: Uuid) -> Failure {
    let message = format!("no plan or job has the id {id}; `quittance replay list` shows them");
    Failure::new(Exit::NotFound, message)
}

/// Reads `10/s`.
fn rate(text: &str) -> Result<i32, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    let rate = number.parse().ok().filter(|rate| (1..=RATE_MAX).contains(rate));
    rate.ok_or_else(|| format!("letters a second, from 1/s to {RATE_MAX}/s"))
}

/// Reads `10m`.
fn span(text: &str) -> Result<Duration, String> {
    let span = Span::parse(text).ok_or_else(|| "a time is written 30s, 10m or 2h".to_owned())?;
    Ok(span.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_letters_a_second() {
        assert_eq!(rate("10/s"), Ok(10));
        assert_eq!(rate("7"), Ok(7));
        for text in ["", "0/s", "-1/s", "1001/s", "10/m", "ten"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
