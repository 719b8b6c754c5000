//! `GET /api/v1/events`: published events in the log's order; who asks to wait is answered when there are any.
//!
//! **Invariant**: nobody waits longer than they asked to, nor beyond the process's stop, and only so many at
//! once.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use shared::process::pause;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use worker::ledger::records::EventRecord;
use worker::ledger::{Ledger, Session as _};

use super::query::{self, Parameters};
use super::sessions::Sessions;
use super::{Refusal, answer, asked};

const LIMIT_DEFAULT: i64 = 100;
const LIMIT_MAX: i64 = 1_000;
/// Seconds that one call may wait; less than proxies give an answer that is silent so far.
const WAIT_MAX_SECONDS: i64 = 30;
/// Calls that wait at once.
const WAITERS_MAX: usize = 32;
/// How often one that waits looks: each look is one read by an index.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The log, and who waits for it.
pub(super) struct Feed<L: Ledger> {
    sessions: Sessions<L>,
    places: Arc<Semaphore>,
    stop: CancellationToken,
}

/// A window of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    after: i64,
    limit: i64,
    wait: Duration,
}

pub(super) async fn list<L: Ledger>(
    State(feed): State<Feed<L>>,
    query: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Refusal> {
    let window = query::read(query, Window::read)?;
    let mut events = feed.look(window).await?;
    if events.is_empty() && !window.wait.is_zero() {
        events = feed.wait(window).await?;
    }
    let next = events.last().map_or(window.after, |event| event.position);
    Ok(answer(StatusCode::OK, &json!({ "events": events, "next": next })))
}

impl<L: Ledger> Feed<L> {
    pub(super) fn new(sessions: Sessions<L>, stop: CancellationToken) -> Self {
        Self { sessions, places: Arc::new(Semaphore::new(WAITERS_MAX)), stop }
    }

    async fn look(&self, window: Window) -> Result<Vec<EventRecord>, Refusal> {
        let Window { after, limit, .. } = window;
        asked(self.sessions.ask(async |session| session.events(after, limit).await)).await
    }

    /// Looks until something is there, time is up, or the process stops.
    async fn wait(&self, window: Window) -> Result<Vec<EventRecord>, Refusal> {
        let until = Instant::now() + window.wait;
        let _place = self.places.try_acquire().map_err(|_| {
            let message = format!("{WAITERS_MAX} calls wait already; ask again, or without `wait`");
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, &message)
        })?;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || !pause(LOOK_EVERY.min(left), &self.stop).await {
                return Ok(vec![]);
            }
            let events = self.look(window).await?;
            if !events.is_empty() {
                return Ok(events);
            }
        }
    }
}

impl<L: Ledger> Clone for Feed<L> {
    fn clone(&self) -> Self {
        let Self { sessions, places, stop } = self;
        Self { sessions: sessions.clone(), places: Arc::clone(places), stop: stop.clone() }
    }
}

impl Window {
    fn read(parameters: &Parameters) -> Result<Self, String> {
        let mut window = Self { after: 0, limit: LIMIT_DEFAULT, wait: Duration::ZERO };
        for (name, value) in parameters {
            match name.as_str() {
                "after" => window.after = query::number("after", value, 0, i64::MAX)?,
                "limit" => window.limit = query::number("limit", value, 1, LIMIT_MAX)?,
                "wait" => {
                    let seconds = query::number("wait", value, 0, WAIT_MAX_SECONDS)?;
                    window.wait = Duration::from_secs(seconds.unsigned_abs());
                }
                _ => return Err("only `after`, `limit` and `wait` are known here".to_owned()),
            }
        }
        Ok(window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(parameters: &[(&str, &str)]) -> Result<Window, String> {
        let owned = parameters.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Window::read(&owned.collect())
    }

    #[test]
    fn a_window_has_defaults_and_limits() {
        let wait = Duration::ZERO;
        assert_eq!(window(&[]), Ok(Window { after: 0, limit: 100, wait }));
        let given = window(&[("after", "7"), ("limit", "1000"), ("wait", "30")]);
        let wait = Duration::from_secs(30);
        assert_eq!(given, Ok(Window { after: 7, limit: 1000, wait }));
    }

    #[test]
    fn bad_parameters_are_named() {
        for (name, value) in [
            ("after", "-1"),
            ("after", "x"),
            ("after", "9223372036854775808"),
            ("limit", "0"),
            ("limit", "1001"),
            ("limit", ""),
            ("wait", "31"),
            ("wait", "-1"),
            ("wait", "1.5"),
        ] {
            assert!(window(&[(name, value)]).unwrap_err().starts_with(name), "{name}={value}");
        }
        assert!(window(&[("before", "1")]).is_err());
    }
}
