//! Ending letters, and taking it back: by name or by query, with a reason.

use serde_json::json;
use shared::process;
use uuid::Uuid;
use worker::ledger::Session;
use worker::ledger::dead_letters::{LetterAct, LetterState};
use worker::ledger::records::Act;

use super::{Chosen, fitting, parse};
use crate::cli::act::actor;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;

pub(super) async fn discard<S: Session>(
    session: &mut S,
    chosen: &Chosen,
    reason: String,
    confirm: Option<usize>,
    output: Output,
) -> Result<Exit, Failure> {
    let ids = chosen.ids(session, LetterState::Open).await?;
    match confirm {
        Some(count) if count == ids.len() => {
            act_on(session, &ids, LetterAct::Discard, reason, output).await
        }
        Some(count) => {
            let message = format!("{} letters fit, not {count}: look at them again", ids.len());
            Err(Failure::new(Exit::Conflict, message))
        }
        None => {
            let message = format!("{0} letters would be discarded: add --confirm {0}", ids.len());
            Err(Failure::new(Exit::Usage, message))
        }
    }
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
        (0, _) if ids.len() == 1 => {
            let why = "that letter is not there, or in another state";
            Err(Failure::new(Exit::Conflict, why))
        }
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
        let Some(query) = &self.query else { return Ok(self.ids.clone()) };
        let letters = fitting(session, parse(query, state)?, state).await?;
        Ok(letters.into_iter().map(|letter| letter.id).collect())
    }
}
