//! The balance of messages: what was accepted, and where it stands.

use serde::Serialize;

/// Accepted = settled + duplicate + no-op + case + dead + in flight + unaccounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
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
}

impl Balance {
    /// Is every accepted message accounted for?
    pub fn adds_up(&self) -> bool {
        let accounted = self.settled + self.duplicate + self.no_op + self.case + self.dead;
        self.unaccounted == 0 && self.accepted == accounted + self.in_flight
    }
}
