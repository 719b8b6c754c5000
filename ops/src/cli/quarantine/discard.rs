//! `quarantine drop`: noted in the ledger's audit first, then removed.

use ingress::quarantine::folder::Folder;
use serde_json::json;
use shared::config::Config;
use shared::process;
use worker::ledger::records::Act;
use worker::ledger::{Ledger, Session as _};

use super::Chosen;
use crate::cli::act::actor;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Output, say};
use crate::engine::{self, Engine};

pub(super) async fn run(
    folder: &Folder,
    chosen: Chosen,
    reason: &str,
    config: &Config,
    output: Output,
) -> Result<Exit, Failure> {
    let exit = chosen.exit();
    let dropped = match engine::open(config)? {
        Engine::Embedded(embedded) => drop_noted(folder, chosen, reason, embedded.ledger()).await?,
        Engine::Servers(servers) => drop_noted(folder, chosen, reason, servers.ledger).await?,
    };
    output.one(&json!({ "dropped": dropped }), |_| format!("dropped {dropped}\n"))?;
    Ok(exit)
}

async fn drop_noted<L: Ledger>(
    folder: &Folder,
    chosen: Chosen,
    reason: &str,
    ledger: L,
) -> Result<usize, Failure> {
    let mut session = ledger.open().await?;
    let mut dropped = 0;
    let so_far = |dropped: usize, failure: Failure| {
        say(&format!("dropped {dropped} before it stopped"));
        failure
    };
    for entry in chosen.entries {
        let act = Act {
            actor: actor(),
            action: "quarantine.drop".to_owned(),
            subject: format!("quarantine/{}/{}", entry.account, entry.id),
            reason: reason.to_owned(),
        };
        let noted = session.note(&act, process::now()).await;
        noted.map_err(|error| so_far(dropped, error.into()))?;
        let removed = folder.remove(&entry).map_err(|error| {
            let message = format!("quarantine.folder: {}: {error}", entry.id);
            so_far(dropped, Failure::new(Exit::Failed, message))
        })?;
        dropped += usize::from(removed);
    }
    Ok(dropped)
}
