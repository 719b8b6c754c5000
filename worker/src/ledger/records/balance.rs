//! The balance of messages: what was accepted, and where it stands.

use serde::Serialize;
use uuid::Uuid;

/// Accepted = settled + duplicate + no-op + case + dead + in flight + unaccounted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Balance {
    pub accepted: i64,
    pub settled: i64,
    pub duplicate: i64,
    pub no_op: i64,
    pub case: i64,
    pub dead: i64,
    pub in_flight: i64,
    pub unaccounted: i64,
    /// Received beyond what an ingress has stated: it will state it, or it died first.
    pub unproven: i64,
    /// What is unaccounted for, as far as a balance names it.
    pub missing: Vec<Missing>,
}

/// Of the numbers `(from, to]` of an epoch, so many are unaccounted for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    pub epoch: Uuid,
    pub from: i64,
    pub to: i64,
    pub count: i64,
    /// The first of them.
    pub numbers: Vec<i64>,
}

impl Balance {
    /// Is every accepted message accounted for?
    pub fn adds_up(&self) -> bool {
        let accounted = self.settled + self.duplicate + self.no_op + self.case + self.dead;
        self.unaccounted == 0 && self.accepted == accounted + self.in_flight
    }
}
