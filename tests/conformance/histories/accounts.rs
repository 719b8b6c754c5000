//! Whose money it is: accounts without policies, one of a sandbox, and some whose policies speak.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::case::{CaseKind, CasePolicy};
use shared::config::account::Choices;
use shared::order::Mode;
use shared::rules::{AccountRules, Rules};

/// Where nobody but a person decides.
pub(super) const FREE: [&str; 5] = ["shop", "shop", "shop", "other", "sandbox"];
/// Where policies do as well.
pub(super) const GOVERNED: [&str; 6] = ["eager", "eager", "eager", "giver", "careless", "shop"];

pub(super) fn choices() -> Choices {
    Choices { rules: Arc::new(rules()), ..Choices::default() }
}

pub(super) fn rules() -> Rules {
    let fulfil = [CasePolicy::Fulfil, CasePolicy::Ignore];
    let accounts = [
        ("sandbox", AccountRules { mode: Mode::Test, ..AccountRules::default() }),
        ("eager", governed(&fulfil)),
        ("giver", governed(&[CasePolicy::RefundRequested])),
        ("careless", governed(&[CasePolicy::Ignore])),
    ];
    let accounts: BTreeMap<_, _> =
        accounts.into_iter().map(|(name, rules)| (name.to_owned(), rules)).collect();
    Rules { accounts, ..Rules::default() }
}

/// For each kind the first of these policies that it allows.
fn governed(policies: &[CasePolicy]) -> AccountRules {
    let cases = CaseKind::ALL.into_iter().filter_map(|kind| {
        let allowed = policies.iter().find(|policy| kind.refuses_policy(**policy).is_none());
        allowed.map(|policy| (kind, *policy))
    });
    AccountRules { cases: cases.collect(), ..AccountRules::default() }
}
