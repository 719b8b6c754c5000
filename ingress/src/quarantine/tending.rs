//! What goes on behind the door: writing what is to be kept, letting go what is too old, and judging
//! all of it again when keys change.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::gauge;
use shared::broker::Publisher;
use shared::process;
use shared::provider::Accounts;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::allowance::Allowance;
use super::folder::{Entry, Folder};
use super::recheck::{Finding, recheck};
use super::{Job, count};
use crate::certificates::Certificates;
use crate::enqueue::Enqueue;

/// How often the folder is looked through: for what is too old, and for what others dropped.
const SCAN_INTERVAL: Duration = Duration::from_secs(60);

/// Writes what the door hands over.
pub struct Writer {
    pub(super) folder: Arc<Folder>,
    pub(super) jobs: mpsc::Receiver<Job>,
}

/// Looks after what is kept.
pub struct Tender {
    pub(super) folder: Arc<Folder>,
    pub(super) allowance: Arc<Mutex<Allowance>>,
    pub(super) age_max: Duration,
    pub(super) certificates: Certificates,
}

impl Writer {
    /// Writes one after another until told to stop, then those that wait.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let job = tokio::select! {
                biased;
                job = self.jobs.recv() => job,
                () = stop.cancelled() => return,
            };
            let Some(Job { id, about, request }) = job else { return };
            let folder = Arc::clone(&self.folder);
            let account = about.account.clone();
            let put = spawn_blocking(move || folder.put(id, &about, &request)).await;
            let error = match put {
                Ok(Ok(_)) => {
                    info!(%id, account, "kept what did not verify");
                    count(&account, "kept");
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(error) => error.to_string(),
            };
            warn!(account, error, "a request that did not verify could not be kept");
            count(&account, "failed");
        }
    }
}

impl Tender {
    /// Looks through the folder now and then, and judges it again at the start and whenever the
    /// accounts change, until told to stop.
    pub async fn run<P: Publisher>(
        self,
        mut accounts: watch::Receiver<Arc<Accounts>>,
        enqueue: Arc<Enqueue<P>>,
        stop: CancellationToken,
    ) {
        let mut is_due = true;
        loop {
            let current = Arc::clone(&accounts.borrow_and_update());
            if let Err(error) = self.scan().await {
                warn!(%error, "the quarantine cannot be looked through");
            } else if is_due {
                is_due = !self.judge(&current, &enqueue, &stop).await;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Ok(()) = accounts.changed() => is_due = true,
                () = tokio::time::sleep(SCAN_INTERVAL) => (),
            }
        }
    }

    /// Lets go what is too old, and counts the rest.
    async fn scan(&self) -> io::Result<()> {
        let (folder, age_max) = (Arc::clone(&self.folder), self.age_max);
        let now = process::now();
        let look = move || {
            folder.clear_unfinished(now)?;
            let (old, kept): (Vec<Entry>, Vec<Entry>) = folder
                .entries()?
                .into_iter()
                .partition(|entry| entry.kept_at().is_some_and(|at| at + age_max < now));
            for entry in &old {
                if folder.remove(entry)? {
                    info!(id = %entry.id, account = entry.account, "too old to be kept any longer");
                    count(&entry.account, "expired");
                }
            }
            Ok::<_, io::Error>(kept)
        };
        let kept = spawn_blocking(look).await.map_err(io::Error::other)??;
        let mut found: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for entry in kept {
            let (requests, bytes) = found.entry(entry.account).or_default();
            *requests += 1;
            *bytes += entry.bytes;
        }
        let mut allowance = self.allowance.lock().unwrap_or_else(PoisonError::into_inner);
        allowance.found(&found);
        for (account, room) in allowance.rooms() {
            let account = account.to_owned();
            gauge!("quittance_quarantine_requests", "account" => account.clone())
                .set(room.requests as f64);
            gauge!("quittance_quarantine_bytes", "account" => account).set(room.bytes as f64);
        }
        Ok(())
    }

    /// Judges everything again; false when it must be done once more.
    async fn judge<P: Publisher>(
        &self,
        accounts: &Accounts,
        enqueue: &Enqueue<P>,
        stop: &CancellationToken,
    ) -> bool {
        let folder = Arc::clone(&self.folder);
        let Ok(Ok(entries)) = spawn_blocking(move || folder.entries()).await else { return false };
        let (mut enqueued, all) = (0, entries.len());
        for entry in entries {
            if stop.is_cancelled() {
                return true;
            }
            let judges = (accounts, &self.certificates);
            let finding = recheck(&self.folder, &entry, judges, enqueue).await;
            match &finding {
                Finding::Enqueued => {
                    enqueued += 1;
                    count(&entry.account, finding.as_str());
                    info!(id = %entry.id, account = entry.account, "genuine by today's keys: enqueued");
                }
                Finding::Unpublished(error) => {
                    warn!(%error, "what is genuine by today's keys is tried again in a while");
                    return false;
                }
                Finding::Rejected(_) | Finding::UnknownAccount => (),
                Finding::Unusable(error) => {
                    warn!(id = %entry.id, account = entry.account, %error, "a kept request is unusable");
                }
            }
        }
        if all > 0 {
            info!(enqueued, kept = all - enqueued, "the quarantine was judged again");
        }
        true
    }
}
