//! What to announce of a subscription: the difference between two standings, as snapshots of the later one.

use shared::event::{EventType, Snapshot, SubscriptionSnapshot};
use shared::subscription::SubscriptionStatus;
use time::OffsetDateTime;

use super::super::announce::Announcement;
use super::{PaymentKey, Standing, Terms};

/// The announcements that lead from one standing to the next, in the order to make them.
pub(super) fn announce(
    terms: &Terms,
    before: &Standing,
    after: &Standing,
    now: OffsetDateTime,
) -> Vec<Announcement> {
    let told = |kind, charge: Option<&PaymentKey>| Announcement {
        kind,
        subject: format!("subscription/{}", terms.subscription_no),
        snapshot: Snapshot {
            order: None,
            case: None,
            subscription: Some(snapshot(terms, after, charge, now)),
        },
    };
    let mut announcements = vec![];
    if goes_on(after.status) && !goes_on(before.status) {
        announcements.push(told(EventType::SubscriptionActivated, None));
    }
    let mut renewed: Vec<_> =
        after.covers.iter().filter(|(key, _)| !before.covers.contains_key(*key)).collect();
    renewed.sort_by_key(|(_, cover)| cover.from);
    for (key, _) in renewed {
        announcements.push(told(EventType::SubscriptionRenewed, Some(key)));
    }
    for key in before.covers.keys().filter(|key| !after.covers.contains_key(*key)) {
        announcements.push(told(EventType::SubscriptionRefunded, Some(key)));
    }
    if after.failed_at.is_some() && after.failed_at > before.failed_at {
        announcements.push(told(EventType::SubscriptionChargeFailed, None));
    }
    let ended = SubscriptionStatus::Ended;
    if after.status == ended && before.status != ended {
        announcements.push(told(EventType::SubscriptionEnded, None));
    }
    announcements
}

fn goes_on(status: SubscriptionStatus) -> bool {
    match status {
        SubscriptionStatus::Active | SubscriptionStatus::PastDue => true,
        SubscriptionStatus::Pending | SubscriptionStatus::Ended | SubscriptionStatus::Invalid => {
            false
        }
    }
}

fn snapshot(
    terms: &Terms,
    standing: &Standing,
    charge: Option<&PaymentKey>,
    now: OffsetDateTime,
) -> SubscriptionSnapshot {
    SubscriptionSnapshot {
        subscription_no: terms.subscription_no.clone(),
        mode: terms.mode,
        status: standing.status,
        agreement_no: standing.agreement_no.clone(),
        amount: terms.amount.minor,
        currency: terms.amount.currency,
        periods: standing.covers.len() as u64,
        paid_through: standing.paid_through,
        entitled_until: standing.entitled_until,
        entitled: standing.entitled_until.is_some_and(|until| until > now),
        transaction: charge.map(|key| key.transaction.clone()),
    }
}
