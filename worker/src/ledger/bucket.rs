//! Where an accepted message stands in the balance.

use crate::decide::Decision;

/// In which bucket of the balance a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bucket {
    Duplicate,
    NoOp,
    Settled,
    Case,
    /// Recorded, its order is not there yet. Counts as in flight.
    Waiting,
    /// In a retry tier until it is due. Counts as in flight.
    Retrying,
    Dead,
}

impl Bucket {
    pub const ALL: [Self; 7] = [
        Self::Duplicate,
        Self::NoOp,
        Self::Settled,
        Self::Case,
        Self::Waiting,
        Self::Retrying,
        Self::Dead,
    ];

    /// The word in tables and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::NoOp => "no_op",
            Self::Settled => "settled",
            Self::Case => "case",
            Self::Waiting => "waiting",
            Self::Retrying => "retrying",
            Self::Dead => "dead",
        }
    }

    /// The bucket that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bucket| bucket.as_str() == word)
    }
}

impl From<Decision> for Bucket {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Duplicate => Self::Duplicate,
            Decision::NoOp => Self::NoOp,
            Decision::Settled => Self::Settled,
            Decision::Case => Self::Case,
            Decision::Waiting => Self::Waiting,
        }
    }
}
