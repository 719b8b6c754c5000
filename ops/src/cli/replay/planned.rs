//! `replay plan`: an exact count, and a forecast by the code that decides.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;
use shared::message::seal::SealKeys;
use shared::process;
use shared::provider::Readers;
use time::OffsetDateTime;
use uuid::Uuid;
use worker::ledger::Session;
use worker::ledger::dead_letters::{LetterFilter, LetterRecord, LetterState, Wanted};
use worker::ledger::replays::{Outcome, PLAN_KEEPS};
use worker::replay::plan::plan;

use super::{act, shown};
use crate::cli::dead_letters::{asked, distinct, fitting};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// Letters by their ids
    #[arg(value_name = "ID", required_unless_present_any = ["query", "group"], conflicts_with_all = ["query", "group"])]
    ids: Vec<Uuid>,
    /// All open letters that fit
    #[arg(short, long, value_name = "QUERY")]
    query: Option<String>,
    /// All open letters of a group
    #[arg(long, value_name = "GROUP", conflicts_with = "query")]
    group: Option<Uuid>,
}

/// What a rehearsal can say.
const FORESEEN: [Outcome; 7] = [
    Outcome::Settled,
    Outcome::NoOp,
    Outcome::Duplicate,
    Outcome::Case,
    Outcome::Waiting,
    Outcome::DeadAgain,
    Outcome::Skipped,
];

/// What `start` needs, and what would happen.
#[derive(Debug, Serialize)]
pub(super) struct ShownPlan {
    pub(super) plan: Uuid,
    pub(super) count: usize,
    pub(super) forecast: BTreeMap<&'static str, usize>,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) valid_until: OffsetDateTime,
}

pub(super) async fn run<S: Session>(
    session: &mut S,
    args: PlanArgs,
    by: (&SealKeys, &Readers),
    output: Output,
) -> Result<(), Failure> {
    let letters = args.letters(session).await?;
    output.one(&freeze(session, letters, args.selection(), by).await?, shown::plan)?;
    Ok(())
}

/// Freezes a plan of these letters, each with its forecast.
pub(super) async fn freeze<S: Session>(
    session: &mut S,
    letters: Vec<LetterRecord>,
    selection: String,
    (keys, readers): (&SealKeys, &Readers),
) -> Result<ShownPlan, Failure> {
    let (id, now) = (Uuid::now_v7(), process::now());
    let items = plan(session, letters, (id, keys, readers), now).await?;
    let by = act("replay.plan", id, String::new());
    session.plan((id, &selection), &items, &by, now).await?;
    let mut forecast: BTreeMap<&'static str, usize> =
        FORESEEN.iter().map(|outcome| (outcome.as_str(), 0)).collect();
    for item in &items {
        *forecast.entry(item.forecast.as_str()).or_default() += 1;
    }
    let valid_until = now + PLAN_KEEPS;
    Ok(ShownPlan { plan: id, count: items.len(), forecast, valid_until })
}

impl PlanArgs {
    /// Those that are open now. An id that is not is a conflict: what was asked for cannot be planned.
    async fn letters<S: Session>(&self, session: &mut S) -> Result<Vec<LetterRecord>, Failure> {
        if self.ids.is_empty() {
            let filter = asked(
                session,
                self.query.as_deref().unwrap_or_default(),
                Wanted::In(LetterState::Open),
            )
            .await?;
            let group = self.group.or(filter.group);
            return fitting(session, LetterFilter { group, ..filter }, LetterState::Open).await;
        }
        let mut letters = vec![];
        for id in distinct(&self.ids) {
            let found = session.letter(id).await?.ok_or_else(|| {
                Failure::new(Exit::NotFound, format!("no letter has the id {id}"))
            })?;
            if found.letter.state != LetterState::Open {
                let message = format!("letter {id} is {}", found.letter.state.as_str());
                return Err(Failure::new(Exit::Conflict, message));
            }
            letters.push(found.letter);
        }
        Ok(letters)
    }

    fn selection(&self) -> String {
        match (&self.query, self.group) {
            (Some(query), _) => query.clone(),
            (None, Some(group)) => format!("group:{group}"),
            (None, None) => format!("{} ids", distinct(&self.ids).len()),
        }
    }
}
