//! Where a subscription stands: terms, changes of its agreements, and charges, as one pure function.

use std::collections::{BTreeMap, BTreeSet};

use shared::subscription::{EndReason, SubscriptionStatus};
use time::OffsetDateTime;

use super::agreement::Life;
use super::calendar::{after, grace, period, zone};
use super::periods::{Measure, covers};
use super::{
    Agreement, AgreementKey, Charge, Contracts, PaymentKey, Standing, Subscription, Terms,
};

/// The facts of one subscription.
struct Facts<'a> {
    /// Agreements that are bound to it, and what is known of each.
    agreements: BTreeMap<AgreementKey, Option<&'a Agreement>>,
    charges: Vec<(&'a PaymentKey, &'a Charge)>,
}

pub(super) fn derive(contracts: &Contracts, terms: &Terms, now: OffsetDateTime) -> Standing {
    let facts = Facts::of(contracts, terms);
    let agreement_no = facts.agreement_no(terms, now);
    let invalid = || Standing {
        status: SubscriptionStatus::Invalid,
        agreement_no: agreement_no.clone(),
        ..Standing::pending()
    };
    let (Ok(period), Ok(zone), Ok(grace)) =
        (period(&terms.period), zone(&terms.time_zone), grace(&terms.grace))
    else {
        return invalid();
    };
    let measure = Measure { anchor: terms.anchor, period, zone: zone.clone() };
    let Some(covers) = covers(&measure, facts.charges.iter().copied()) else { return invalid() };
    let paid_through = covers.values().map(|cover| cover.until).max();
    let with_grace = paid_through.map(|at| after(at, &grace, &zone).unwrap_or(at));
    let (ended, due_at) = facts.end(with_grace, now);
    let began = facts.began(paid_through, now);
    let failed_at = facts.failed_at().filter(|_| began && ended.is_none());
    let status = match (ended, failed_at) {
        (Some(_), _) => SubscriptionStatus::Ended,
        (None, Some(_)) => SubscriptionStatus::PastDue,
        (None, None) if began => SubscriptionStatus::Active,
        (None, None) => SubscriptionStatus::Pending,
    };
    let entitled_until = match ended {
        Some(EndReason::Unsigned) => paid_through,
        Some(EndReason::RunOut) if !facts.lives(now).is_empty() => paid_through,
        Some(EndReason::RunOut) | None => with_grace,
    };
    Standing {
        status,
        agreement_no,
        covers,
        paid_through,
        entitled_until,
        failed_at,
        ended,
        due_at,
    }
}

/// When it ran out, if that is recorded: the end of the agreements that it had then, else of what was paid.
pub(super) fn reached(contracts: &Contracts, one: &Subscription) -> Option<OffsetDateTime> {
    let Subscription { terms, standing } = one;
    if standing.ended != Some(EndReason::RunOut) {
        return None;
    }
    let facts = Facts::of(contracts, terms);
    // One that the shop named since is not what ran out.
    let named_since =
        terms.agreement_no.as_ref().filter(|_| standing.agreement_no != terms.agreement_no);
    let told = facts.agreements.iter().filter(|(key, _)| Some(&key.agreement) != named_since);
    let ends = told.filter_map(|(_, known)| known.and_then(Agreement::runs_out));
    let paid_ahead = standing.agreement_no.is_none() || standing.agreement_no == terms.agreement_no;
    ends.max().or(standing.entitled_until.filter(|_| paid_ahead))
}

