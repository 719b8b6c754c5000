//! What stands behind the question mark.

use std::collections::HashMap;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::StatusCode;

use super::Refusal;

/// Names and values as they were sent; a name that comes twice has its last value.
pub(super) type Parameters = HashMap<String, String>;

/// Reads the parameters, or says what is wrong with them.
pub(super) fn read<T>(
    query: Result<Query<Parameters>, QueryRejection>,
    read: impl FnOnce(&Parameters) -> Result<T, String>,
) -> Result<T, Refusal> {
    let read = match query {
        Ok(Query(parameters)) => read(&parameters),
        Err(_) => Err("the query is not readable".to_owned()),
    };
    read.map_err(|wrong| Refusal::new(StatusCode::BAD_REQUEST, &wrong))
}

/// A number within these bounds.
pub(super) fn number(name: &str, value: &str, from: i64, to: i64) -> Result<i64, String> {
    let number = value.parse::<i64>().ok().filter(|number| (from..=to).contains(number));
    number.ok_or_else(|| match to {
        i64::MAX => format!("{name}: {from} or more"),
        _ => format!("{name}: from {from} to {to}"),
    })
}
