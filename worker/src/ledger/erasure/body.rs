//! What an erasure leaves of the bodies about it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use shared::provider::Provider;
use uuid::Uuid;

use super::tombstone::{Hash, Part, erased};
use super::{Erasure, IfClosed};
use crate::ledger::LedgerError;

/// How many ids an error names.
const NAMED_MAX: usize = 10;

/// What becomes of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Keep,
    Redact(Vec<u8>),
    Destroy,
}

/// What a stored body came with, in the order of its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub provider: String,
    pub parts: Vec<Part>,
    pub is_letter: bool,
}

/// By the ids of their bodies.
pub type Requests = BTreeMap<Uuid, Request>;

/// Bodies that tell of others too, and that nothing at hand opens.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Closed {
    pub notifications: Vec<Uuid>,
    pub letters: Vec<Uuid>,
}

/// What becomes of each body that an erasure touches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fates {
    pub gone: Vec<Uuid>,
    pub redacted: Vec<(Uuid, Vec<u8>)>,
    pub closed: Closed,
}

/// What is left of a body with so many parts when these are erased. A body that its provider cannot
/// take apart goes whole: better none than another's.
pub fn fate(provider: &str, body: &[u8], parts: usize, erased: &BTreeSet<usize>) -> Fate {
    if erased.is_empty() {
        return Fate::Keep;
    }
    if erased.len() >= parts {
        return Fate::Destroy;
    }
    let left = Provider::from_word(provider).and_then(|provider| provider.redact(body, erased));
    left.map_or(Fate::Destroy, Fate::Redact)
}

impl Fates {
    /// Judges one body that is still there.
    pub fn add(
        &mut self,
        (id, request): (Uuid, &Request),
        tombstones: &BTreeSet<Hash>,
        open: impl FnOnce() -> Option<Vec<u8>>,
    ) {
        let Request { provider, parts, is_letter } = request;
        let erased = erased(parts, tombstones);
        // Only what is shared needs to be opened.
        let is_shared = !erased.is_empty() && erased.len() < parts.len();
        let body = if is_shared { open() } else { Some(vec![]) };
        let Some(body) = body else {
            let Closed { notifications, letters } = &mut self.closed;
            let closed = if *is_letter { letters } else { notifications };
            return closed.push(id);
        };
        match fate(provider, &body, parts.len(), &erased) {
            Fate::Keep => {}
            // It was redacted before.
            Fate::Redact(left) if left == body => {}
            Fate::Redact(left) => self.redacted.push((id, left)),
            Fate::Destroy => self.gone.push(id),
        }
    }

    /// Ends what does not open, as it was asked for. Who only asks is told of it.
    pub fn conclude(&mut self, erasure: &Erasure) -> Result<(), LedgerError> {
        match erasure.if_closed {
            IfClosed::Refuse if self.closed.is_empty() || erasure.act.is_none() => {}
            IfClosed::Refuse => return Err(self.closed.refused()),
            IfClosed::Destroy => self.gone.extend(self.closed.ids()),
        }
        Ok(())
    }
}

impl Closed {
    pub fn is_empty(&self) -> bool {
        self.ids().next().is_none()
    }

    fn ids(&self) -> impl Iterator<Item = Uuid> {
        self.notifications.iter().chain(&self.letters).copied()
    }

    /// Nothing was erased: which bodies are in the way, and both ways out.
    fn refused(&self) -> LedgerError {
        let named = |what: &str, ids: &[Uuid]| {
            let shown: Vec<String> = ids.iter().take(NAMED_MAX).map(Uuid::to_string).collect();
            let more = ids.len().saturating_sub(NAMED_MAX);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            (!ids.is_empty()).then(|| format!("{what} {}{more}", shown.join(", ")))
        };
        let parts = [named("notifications", &self.notifications), named("letters", &self.letters)];
        let which = parts.into_iter().flatten().collect::<Vec<_>>().join("; ");
        LedgerError::Refused(format!(
            "nothing was erased: these bodies tell of others too, and no key at hand opens them to cut \
             this one out: {which}. Give this command the ring that has their keys (privacy.keys_file), or \
             destroy them whole with --destroy-unopenable"
        ))
    }
}
