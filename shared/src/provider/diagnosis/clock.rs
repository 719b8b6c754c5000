//! The time that a request was signed at, for what is outside the window.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::{Rejection, Verified};
use super::{Case, verified};

/// Instants that are tried: a request states one or two.
const INSTANTS_MAX: usize = 4;
/// Digits of Unix seconds, from 2001 on.
const DIGITS: std::ops::RangeInclusive<usize> = 10..=12;

/// When it was signed, and how verifying it at that instant ends; nothing where no stated time makes
/// it fresh.
pub(super) fn signed_at(case: &Case<'_>) -> Option<(OffsetDateTime, Result<Verified, Rejection>)> {
    let at = |instant| (instant, verified(case.account, case.received, instant));
    let fresh =
        |(_, result): &(_, Result<Verified, Rejection>)| !matches!(result, Err(Rejection::Stale));
    instants(case).into_iter().map(at).find(fresh)
}

/// Every time in the headers that the protocol reads: RFC 3339, and any number that may be seconds.
fn instants(case: &Case<'_>) -> Vec<OffsetDateTime> {
    let names = case.account.provider().headers().iter();
    let values = names.filter_map(|name| case.received.header(name)).map(String::from_utf8_lossy);
    let mut found = vec![];
    for value in values {
        found.extend(OffsetDateTime::parse(value.trim(), &Rfc3339));
        let numbers = value.split(|letter: char| !letter.is_ascii_digit());
        let seconds = numbers.filter(|number| DIGITS.contains(&number.len()));
        let instants = seconds.filter_map(|number| number.parse().ok());
        found.extend(instants.filter_map(|s| OffsetDateTime::from_unix_timestamp(s).ok()));
        if found.len() >= INSTANTS_MAX {
            break;
        }
    }
    found.truncate(INSTANTS_MAX);
    found
}

/// `signed 842 s before it was received`.
pub(super) fn told(seconds: i64) -> String {
    let side = if seconds < 0 { "after" } else { "before" };
    format!("signed {} s {side} it was received", seconds.unsigned_abs())
}
