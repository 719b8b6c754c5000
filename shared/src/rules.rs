//! What a merchant chose about money: how long facts wait for one another, and what each account may do.

use std::collections::BTreeMap;
use std::time::Duration;

use time::OffsetDateTime;

use crate::case::{CaseKind, CasePolicy};
use crate::order::Mode;

/// The choices that the money policy depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How long a payment waits for its order, and a refund or dispute for its payment.
    pub patience: Duration,
    /// Must an order name the account that may be paid? For an installation that serves several merchants.
    pub account_required: bool,
    /// By account; one that is not here has the defaults.
    pub accounts: BTreeMap<String, AccountRules>,
}

/// What one account chose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountRules {
    pub mode: Mode,
    /// Kinds that are not here are held.
    pub cases: BTreeMap<CaseKind, CasePolicy>,
    /// How long after a payment a refund of it is taken, where that is known.
    pub refund_within: Option<time::Duration>,
}

impl Rules {
    /// How long facts wait where nobody says otherwise.
    pub const PATIENCE: Duration = Duration::from_secs(10 * 60);

    pub fn mode(&self, account: &str) -> Mode {
        self.accounts.get(account).map(|rules| rules.mode).unwrap_or_default()
    }

    pub fn case_policy(&self, account: &str, kind: CaseKind) -> CasePolicy {
        let chosen = self.accounts.get(account).and_then(|rules| rules.cases.get(&kind));
        chosen.copied().unwrap_or_default()
    }

    /// Until when a refund of what was paid then is taken, as far as that is known.
    pub fn refund_by(&self, account: &str, paid_at: OffsetDateTime) -> Option<OffsetDateTime> {
        paid_at.checked_add(self.accounts.get(account)?.refund_within?)
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self { patience: Self::PATIENCE, account_required: false, accounts: BTreeMap::new() }
    }
}
