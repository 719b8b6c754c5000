//! What a person does about a group of failures.

use shared::process;
use uuid::Uuid;
use worker::ledger::Session;
use worker::ledger::dead_letters::GroupActed;
use worker::ledger::dead_letters::group::GroupAct;
use worker::ledger::records::Act;

use crate::cli::act::actor;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;

/// Bytes that an owner's name may have.
const OWNER_MAX_BYTES: usize = 128;
/// Bytes that a note may have.
const NOTE_MAX_BYTES: usize = 2_000;

pub(super) async fn act<S: Session>(
    session: &mut S,
    group: Uuid,
    act: GroupAct,
    output: Output,
) -> Result<(), Failure> {
    let reason = match &act {
        GroupAct::Assign { owner } => format!("to {owner}"),
        GroupAct::Note { .. } => "a note".to_owned(),
        GroupAct::Acknowledge | GroupAct::Resolve | GroupAct::Ignore => "by command".to_owned(),
    };
    let by = Act {
        actor: actor(),
        action: act.action().to_owned(),
        subject: format!("failure-group/{group}"),
        reason,
    };
    match session.act_on_group(group, &act, &by, process::now()).await? {
        GroupActed::Done(group) => output
            .one(&*group, |group| format!("group {} is {}\n", group.id, group.status.as_str()))?,
        GroupActed::NotFound => {
            let way = "`quittance dead-letters groups` shows them";
            let message = format!("no group has the id {group}; {way}");
            return Err(Failure::new(Exit::NotFound, message));
        }
    }
    Ok(())
}

pub(super) fn owner(text: &str) -> Result<String, String> {
    bounded(text, OWNER_MAX_BYTES)
}

pub(super) fn note(text: &str) -> Result<String, String> {
    bounded(text, NOTE_MAX_BYTES)
}

fn bounded(text: &str, max_bytes: usize) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.len() > max_bytes || text.contains('\0') {
        return Err(format!("from 1 to {max_bytes} bytes are needed"));
    }
    Ok(text.to_owned())
}
