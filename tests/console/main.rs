//! The console's API over HTTP, held to docs/http/openapi.json: each route, each answer, each attack.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod client;
mod contract;
mod tour;
mod attacks;
mod limits;
mod waiting;
