//! `replay again`: a new plan from what one job left open.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use shared::message::seal::SealKeys;
use shared::provider::Readers;
use uuid::Uuid;
use worker::ledger::Session;
use worker::ledger::dead_letters::{LetterFilter, LetterState, Wanted};
use worker::ledger::replays::Outcome;

use super::planned::freeze;
use super::{not_found, shown};
use crate::cli::dead_letters::fitting;
use crate::cli::exit::Failure;
use crate::cli::output::Output;

pub(super) const EXAMPLES: &str = "Examples:
  quittance replay again JOB --outcome dead_again     what died again, once its cause is mended too
  quittance replay again JOB --outcome skipped        what a cancelled job did not send

It plans and sends nothing, as `replay plan` does; letters that are not open any more are left out.";

/// Outcomes that leave a letter open.
const LEFT_OPEN: [Outcome; 3] = [Outcome::DeadAgain, Outcome::Lost, Outcome::Skipped];

#[derive(Debug, Args)]
pub(super) struct AgainArgs {
    job: Uuid,
    /// The letters of its items with this outcome
    #[arg(long, value_parser = PossibleValuesParser::new(LEFT_OPEN.map(Outcome::as_str))
        .try_map(|word| Outcome::from_word(&word).ok_or("no such outcome")))]
    outcome: Outcome,
}

pub(super) async fn run<S: Session>(
    session: &mut S,
    AgainArgs { job, outcome }: AgainArgs,
    by: (&SealKeys, &Readers),
    output: Output,
) -> Result<(), Failure> {
    session.job(job).await?.ok_or_else(|| not_found(job))?;
    let filter = LetterFilter {
        state: Wanted::In(LetterState::Open),
        replayed: Some((job, outcome)),
        ..LetterFilter::default()
    };
    let letters = fitting(session, filter, LetterState::Open).await?;
    let selection = format!("{} of {job}", outcome.as_str());
    output.one(&freeze(session, letters, selection, by).await?, shown::plan)?;
    Ok(())
}
