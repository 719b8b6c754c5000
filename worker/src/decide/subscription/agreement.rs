//! What follows from an agreement's own changes.

use shared::notification::Revival;
use shared::subscription::EndReason;
use time::OffsetDateTime;

use super::{Agreement, AgreementKey, Change, ChangeKey, Contracts, Subscription, What};

/// How an agreement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// Nobody said that it was signed or ended.
    Untold,
    Signed {
        at: OffsetDateTime,
        until: Option<OffsetDateTime>,
    },
    Ended {
        at: OffsetDateTime,
        why: EndReason,
    },
}

impl Contracts {
    /// May a known agreement be this subscription's, written or not? Not where the shop named it for another,
    /// where its latest signing repeats another's number, or where the subscription is another account's.
    pub fn may_be(&self, key: &AgreementKey, number: &str) -> bool {
        let Some(agreement) = self.agreements.get(key) else { return false };
        let names = |one: &&Subscription| {
            one.terms.account == key.account
                && one.terms.agreement_no.as_ref() == Some(&key.agreement)
        };
        let named = self.subscriptions.values().find(names).map(|one| &one.terms.subscription_no);
        let whose = named.or(agreement.owner.as_ref()).or_else(|| agreement.repeated());
        let written = self.subscriptions.get(number);
        whose.is_none_or(|whose| whose == number)
            && written.is_none_or(|one| one.terms.account == key.account)
    }
}

impl Agreement {
    /// Signed and ended, whichever was told first: ended is ended where an agreement cannot be signed
    /// again; else the later word counts, and of two at the same time that it ended.
    pub(super) fn life(&self, now: OffsetDateTime) -> Life {
        let ended = self.of(What::Ended).map(|(key, _)| key.occurred_at).max();
        let for_good = self.of(What::Ended).any(|(_, change)| change.revival == Revival::Never);
        let signed =
            self.of(What::Signed).map(|(key, change)| (key.occurred_at, change.valid_until));
        match (signed.max(), ended) {
            (None, None) => Life::Untold,
            (Some((at, _)), Some(ended)) if ended >= at || for_good => {
                Life::Ended { at: ended, why: EndReason::Unsigned }
            }
            (None, Some(at)) => Life::Ended { at, why: EndReason::Unsigned },
            (Some((_, Some(until))), _) if until <= now => {
                Life::Ended { at: until, why: EndReason::RunOut }
            }
            (Some((at, until)), _) => Life::Signed { at, until },
        }
    }

    /// The shop's number that the latest signing repeats.
    pub(super) fn repeated(&self) -> Option<&String> {
        let named = self.of(What::Signed).filter(|(key, _)| !key.subscription_no.is_empty());
        named
            .max_by_key(|(key, _)| (key.occurred_at, &key.subscription_no))
            .map(|(key, _)| &key.subscription_no)
    }

    /// Its charges that failed, and when.
    pub(super) fn failures(&self) -> impl Iterator<Item = (&str, OffsetDateTime)> {
        self.of(What::ChargeFailed).map(|(key, _)| (key.charge.as_str(), key.occurred_at))
    }

    /// When it ran out or will, unless it was ended before.
    pub(super) fn runs_out(&self) -> Option<OffsetDateTime> {
        match self.life(OffsetDateTime::UNIX_EPOCH) {
            Life::Signed { until, .. } => until,
            Life::Ended { at, why: EndReason::RunOut } => Some(at),
            Life::Untold | Life::Ended { why: EndReason::Unsigned, .. } => None,
        }
    }

    fn of(&self, what: What) -> impl Iterator<Item = (&ChangeKey, &Change)> {
        self.changes.iter().filter(move |(key, _)| key.what == what)
    }
}
