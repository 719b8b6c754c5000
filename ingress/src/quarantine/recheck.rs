//! A kept request, judged again by today's keys as of the time it was received.
//!
//! **Invariant**: it leaves the folder only after the broker holds it. Should that happen twice, the
//! second is a duplicate like any other.

use std::sync::Arc;

use shared::broker::{PublishError, Publisher};
use shared::provider::{Accounts, Rejection, Request};
use tokio::task::spawn_blocking;
use tracing::warn;

use super::folder::{Entry, Folder};
use super::kept::{About, Unusable};
use crate::certificates::Certificates;
use crate::enqueue::Enqueue;

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It is genuine, and the broker holds it.
    Enqueued,
    /// It stays.
    Rejected(Rejection),
    /// It stays.
    UnknownAccount,
    /// It stays: this key does not open it, or somebody changed it.
    Unusable(Unusable),
    /// It is genuine and stays, because the broker does not hold it.
    Unpublished(PublishError),
}

/// Judges one, and enqueues it when it is genuine.
pub async fn recheck<P: Publisher>(
    folder: &Arc<Folder>,
    entry: &Entry,
    (accounts, certificates): (&Accounts, &Certificates),
    enqueue: &Enqueue<P>,
) -> Finding {
    let (about, request) = match opened(folder, entry).await {
        Ok(opened) => opened,
        Err(unusable) => return Finding::Unusable(unusable),
    };
    let Some(account) = accounts.of(&about.account) else { return Finding::UnknownAccount };
    let verified = match certificates.verify(account, request, about.received_at).await {
        Ok(verified) => verified,
        Err(rejection) => return Finding::Rejected(rejection),
    };
    if let Err(error) = enqueue.accept_kept(verified, about.received_at).await {
        return Finding::Unpublished(error);
    }
    let (folder, entry) = (Arc::clone(folder), entry.clone());
    let id = entry.id;
    let removed = spawn_blocking(move || folder.remove(&entry)).await;
    if !matches!(removed, Ok(Ok(_))) {
        warn!(%id, "enqueued, and its file stays: it will be enqueued again as a duplicate");
    }
    Finding::Enqueued
}

impl Finding {
    /// The word in counters and on the command line.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Enqueued => "enqueued",
            Self::Rejected(_) => "rejected",
            Self::UnknownAccount => "unknown_account",
            Self::Unusable(_) => "unusable",
            Self::Unpublished(_) => "unpublished",
        }
    }
}

async fn opened(folder: &Arc<Folder>, entry: &Entry) -> Result<(About, Request), Unusable> {
    let (folder, entry) = (Arc::clone(folder), entry.clone());
    let opened = spawn_blocking(move || folder.request(&entry)).await;
    opened.unwrap_or_else(|error| Err(Unusable::File(error.to_string())))
}
