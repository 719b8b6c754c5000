//! Will the account believe what is simulated for it? Asked of the door's own judgment, offline.

use bytes::Bytes;
use shared::config::Config;
use shared::provider::{self, Headers, Rejection, Request};

use crate::simulate::{Scenario, Sender, Terms};

/// What to add to the configuration when the account does not trust the simulation's key.
pub(super) fn warning(
    account: &str,
    config: &Config,
    sender: &dyn Sender,
    terms: &Terms,
) -> Option<String> {
    let trust = sender.trust()?;
    if is_trusted(account, config, sender, terms) {
        return None;
    }
    let (what, key) = (trust.what, trust.key);
    Some(format!(
        "{what} is not trusted yet: add it to accounts.{account}.{key}; a running ingress takes it up"
    ))
}

/// A genuine payment of right now would be let in. An account that cannot be read trusts nothing.
fn is_trusted(account: &str, config: &Config, sender: &dyn Sender, terms: &Terms) -> bool {
    let section = config.accounts.get(account);
    let Some(Ok(account)) = section.map(|section| section.account(account, &config.base)) else {
        return false;
    };
    let Some(simulated) = sender.simulate(Scenario::Paid, terms) else { return false };
    let headers = simulated.headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    let Ok(headers) = Headers::new(headers) else { return false };
    let request = Request { headers, body: Bytes::from(simulated.body) };
    let verdict = provider::verify(&account, request, terms.now);
    !matches!(verdict, Err(Rejection::Forged | Rejection::UnknownKey))
}
