//! How our words stand in the file: times as microseconds since 1970, the rest as text.

use diesel::result::Error;
use shared::money::{Currency, Money};
use time::OffsetDateTime;
use uuid::Uuid;

/// A result whose error is the database's.
pub(super) type Result<T> = std::result::Result<T, Error>;

/// A value in the file that no version of ours wrote.
#[derive(Debug, thiserror::Error)]
#[error("`{value}` is no {what}")]
struct Unreadable {
    what: &'static str,
    value: String,
}

/// The instant as the file keeps it. The years 1 to 9999 fit.
pub(super) fn micros(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX)
}

pub(super) fn instant(micros: i64) -> Result<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000)
        .map_err(|_| unreadable("instant", &micros.to_string()))
}

pub(super) fn instant_or_none(micros: Option<i64>) -> Result<Option<OffsetDateTime>> {
    micros.map(instant).transpose()
}

pub(super) fn uuid(text: &str) -> Result<Uuid> {
    text.parse().map_err(|_| unreadable("uuid", text))
}

pub(super) fn currency(text: &str) -> Result<Currency> {
    text.parse().map_err(|_| unreadable("currency", text))
}

pub(super) fn money(minor: i64, letters: &str) -> Result<Money> {
    Ok(Money { minor, currency: currency(letters)? })
}

/// The value that a word names, by its type's own reading.
pub(super) fn word<T>(
    what: &'static str,
    text: &str,
    from_word: impl FnOnce(&str) -> Option<T>,
) -> Result<T> {
    from_word(text).ok_or_else(|| unreadable(what, text))
}

pub(super) fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::DeserializationError(error.into()))
}

pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::SerializationError(error.into()))
}

fn unreadable(what: &'static str, value: &str) -> Error {
    Error::DeserializationError(Unreadable { what, value: value.to_owned() }.into())
}
