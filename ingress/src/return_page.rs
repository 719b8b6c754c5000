//! The synchronous return: what the payer sees when the provider sends him back.
//!
//! **Invariant**: it never fulfils and enqueues nothing. Of a link that is not proven, nothing is
//! shown, sent on or kept; and a payer is only ever sent on to where the account's configuration says.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Path, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use metrics::{counter, histogram};
use shared::config::account::Choices;
use shared::process;
use shared::provider::{self, Account, Accounts, Rejection, Returned};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::info;

mod form;
mod language;
mod live;
mod page;
pub mod standings;

use self::language::{Language, View};
use self::page::Place;
use self::standings::Standings;

pub use self::live::follow;

/// A signed link has below 1 KiB with Alipay; a certificate within a form makes it 4 KiB.
const LINK_MAX_BYTES: usize = 16 * 1024;
/// How often a page without script is loaded anew: two minutes in all.
const REFRESHES_MAX: u16 = 24;
/// How long one stream lasts; then the page says that it takes longer.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What the pages need.
pub struct Pages {
    pub accounts: watch::Receiver<Arc<Accounts>>,
    /// Among them where the payers of an account are sent on.
    pub choices: watch::Receiver<Arc<Choices>>,
    pub standings: Standings,
    pub patience: Duration,
    /// How long a form may take to arrive.
    pub body_timeout: Duration,
    /// Ends the streams, so that nothing waits for them.
    pub stop: CancellationToken,
}

/// What a link was found to be.
enum Link {
    Proven(Returned),
    /// The provider signs none, or this is none of its kind: nothing in it is looked at.
    Unsigned,
    Refused(Rejection),
}

/// How the payer's browser came.
#[derive(Debug, Clone, Copy)]
enum Visit {
    /// By a link; without script the page loads itself anew, and counts how often.
    Link { refreshes: u16 },
    /// By a form that the provider's page made it post.
    Form,
}

/// `/return/{account}` and what belongs to its page.
pub fn router(pages: Pages) -> Router {
    Router::new()
        .route("/return/{account}", get(by_link).post(by_form))
        .route("/return/{account}/again/{count}", get(by_refresh))
        .route("/return/{account}/events", get(events))
        .route("/return/{account}/page.css", get(async || page::STYLE))
        .route("/return/{account}/page.js", get(async || page::SCRIPT))
        .layer(DefaultBodyLimit::max(LINK_MAX_BYTES))
        .with_state(Arc::new(pages))
}

type Name = Result<Path<String>, PathRejection>;

async fn by_link(
    State(pages): State<Arc<Pages>>,
    name: Name,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let visit = Visit::Link { refreshes: 0 };
    pages.answer(&plain(name), query.unwrap_or_default().as_bytes(), visit, &headers)
}

async fn by_refresh(
    State(pages): State<Arc<Pages>>,
    at: Result<Path<(String, u16)>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    // A count that is none has gone on long enough.
    let (name, refreshes) = at.map_or((String::new(), REFRESHES_MAX), |Path(at)| at);
    let visit = Visit::Link { refreshes: refreshes.max(1) };
    pages.answer(&name, query.unwrap_or_default().as_bytes(), visit, &headers)
}

async fn by_form(
    State(pages): State<Arc<Pages>>,
    name: Name,
    headers: HeaderMap,
    request: Request,
) -> Response {
    // What breaks off, or is too long or too slow, is no proven link either.
    let body = timeout(pages.body_timeout, Bytes::from_request(request, &())).await;
    let body = body.ok().and_then(Result::ok).unwrap_or_default();
    pages.answer(&plain(name), &body, Visit::Form, &headers)
}

async fn events(
    State(pages): State<Arc<Pages>>,
    name: Name,
    RawQuery(query): RawQuery,
) -> Response {
    let accounts = Arc::clone(&pages.accounts.borrow());
    let query = query.unwrap_or_default();
    match accounts.of(&plain(name)).map(|account| judge(account, query.as_bytes())) {
        Some(Link::Proven(returned)) => match pages.standings.seat(&returned.order_number) {
            Some(seat) => live::stream(&pages, seat, returned),
            None => page::empty(StatusCode::SERVICE_UNAVAILABLE),
        },
        Some(Link::Unsigned | Link::Refused(_)) | None => page::empty(StatusCode::NOT_FOUND),
    }
}

