//! `replay start`: a plan that was looked at, or one that is made here and started only if it is as large as expected.

use clap::Args;
use shared::message::seal::SealKeys;
use shared::process;
use shared::provider::Readers;
use uuid::Uuid;
use worker::ledger::Session;
use worker::ledger::dead_letters::{LetterState, Wanted};
use worker::ledger::replays::{Course, Started};

use super::planned::freeze;
use super::{act, not_found, rate, shown, watch};
use crate::cli::act::reason;
use crate::cli::dead_letters::{asked, fitting};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Output, say};

pub(super) const EXAMPLES: &str = r#"Examples:
  quittance replay start --plan PLAN --reason "INC-7, mended in 1.4.3" --canary 5 --watch
  quittance replay start -q 'code:refused age:<2h' --expect 412 --reason "INC-7, mended in 1.4.3"
  quittance replay start -q 'group:GROUP' --yes --reason "nightly"      however many there are

With --query it plans and starts in one; nothing is sent when another number of letters fits than is expected."#;

#[derive(Debug, Args)]
pub(super) struct StartArgs {
    /// As `replay plan` printed it
    #[arg(long, value_name = "PLAN", required_unless_present = "query", conflicts_with = "query")]
    plan: Option<Uuid>,
    /// Plan all open letters that fit, and start that
    #[arg(short, long, value_name = "QUERY")]
    query: Option<String>,
    /// How many letters you expect the plan to have, or to fit
    #[arg(long, value_name = "COUNT")]
    expect: Option<usize>,
    /// However many fit
    #[arg(long, requires = "query", conflicts_with = "plan")]
    yes: bool,
    /// Why, for those who read it later
    #[arg(long, value_parser = reason)]
    reason: String,
    /// Letters a second, as in 10/s
    #[arg(long, default_value = "10/s", value_parser = rate)]
    rate: i32,
    /// So many first, and the rest when each of them has its outcome
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(i32).range(0..=10_000))]
    canary: i32,
    /// Halt when more than this share of the canary or of the last 200 die again, or one of a new cause; 100 never
    /// halts
    #[arg(long, value_name = "PERCENT", default_value_t = 20, value_parser = clap::value_parser!(i32).range(0..=100))]
    halt_above: i32,
    /// Stay until it ends, and show how far it is
    #[arg(long)]
    watch: bool,
}

pub(super) async fn run<S: Session>(
    session: &mut S,
    args: StartArgs,
    by: (&SealKeys, &Readers),
    output: Output,
) -> Result<Exit, Failure> {
    let plan = match args.plan {
        Some(plan) => expected(session, plan, args.expect).await?,
        None => planned(session, &args, by).await?,
    };
    let StartArgs { reason, rate, canary, halt_above, watch, .. } = args;
    let stop_percent = (halt_above < 100).then_some(halt_above);
    start(session, plan, &Course { rate, canary, stop_percent }, reason).await?;
    if watch {
        return watch::watch(session, plan, output).await;
    }
    let job = session.job(plan).await?.ok_or_else(|| not_found(plan))?;
    output.one(&job, |job| format!("replay {} is running\n", job.id))?;
    Ok(Exit::Done)
}

/// A plan that was made before, if it is as large as expected.
async fn expected<S: Session>(
    session: &mut S,
    plan: Uuid,
    expect: Option<usize>,
) -> Result<Uuid, Failure> {
    let found = session.job(plan).await?.ok_or_else(|| not_found(plan))?.counts.letters;
    match expect {
        Some(count) if i64::try_from(count) != Ok(found) => Err(another(found, count)),
        Some(_) | None => Ok(plan),
    }
}

fn another(found: impl std::fmt::Display, expected: usize) -> Failure {
    let message = format!("{found} letters fit, not {expected}: look at them again");
    Failure::new(Exit::Conflict, message)
}

/// Plans what fits the query, if it is as much as expected.
async fn planned<S: Session>(
    session: &mut S,
    args: &StartArgs,
    by: (&SealKeys, &Readers),
) -> Result<Uuid, Failure> {
    let query = args.query.clone().unwrap_or_default();
    let filter = asked(session, &query, Wanted::In(LetterState::Open)).await?;
    let letters = fitting(session, filter, LetterState::Open).await?;
    let found = letters.len();
    match args.expect {
        Some(count) if count != found => {
            return Err(another(found, count));
        }
        None if !args.yes => {
            let message =
                format!("{found} letters would be sent again: add --expect {found}, or --yes");
            return Err(Failure::new(Exit::Usage, message));
        }
        Some(_) | None => {}
    }
    let planned = freeze(session, letters, query, by).await?;
    say(&shown::forecast(&planned));
    Ok(planned.plan)
}

async fn start<S: Session>(
    session: &mut S,
    plan: Uuid,
    course: &Course,
    reason: String,
) -> Result<(), Failure> {
    let by = act("replay.start", plan, reason);
    let why = match session.start(plan, course, &by, process::now()).await? {
        Started::Done => return Ok(()),
        Started::NotFound => return Err(not_found(plan)),
        Started::NotPlanned(state) => {
            let message =
                format!("{plan} is {} already; `quittance replay show {plan}`", state.as_str());
            return Err(Failure::new(Exit::Conflict, message));
        }
        Started::Old => format!("{plan} is too old"),
        Started::Stale { changed } => {
            format!("{changed} letters of {plan} are not as they were when it was planned")
        }
    };
    Err(Failure::new(Exit::Conflict, format!("{why}: make a new plan")))
}
