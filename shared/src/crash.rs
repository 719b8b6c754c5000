//! Named lines on which a process can be told to die, for the suite of faults.
//!
//! **Invariant**: without the feature `crash-points` nothing of this is in a program.

/// A line after which a crash may cost a repeat, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// A batch is written, and its transaction still open.
    Settling,
    /// A batch is committed; its retries and burials are not published.
    Settled,
    /// Retries and burials are confirmed; the batch is not acknowledged.
    Onward,
    /// A batch is acknowledged; its events wait for the relay.
    Acknowledged,
    /// A message was given to the broker; its confirm has not come.
    Published,
    /// Events are confirmed, and not marked as sent.
    Announced,
    /// Events are marked as sent.
    Marked,
    /// What time and the shop bring about was committed.
    Swept,
}

impl Point {
    pub const ALL: [Self; 8] = [
        Self::Settling,
        Self::Settled,
        Self::Onward,
        Self::Acknowledged,
        Self::Published,
        Self::Announced,
        Self::Marked,
        Self::Swept,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Settling => "settling",
            Self::Settled => "settled",
            Self::Onward => "onward",
            Self::Acknowledged => "acknowledged",
            Self::Published => "published",
            Self::Announced => "announced",
            Self::Marked => "marked",
            Self::Swept => "swept",
        }
    }
}

#[cfg(not(feature = "crash-points"))]
mod armed {
    /// Nothing.
    #[inline(always)]
    pub const fn at(_: super::Point) {}

    /// Nothing.
    #[inline(always)]
    pub const fn reading(_: &[u8]) {}
}

#[cfg(feature = "crash-points")]
mod armed {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::Point;

    /// `POINT:COUNT`, dies when the point is reached for that time.
    const AT: &str = "QUITTANCE_CRASH_AT";
    /// Dies when it reads a body with this text in it.
    const READING: &str = "QUITTANCE_CRASH_READING";

    static PLACE: LazyLock<Option<(String, u32)>> = LazyLock::new(|| {
        let text = std::env::var(AT).ok()?;
        let (point, count) = text.split_once(':')?;
        Some((point.to_owned(), count.parse().ok()?))
    });
    static TEXT: LazyLock<Option<String>> = LazyLock::new(|| std::env::var(READING).ok());
    static REACHED: AtomicU32 = AtomicU32::new(0);

    pub fn at(point: Point) {
        let Some((name, count)) = &*PLACE else { return };
        if name == point.as_str() && REACHED.fetch_add(1, Ordering::Relaxed) + 1 == *count {
            die(point.as_str());
        }
    }

    pub fn reading(body: &[u8]) {
        let Some(text) = &*TEXT else { return };
        if body.windows(text.len()).any(|window| window == text.as_bytes()) {
            die("reading");
        }
    }

    fn die(place: &str) -> ! {
        eprintln!("crash point {place}");
        std::process::abort()
    }
}

pub use armed::{at, reading};