impl Pages {
    fn answer(&self, name: &str, pairs: &[u8], visit: Visit, headers: &HeaderMap) -> Response {
        let begun = Instant::now();
        let accounts = Arc::clone(&self.accounts.borrow());
        let account = accounts.of(name);
        let choices = Arc::clone(&self.choices.borrow());
        let (link, target) =
            (account.map(|account| judge(account, pairs)), choices.return_to.get(name));
        count(account, &link);
        let language = Language::preferred(
            headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()),
        );
        // Of a name that nobody configured, nothing is repeated either.
        let place = Place { name: account.map_or("unknown", |account| &account.name), visit };
        let response = match (link, target) {
            (None, _) => place.refused(StatusCode::NOT_FOUND, language),
            (Some(Link::Proven(returned)), Some(target)) => {
                page::see_other(&target.with_number(&returned.order_number))
            }
            (Some(Link::Unsigned | Link::Refused(_)), Some(target)) => {
                page::see_other(target.plain())
            }
            (Some(Link::Proven(returned)), None) => match visit {
                // Sent on to its own link, so that loading the page anew posts nothing again.
                Visit::Form => page::see_other(&format!("{name}?{}", form::as_query(pairs))),
                Visit::Link { refreshes } => {
                    let query = String::from_utf8_lossy(pairs);
                    place.shown(&query, self.view(&returned, refreshes), returned, language)
                }
            },
            (Some(Link::Unsigned), None) => place.thanks(language),
            (Some(Link::Refused(_)), None) => place.refused(StatusCode::BAD_REQUEST, language),
        };
        record(visit, &response, begun);
        response
    }

    fn view(&self, returned: &Returned, refreshes: u16) -> View {
        let now = process::now();
        match self.standings.of(&returned.order_number, returned.amount, now) {
            Some(standing) => View::Known(standing),
            None if refreshes >= REFRESHES_MAX => View::Late,
            None => View::Pending,
        }
    }
}

fn plain(name: Name) -> String {
    name.map(|Path(name)| name).unwrap_or_default()
}

fn judge(account: &Account, pairs: &[u8]) -> Link {
    if pairs.len() > LINK_MAX_BYTES {
        return Link::Refused(Rejection::Malformed("too long"));
    }
    match provider::verify_return(account, pairs, process::now()) {
        Ok(returned) => Link::Proven(returned),
        Err(Rejection::NoReturn) => Link::Unsigned,
        Err(rejection) => Link::Refused(rejection),
    }
}

fn count(account: Option<&Account>, link: &Option<Link>) {
    let (outcome, reason) = match link {
        Some(Link::Proven(_)) => ("proven", ""),
        Some(Link::Unsigned) => ("unsigned", ""),
        Some(Link::Refused(rejection)) => ("refused", rejection.reason()),
        None => ("refused", "unknown_account"),
    };
    if let (Some(account), Some(Link::Refused(rejection))) = (account, link) {
        info!(account = account.name, reason, detail = %rejection, "a payer's return is not proven");
    }
    let provider = account.map_or("unknown", |account| account.provider().as_str());
    let account = account.map_or_else(|| "unknown".to_owned(), |account| account.name.clone());
    counter!("quittance_returns_total",
        "provider" => provider, "account" => account, "outcome" => outcome, "reason" => reason)
    .increment(1);
}

fn record(visit: Visit, response: &Response, begun: Instant) {
    let method = match visit {
        Visit::Link { .. } => "GET",
        Visit::Form => "POST",
    };
    histogram!("http_server_request_duration_seconds",
        "http_request_method" => method,
        "http_route" => "/return/{account}",
        "http_response_status_code" => response.status().as_str().to_owned())
    .record(begun.elapsed().as_secs_f64());
}
