//! Calendar arithmetic: periods counted from an anchor, in the subscription's time zone.
//!
//! **Invariant**: the k-th boundary is the anchor plus k times the period, never one period added to
//! the boundary before. So 31 January, monthly, is 28 February and then 31 March again.

use jiff::fmt::temporal::SpanParser;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use time::OffsetDateTime;

/// Days that one period may have: ten years.
pub const PERIOD_MAX_DAYS: i64 = 3_660;
/// Days that the grace may have: one year.
pub const GRACE_MAX_DAYS: i64 = 366;
/// Bytes of a duration or of a time zone's name.
pub const TEXT_MAX_BYTES: usize = 64;
/// Periods that one anchor can count: two and a half centuries of single days.
const PERIODS_MAX: i64 = 100_000;

/// Why a duration or a time zone cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    #[error("an ISO 8601 duration is needed, such as P1M")]
    NoDuration,
    #[error("more than nothing is needed")]
    NotPositive,
    #[error("less than nothing makes no sense")]
    Negative,
    #[error("whole days are needed: years, months, weeks or days")]
    NoWholeDays,
    #[error("at most {0} days")]
    TooLong(i64),
    #[error("no such time zone: an IANA name is needed, such as Asia/Shanghai")]
    NoZone,
}

/// Instants at equal calendar distances.
#[derive(Debug, Clone)]
pub struct Grid {
    pub anchor: OffsetDateTime,
    pub period: Span,
    pub zone: TimeZone,
}

/// A period: whole days, more than none, at most [`PERIOD_MAX_DAYS`].
pub fn period(text: &str) -> Result<Span, CalendarError> {
    let span = span(text)?;
    if span.is_negative() || span.is_zero() {
        return Err(CalendarError::NotPositive);
    }
    if seconds(&span) > 0 {
        return Err(CalendarError::NoWholeDays);
    }
    within(span, PERIOD_MAX_DAYS)
}

/// A grace period: none, or up to [`GRACE_MAX_DAYS`]; hours are fine.
pub fn grace(text: &str) -> Result<Span, CalendarError> {
    let span = span(text)?;
    if span.is_negative() {
        return Err(CalendarError::Negative);
    }
    within(span, GRACE_MAX_DAYS)
}

/// A time zone by its IANA name, from the database that is built in.
pub fn zone(name: &str) -> Result<TimeZone, CalendarError> {
    let known = TimeZone::get(name).ok().filter(|_| name.len() <= TEXT_MAX_BYTES);
    known.ok_or(CalendarError::NoZone)
}

/// The instant so much later by this zone's calendar; nothing beyond the calendar's end.
pub fn after(at: OffsetDateTime, span: &Span, zone: &TimeZone) -> Option<OffsetDateTime> {
    let from = Timestamp::from_nanosecond(at.unix_timestamp_nanos()).ok()?;
    let to = from.to_zoned_datetime(zone.clone()).checked_add(*span).ok()?;
    OffsetDateTime::from_unix_timestamp_nanos(to.timestamp().as_nanosecond()).ok()
}

impl Grid {
    /// The instant at which the period of this number begins.
    pub fn boundary(&self, number: i64) -> Option<OffsetDateTime> {
        let span = self.period.checked_mul(number).ok()?;
        after(self.anchor, &span, &self.zone)
    }

    /// The number of the period that holds an instant; the first for all that is earlier.
    pub fn number_of(&self, at: OffsetDateTime) -> Option<i64> {
        let begun = |number| self.boundary(number).is_some_and(|boundary| boundary <= at);
        if begun(PERIODS_MAX) {
            return None;
        }
        let (mut low, mut high) = (0, PERIODS_MAX);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if begun(middle) { low = middle } else { high = middle }
        }
        Some(low)
    }
}

fn span(text: &str) -> Result<Span, CalendarError> {
    // The parser also takes signs and small letters, which ISO 8601 does not have.
    let iso = text.starts_with('P') && !text.bytes().any(|byte| byte.is_ascii_lowercase());
    if !iso || text.len() > TEXT_MAX_BYTES {
        return Err(CalendarError::NoDuration);
    }
    SpanParser::new().parse_span(text).map_err(|_| CalendarError::NoDuration)
}

fn within(span: Span, days_max: i64) -> Result<Span, CalendarError> {
    let years = i64::from(span.get_years()) * 366;
    let months = i64::from(span.get_months()) * 31;
    let weeks = i64::from(span.get_weeks()) * 7;
    let whole = years + months + weeks + i64::from(span.get_days());
    let days = whole.saturating_add(seconds(&span) / 86_400);
    if days > days_max { Err(CalendarError::TooLong(days_max)) } else { Ok(span) }
}

