//! What a sweep leaves alone for a while, because it failed when it was alone. Pure.
//!
//! **Invariant**: what rests takes no place of what is due, so refused subjects hold up no other, as long
//! as they are not more than [`RESTING_MAX`].

use std::collections::BTreeMap;

use time::{Duration, OffsetDateTime};

use super::{LedgerError, Swept};

/// How long one that was refused is left alone.
pub const REST: Duration = Duration::seconds(30);
/// So many are remembered; more are tried again each time.
const RESTING_MAX: usize = 10_000;

/// What a name that is due names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Number,
    Subscription,
}

/// Those that were refused, until when they rest, and why.
#[derive(Debug, Clone, Default)]
pub struct Resting {
    refused: BTreeMap<(Kind, String), (OffsetDateTime, LedgerError)>,
}

/// A list that is read until a page has something that does not rest.
#[derive(Debug, Clone, Copy)]
pub struct Pages {
    limit: i64,
    /// Those of the pages before.
    pub skipped: i64,
}

impl Pages {
    pub fn of(limit: i64) -> Self {
        Self { limit, skipped: 0 }
    }

    /// What of this page does not rest; nothing where another page is to be read.
    pub fn turn<T>(&mut self, mut page: Vec<T>, is_awake: impl Fn(&T) -> bool) -> Option<Vec<T>> {
        let is_full = i64::try_from(page.len()).is_ok_and(|found| found >= self.limit);
        page.retain(is_awake);
        self.skipped = self.skipped.saturating_add(self.limit);
        (!is_full || !page.is_empty()).then_some(page)
    }
}

impl Resting {
    /// Whose rest is over is looked at again.
    pub fn wake(&mut self, now: OffsetDateTime) {
        self.refused.retain(|_, (until, _)| *until > now);
    }

    pub fn has(&self, kind: Kind, name: &str) -> bool {
        self.refused.contains_key(&(kind, name.to_owned()))
    }

    /// What became of one that was alone. What concerns all of them ends the sweep.
    pub fn note(
        &mut self,
        swept: &mut Swept,
        subject: (Kind, String),
        outcome: Result<Swept, LedgerError>,
        now: OffsetDateTime,
    ) -> Result<(), LedgerError> {
        match outcome {
            Ok(one) => swept.subjects += one.subjects,
            Err(error @ (LedgerError::Refused(_) | LedgerError::Fault(_))) => {
                if self.refused.len() < RESTING_MAX {
                    self.refused.insert(subject, (now + REST, error));
                } else {
                    swept.refused.push(error);
                }
            }
            Err(error @ (LedgerError::Conflict(_) | LedgerError::Unreachable(_))) => {
                return Err(error);
            }
        }
        Ok(())
    }

    /// A sweep's outcome, with all that rests.
    pub fn beside(&self, mut swept: Swept) -> Swept {
        swept.refused.extend(self.refused.values().map(|(_, error)| error.clone()));
        swept
    }
}
