//! The public door's routes, and the admin port's.
//!
//! **Invariant**: a provider reads its success word only after [`Enqueue::accept`] returned; an
//! answer never says which check failed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use axum::routing::any;
use bytes::Bytes;
use metrics::{counter, histogram};
use shared::broker::Publisher;
use shared::process;
use shared::provider::{self, Account, Rejection, Reply};
use shared::telemetry::health::Health;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::enqueue::Enqueue;

/// What the door needs.
pub struct Door<P> {
    pub accounts: Vec<Account>,
    pub enqueue: Arc<Enqueue<P>>,
    pub body_limit_bytes: usize,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
}

struct Shared<P> {
    accounts: HashMap<String, Account>,
    enqueue: Arc<Enqueue<P>>,
    body_limit_bytes: usize,
    body_timeout: Duration,
}

/// How a request ended: the answer's status, and the counter's labels.
enum Outcome {
    Accepted,
    Rejected(Rejection),
    TooLarge,
    TooSlow,
    Broken,
    Unpublished(&'static str),
}

/// `POST /notify/{account}`.
pub fn router<P: Publisher>(door: Door<P>) -> Router {
    let accounts = door.accounts.into_iter().map(|account| (account.name.clone(), account));
    let shared = Shared {
        accounts: accounts.collect(),
        enqueue: door.enqueue,
        body_limit_bytes: door.body_limit_bytes,
        body_timeout: door.body_timeout,
    };
    Router::new().route("/notify/{account}", any(notify::<P>)).with_state(Arc::new(shared))
}

/// `/livez`, `/readyz`, `/metrics`.
pub fn admin(health: Health) -> Router {
    let answer = async |State(health): State<Health>, uri: Uri, RawQuery(query): RawQuery| {
        let verbose = query.is_some_and(|query| query.split('&').any(|key| key == "verbose"));
        let answer = health.answer(uri.path(), verbose);
        let status =
            StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(header::CONTENT_TYPE, answer.content_type)], answer.body)
    };
    Router::new().fallback(answer).with_state(health)
}

async fn notify<P: Publisher>(
    State(door): State<Arc<Shared<P>>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let begun = Instant::now();
    let response = if request.method() != Method::POST {
        let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        response
    } else if let Some(account) = door.accounts.get(&name) {
        let outcome = door.receive(account, request).await;
        outcome.answer(account)
    } else {
        counter!("quittance_notifications_total",
            "provider" => "unknown", "account" => "unknown", "outcome" => "rejected", "reason" => "unknown_account")
        .increment(1);
        empty(StatusCode::NOT_FOUND)
    };
    let status = response.status().as_str().to_owned();
    histogram!("http_server_request_duration_seconds",
        "http_request_method" => "POST", "http_route" => "/notify/{account}", "http_response_status_code" => status)
    .record(begun.elapsed().as_secs_f64());
    response
}

impl<P: Publisher> Shared<P> {
    async fn receive(&self, account: &Account, request: Request) -> Outcome {
        let received_at = process::now();
        let (parts, body) = request.into_parts();
        // A length that is stated and too large is not even read.
        if stated_length(&parts.headers).is_some_and(|length| length > self.body_limit_bytes) {
            return Outcome::TooLarge;
        }
        let body = match self.read(body).await {
            Ok(body) => body,
            Err(outcome) => return outcome,
        };
        let request = match request_of(&parts.headers, body) {
            Ok(request) => request,
            Err(rejection) => return Outcome::Rejected(rejection),
        };
        let verified = match provider::verify(account, request) {
            Ok(verified) => verified,
            Err(rejection) => return Outcome::Rejected(rejection),
        };
        match self.enqueue.accept(verified, received_at).await {
            Ok(()) => Outcome::Accepted,
            Err(error) => Outcome::Unpublished(error.reason()),
        }
    }

    async fn read(&self, body: Body) -> Result<Bytes, Outcome> {
        match timeout(self.body_timeout, to_bytes(body, self.body_limit_bytes)).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(error)) if is_too_large(&error) => Err(Outcome::TooLarge),
            Ok(Err(_)) => Err(Outcome::Broken),
            Err(_) => Err(Outcome::TooSlow),
        }
    }
}

impl Outcome {
    fn answer(self, account: &Account) -> Response {
        let provider = account.provider();
        let (status, reply, outcome, reason) = match self {
            Self::Accepted => (StatusCode::OK, provider.accept(), "accepted", ""),
            Self::Rejected(rejection) => {
                let status = if rejection.is_malformed() {
                    StatusCode::BAD_REQUEST
                } else {
                    StatusCode::UNAUTHORIZED
                };
                info!(account = account.name, reason = rejection.reason(), detail = %rejection, "rejected");
                (status, provider.reject(), "rejected", rejection.reason())
            }
            Self::TooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, provider.reject(), "rejected", "too_large")
            }
            Self::TooSlow => {
                (StatusCode::REQUEST_TIMEOUT, provider.reject(), "rejected", "too_slow")
            }
            Self::Broken => (StatusCode::BAD_REQUEST, provider.reject(), "rejected", "broken"),
            Self::Unpublished(reason) => {
                warn!(
                    account = account.name,
                    reason, "not enqueued; the provider will send it again"
                );
                (StatusCode::SERVICE_UNAVAILABLE, provider.reject(), "unavailable", reason)
            }
        };
        counter!("quittance_notifications_total",
            "provider" => provider.as_str(), "account" => account.name.clone(),
            "outcome" => outcome, "reason" => reason)
        .increment(1);
        of(status, reply)
    }
}

fn request_of(headers: &HeaderMap, body: Bytes) -> Result<provider::Request, Rejection> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Rejection::Malformed("content encoding"));
    }
    let content_type = match headers.get(header::CONTENT_TYPE).map(HeaderValue::to_str) {
        None => None,
        Some(Ok(text)) if text.len() < 256 => Some(text.to_owned()),
        Some(_) => return Err(Rejection::Malformed("content type")),
    };
    Ok(provider::Request { content_type, body })
}

fn stated_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// axum wraps the limit's error; a body that is cut off is another.
fn is_too_large(error: &axum::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.to_string().contains("length limit exceeded") {
            return true;
        }
        source = error.source();
    }
    error.to_string().contains("length limit exceeded")
}

fn of(status: StatusCode, reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(reply.content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
