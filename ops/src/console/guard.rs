//! Who may ask, and what a browser may do with an answer.
//!
//! **Invariant**: a token is compared in constant time; without one, only names of this machine are
//! answered, so that a page of a stranger cannot read through a name that it points here. Nothing is
//! written without a token: what a browser sends by itself never bears one, as there are no cookies.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use shared::secret::Secret;
use subtle::ConstantTimeEq as _;

/// Source: CSP Level 3. The page is plain: it loads nothing, sends nothing, and stands in no frame.
const CSP: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Lets a request in, or answers it.
pub(super) async fn admit(
    State(token): State<Arc<Option<Secret>>>,
    request: Request,
    next: Next,
) -> Response {
    let refusal = match token.as_ref() {
        Some(token) if !bears(request.headers(), token) => {
            super::error(StatusCode::UNAUTHORIZED, "a bearer token is needed")
        }
        None if !names_this_machine(request.headers()) => {
            let hint = "ask for it by address, or set console.token_file";
            super::error(StatusCode::FORBIDDEN, hint)
        }
        Some(_) | None => return next.run(request).await,
    };
    with(refusal, header::WWW_AUTHENTICATE, "Bearer")
}

/// Lets a request in that writes. A form of a stranger's page has neither token nor JSON; what a page
/// sends by script is told by its origin, which is never ours: the page of this console sends nothing.
pub(super) async fn admit_writer(
    State(token): State<Arc<Option<Secret>>>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let refusal = match token.as_ref() {
        None => {
            super::error(StatusCode::FORBIDDEN, "writing needs a token: set console.token_file")
        }
        Some(token) if !bears(headers, token) => {
            super::error(StatusCode::UNAUTHORIZED, "a bearer token is needed")
        }
        Some(_) if headers.contains_key(header::ORIGIN) => {
            super::error(StatusCode::FORBIDDEN, "no page of a browser writes here")
        }
        Some(_) if !is_json(headers) => super::error(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Content-Type: application/json is needed",
        ),
        Some(_) => return next.run(request).await,
    };
    if refusal.status() == StatusCode::UNAUTHORIZED {
        return with(refusal, header::WWW_AUTHENTICATE, "Bearer");
    }
    refusal
}

/// Headers on every answer.
pub(super) async fn harden(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let response = with(response, header::CONTENT_SECURITY_POLICY, CSP);
    let response = with(response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    let response = with(response, header::REFERRER_POLICY, "no-referrer");
    with(response, header::CACHE_CONTROL, "no-store")
}

fn with(mut response: Response, name: HeaderName, value: &'static str) -> Response {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

/// Source: RFC 6750 §2.1.
fn bears(headers: &HeaderMap, token: &Secret) -> bool {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return false };
    let Some((scheme, given)) = value.as_bytes().split_at_checked("Bearer ".len()) else {
        return false;
    };
    scheme.eq_ignore_ascii_case(b"Bearer ") && bool::from(given.ct_eq(token.reveal().as_bytes()))
}

/// `application/json`, with whatever parameters; a request with two types has none.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else { return false };
    let name = only.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    name.trim().eq_ignore_ascii_case("application/json")
}

fn names_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn only_the_whole_token_lets_in() {
        let token = Secret::new("s3cret".into());
        for (value, admitted) in [
            ("Bearer s3cret", true),
            ("bearer s3cret", true),
            ("Bearer s3cre", false),
            ("Bearer s3cret ", false),
            ("Bearer", false),
            ("Basic s3cret", false),
            ("", false),
        ] {
            assert_eq!(
                bears(&headers(header::AUTHORIZATION, value), &token),
                admitted,
                "{value:?}"
            );
        }
        assert!(!bears(&HeaderMap::new(), &token));
    }

    #[test]
    fn only_json_is_read() {
        for (value, read) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("text/plain; application/json", false),
            ("application/json-patch+json", false),
            ("", false),
        ] {
            assert_eq!(is_json(&headers(header::CONTENT_TYPE, value)), read, "{value:?}");
        }
        let mut two = headers(header::CONTENT_TYPE, "application/json");
        two.append(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        assert!(!is_json(&two));
    }

    #[test]
    fn a_name_that_a_stranger_points_here_is_not_answered() {
        for (host, ours) in [
            ("127.0.0.1:9092", true),
            ("[::1]:9092", true),
            ("localhost", true),
            ("evil.example:9092", false),
            ("127.0.0.1.evil.example", false),
            ("", false),
        ] {
            assert_eq!(names_this_machine(&headers(header::HOST, host)), ours, "{host:?}");
        }
    }
}
