//! Values with units, and instants as the ledgers keep them.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};
use time::{OffsetDateTime, UtcOffset};

/// What is said of an instant that is not [`recordable`].
pub const UNRECORDABLE: &str = "a time in the years 1 to 9999 (UTC) is needed";

/// A span of time, written `5ms`, `3s`, `2m`, `1h`, `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

/// A number of bytes, written `512B`, `64KiB`, `1MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub usize);

impl Span {
    /// Reads a whole number and its unit.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, unit) = split(text)?;
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        number.checked_mul(millis).map(Duration::from_millis).map(Self)
    }
}

impl Bytes {
    /// Reads a whole number and its unit.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, unit) = split(text)?;
        let factor = match unit {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            _ => return None,
        };
        usize::try_from(number.checked_mul(factor)?).ok().map(Self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format!("`{text}` is no time span: write 5ms, 3s, 2m, 1h or 7d"))
        })
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format!("`{text}` is no size: write 512B, 64KiB or 1MiB"))
        })
    }
}

/// The instant as every ledger, document and event can hold it: in UTC, of the years 1 to 9999, in whole
/// microseconds. Nothing: it is of another year.
pub fn recordable(at: OffsetDateTime) -> Option<OffsetDateTime> {
    let at = at.checked_to_offset(UtcOffset::UTC).filter(|at| (1..=9999).contains(&at.year()))?;
    at.replace_nanosecond(at.microsecond() * 1_000).ok()
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn an_instant_is_kept_in_utc_and_microseconds_or_not_at_all() {
        for (at, kept) in [
            (
                datetime!(2026-01-02 03:04:05.123456789 +08:00),
                Some(datetime!(2026-01-01 19:04:05.123456 UTC)),
            ),
            (datetime!(0001-01-01 00:00:00 UTC), Some(datetime!(0001-01-01 00:00:00 UTC))),
            (datetime!(0001-01-01 00:00:00 +08:00), None),
            (
                datetime!(9999-12-31 23:59:59.9999999 UTC),
                Some(datetime!(9999-12-31 23:59:59.999999 UTC)),
            ),
            (datetime!(9999-12-31 23:59:59 -01:00), None),
            (datetime!(-0001-01-01 00:00:00 UTC), None),
        ] {
            assert_eq!(recordable(at), kept, "{at}");
        }
    }

    #[test]
    fn a_number_needs_its_unit() {
        assert_eq!(Span::parse("5ms"), Some(Span(Duration::from_millis(5))));
        assert_eq!(Span::parse("2m"), Some(Span(Duration::from_secs(120))));
        assert_eq!(Bytes::parse("64KiB"), Some(Bytes(65_536)));
        for text in ["", "5", "ms", "-1s", "1.5s", "5 parsecs", "99999999999999999999s"] {
            assert_eq!(Span::parse(text), None, "{text}");
        }
    }
}
