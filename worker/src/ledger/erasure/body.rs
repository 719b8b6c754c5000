//! What an erasure leaves of the bodies about it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use shared::provider::Provider;
use uuid::Uuid;

use super::Erasure;
use super::tombstone::{Hash, Part, erased};
use crate::ledger::dead_letters::LetterState;

/// How many ids a refusal names.
const NAMED_MAX: usize = 10;

/// What becomes of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Keep,
    Redact(Vec<u8>),
    Destroy,
    /// It tells of others too, and its provider cannot take it apart.
    Uncut,
}

/// What a stored body came with, in the order of its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub provider: String,
    pub parts: Vec<Part>,
    /// Where it stands, if it is a dead letter.
    pub letter: Option<LetterState>,
}

/// By the ids of their bodies.
pub type Requests = BTreeMap<Uuid, Request>;

/// Bodies that tell of others too, and that cannot be cut: nothing at hand opens them, or their provider's
/// file cannot take them apart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Shared {
    pub notifications: Vec<Uuid>,
    pub letters: Vec<Uuid>,
}

/// What becomes of each body that an erasure touches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fates {
    pub gone: Vec<Uuid>,
    pub redacted: Vec<(Uuid, Vec<u8>)>,
    pub shared: Shared,
    /// Letters that are not ended: a replay of one whose body was touched sends nothing.
    pub open_letters: Vec<Uuid>,
}

/// What is left of a body with so many parts when these are erased.
pub fn fate(provider: &str, body: &[u8], parts: usize, erased: &BTreeSet<usize>) -> Fate {
    if erased.is_empty() {
        return Fate::Keep;
    }
    if erased.len() >= parts {
        return Fate::Destroy;
    }
    match Provider::from_word(provider).and_then(|provider| provider.redact(body, erased)) {
        // It was redacted before.
        Some(left) if left == body => Fate::Keep,
        Some(left) => Fate::Redact(left),
        None => Fate::Uncut,
    }
}

impl Request {
    /// What becomes of its body. Only what is shared needs to be opened; nothing: it does not open.
    fn fate(
        &self,
        tombstones: &BTreeSet<Hash>,
        open: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Option<Fate> {
        let erased = erased(&self.parts, tombstones);
        let is_shared = !erased.is_empty() && erased.len() < self.parts.len();
        let body = if is_shared { open()? } else { vec![] };
        Some(fate(&self.provider, &body, self.parts.len(), &erased))
    }

    fn is_open_letter(&self) -> bool {
        match self.letter {
            Some(LetterState::Open | LetterState::Replaying) => true,
            Some(LetterState::Resolved | LetterState::Discarded) | None => false,
        }
    }
}

impl Fates {
    /// Judges one body that is still there.
    pub fn add(
        &mut self,
        (id, request): (Uuid, &Request),
        tombstones: &BTreeSet<Hash>,
        open: impl FnOnce() -> Option<Vec<u8>>,
    ) {
        match request.fate(tombstones, open) {
            Some(Fate::Keep) => return,
            Some(Fate::Redact(left)) => self.redacted.push((id, left)),
            Some(Fate::Destroy) => self.gone.push(id),
            Some(Fate::Uncut) | None => {
                let Shared { notifications, letters } = &mut self.shared;
                let list = if request.letter.is_some() { letters } else { notifications };
                list.push(id);
            }
        }
        self.open_letters.extend(request.is_open_letter().then_some(id));
    }

    /// Judges the body of a letter that ended under a tombstone. Nobody is there to ask: what cannot be cut
    /// goes whole, as when it arrives. What does not open stays until somebody erases once more.
    pub fn end(
        &mut self,
        (id, request): (Uuid, &Request),
        tombstones: &BTreeSet<Hash>,
        open: impl FnOnce() -> Option<Vec<u8>>,
    ) {
        match request.fate(tombstones, open) {
            Some(Fate::Keep) | None => {}
            Some(Fate::Redact(left)) => self.redacted.push((id, left)),
            Some(Fate::Destroy | Fate::Uncut) => self.gone.push(id),
        }
    }

    /// Ends what is shared where that was asked for; answers what is in the way of doing it, and the ways out.
    /// Who only asks is told of it.
    pub fn conclude(&mut self, erasure: &Erasure) -> Option<String> {
        if erasure.allowed.shared {
            self.gone.extend(self.shared.ids());
        }
        erasure.act.as_ref()?;
        let shared = (!erasure.allowed.shared).then(|| self.shared.refusal()).flatten();
        let open = (!erasure.allowed.open_letters).then(|| self.open_refusal()).flatten();
        let reasons: Vec<String> = shared.into_iter().chain(open).collect();
        (!reasons.is_empty()).then(|| format!("nothing was erased. {}", reasons.join(" ")))
    }

    fn open_refusal(&self) -> Option<String> {
        let which = named("letters", &self.open_letters)?;
        Some(format!(
            "These dead letters wait for their end, and only they may tell of the money in them: {which}. \
             Replay or discard them first, or lose what they tell with --destroy-open-letters."
        ))
    }
}

impl Shared {
    pub fn is_empty(&self) -> bool {
        self.ids().next().is_none()
    }

    fn ids(&self) -> impl Iterator<Item = Uuid> {
        self.notifications.iter().chain(&self.letters).copied()
    }

    fn refusal(&self) -> Option<String> {
        let parts = [named("notifications", &self.notifications), named("letters", &self.letters)];
        let which = parts.into_iter().flatten().collect::<Vec<_>>().join("; ");
        (!self.is_empty()).then(|| {
            format!(
                "These bodies tell of others too, and this one cannot be cut out of them: {which}. Give this \
                 command the ring that has their keys (privacy.keys_file) if they do not open, or destroy \
                 them whole with --destroy-shared."
            )
        })
    }
}

fn named(what: &str, ids: &[Uuid]) -> Option<String> {
    let shown: Vec<String> = ids.iter().take(NAMED_MAX).map(Uuid::to_string).collect();
    let more = ids.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!ids.is_empty()).then(|| format!("{what} {}{more}", shown.join(", ")))
}
