//! The public door: proves a provider's notification genuine and enqueues it. Opens no database.

pub mod enqueue;
pub mod quarantine;
pub mod routes;
pub mod serve;
pub mod expiry;
pub mod config;
