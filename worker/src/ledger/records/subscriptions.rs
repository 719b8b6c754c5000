//! Subscriptions as shops write them and as people read them. The JSON keys are promises.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::money::{Currency, Money};
use shared::order::{Mode, check_order_no};
use shared::subscription::{EndReason, SubscriptionStatus};
use shared::units::{UNRECORDABLE, recordable};
use time::OffsetDateTime;

use super::new_order::check_account;
use super::{EventLine, metadata};
use crate::decide::subscription::calendar::{grace, period, zone};
use crate::decide::subscription::{Contracts, Subscription, Terms};

/// What a subscription's number must be, as an order's.
pub(super) const NUMBER_RULE: &str =
    "1 to 128 bytes, without control characters and blanks at its ends";

/// A subscription as a shop writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a subscription as a JSON object")]
pub struct NewSubscription {
    pub subscription_no: String,
    pub account: String,
    /// The provider's number of its agreement, where the shop knows it.
    #[serde(default)]
    pub agreement_no: Option<String>,
    /// What one period costs, in minor units; more than nothing.
    pub amount: i64,
    pub currency: Currency,
    /// ISO 8601, whole days: `P1M`.
    pub period: String,
    /// From when periods are counted; else from the first charge.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub anchor: Option<OffsetDateTime>,
    #[serde(default = "utc")]
    pub time_zone: String,
    #[serde(default = "no_grace")]
    pub grace: String,
    #[serde(default)]
    pub metadata: Option<Value>,
}

/// Which subscriptions to read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubscriptionFilter {
    pub subscription_no: Option<String>,
    pub status: Option<SubscriptionStatus>,
    pub limit: i64,
}

/// A subscription with everything about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubscriptionRecord {
    pub subscription_no: String,
    pub status: SubscriptionStatus,
    pub account: String,
    pub agreement_no: Option<String>,
    pub amount: i64,
    pub currency: Currency,
    pub period: String,
    #[serde(with = "time::serde::rfc3339::option")]
    pub anchor: Option<OffsetDateTime>,
    pub time_zone: String,
    pub grace: String,
    pub periods: usize,
    #[serde(with = "time::serde::rfc3339::option")]
    pub paid_through: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub entitled_until: Option<OffsetDateTime>,
    pub ended: Option<EndReason>,
    pub charges: Vec<ChargeRecord>,
    pub agreement_changes: Vec<AgreementRecord>,
    pub events: Vec<EventLine>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChargeRecord {
    pub transaction: String,
    pub account: String,
    pub agreement: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub occurred_at: OffsetDateTime,
    /// The period that it pays for; none once its money went back.
    #[serde(with = "time::serde::rfc3339::option")]
    pub starts_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub ends_at: Option<OffsetDateTime>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgreementRecord {
    pub agreement: String,
    /// `signed`, `charge_failed`, `ended`.
    pub what: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    pub occurred_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub valid_until: Option<OffsetDateTime>,
}

impl NewSubscription {
    /// What is wrong with it, in words.
    pub fn check(&self) -> Result<(), String> {
        check_order_no(&self.subscription_no)
            .map_err(|_| format!("subscription_no: {NUMBER_RULE}"))?;
        check_account(&self.account)?;
        if self.agreement_no.as_deref().is_some_and(|number| check_order_no(number).is_err()) {
            return Err(format!("agreement_no: {NUMBER_RULE}"));
        }
        if self.currency == Currency::XXX {
            return Err("currency: XXX is no currency that can be paid in".to_owned());
        }
        if self.amount <= 0 {
            return Err("amount: more than 0 is needed, in minor units".to_owned());
        }
        if self.anchor.is_some_and(|at| recordable(at).is_none()) {
            return Err(format!("anchor: {UNRECORDABLE}"));
        }
        period(&self.period).map_err(|error| format!("period: {error}"))?;
        zone(&self.time_zone).map_err(|error| format!("time_zone: {error}"))?;
        grace(&self.grace).map_err(|error| format!("grace: {error}"))?;
        self.metadata.as_ref().map_or(Ok(()), metadata::check)
    }

    pub fn terms(&self) -> Terms {
        Terms {
            subscription_no: self.subscription_no.clone(),
            account: self.account.clone(),
            agreement_no: self.agreement_no.clone(),
            amount: Money { minor: self.amount, currency: self.currency },
            period: self.period.clone(),
            anchor: self.anchor,
            time_zone: self.time_zone.clone(),
            grace: self.grace.clone(),
            mode: Mode::default(),
        }
    }
}

impl SubscriptionRecord {
    /// What the contracts say of one subscription.
    pub fn of(contracts: &Contracts, one: &Subscription, events: Vec<EventLine>) -> Self {
        let Subscription { terms, standing } = one;
        let number = &terms.subscription_no;
        let ours = contracts.charges.iter();
        let ours = ours.filter(|(_, charge)| charge.subscription_no.as_ref() == Some(number));
        let charge =
            |(key, charge): (&crate::decide::PaymentKey, &crate::decide::subscription::Charge)| {
                let cover = standing.covers.get(key);
                ChargeRecord {
                    transaction: key.transaction.clone(),
                    account: key.account.clone(),
                    agreement: charge.agreement.clone(),
                    occurred_at: charge.occurred_at,
                    starts_at: cover.map(|cover| cover.from),
                    ends_at: cover.map(|cover| cover.until),
                }
            };
        let mut charges: Vec<ChargeRecord> = ours.map(charge).collect();
        charges.sort_by(|one, other| {
            (one.occurred_at, &one.transaction).cmp(&(other.occurred_at, &other.transaction))
        });
        Self {
            subscription_no: number.clone(),
            status: standing.status,
            account: terms.account.clone(),
            agreement_no: standing.agreement_no.clone().or_else(|| terms.agreement_no.clone()),
            amount: terms.amount.minor,
            currency: terms.amount.currency,
            period: terms.period.clone(),
            anchor: terms.anchor,
            time_zone: terms.time_zone.clone(),
            grace: terms.grace.clone(),
            periods: standing.covers.len(),
            paid_through: standing.paid_through,
            entitled_until: standing.entitled_until,
            ended: standing.ended,
            charges,
            agreement_changes: changes(contracts, number),
            events,
        }
    }
}

/// What was said of the agreements that are this subscription's.
fn changes(contracts: &Contracts, number: &str) -> Vec<AgreementRecord> {
    let ours = contracts.agreements.iter();
    let ours = ours.filter(|(key, _)| contracts.bound_to(key).as_deref() == Some(number));
    let all = ours.flat_map(|(of, agreement)| {
        agreement.changes.iter().map(|(key, change)| AgreementRecord {
            agreement: of.agreement.clone(),
            what: key.what.as_str(),
            occurred_at: key.occurred_at,
            valid_until: change.valid_until,
        })
    });
    let mut all: Vec<AgreementRecord> = all.collect();
    all.sort_by_key(|change| change.occurred_at);
    all
}

fn utc() -> String {
    "UTC".to_owned()
}

fn no_grace() -> String {
    "P0D".to_owned()
}
