//! What changed of subscriptions, as rows: the same for every engine.

use std::collections::BTreeSet;

use crate::decide::fold::Changes;
use crate::decide::subscription::{AgreementKey, Change, ChangeKey, Charge, Contracts, Cover};
use crate::decide::{Link, PaymentKey};

/// A charge with the period that it pays for.
pub type ChargeRow<'a> = (&'a PaymentKey, &'a Charge, Option<Cover>);

/// Changes of agreements that are not recorded so yet.
pub fn new_changes<'a>(
    before: &Contracts,
    after: &'a Contracts,
) -> Vec<(&'a AgreementKey, &'a ChangeKey, &'a Change)> {
    let all = after.agreements.iter().flat_map(|(of, agreement)| {
        agreement.changes.iter().map(move |(key, change)| (of, key, change))
    });
    let known = |of: &AgreementKey, key| before.agreements.get(of)?.changes.get(key);
    all.filter(|(of, key, change)| known(of, key) != Some(*change)).collect()
}

/// Charges to write, and those that are none any more.
pub fn changed_charges<'a>(
    before: &'a Contracts,
    after: &'a Contracts,
) -> (Vec<ChargeRow<'a>>, Vec<&'a PaymentKey>) {
    let row = |contracts: &Contracts, key: &PaymentKey, charge: &Charge| {
        let one = contracts.subscriptions.get(charge.subscription_no.as_ref()?)?;
        one.standing.covers.get(key).copied()
    };
    let rows = after.charges.iter().map(|(key, charge)| (key, charge, row(after, key, charge)));
    let known = |key: &PaymentKey| {
        let charge = before.charges.get(key)?;
        Some((charge, row(before, key, charge)))
    };
    let rows = rows.filter(|(key, charge, cover)| known(key) != Some((*charge, *cover)));
    let gone = before.charges.keys().filter(|key| !after.charges.contains_key(*key));
    (rows.collect(), gone.collect())
}

/// The numbers of payments that need no order from now on.
pub fn settled_without_order(changes: &Changes) -> Vec<String> {
    let mut numbers = BTreeSet::new();
    for (before, after) in &changes.states {
        for (key, payment) in &after.payments {
            let known = before.payments.get(key).map(|payment| payment.link);
            if payment.link == Link::Subscription && known != Some(Link::Subscription) {
                numbers.insert(payment.order_number.clone());
            }
        }
    }
    numbers.into_iter().collect()
}
