//! The console's HTTP side: orders in, orders and published events out, and a page that says what is here.
//!
//! **Invariant**: every wait and every body is bounded; without the token (where one is set) nothing is
//! told, and nothing is ever written without one.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use shared::secret::Secret;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use worker::ledger::{Ledger, LedgerError};

mod guard;
mod query;
mod sessions;
mod events;
mod orders;

use self::events::Feed;
use self::sessions::Sessions;

/// How long an answer may take, with the wait for a free session.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
const BODY_MAX_BYTES: usize = 1 << 20;
const PAGE: &str = include_str!("console/page.html");

/// Routes over one ledger. With a token, the API answers only those who bear it. Whoever waits for events
/// is answered at `stop`.
pub fn router<L: Ledger>(ledger: L, token: Option<Secret>, stop: CancellationToken) -> Router {
    let token = Arc::new(token);
    let sessions = Sessions::new(ledger);
    let feed = Feed::new(sessions.clone(), stop);
    let reading = Router::new()
        .route("/api/v1/events", get(events::list::<L>).with_state(feed))
        .route("/api/v1/orders", get(orders::list::<L>))
        .route("/api/v1/orders/{number}", get(orders::show::<L>))
        .layer(from_fn_with_state(Arc::clone(&token), guard::admit));
    let writing = Router::new()
        .route("/api/v1/orders", post(orders::write::<L>))
        .route("/api/v1/orders/{number}/cancel", post(orders::cancel::<L>))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(from_fn_with_state(token, guard::admit_writer));
    let page = get(async || ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], PAGE));
    Router::new()
        .route("/", page)
        .merge(reading)
        .merge(writing)
        .fallback(async || error(StatusCode::NOT_FOUND, "nothing is here; see /"))
        .method_not_allowed_fallback(async || {
            error(StatusCode::METHOD_NOT_ALLOWED, "this is not answered here; see the header Allow")
        })
        .with_state(sessions)
        .layer(from_fn(guard::harden))
}

/// Why a request was not answered as asked.
struct Refusal {
    status: StatusCode,
    body: Value,
}

impl Refusal {
    fn new(status: StatusCode, message: &str) -> Self {
        Self { status, body: json!({ "error": message }) }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = answer(self.status, &self.body);
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            // Nothing is lost by asking again: every call may be repeated.
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// Waits for what a session was asked, and answers a ledger that does not.
async fn asked<T>(asking: impl Future<Output = Result<T, LedgerError>>) -> Result<T, Refusal> {
    let later = |message| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message);
    match timeout(ANSWER_TIMEOUT, asking).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(reason)) => {
            tracing::warn!(%reason, "the console cannot ask the ledger");
            Err(later(match reason {
                LedgerError::Conflict(_) => "another was in the way; try again",
                LedgerError::Unreachable(_) | LedgerError::Refused(_) | LedgerError::Fault(_) => {
                    "the ledger is out of reach; try again"
                }
            }))
        }
        Err(_) => Err(later("the ledger takes too long; try again")),
    }
}

fn error(status: StatusCode, message: &str) -> Response {
    Refusal::new(status, message).into_response()
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    (status, json, body.to_string()).into_response()
}
