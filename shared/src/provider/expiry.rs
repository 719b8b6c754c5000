//! How long a key is still good for, as its certificate says.
//!
//! A certificate that was configured as a key still verifies once it has ended: the providers' own SDKs
//! do not look either, and refusing genuine money on a date would harm more than it protects. One that
//! is believed because of a chain counts within its dates alone, and so does every one between it and
//! the root. An operator is told in time of all that are configured.

use time::{Duration, OffsetDateTime};

use super::{KeyNote, Renewal};

/// How long before its end an operator is told of a certificate.
pub const EXPIRY_WARNING: Duration = Duration::days(30);

/// How near a key's end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// A bare key.
    Never,
    Later,
    /// Within [`EXPIRY_WARNING`].
    Soon,
    Over,
}

impl Expiry {
    /// The word that people and programs read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "unlimited",
            Self::Later => "valid",
            Self::Soon => "expiring",
            Self::Over => "expired",
        }
    }

    /// Does somebody have to do something?
    fn asks_for_care(self) -> bool {
        match self {
            Self::Soon | Self::Over => true,
            Self::Never | Self::Later => false,
        }
    }
}

impl KeyNote {
    pub fn expiry(&self, now: OffsetDateTime) -> Expiry {
        match self.expires_at {
            None => Expiry::Never,
            Some(end) if end <= now => Expiry::Over,
            Some(end) if end - now <= EXPIRY_WARNING => Expiry::Soon,
            Some(_) => Expiry::Later,
        }
    }

    /// Does somebody have to do something about it?
    pub fn asks_for_care(&self, now: OffsetDateTime) -> bool {
        match self.renewal {
            Renewal::Operator => self.expiry(now).asks_for_care(),
            Renewal::Fetching => false,
        }
    }

    /// Whole days until it ends: 0 on its last day, less once it has ended.
    pub fn days_left(&self, now: OffsetDateTime) -> Option<i64> {
        const DAY_SECONDS: i64 = 24 * 60 * 60;
        self.expires_at.map(|end| (end - now).whole_seconds().div_euclid(DAY_SECONDS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_key_is_told_of_thirty_days_before_its_end() {
        let end = datetime!(2026-12-31 12:00 UTC);
        let note = |expires_at| KeyNote { expires_at, ..KeyNote::bare("a", "RSA 2048") };
        assert_eq!(note(None).expiry(end), Expiry::Never);
        assert_eq!(note(None).days_left(end), None);
        let second = Duration::seconds(1);
        for (now, expiry, days) in [
            (end - Duration::days(31), Expiry::Later, 31),
            (end - Duration::days(30) - second, Expiry::Later, 30),
            (end - Duration::days(30), Expiry::Soon, 30),
            (end - second, Expiry::Soon, 0),
            (end, Expiry::Over, 0),
            (end + second, Expiry::Over, -1),
        ] {
            let note = note(Some(end));
            assert_eq!((note.expiry(now), note.days_left(now)), (expiry, Some(days)), "{now}");
            assert_eq!(note.asks_for_care(now), days <= 30 && expiry != Expiry::Later);
            let fetched = KeyNote { renewal: Renewal::Fetching, ..note };
            assert!(!fetched.asks_for_care(now), "the next one is fetched in time");
        }
    }
}
