//! Ending letters, and taking it back: by name or by query, with a reason.

use clap::Args;
use serde_json::json;
use shared::process;
use uuid::Uuid;
use worker::ledger::Session;
use worker::ledger::dead_letters::{LetterAct, LetterState, Wanted};
use worker::ledger::records::Act;

use super::{Chosen, asked, distinct, fitting, no_letter};
use crate::cli::act::{actor, reason};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;

pub(super) const EXAMPLES: &str = r#"Examples:
  quittance dead-letters discard -q 'stage:seal age:>1d' --dry-run        how many; nothing is done
  quittance dead-letters discard -q 'stage:seal age:>1d' --reason "a scanner" --confirm 12
  quittance dead-letters discard ID --reason "a test" --confirm 1"#;

#[derive(Debug, Args)]
pub(super) struct DiscardArgs {
    #[command(flatten)]
    chosen: Chosen,
    /// Why, for those who read it later
    #[arg(long, value_parser = reason, required_unless_present = "dry_run")]
    reason: Option<String>,
    /// How many you saw
    #[arg(long, value_name = "COUNT")]
    confirm: Option<usize>,
    /// Say how many would be discarded, and discard none
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn discard<S: Session>(
    session: &mut S,
    args: DiscardArgs,
    output: Output,
) -> Result<Exit, Failure> {
    let DiscardArgs { chosen, reason, confirm, dry_run } = args;
    let ids = chosen.ids(session, LetterState::Open).await?;
    let found = ids.len();
    match confirm {
        Some(count) if count != found => {
            let message = format!("{} fit, not {count}: look at them again", counted(found));
            Err(Failure::new(Exit::Conflict, message))
        }
        Some(_) | None if dry_run => rehearse(session, &chosen, &ids, output).await,
        Some(_) => {
            let reason = reason.unwrap_or_default();
            act_on(session, &ids, LetterAct::Discard, reason, output).await
        }
        None => {
            let message = format!("{} would be discarded: add --confirm {found}", counted(found));
            Err(Failure::new(Exit::Usage, message))
        }
    }
}

fn counted(letters: usize) -> String {
    if letters == 1 { "1 letter".to_owned() } else { format!("{letters} letters") }
}

/// What discarding would do, by where they stand now.
async fn rehearse<S: Session>(
    session: &mut S,
    chosen: &Chosen,
    ids: &[Uuid],
    output: Output,
) -> Result<Exit, Failure> {
    // What fits a query is open.
    let mut open = if chosen.query.is_some() { ids.len() } else { 0 };
    for id in ids.iter().filter(|_| chosen.query.is_none()) {
        let found = session.letter(*id).await?;
        open += usize::from(found.is_some_and(|file| file.letter.state == LetterState::Open));
    }
    let left = ids.len() - open;
    let beside = if left > 0 { format!(", {left} are not open") } else { String::new() };
    output.one(&json!({ "discarded": 0, "would_discard": open, "left": left }), |_| {
        format!("{} would be discarded{beside}; nothing is done\n", counted(open))
    })?;
    Ok(Exit::Done)
}

pub(super) async fn act_on<S: Session>(
    session: &mut S,
    ids: &[Uuid],
    act: LetterAct,
    reason: String,
    output: Output,
) -> Result<Exit, Failure> {
    let (_, _, word) = act.step();
    let by = Act {
        actor: actor(),
        action: format!("dead-letter.{word}"),
        subject: match ids {
            [one] => format!("dead-letter/{one}"),
            several => format!("dead-letters/{}", several.len()),
        },
        reason,
    };
    let done = session.act_on_letters(ids, act, &by, process::now()).await?;
    let left = ids.len() - done.len();
    let beside = if left > 0 { format!(", {left} were not in that state") } else { String::new() };
    output.one(&json!({ word: done.len(), "left": left }), |_| {
        format!("{word} {}{beside}\n", done.len())
    })?;
    match (done.len(), left) {
        (_, 0) => Ok(Exit::Done),
        (0, _) => Err(Failure::new(Exit::Conflict, "none of them is in that state")),
        (_, _) => Ok(Exit::PartlyDone),
    }
}

impl Chosen {
    /// Those that are named, or all that fit and stand in this state.
    pub(super) async fn ids<S: Session>(
        &self,
        session: &mut S,
        state: LetterState,
    ) -> Result<Vec<Uuid>, Failure> {
        if let Some(query) = &self.query {
            let filter = asked(session, query, Wanted::In(state)).await?;
            let letters = fitting(session, filter, state).await?;
            return Ok(letters.into_iter().map(|letter| letter.id).collect());
        }
        let ids = distinct(&self.ids);
        for id in &ids {
            if session.letter(*id).await?.is_none() {
                return Err(no_letter(*id));
            }
        }
        Ok(ids)
    }
}
