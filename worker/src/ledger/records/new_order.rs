//! An order as a shop writes it, by import or by the API.
//!
//! **Invariant**: what `check_by` lets through, both engines store.

use serde::{Deserialize, Deserializer, Serialize};
use shared::money::{Currency, Money};
use shared::order::{Mode, check_order_no};
use shared::rules::Rules;
use shared::units::{UNRECORDABLE, recordable};
use time::OffsetDateTime;

use super::metadata;
use super::subscriptions::NUMBER_RULE;
use crate::decide::subscription::calendar::period;

/// Numbers under which one order may be offered to providers.
pub const NUMBERS_MAX: usize = 16;
/// Bytes of an account's name; the configuration allows no longer one.
pub const ACCOUNT_MAX_BYTES: usize = 64;

/// An order as a shop writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an order as a JSON object")]
pub struct NewOrder {
    pub order_no: String,
    /// In minor units; more than nothing.
    pub amount: i64,
    pub currency: Currency,
    #[serde(default)]
    pub account: Option<String>,
    /// Further numbers under which it is offered to providers.
    #[serde(default, deserialize_with = "list_or_null")]
    pub numbers: Vec<String>,
    /// What is paid later does not pay for it; a pending order is cancelled then.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    /// Only an account of the same mode may be paid. Nothing: as its account's, else live.
    #[serde(default)]
    pub mode: Option<Mode>,
    /// Paying it extends this subscription, whether it is written yet or not.
    #[serde(default)]
    pub subscription_no: Option<String>,
    /// By how much: ISO 8601, whole days. Nothing: by the subscription's own period.
    #[serde(default)]
    pub period: Option<String>,
    #[serde(default)]
    pub metadata: Option<serde_json::Value>,
}

/// As the other optional fields take `null`.
fn list_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl NewOrder {
    /// What is wrong with it, in words.
    pub fn check(&self) -> Result<(), String> {
        check_order_no(&self.order_no).map_err(|error| format!("order_no: {error}"))?;
        for number in &self.numbers {
            check_order_no(number).map_err(|error| format!("numbers: {error}"))?;
        }
        if self.numbers.len() > NUMBERS_MAX {
            return Err(format!("numbers: at most {NUMBERS_MAX}"));
        }
        if self.currency == Currency::XXX {
            return Err("currency: XXX is no currency that can be paid in".to_owned());
        }
        if self.amount <= 0 {
            return Err("amount: more than 0 is needed, in minor units".to_owned());
        }
        self.account.as_deref().map_or(Ok(()), check_account)?;
        if self.expires_at.is_some_and(|at| recordable(at).is_none()) {
            return Err(format!("expires_at: {UNRECORDABLE}"));
        }
        self.check_extension()?;
        if let Some(metadata) = &self.metadata {
            metadata::check(metadata)?;
        }
        Ok(())
    }

    fn check_extension(&self) -> Result<(), String> {
        if let Some(number) = &self.subscription_no {
            check_order_no(number).map_err(|_| format!("subscription_no: {NUMBER_RULE}"))?;
        }
        let Some(text) = &self.period else { return Ok(()) };
        if self.subscription_no.is_none() {
            return Err("period: it extends nothing without a subscription_no".to_owned());
        }
        period(text).map(|_| ()).map_err(|error| format!("period: {error}"))
    }

    /// What is wrong with it where the installation has these rules.
    pub fn check_by(&self, rules: &Rules) -> Result<(), String> {
        self.check()?;
        if rules.account_required && self.account.is_none() {
            let rule =
                "account: missing, and policy.account_required says that every order names one";
            return Err(rule.to_owned());
        }
        match (&self.account, self.mode, self.account_mode(rules)) {
            (Some(account), Some(mode), Some(other)) if mode != other => {
                let (mode, other) = (mode.as_str(), other.as_str());
                Err(format!("mode: {mode}, but its account `{account}` has the mode {other}"))
            }
            (_, _, _) => Ok(()),
        }
    }

    /// The mode that it gets: its own word, else its account's, else live.
    pub fn mode_by(&self, rules: &Rules) -> Mode {
        self.mode.or(self.account_mode(rules)).unwrap_or_default()
    }

    fn account_mode(&self, rules: &Rules) -> Option<Mode> {
        let account = self.account.as_ref()?;
        rules.accounts.get(account).map(|rules| rules.mode)
    }

    pub fn money(&self) -> Money {
        Money { minor: self.amount, currency: self.currency }
    }

    /// Its own number and the further ones, each once.
    pub fn all_numbers(&self) -> Vec<String> {
        let mut numbers = vec![self.order_no.clone()];
        numbers.extend(self.numbers.clone());
        numbers.sort();
        numbers.dedup();
        numbers
    }
}

/// What is wrong with an account's name, in words.
pub(super) fn check_account(name: &str) -> Result<(), String> {
    if !(1..=ACCOUNT_MAX_BYTES).contains(&name.len()) || name.chars().any(char::is_control) {
        return Err(format!(
            "account: from 1 to {ACCOUNT_MAX_BYTES} bytes are needed, none a control character"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use shared::rules::AccountRules;

    use super::*;

    fn order(rest: &str) -> NewOrder {
        let text = format!(r#"{{"order_no":"A-1","amount":10,"currency":"CNY"{rest}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    fn rules() -> Rules {
        let of = |mode| AccountRules { mode, ..AccountRules::default() };
        let accounts = [("sandbox".into(), of(Mode::Test)), ("shop".into(), of(Mode::Live))];
        Rules { accounts: accounts.into(), ..Rules::default() }
    }

    #[test]
    fn what_an_order_extends_is_named_and_has_a_period() {
        for good in [
            r#","subscription_no":"S-1""#,
            r#","subscription_no":"S-1","period":"P1M""#,
            r#","subscription_no":"S-1","period":null"#,
        ] {
            assert_eq!(order(good).check(), Ok(()), "{good}");
        }
        for (bad, wrong) in [
            (r#","subscription_no":"""#, "subscription_no: 1 to 128 bytes"),
            (r#","subscription_no":" S""#, "subscription_no: 1 to 128 bytes"),
            (r#","period":"P1M""#, "period: it extends nothing"),
            (r#","subscription_no":"S","period":"""#, "period: an ISO 8601 duration"),
            (r#","subscription_no":"S","period":"PT1H""#, "period: whole days"),
            (r#","subscription_no":"S","period":"P11Y""#, "period: at most 3660 days"),
        ] {
            let error = order(bad).check().unwrap_err();
            assert!(error.starts_with(wrong), "{bad}: {error}");
        }
    }

    #[test]
    fn an_order_has_the_mode_of_its_account() {
        for (rest, mode) in [
            ("", Mode::Live),
            (r#","mode":"test""#, Mode::Test),
            (r#","account":"sandbox""#, Mode::Test),
            (r#","account":"sandbox","mode":"test""#, Mode::Test),
            (r#","account":"shop""#, Mode::Live),
            (r#","account":"unknown""#, Mode::Live),
            (r#","account":"unknown","mode":"test""#, Mode::Test),
        ] {
            let order = order(rest);
            assert_eq!(order.check_by(&rules()), Ok(()), "{rest}");
            assert_eq!(order.mode_by(&rules()), mode, "{rest}");
        }
        for rest in [r#","account":"sandbox","mode":"live""#, r#","account":"shop","mode":"test""#]
        {
            let error = order(rest).check_by(&rules()).unwrap_err();
            assert!(error.starts_with("mode: "), "{error}");
        }
    }
}
