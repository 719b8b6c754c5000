//! The public door: proves a provider's notification genuine and enqueues it. Opens no database.

pub mod enqueue;
pub mod certificates;
pub mod rejections;
pub mod routes;
pub mod serve;
pub mod config;
