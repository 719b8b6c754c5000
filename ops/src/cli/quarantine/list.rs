//! `quarantine list`: what is told of each kept request.

use ingress::quarantine::folder::{Entry, Folder};
use serde::Serialize;
use shared::config::Config;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Chosen;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Output, say};
use crate::cli::table::{Table, instant};

/// The JSON keys are promises.
#[derive(Debug, Serialize)]
struct Line {
    id: Uuid,
    account: String,
    /// Nothing where the file cannot be opened.
    provider: Option<String>,
    reason: Option<String>,
    /// Of the body.
    bytes: Option<u64>,
    #[serde(with = "time::serde::rfc3339::option")]
    received_at: Option<OffsetDateTime>,
    /// When it is let go by itself.
    #[serde(with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
    /// Why it cannot be opened.
    unusable: Option<String>,
}

pub(super) fn run(
    folder: &Folder,
    chosen: Chosen,
    limit: usize,
    config: &Config,
    output: Output,
) -> Result<Exit, Failure> {
    let (all, exit) = (chosen.entries.len(), chosen.exit());
    let shown = chosen.entries.into_iter().take(limit);
    let lines: Vec<_> = shown.map(|entry| line(folder, entry, config)).collect();
    output.list(&lines, table)?;
    if all > lines.len() {
        say(&format!("{} of {all}; --limit shows more", lines.len()));
    }
    Ok(exit)
}

fn line(folder: &Folder, entry: Entry, config: &Config) -> Line {
    let kept_at = entry.kept_at();
    let (about, unusable) = match folder.about(&entry) {
        Ok(about) => (Some(about), None),
        Err(error) => (None, Some(error.to_string())),
    };
    Line {
        id: entry.id,
        account: entry.account,
        provider: about.as_ref().map(|about| about.provider.clone()),
        reason: about.as_ref().map(|about| about.reason.clone()),
        bytes: about.as_ref().map(|about| about.bytes),
        received_at: about.map(|about| about.received_at).or(kept_at),
        expires_at: kept_at.map(|at| at + config.quarantine.age_max.0),
        unusable,
    }
}

fn table(lines: &[Line]) -> String {
    let mut table =
        Table::new(&["ID", "RECEIVED", "ACCOUNT", "PROVIDER", "REASON", "BYTES", "UNTIL"]);
    for line in lines {
        let reason = line.unusable.as_ref().map(|error| format!("UNUSABLE: {error}"));
        table.row([
            line.id.to_string(),
            line.received_at.map(instant).unwrap_or_default(),
            line.account.clone(),
            line.provider.clone().unwrap_or_default(),
            reason.or(line.reason.clone()).unwrap_or_default(),
            line.bytes.map(|bytes| bytes.to_string()).unwrap_or_default(),
            line.expires_at.map(instant).unwrap_or_default(),
        ]);
    }
    table.to_string()
}
