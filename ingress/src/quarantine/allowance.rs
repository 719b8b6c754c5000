//! How much may be kept: pure, with its own limits for each account, so that strangers who send to
//! one account cannot crowd out what is kept for another.

use std::collections::BTreeMap;

use time::OffsetDateTime;

const MINUTE_SECONDS: i64 = 60;

/// For each account.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub requests_max: u64,
    pub bytes_max: u64,
    pub per_minute_max: u32,
}

/// Why a request is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// As much is kept as may be: it is for a person to drop some.
    Full,
    /// More came this minute than may be kept in one.
    Limited,
}

/// What stands in each account's room.
#[derive(Debug)]
pub struct Allowance {
    limits: Limits,
    rooms: BTreeMap<String, Room>,
}

/// How much stands there, as the last scan or an admission since left it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    pub requests: u64,
    pub bytes: u64,
    minute: i64,
    in_minute: u32,
}

impl Allowance {
    pub fn new(limits: Limits) -> Self {
        Self { limits, rooms: BTreeMap::new() }
    }

    /// Takes a place for a request, or says why there is none.
    pub fn admit(&mut self, account: &str, bytes: u64, now: OffsetDateTime) -> Result<(), Refusal> {
        let limits = self.limits;
        let room = self.rooms.entry(account.to_owned()).or_default();
        let minute = now.unix_timestamp().div_euclid(MINUTE_SECONDS);
        if room.minute != minute {
            (room.minute, room.in_minute) = (minute, 0);
        }
        if room.requests >= limits.requests_max || room.bytes + bytes > limits.bytes_max {
            return Err(Refusal::Full);
        }
        if room.in_minute >= limits.per_minute_max {
            return Err(Refusal::Limited);
        }
        room.in_minute += 1;
        room.requests += 1;
        room.bytes += bytes;
        Ok(())
    }

    /// What a scan of the folder found: requests and bytes of each account.
    pub fn found(&mut self, found: &BTreeMap<String, (u64, u64)>) {
        for (account, room) in &mut self.rooms {
            (room.requests, room.bytes) = found.get(account).copied().unwrap_or_default();
        }
        for (account, (requests, bytes)) in found {
            let room = self.rooms.entry(account.clone()).or_default();
            (room.requests, room.bytes) = (*requests, *bytes);
        }
    }

    /// Every account that ever had something here.
    pub fn rooms(&self) -> impl Iterator<Item = (&str, Room)> {
        self.rooms.iter().map(|(account, room)| (account.as_str(), *room))
    }
}

impl Refusal {
    /// The counter's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Limited => "limited",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:59 UTC);
    const NEXT_MINUTE: OffsetDateTime = datetime!(2026-11-23 12:01:00 UTC);

    fn allowance(requests_max: u64, bytes_max: u64, per_minute_max: u32) -> Allowance {
        Allowance::new(Limits { requests_max, bytes_max, per_minute_max })
    }

    #[test]
    fn a_flood_costs_its_minutes_share_and_the_next_minute_another() {
        let mut allowance = allowance(100, 1_000, 3);
        let taken = |allowance: &mut Allowance, now| {
            (0..50).filter(|_| allowance.admit("a", 1, now).is_ok()).count()
        };
        assert_eq!(taken(&mut allowance, NOW), 3);
        assert_eq!(allowance.admit("a", 1, NOW), Err(Refusal::Limited));
        assert_eq!(allowance.admit("b", 1, NOW), Ok(()), "another account has its own share");
        assert_eq!(taken(&mut allowance, NEXT_MINUTE), 3);
    }

    #[test]
    fn a_full_room_takes_no_more_until_a_scan_finds_place() {
        let mut allowance = allowance(2, 10, 100);
        assert_eq!(allowance.admit("a", 4, NOW), Ok(()));
        assert_eq!(allowance.admit("a", 7, NOW), Err(Refusal::Full), "bytes");
        assert_eq!(allowance.admit("a", 6, NOW), Ok(()));
        assert_eq!(allowance.admit("a", 0, NOW), Err(Refusal::Full), "requests");
        allowance.found(&BTreeMap::from([("b".to_owned(), (2, 1))]));
        assert_eq!(allowance.admit("a", 1, NOW), Ok(()));
        assert_eq!(allowance.admit("b", 1, NOW), Err(Refusal::Full), "as it was before the start");
    }
}
