//! The public door's routes, and the admin port's.
//!
//! **Invariant**: a provider reads its success word only after [`Enqueue::accept`] returned; an
//! answer never says which check failed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody, PathRejection};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use axum::routing::any;
use bytes::Bytes;
use metrics::{counter, histogram};
use shared::broker::Publisher;
use shared::process;
use shared::provider::{self, Account, Accounts, Received, Rejection, Reply};
use shared::telemetry::health::Health;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::certificates::Certificates;
use crate::enqueue::Enqueue;
use crate::quarantine::Quarantine;
use crate::rejections::{Rejected, Rejections};

/// What the door needs.
pub struct Door<P> {
    /// They change when keys do; a request keeps those that it found.
    pub accounts: watch::Receiver<Arc<Accounts>>,
    pub enqueue: Arc<Enqueue<P>>,
    pub certificates: Certificates,
    /// Keeps what fails verification, for accounts that ask for it.
    pub quarantine: Option<Arc<Quarantine>>,
    pub rejections: Rejections,
    pub body_limit_bytes: usize,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
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
    let limit = DefaultBodyLimit::max(door.body_limit_bytes);
    Router::new()
        .route("/notify/{account}", any(notify::<P>))
        .layer(limit)
        .with_state(Arc::new(door))
}

/// `/livez`, `/readyz`, `/metrics`.
pub fn admin(health: Health) -> Router {
    let answer = async |State(health): State<Health>, uri: Uri, RawQuery(query): RawQuery| {
        let answer = health.answer(uri.path(), query.as_deref());
        let status =
            StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(header::CONTENT_TYPE, answer.content_type)], answer.body)
    };
    Router::new().fallback(answer).with_state(health)
}

async fn notify<P: Publisher>(
    State(door): State<Arc<Door<P>>>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    // A name that is not even text is nobody's.
    let accounts = Arc::clone(&door.accounts.borrow());
    let account = name.ok().and_then(|Path(name)| accounts.of(&name));
    let response = if method != Method::POST {
        count(None, "rejected", "wrong_method");
        let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        response
    } else if let Some(account) = account {
        let outcome = door.receive(&accounts, account, request).await;
        outcome.answer(account)
    } else {
        count(None, "rejected", "unknown_account");
        empty(StatusCode::NOT_FOUND)
    };
    histogram!("http_server_request_duration_seconds",
        "http_request_method" => method_label(&method),
        "http_route" => "/notify/{account}",
        "http_response_status_code" => response.status().as_str().to_owned())
    .record(begun.elapsed().as_secs_f64());
    response
}

fn count(account: Option<&Account>, outcome: &'static str, reason: &'static str) {
    let provider = account.map_or("unknown", |account| account.provider().as_str());
    let account = account.map_or_else(|| "unknown".to_owned(), |account| account.name.clone());
    counter!("quittance_notifications_total",
        "provider" => provider, "account" => account, "outcome" => outcome, "reason" => reason)
    .increment(1);
}

/// A stranger chooses the method, so only known ones become a label. Source: OpenTelemetry, HTTP.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "POST" => "POST",
        "GET" => "GET",
        "HEAD" => "HEAD",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "_OTHER",
    }
}

impl<P: Publisher> Door<P> {
    async fn receive(
        &self,
        accounts: &Arc<Accounts>,
        account: &Account,
        request: Request,
    ) -> Outcome {
        let received_at = process::now();
        // A length that is stated and too large is not even read.
        if stated_length(request.headers()).is_some_and(|length| length > self.body_limit_bytes) {
            return Outcome::TooLarge;
        }
        let headers = request.headers().clone();
        let query = request.uri().query().map(ToOwned::to_owned);
        let body = match self.read(request).await {
            Ok(body) => body,
            Err(outcome) => return outcome,
        };
        let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let admitted = provider::Request::admit(account.provider(), pairs, body.clone());
        let quarantine = self.quarantine.as_ref().filter(|kept| kept.is_for(&account.name));
        let (verified, copy) = match admitted {
            Ok(request) => {
                let copy = quarantine.map(|quarantine| (quarantine, request.clone()));
                (self.certificates.verify(account, request, received_at).await, copy)
            }
            Err(rejection) => (Err(rejection), None),
        };
        match verified {
            Err(rejection) => {
                if let Some((quarantine, request)) = copy {
                    quarantine.keep(account, request, rejection, received_at);
                }
                self.rejections.count(Rejected {
                    account: account.name.clone(),
                    provider: account.provider(),
                    rejection,
                    accounts: Arc::clone(accounts),
                    received: received(query, &headers, body),
                    received_at,
                });
                Outcome::Rejected(rejection)
            }
            Ok(verified) => match self.enqueue.accept(verified, received_at).await {
                Ok(()) => Outcome::Accepted,
                Err(error) => Outcome::Unpublished(error.reason()),
            },
        }
    }

    async fn read(&self, request: Request) -> Result<Bytes, Outcome> {
        use FailedToBufferBody::LengthLimitError;
        match timeout(self.body_timeout, Bytes::from_request(request, &())).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(BytesRejection::FailedToBufferBody(LengthLimitError(_)))) => {
                Err(Outcome::TooLarge)
            }
            Ok(Err(_)) => Err(Outcome::Broken),
            Err(_) => Err(Outcome::TooSlow),
        }
    }
}

impl Outcome {
    fn answer(self, account: &Account) -> Response {
        let provider = account.provider();
        let stated = |reply: Reply| StatusCode::from_u16(reply.status).unwrap_or_default();
        let (status, reply, outcome, reason) = match self {
            Self::Accepted => (stated(provider.accept()), provider.accept(), "accepted", ""),
            Self::Rejected(rejection) => {
                let status = if rejection.is_malformed() {
                    StatusCode::BAD_REQUEST
                } else {
                    stated(provider.reject())
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
        count(Some(account), outcome, reason);
        of(status, reply)
    }
}

/// All of a request, for whoever looks into why it was rejected.
fn received(query: Option<String>, headers: &HeaderMap, body: Bytes) -> Received {
    let headers = headers.iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    Received { query, headers: headers.collect(), body }
}

fn stated_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
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
