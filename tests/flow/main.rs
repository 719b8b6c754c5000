//! End to end: signed notifications through real processes, to settled orders and their events.

mod embedded;
mod outcome;
mod quarantine;
mod rotation;
mod servers;
mod subscriber;
