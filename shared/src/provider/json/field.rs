//! A JSON value as a part of a fact: a number of something, a time. What is missing, of another kind,
//! too long or not visible makes the whole text unreadable, and nothing is guessed.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Json;
use crate::provider::Unreadable;

/// The longest number of an order or a transaction.
pub(crate) const NUMBER_MAX_BYTES: usize = 128;

/// The text behind a path; an empty one, and `null`, count as absent.
pub(crate) fn optional(json: &Json, path: &[&str]) -> Result<Option<String>, Unreadable> {
    match json.at(path) {
        Json::Null => Ok(None),
        Json::Text(text) if text.len() > NUMBER_MAX_BYTES => {
            Err(Unreadable::Malformed("a field is too long"))
        }
        Json::Text(text) if text.chars().any(char::is_control) => {
            Err(Unreadable::Malformed("a field has a control character"))
        }
        Json::Text(text) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Json::Bool(_) | Json::Integer(_) | Json::OtherNumber | Json::List(_) | Json::Object(_) => {
            Err(Unreadable::Malformed("a field is no text"))
        }
    }
}

/// The text that must stand behind a path.
pub(crate) fn required(json: &Json, path: &[&str]) -> Result<String, Unreadable> {
    optional(json, path)?.ok_or(Unreadable::Malformed("a field is missing"))
}

/// A whole number that is not negative.
pub(crate) fn count(json: &Json, path: &[&str]) -> Result<i64, Unreadable> {
    let number = json.at(path).integer().filter(|number| *number >= 0);
    number.ok_or(Unreadable::Malformed("a number is missing, negative or not whole"))
}

/// A time in Unix seconds.
pub(crate) fn unix_time(json: &Json, path: &[&str]) -> Result<OffsetDateTime, Unreadable> {
    let time = OffsetDateTime::from_unix_timestamp(count(json, path)?);
    time.map_err(|_| Unreadable::Malformed("a time is out of range"))
}

/// A time as RFC 3339 writes it, in UTC. Nothing: it is not written so.
pub(crate) fn rfc_3339(text: &str) -> Option<OffsetDateTime> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    time.checked_to_offset(time::UtcOffset::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_a_short_visible_text_or_absent() {
        let long = "x".repeat(NUMBER_MAX_BYTES + 1);
        let json = format!(r#"{{"a":"x","b":"","c":null,"d":1,"e":"\u0007","f":"{long}"}}"#);
        let json = Json::parse(json.as_bytes()).unwrap();
        assert_eq!(optional(&json, &["a"]), Ok(Some("x".to_owned())));
        assert_eq!([optional(&json, &["b"]), optional(&json, &["c"])], [Ok(None), Ok(None)]);
        for key in ["b", "d", "e", "f", "none"] {
            assert!(required(&json, &[key]).is_err(), "{key}");
        }
    }

    #[test]
    fn a_time_is_whole_seconds_or_rfc_3339() {
        let json = Json::parse(br#"{"a":1700000000,"b":-1,"c":1.5,"d":9223372036854775807}"#);
        let json = json.unwrap();
        assert_eq!(unix_time(&json, &["a"]).unwrap().unix_timestamp(), 1_700_000_000);
        for key in ["b", "c", "d"] {
            assert!(unix_time(&json, &[key]).is_err(), "{key}");
        }
        let time = rfc_3339("2023-11-15T00:13:20.5+02:00").unwrap();
        assert_eq!((time.unix_timestamp(), time.offset().is_utc()), (1_700_000_000, true));
        assert_eq!([rfc_3339("2023-11-15 00:13:20"), rfc_3339("")], [None, None]);
    }
}
