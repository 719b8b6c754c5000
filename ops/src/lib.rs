//! What a person runs: one command line over the ledger, and the whole system in one process.

pub mod embedded;