impl<'a> Facts<'a> {
    fn of(contracts: &'a Contracts, terms: &Terms) -> Self {
        let is_ours = |key: &&AgreementKey| {
            contracts
                .owner(key)
                .is_some_and(|one| one.terms.subscription_no == terms.subscription_no)
        };
        // An order of a sandbox never extends what real money pays for, nor the other way. Its own account's
        // charges stand, so that a later change of the configuration takes no period back.
        let charges: Vec<_> = contracts
            .charges
            .iter()
            .filter(|(_, charge)| charge.subscription_no.as_ref() == Some(&terms.subscription_no))
            .filter(|(key, charge)| key.account == terms.account || charge.mode == terms.mode)
            .collect();
        let named = terms.agreement_no.iter().map(|agreement| AgreementKey {
            account: terms.account.clone(),
            agreement: agreement.clone(),
        });
        let told: BTreeSet<AgreementKey> =
            contracts.agreements.keys().filter(is_ours).cloned().chain(named).collect();
        let agreements = told.into_iter().map(|key| {
            let known = contracts.agreements.get(&key);
            (key, known)
        });
        Self { agreements: agreements.collect(), charges }
    }

    /// The agreements of which anything is known: those that nobody told of count once they are charged.
    fn lives(&self, now: OffsetDateTime) -> Vec<(&AgreementKey, Life)> {
        let charged = |key: &AgreementKey| {
            let mut charges = self.charges.iter();
            charges.any(|(_, charge)| charge.agreement.as_ref() == Some(&key.agreement))
        };
        let life = |known: &Option<&Agreement>| known.map_or(Life::Untold, |known| known.life(now));
        let lives = self.agreements.iter().map(|(key, known)| (key, life(known)));
        lives.filter(|(key, life)| *life != Life::Untold || charged(key)).collect()
    }

    fn agreement_no(&self, terms: &Terms, now: OffsetDateTime) -> Option<String> {
        let latest = || {
            let signed = self.lives(now).into_iter().map(|(key, life)| match life {
                Life::Untold => (None, key),
                Life::Signed { at, .. } | Life::Ended { at, .. } => (Some(at), key),
            });
            signed.max().map(|(_, key)| key.agreement.clone())
        };
        terms.agreement_no.clone().or_else(latest)
    }

    /// Has it ended, and why; and when time alone will bring about a change.
    fn end(
        &self,
        with_grace: Option<OffsetDateTime>,
        now: OffsetDateTime,
    ) -> (Option<EndReason>, Option<OffsetDateTime>) {
        let lives = self.lives(now);
        if lives.is_empty() {
            // Paid ahead by orders, without an agreement.
            return match with_grace {
                Some(at) if at <= now => (Some(EndReason::RunOut), None),
                due_at => (None, due_at),
            };
        }
        let mut last = None;
        let mut due_at: Option<OffsetDateTime> = None;
        let mut goes_on = false;
        for (_, life) in lives {
            match life {
                Life::Untold => goes_on = true,
                Life::Signed { until, .. } => {
                    goes_on = true;
                    due_at = due_at.into_iter().chain(until).min();
                }
                Life::Ended { at, why } => last = last.max(Some((at, why))),
            }
        }
        if goes_on { (None, due_at) } else { (last.map(|(_, why)| why), None) }
    }

    /// When the newest charge failed, if none succeeded since.
    fn failed_at(&self) -> Option<OffsetDateTime> {
        let succeeded = self.charges.iter().map(|(_, charge)| charge.occurred_at).max();
        let agreements = self.agreements.iter().filter_map(|(key, known)| Some((key, (*known)?)));
        let failures =
            agreements.flat_map(|(key, known)| known.failures().map(move |one| (key, one)));
        let later = failures.filter(|(_, (_, at))| succeeded.is_none_or(|paid| *at > paid));
        let open = later.filter(|(key, (charge, _))| !self.is_paid(&key.account, charge));
        open.map(|(_, (_, at))| at).max()
    }

    /// Was what failed under this number paid under it? Some providers state no time of a failure, so that
    /// it bears the one at which we heard of it.
    fn is_paid(&self, account: &str, number: &str) -> bool {
        self.charges.iter().any(|(key, charge)| {
            key.account == account && (key.transaction == number || charge.order_number == number)
        })
    }

    fn began(&self, paid_through: Option<OffsetDateTime>, now: OffsetDateTime) -> bool {
        let signed = |(_, life): &(_, Life)| matches!(life, Life::Signed { .. });
        paid_through.is_some() || self.lives(now).iter().any(signed)
    }
}
