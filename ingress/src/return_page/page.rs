//! The page as HTML, and the headers that keep it harmless.
//!
//! **Invariant**: no answer is kept by anybody, runs a script of another's, is framed, or tells the next
//! page where the payer came from.

use askama::Template;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use shared::provider::Returned;

use super::Visit;
use super::language::{Language, View, Words};

/// How long a page without script waits before it is loaded anew.
const REFRESH_S: u16 = 5;
const HTML: &str = "text/html; charset=utf-8";
const NO_STORE: (HeaderName, &str) = (header::CACHE_CONTROL, "no-store");
const NO_SNIFF: (HeaderName, &str) = (header::X_CONTENT_TYPE_OPTIONS, "nosniff");
const NO_REFERRER: (HeaderName, &str) = (header::REFERRER_POLICY, "no-referrer");
/// Ours alone, from this place alone. Source: W3C Content Security Policy Level 3.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const KEEP: (HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=300");

type File = ([(HeaderName, &'static str); 4], &'static str);

pub(super) const STYLE: File = file("text/css; charset=utf-8", include_str!("page.css"));
pub(super) const SCRIPT: File = file("text/javascript; charset=utf-8", include_str!("page.js"));

/// Where a page stands: its links are relative, whatever a proxy put before them.
pub(super) struct Place<'a> {
    /// The account's.
    pub(super) name: &'a str,
    pub(super) visit: Visit,
}

#[derive(Template)]
#[template(path = "return_page/page.html")]
struct Page<'a> {
    words: &'a Words,
    title: &'a str,
    text: &'a str,
    files: &'a str,
    refresh_s: u16,
    shown: Option<Shown>,
}

/// What is told of one order.
struct Shown {
    state: &'static str,
    order_number: String,
    amount: Option<String>,
    /// The page itself, as it was first opened.
    here: String,
    /// The page loaded anew, while that is of use.
    again: Option<String>,
}

impl Place<'_> {
    /// The page of an order whose link is proven.
    pub(super) fn shown(
        &self,
        query: &str,
        view: View,
        returned: Returned,
        language: Language,
    ) -> Response {
        let (up, refreshes) = match self.visit {
            Visit::Link { refreshes: 0 } | Visit::Form => ("", 0),
            Visit::Link { refreshes } => ("../../", refreshes),
        };
        let files = self.files();
        let again = (view == View::Pending)
            .then(|| format!("{files}again/{}?{query}", refreshes.saturating_add(1)));
        let shown = Shown {
            state: view.word(),
            order_number: returned.order_number,
            amount: returned
                .amount
                .map(|amount| format!("{} {}", amount.to_decimal(), amount.currency.as_str())),
            here: format!("{up}{}?{query}", self.name),
            again,
        };
        let words = language.words();
        let heading = words.parts.iter().find(|part| part.state == shown.state);
        let title = heading.map_or(words.unverified.0, |part| part.heading);
        self.answer(StatusCode::OK, (title, ""), Some(shown), language)
    }

    /// The page of a link that is not proven: it tells nothing of it.
    pub(super) fn refused(&self, status: StatusCode, language: Language) -> Response {
        self.answer(status, language.words().unverified, None, language)
    }

    /// The page of a provider that signs no return.
    pub(super) fn thanks(&self, language: Language) -> Response {
        self.answer(StatusCode::OK, language.words().thanks, None, language)
    }

    /// The folder of the page's files, with `/`.
    fn files(&self) -> String {
        match self.visit {
            Visit::Link { refreshes: 0 } | Visit::Form => format!("{}/", self.name),
            Visit::Link { .. } => "../".to_owned(),
        }
    }

    fn answer(
        &self,
        status: StatusCode,
        (title, text): (&str, &str),
        shown: Option<Shown>,
        language: Language,
    ) -> Response {
        let (words, files) = (language.words(), self.files());
        let page = Page { words, title, text, files: &files, refresh_s: REFRESH_S, shown };
        // Writing to memory does not fail.
        let mut response = Response::new(Body::from(page.render().unwrap_or_default()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        harden(headers);
        set(headers, (header::CONTENT_TYPE, HTML));
        set(headers, (header::CONTENT_LANGUAGE, words.language));
        set(headers, (header::VARY, "accept-language"));
        response
    }
}

/// Sends the browser on, by GET. The address is ours or the configuration's.
pub(super) fn see_other(address: &str) -> Response {
    let mut response = empty(StatusCode::SEE_OTHER);
    match HeaderValue::from_str(address) {
        Ok(address) => drop(response.headers_mut().insert(header::LOCATION, address)),
        Err(_) => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
    }
    response
}

pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    harden(response.headers_mut());
    response
}

/// What stands on every answer that is for one payer.
pub(super) fn harden(headers: &mut HeaderMap) {
    let policy = (header::CONTENT_SECURITY_POLICY, POLICY);
    for pair in [NO_STORE, NO_SNIFF, NO_REFERRER, policy, (header::X_FRAME_OPTIONS, "DENY")] {
        set(headers, pair);
    }
}

fn set(headers: &mut HeaderMap, (name, value): (HeaderName, &'static str)) {
    headers.insert(name, HeaderValue::from_static(value));
}

const fn file(content_type: &'static str, text: &'static str) -> File {
    ([(header::CONTENT_TYPE, content_type), KEEP, NO_SNIFF, NO_REFERRER], text)
}
