//! A group of failures with the same cause: its life, and which comes first. Pure.

use serde::{Deserialize, Serialize};
use shared::money::Currency;
use time::OffsetDateTime;
use uuid::Uuid;

/// Where a group stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupStatus {
    Open,
    /// Somebody works on it.
    Acknowledged,
    /// Its cause is mended, says somebody.
    Resolved,
    /// It was resolved, and failed again.
    Regressed,
    /// Somebody says that it does not matter.
    Ignored,
}

/// What a person does about a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupAct {
    Acknowledge,
    /// It is acknowledged too.
    Assign {
        owner: String,
    },
    Note {
        text: String,
    },
    Resolve,
    Ignore,
}

/// One group, and what its open letters are worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupRecord {
    pub id: Uuid,
    pub status: GroupStatus,
    pub stage: String,
    pub code: String,
    pub provider: String,
    /// The normalised cause.
    pub message: String,
    pub owner: Option<String>,
    pub note: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub first_seen_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub last_seen_at: OffsetDateTime,
    /// Letters that nobody has ended.
    pub open: i64,
    pub letters: i64,
    /// Orders that the open ones are about.
    pub orders: i64,
    /// Of the open ones, by currency.
    pub at_stake: Vec<Stake>,
}

/// Money in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stake {
    pub amount: i64,
    pub currency: Currency,
}

impl GroupStatus {
    pub const ALL: [Self; 5] =
        [Self::Open, Self::Acknowledged, Self::Resolved, Self::Regressed, Self::Ignored];

    /// The word in tables and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::Regressed => "regressed",
            Self::Ignored => "ignored",
        }
    }

    /// The status that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// After one more failure: what was thought to be mended is not.
    pub fn after_failure(self) -> Self {
        match self {
            Self::Resolved => Self::Regressed,
            Self::Open | Self::Acknowledged | Self::Regressed | Self::Ignored => self,
        }
    }

    /// After what a person did.
    pub fn after(self, act: &GroupAct) -> Self {
        match act {
            GroupAct::Acknowledge | GroupAct::Assign { .. } => Self::Acknowledged,
            GroupAct::Note { .. } => self,
            GroupAct::Resolve => Self::Resolved,
            GroupAct::Ignore => Self::Ignored,
        }
    }
}

impl GroupAct {
    /// The word in `audit`.
    pub fn action(&self) -> &'static str {
        match self {
            Self::Acknowledge => "failure-group.acknowledge",
            Self::Assign { .. } => "failure-group.assign",
            Self::Note { .. } => "failure-group.note",
            Self::Resolve => "failure-group.resolve",
            Self::Ignore => "failure-group.ignore",
        }
    }

    /// What it writes: an owner, a note.
    pub fn words(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::Assign { owner } => (Some(owner.clone()), None),
            Self::Note { text } => (None, Some(text.clone())),
            Self::Acknowledge | Self::Resolve | Self::Ignore => (None, None),
        }
    }
}

/// The most money at stake first, then the oldest. Money of different currencies is compared by its
/// figure in the currency's own unit: there is no rate here, and the order is for people to begin with.
pub fn rank(groups: &mut [GroupRecord]) {
    groups.sort_by_key(|group| {
        let most = group.at_stake.iter().map(|stake| stake.comparable()).max();
        (std::cmp::Reverse(most), group.first_seen_at, group.id)
    });
}

impl Stake {
    /// In a unit smaller than any currency's.
    fn comparable(self) -> i128 {
        const DIGITS: u32 = 6;
        let digits = self.currency.exponent().min(DIGITS);
        i128::from(self.amount) * 10_i128.pow(DIGITS - digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;

    #[test]
    fn the_life_of_a_group() {
        use GroupStatus::{Acknowledged, Ignored, Open, Regressed, Resolved};
        let assign = GroupAct::Assign { owner: "ana".into() };
        let note = GroupAct::Note { text: "x".into() };
        for (status, failed) in [
            (Open, Open),
            (Acknowledged, Acknowledged),
            (Resolved, Regressed),
            (Regressed, Regressed),
            (Ignored, Ignored),
        ] {
            assert_eq!(GroupStatus::from_word(status.as_str()), Some(status));
            assert_eq!(status.after_failure(), failed);
            assert_eq!(status.after(&note), status);
            assert_eq!(status.after(&assign), Acknowledged);
            assert_eq!(status.after(&GroupAct::Acknowledge), Acknowledged);
            assert_eq!(status.after(&GroupAct::Resolve), Resolved);
            assert_eq!(status.after(&GroupAct::Ignore), Ignored);
        }
    }

    #[test]
    fn the_most_money_comes_first_and_then_the_oldest() {
        let at = |seconds| OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds);
        let group = |name: &str, at_stake: &[(i64, Currency)], seconds| GroupRecord {
            id: Uuid::nil(),
            status: GroupStatus::Open,
            stage: String::new(),
            code: name.to_owned(),
            provider: String::new(),
            message: String::new(),
            owner: None,
            note: None,
            first_seen_at: at(seconds),
            last_seen_at: at(9),
            open: 1,
            letters: 1,
            orders: 1,
            at_stake: at_stake
                .iter()
                .map(|(amount, currency)| Stake { amount: *amount, currency: *currency })
                .collect(),
        };
        let jpy: Currency = "JPY".parse().unwrap();
        let mut groups = [
            group("nothing, younger", &[], 2),
            group("nothing", &[], 1),
            group("ten yuan", &[(1_000, Currency::CNY)], 3),
            group("eleven yen", &[(11, jpy), (1, Currency::CNY)], 4),
            group("ten yuan, older", &[(1_000, Currency::CNY)], 2),
        ];
        rank(&mut groups);
        let names: Vec<&str> = groups.iter().map(|group| group.code.as_str()).collect();
        let expected = ["eleven yen", "ten yuan, older", "ten yuan", "nothing", "nothing, younger"];
        assert_eq!(names, expected);
    }
}