/// What is shorter than a day; a part of a second counts as one.
fn seconds(span: &Span) -> i64 {
    let part = span.get_milliseconds() | span.get_microseconds() | span.get_nanoseconds();
    let minutes = i64::from(span.get_hours()) * 60 + span.get_minutes();
    minutes.saturating_mul(60).saturating_add(span.get_seconds()) + i64::from(part != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn boundaries(anchor: OffsetDateTime, text: &str, name: &str, count: i64) -> Vec<String> {
        let grid = Grid { anchor, period: period(text).unwrap(), zone: zone(name).unwrap() };
        let boundary = |number| grid.boundary(number).unwrap().to_string();
        (0..count).map(|number| boundary(number).replace(" +00:00:00", "")).collect()
    }

    #[test]
    fn the_last_day_of_a_month_comes_back_after_a_short_month() {
        let monthly = boundaries(datetime!(2026-01-31 12:00 UTC), "P1M", "UTC", 5);
        let days: Vec<&str> = monthly.iter().map(|at| &at[..10]).collect();
        assert_eq!(days, ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]);
    }

    #[test]
    fn a_leap_day_comes_back_each_fourth_year() {
        let yearly = boundaries(datetime!(2024-02-29 0:00 UTC), "P1Y", "UTC", 5);
        let days: Vec<&str> = yearly.iter().map(|at| &at[..10]).collect();
        assert_eq!(days, ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]);
    }

    #[test]
    fn a_day_begins_at_the_same_hour_of_the_clock_though_clocks_change() {
        // Clocks in Berlin go forward on 29 March 2026 at 02:00.
        let daily = boundaries(datetime!(2026-03-28 8:00 UTC), "P1D", "Europe/Berlin", 3);
        assert_eq!(daily, ["2026-03-28 8:00:00.0", "2026-03-29 7:00:00.0", "2026-03-30 7:00:00.0"]);
        let weekly = boundaries(datetime!(2026-10-20 7:00 UTC), "P1W", "Europe/Berlin", 2);
        assert_eq!(weekly, ["2026-10-20 7:00:00.0", "2026-10-27 8:00:00.0"]);
    }

    #[test]
    fn the_zone_decides_which_day_of_the_month_it_is() {
        // 30 January 23:00 in London is 31 January in Shanghai.
        let anchor = datetime!(2026-01-30 23:00 UTC);
        let shanghai = boundaries(anchor, "P1M", "Asia/Shanghai", 3);
        assert_eq!(shanghai[1..], ["2026-02-27 23:00:00.0", "2026-03-30 23:00:00.0"]);
        let utc = boundaries(anchor, "P1M", "UTC", 3);
        assert_eq!(utc[1..], ["2026-02-28 23:00:00.0", "2026-03-30 23:00:00.0"]);
    }

    #[test]
    fn an_instant_lies_in_one_period() {
        let anchor = datetime!(2026-01-31 0:00 UTC);
        let grid = Grid { anchor, period: period("P1M").unwrap(), zone: zone("UTC").unwrap() };
        for (at, number) in [
            (datetime!(2020-01-01 0:00 UTC), Some(0)),
            (anchor, Some(0)),
            (datetime!(2026-02-27 23:59 UTC), Some(0)),
            (datetime!(2026-02-28 0:00 UTC), Some(1)),
            (datetime!(2026-03-30 23:59 UTC), Some(1)),
            (datetime!(2027-01-31 0:00 UTC), Some(12)),
            (datetime!(9999-12-01 0:00 UTC), Some(95_686)),
        ] {
            assert_eq!(grid.number_of(at), number, "{at}");
        }
        let daily = Grid { period: period("P1D").unwrap(), ..grid };
        assert_eq!(daily.number_of(datetime!(9999-12-01 0:00 UTC)), None, "too many to count");
    }

    #[test]
    fn what_is_no_duration_or_zone_says_so() {
        for (text, wrong) in [
            ("", CalendarError::NoDuration),
            ("1 month", CalendarError::NoDuration),
            ("p1m", CalendarError::NoDuration),
            ("-P1M", CalendarError::NoDuration),
            ("P", CalendarError::NoDuration),
            ("P1X", CalendarError::NoDuration),
            ("P99999999999999999999D", CalendarError::NoDuration),
            ("P0D", CalendarError::NotPositive),
            ("PT1H", CalendarError::NoWholeDays),
            ("P1MT1S", CalendarError::NoWholeDays),
            ("P11Y", CalendarError::TooLong(PERIOD_MAX_DAYS)),
        ] {
            assert_eq!(period(text).err(), Some(wrong), "{text}");
        }
        for text in ["P1D", "P1W", "P1M", "P3M", "P1Y", "P10Y", "P1M15D"] {
            assert!(period(text).is_ok(), "{text}");
        }
        for (text, wrong) in [
            ("3 days", CalendarError::NoDuration),
            ("P367D", CalendarError::TooLong(GRACE_MAX_DAYS)),
            ("PT9000H", CalendarError::TooLong(GRACE_MAX_DAYS)),
        ] {
            assert_eq!(grace(text).err(), Some(wrong), "{text}");
        }
        for text in ["P0D", "P3D", "PT12H", "P1M"] {
            assert!(grace(text).is_ok(), "{text}");
        }
        for name in ["", "Mars/Olympus", "../etc/passwd", "+08:00"] {
            assert_eq!(zone(name).err(), Some(CalendarError::NoZone), "{name}");
        }
        for name in ["UTC", "Asia/Shanghai", "America/New_York"] {
            assert!(zone(name).is_ok(), "{name}");
        }
    }
}
