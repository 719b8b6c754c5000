//! End to end: signed notifications through real processes, to settled orders and their events.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod embedded;
mod marks;
mod outcome;
mod quarantine;
mod rotation;
mod servers;
mod subscriber;
