//! The console's HTTP side: published events for programs, and a page that says what is here.
//!
//! **Invariant**: nothing here writes, every wait is bounded, and without the token (where one is
//! set) nothing is told.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde_json::{Value, json};
use shared::secret::Secret;
use tokio::sync::Mutex;
use tokio::time::timeout;
use worker::ledger::records::EventRecord;
use worker::ledger::{Ledger, LedgerError, Session as _};

mod guard;

const LIMIT_DEFAULT: i64 = 100;
const LIMIT_MAX: i64 = 1_000;
/// How long a question may take, with those before it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
const PAGE: &str = include_str!("console/page.html");

/// Routes over one ledger. With a token, the API answers only those who bear it.
pub fn router<L: Ledger>(ledger: L, token: Option<Secret>) -> Router {
    let console = Arc::new(Console { ledger, session: Mutex::new(None) });
    let api = Router::new()
        .route("/api/v1/events", get(events::<L>))
        .layer(from_fn_with_state(Arc::new(token), guard::admit))
        .with_state(console);
    let page = get(async || ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], PAGE));
    Router::new()
        .route("/", page)
        .merge(api)
        .fallback(async || error(StatusCode::NOT_FOUND, "nothing is here; see /"))
        .method_not_allowed_fallback(async || {
            error(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here")
        })
        .layer(axum::middleware::from_fn(guard::harden))
}

/// One connection that all requests share, opened when first needed.
struct Console<L: Ledger> {
    ledger: L,
    session: Mutex<Option<L::Session>>,
}

/// A window of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    after: i64,
    limit: i64,
}

async fn events<L: Ledger>(
    State(console): State<Arc<Console<L>>>,
    query: Result<Query<HashMap<String, String>>, QueryRejection>,
) -> Response {
    let window = match query {
        Ok(Query(parameters)) => Window::read(&parameters),
        Err(_) => Err("the query is not readable".to_owned()),
    };
    let window = match window {
        Ok(window) => window,
        Err(wrong) => return error(StatusCode::BAD_REQUEST, &wrong),
    };
    match timeout(ANSWER_TIMEOUT, console.events(window)).await {
        Ok(Ok(events)) => {
            let next = events.last().map_or(window.after, |event| event.position);
            answer(StatusCode::OK, &json!({ "events": events, "next": next }))
        }
        Ok(Err(reason)) => {
            tracing::warn!(%reason, "the console cannot read the ledger");
            error(StatusCode::SERVICE_UNAVAILABLE, "the ledger is out of reach; try again")
        }
        Err(_) => error(StatusCode::SERVICE_UNAVAILABLE, "the ledger takes too long; try again"),
    }
}

impl<L: Ledger> Console<L> {
    /// A session is put back only after it answered, so one that failed or hung is opened anew.
    async fn events(&self, window: Window) -> Result<Vec<EventRecord>, LedgerError> {
        let mut slot = self.session.lock().await;
        let mut session = match slot.take() {
            Some(session) => session,
            None => self.ledger.open().await?,
        };
        let events = session.events(window.after, window.limit).await?;
        *slot = Some(session);
        Ok(events)
    }
}

impl Window {
    fn read(parameters: &HashMap<String, String>) -> Result<Self, String> {
        let mut window = Self { after: 0, limit: LIMIT_DEFAULT };
        for (name, value) in parameters {
            let number = value.parse::<i64>().ok();
            match name.as_str() {
                "after" => {
                    let position = number.filter(|position| *position >= 0);
                    window.after = position.ok_or("after: a position, 0 or more")?;
                }
                "limit" => {
                    let limit = number.filter(|limit| (1..=LIMIT_MAX).contains(limit));
                    window.limit = limit.ok_or(format!("limit: from 1 to {LIMIT_MAX}"))?;
                }
                _ => return Err("only `after` and `limit` are known here".to_owned()),
            }
        }
        Ok(window)
    }
}

fn error(status: StatusCode, message: &str) -> Response {
    answer(status, &json!({ "error": message }))
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    (status, json, body.to_string()).into_response()
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
        assert_eq!(window(&[]), Ok(Window { after: 0, limit: 100 }));
        let given = window(&[("after", "7"), ("limit", "1000")]);
        assert_eq!(given, Ok(Window { after: 7, limit: 1000 }));
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
        ] {
            assert!(window(&[(name, value)]).unwrap_err().starts_with(name), "{name}={value}");
        }
        assert!(window(&[("before", "1")]).is_err());
    }
}
