//! `GET /api/v1/events`: published events in the log's order.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use worker::ledger::{Ledger, Session as _};

use super::query::{self, Parameters};
use super::sessions::Sessions;
use super::{Refusal, answer, asked};

const LIMIT_DEFAULT: i64 = 100;
const LIMIT_MAX: i64 = 1_000;

/// A window of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    after: i64,
    limit: i64,
}

pub(super) async fn list<L: Ledger>(
    State(sessions): State<Sessions<L>>,
    query: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Refusal> {
    let window = query::read(query, Window::read)?;
    let events = sessions.ask(async |session| session.events(window.after, window.limit).await);
    let events = asked(events).await?;
    let next = events.last().map_or(window.after, |event| event.position);
    Ok(answer(StatusCode::OK, &json!({ "events": events, "next": next })))
}

impl Window {
    fn read(parameters: &Parameters) -> Result<Self, String> {
        let mut window = Self { after: 0, limit: LIMIT_DEFAULT };
        for (name, value) in parameters {
            match name.as_str() {
                "after" => window.after = query::number("after", value, 0, i64::MAX)?,
                "limit" => window.limit = query::number("limit", value, 1, LIMIT_MAX)?,
                _ => return Err("only `after` and `limit` are known here".to_owned()),
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
