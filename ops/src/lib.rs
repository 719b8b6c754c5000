//! What a person runs: one command line over the ledger, and the whole system in one process.

pub mod embedded;
pub mod simulate;
pub mod engine;
pub mod capture;
pub mod orders;
pub mod cli;
pub mod console;
pub mod serve;
pub mod demo;
