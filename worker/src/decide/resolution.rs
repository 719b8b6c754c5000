//! Resolutions: who ended a case, how, and for how much money it holds.
//!
//! **Invariant**: resolutions are facts. They are only added, and what follows from them does not
//! depend on their order.

use std::collections::BTreeMap;

use shared::case::{CaseKind, CasePolicy, CaseVerdict};
use shared::money::Money;
use time::OffsetDateTime;

use super::PaymentKey;
use super::case::{About, Case, CaseKey};

/// Who acts where the account's policy does.
pub const POLICY: &str = "policy";

/// A case, ended by somebody's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    pub verdict: CaseVerdict,
    /// The number under which the order was offered.
    pub order_number: String,
    /// What was at stake.
    pub amount: Money,
    /// All the money that had come in by then, in minor units: when more comes, it opens again.
    pub up_to_minor: i64,
    /// [`POLICY`], or who acted by command.
    pub actor: String,
    pub reason: String,
    pub at: OffsetDateTime,
}

impl Resolution {
    pub fn is_by_policy(&self) -> bool {
        self.actor == POLICY
    }

    /// The case as it was resolved. What a policy resolves opens under that policy.
    pub fn case(&self) -> Case {
        let policy = match self.verdict {
            CaseVerdict::Fulfil => CasePolicy::Fulfil,
            CaseVerdict::Ignore => CasePolicy::Ignore,
            CaseVerdict::Refund => CasePolicy::RefundRequested,
        };
        let Money { minor: amount_minor, currency } = self.amount;
        let order_number = self.order_number.clone();
        Case { order_number, amount_minor, currency, policy, refund_by: None }
    }
}

/// All resolutions, by their cases.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resolutions(pub BTreeMap<CaseKey, Vec<Resolution>>);

impl Resolutions {
    pub fn add(&mut self, key: CaseKey, resolution: Resolution) {
        self.0.entry(key).or_default().push(resolution);
    }

    /// How often the case was resolved by somebody's word.
    pub fn of(&self, key: &CaseKey) -> &[Resolution] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// Was the case of this kind and subject accepted as payment?
    pub(super) fn accepted(&self, kind: CaseKind, about: &About) -> bool {
        // Asked for each payment, and nearly always there are none.
        !self.0.is_empty()
            && self
                .of(&CaseKey { kind, about: about.clone() })
                .iter()
                .any(|resolution| resolution.verdict == CaseVerdict::Fulfil)
    }

    /// Was the case closed for all the money that came in so far?
    pub(super) fn holds(&self, key: &CaseKey, came_in_minor: i64) -> bool {
        self.of(key).iter().any(|resolution| match resolution.verdict {
            CaseVerdict::Refund | CaseVerdict::Ignore => resolution.up_to_minor >= came_in_minor,
            CaseVerdict::Fulfil => false,
        })
    }

    /// Takes those of a payment out, because it moves to another state.
    pub(super) fn take(&mut self, payment: &PaymentKey) -> Self {
        let about = About::Payment(payment.clone());
        let (taken, rest) =
            std::mem::take(&mut self.0).into_iter().partition(|(key, _)| key.about == about);
        self.0 = rest;
        Self(taken)
    }

    pub fn extend(&mut self, others: Self) {
        for (key, resolutions) in others.0 {
            self.0.entry(key).or_default().extend(resolutions);
        }
    }

    /// What was added since, in the order of the cases.
    pub fn since<'a>(
        &'a self,
        before: &'a Self,
    ) -> impl Iterator<Item = (&'a CaseKey, &'a Resolution)> {
        self.0.iter().flat_map(|(key, resolutions)| {
            let known = before.of(key).len().min(resolutions.len());
            resolutions[known..].iter().map(move |resolution| (key, resolution))
        })
    }
}
