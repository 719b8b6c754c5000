//! The names of what becomes of a subscription.

use serde::{Deserialize, Serialize};

/// Where a subscription stands. Derived from recorded facts, never set by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionStatus {
    /// Nothing was signed and nothing was charged.
    Pending,
    Active,
    /// The newest charge did not succeed.
    PastDue,
    Ended,
    /// Its terms cannot be read: it was written by another program, and wrongly.
    Invalid,
}

/// Why a subscription ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Its agreement, or what was paid for without one, ran out.
    RunOut,
    /// Its agreement was ended.
    Unsigned,
}

impl SubscriptionStatus {
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Active, Self::PastDue, Self::Ended, Self::Invalid];

    /// The word in tables, events and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Ended => "ended",
            Self::Invalid => "invalid",
        }
    }

    /// The status that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

impl EndReason {
    pub const ALL: [Self; 2] = [Self::RunOut, Self::Unsigned];

    /// The word in tables and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunOut => "run_out",
            Self::Unsigned => "unsigned",
        }
    }

    /// The reason that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_again() {
        for status in SubscriptionStatus::ALL {
            assert_eq!(SubscriptionStatus::from_word(status.as_str()), Some(status));
        }
        for reason in EndReason::ALL {
            assert_eq!(EndReason::from_word(reason.as_str()), Some(reason));
        }
    }
}
