//! `quarantine recheck`: judged again by today's keys; what is genuine takes the door's own way.

use std::sync::Arc;

use ingress::certificates::Certificates;
use ingress::config::broker;
use ingress::enqueue::Enqueue;
use ingress::quarantine::folder::Folder;
use ingress::quarantine::recheck::{Finding, recheck};
use serde::Serialize;
use shared::broker::{Broker as _, PublishError, Publisher};
use shared::config::{Config, Engines};
use shared::message::seal::SealKeys;
use shared::provider::Accounts;
use uuid::Uuid;

use super::Chosen;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Output, say};
use crate::cli::table::Table;
use crate::embedded::Embedded;

/// What became of one. The JSON keys are promises.
#[derive(Debug, Serialize)]
struct Line {
    id: Uuid,
    account: String,
    /// `enqueued`, `rejected`, `unknown_account`, `unusable` or `unpublished`.
    outcome: &'static str,
    /// Why it stays.
    reason: Option<String>,
    #[serde(skip)]
    finding: Finding,
}

pub(super) async fn run(
    folder: &Arc<Folder>,
    chosen: Chosen,
    config: &Config,
    output: Output,
) -> Result<Exit, Failure> {
    let accounts = config.accounts()?;
    let missing = !chosen.missing.is_empty();
    // An ingress's host has a broker and no database, so only the broker is asked for here.
    let lines = match config.engines() {
        Ok(Engines::Embedded { path }) => {
            let embedded = Embedded::open(&path)?;
            let keys = embedded.seal_keys()?;
            judge(folder, chosen, &accounts, Enqueue::new(embedded.queue(), keys, 1)).await?
        }
        Ok(Engines::Servers { .. }) | Err(_) => {
            let broker = broker(config)?;
            let keys: SealKeys = config.seal_keys()?;
            let enqueue = Enqueue::new(broker.publisher(), keys, config.broker.shards);
            judge(folder, chosen, &accounts, enqueue).await?
        }
    };
    output.list(&lines, table)?;
    let enqueued = lines.iter().filter(|line| line.finding == Finding::Enqueued).count();
    say(&format!("{enqueued} enqueued, {} stay", lines.len() - enqueued));
    let findings: Vec<_> = lines.iter().map(|line| &line.finding).collect();
    Ok(verdict(&findings, missing))
}

async fn judge<P: Publisher>(
    folder: &Arc<Folder>,
    chosen: Chosen,
    accounts: &Accounts,
    enqueue: Arc<Enqueue<P>>,
) -> Result<Vec<Line>, Failure> {
    if !chosen.entries.is_empty() {
        enqueue.probe().await.map_err(out_of_reach)?;
    }
    let (certificates, mut lines) = (Certificates::default(), vec![]);
    for entry in chosen.entries {
        let finding = recheck(folder, &entry, (accounts, &certificates), &enqueue).await;
        let reason = match &finding {
            Finding::Enqueued | Finding::UnknownAccount => None,
            Finding::Rejected(rejection) => Some(rejection.reason().to_owned()),
            Finding::Unusable(error) => Some(error.to_string()),
            Finding::Unpublished(error) => Some(error.to_string()),
        };
        let outcome = finding.as_str();
        lines.push(Line { id: entry.id, account: entry.account, outcome, reason, finding });
    }
    // The balance counts this command's messages like any ingress's; unstated, they rest on their receipts.
    drop(enqueue.state(false).await);
    Ok(lines)
}

fn out_of_reach(error: PublishError) -> Failure {
    let hint = "nothing was enqueued; is the broker there, and does broker.url name it?";
    Failure::new(Exit::Unreachable, format!("{error}; {hint}"))
}

fn verdict(findings: &[&Finding], missing: bool) -> Exit {
    let count = |is: fn(&Finding) -> bool| findings.iter().filter(|finding| is(finding)).count();
    let unpublished = count(|finding| matches!(finding, Finding::Unpublished(_)));
    let unusable = count(|finding| matches!(finding, Finding::Unusable(_)));
    if unpublished > 0 && unpublished == findings.len() {
        Exit::Unreachable
    } else if unusable > 0 && unusable == findings.len() {
        Exit::Failed
    } else if unpublished + unusable > 0 || missing {
        Exit::PartlyDone
    } else {
        Exit::Done
    }
}

fn table(lines: &[Line]) -> String {
    let mut table = Table::new(&["ID", "ACCOUNT", "OUTCOME", "REASON"]);
    for line in lines {
        let reason = line.reason.clone().unwrap_or_default();
        table.row([line.id.to_string(), line.account.clone(), line.outcome.to_owned(), reason]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ingress::quarantine::kept::Unusable;
    use shared::provider::Rejection;

    #[test]
    fn what_could_be_judged_is_done_and_the_rest_is_told() {
        let enqueued = Finding::Enqueued;
        let rejected = Finding::Rejected(Rejection::Forged);
        let unusable = Finding::Unusable(Unusable::Form);
        let unpublished = Finding::Unpublished(PublishError::Blocked);
        for (findings, missing, code) in [
            (vec![], false, 0),
            (vec![&enqueued, &rejected], false, 0),
            (vec![&rejected], true, 7),
            (vec![&enqueued, &unusable], false, 7),
            (vec![&enqueued, &unpublished], false, 7),
            (vec![&unusable], false, 1),
            (vec![&unpublished, &unpublished], false, 10),
        ] {
            assert_eq!(verdict(&findings, missing).code(), code, "{findings:?}");
        }
    }
}
