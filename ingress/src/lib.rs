//! The public door: proves a provider's notification genuine and enqueues it, and shows
//! payers who come back how their order stands. Opens no database.

pub mod enqueue;
pub mod certificates;
pub mod quarantine;
pub mod rejections;
pub mod routes;
pub mod return_page;
pub mod expiry;
pub mod config;
