//! A subscription's life: step by step by WeChat Pay, whose API v3 tells all of it, and then as a whole by every
//! provider, as far as it tells of agreements.

use shared::provider::Provider;

use super::SOON;
use crate::demo::scene::{Step, Story, Told};
use crate::simulate::Scenario;

use Scenario::{AgreementCharged, AgreementEnded, AgreementSigned, ChargeFailed};
use Step::{Await, Subscribe, Tell};

const SIGNED: &str = "active, subscription.activated";
const CHARGED: &str = "active, 1 charge, 1 period, subscription.activated, subscription.renewed";
const FAILED: &str = "past_due, 1 charge, 1 period, subscription.activated, subscription.renewed, \
                      subscription.charge_failed";
const RECOVERED: &str = "active, 2 charges, 2 periods, subscription.activated, subscription.renewed, \
                         subscription.charge_failed, subscription.renewed";
const ENDED: &str = "ended (unsigned), 2 charges, 2 periods, subscription.activated, \
                     subscription.renewed, subscription.charge_failed, subscription.renewed, \
                     subscription.ended";

/// By WeChat Pay, each as far as it goes.
pub(super) const STORIES: &[Story] = &[
    Story {
        name: "Agreement signed",
        slug: "signed",
        sent: "the payer agrees to be charged each month",
        expected: "active",
        steps: &[Subscribe, Tell(AgreementSigned, 0)],
        standing: SIGNED,
        within: SOON,
        told: Told::Alone,
    },
    Story {
        name: "Charge that renews",
        slug: "charged",
        sent: "a charge, and the same again",
        expected: "one period, renewed once",
        steps: &[
            Subscribe,
            Tell(AgreementSigned, 0),
            Await(SIGNED),
            Tell(AgreementCharged, 0),
            Tell(AgreementCharged, 0),
        ],
        standing: CHARGED,
        within: SOON,
        told: Told::Alone,
    },
    Story {
        name: "Charge that failed",
        slug: "charge-failed",
        sent: "the next month's charge fails",
        expected: "past due",
        steps: &[
            Subscribe,
            Tell(AgreementSigned, 0),
            Await(SIGNED),
            Tell(AgreementCharged, 0),
            Await(CHARGED),
            Tell(ChargeFailed, 1),
        ],
        standing: FAILED,
        within: SOON,
        told: Told::Alone,
    },
    Story {
        name: "Charge that recovered",
        slug: "recovered",
        sent: "the charge that failed succeeds",
        expected: "active, two periods",
        steps: &[
            Subscribe,
            Tell(AgreementSigned, 0),
            Await(SIGNED),
            Tell(AgreementCharged, 0),
            Await(CHARGED),
            Tell(ChargeFailed, 1),
            Await(FAILED),
            Tell(AgreementCharged, 1),
        ],
        standing: RECOVERED,
        within: SOON,
        told: Told::Alone,
    },
];

/// From the signing to the end.
const LIFE: &[Story] = &[Story {
    name: "Subscription",
    slug: "subscription",
    sent: "signed, charged, failed, recovered, unsigned",
    expected: "two periods, and ended",
    steps: &[
        Subscribe,
        Tell(AgreementSigned, 0),
        Await(SIGNED),
        Tell(AgreementCharged, 0),
        Await(CHARGED),
        Tell(ChargeFailed, 1),
        Await(FAILED),
        Tell(AgreementCharged, 1),
        Await(RECOVERED),
        Tell(AgreementEnded, 1),
    ],
    standing: ENDED,
    within: SOON,
    told: Told::InColumn("SUBSCRIPTION", "two periods, ended"),
}];

const LIFE_WITHOUT_FAILURES: &[Story] = &[Story {
    name: "Subscription",
    slug: "subscription",
    sent: "signed, charged twice, unsigned",
    expected: "two periods, and ended",
    steps: &[
        Subscribe,
        Tell(AgreementSigned, 0),
        Await(SIGNED),
        Tell(AgreementCharged, 0),
        Await(CHARGED),
        Tell(AgreementCharged, 1),
        Await(
            "active, 2 charges, 2 periods, subscription.activated, subscription.renewed, \
             subscription.renewed",
        ),
        Tell(AgreementEnded, 1),
    ],
    standing: "ended (unsigned), 2 charges, 2 periods, subscription.activated, \
               subscription.renewed, subscription.renewed, subscription.ended",
    within: SOON,
    told: Told::InColumn("SUBSCRIPTION", "two periods, ended"),
}];

const SIGNING: &[Story] = &[Story {
    name: "Subscription",
    slug: "subscription",
    sent: "the payer agrees to be charged each month",
    expected: "active",
    steps: &[Subscribe, Tell(AgreementSigned, 0)],
    standing: SIGNED,
    within: SOON,
    told: Told::InColumn("SUBSCRIPTION", "signed"),
}];

/// As far as a provider tells it: Alipay no charge that failed, Adyen the signing alone, UnionPay nothing.
pub(super) fn life_of(provider: Provider) -> &'static [Story] {
    match provider {
        Provider::WechatPay
        | Provider::WechatPayV2
        | Provider::Stripe
        | Provider::PayPal
        | Provider::StandardWebhooks => LIFE,
        Provider::Alipay => LIFE_WITHOUT_FAILURES,
        Provider::Adyen => SIGNING,
        Provider::UnionPay => &[],
    }
}
