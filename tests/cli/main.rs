//! The command line as people and scripts drive it: a process with arguments, an exit code and two streams.
//!
//! **Invariant**: what is asserted here is written in docs/cli.md; neither changes without the other.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod ran;
mod shop;
mod usage;
mod config;
mod keys;
mod accounts;
mod quarantine;
mod orders;
mod imports;
mod simulate;
mod verify;
mod providers;
mod events;
mod streams;
mod demo;
mod desk;
mod privacy;
mod dead_letters;
mod replay;
mod serve;
mod reach;
mod migrate;
mod topology;
mod management;
mod balance;
