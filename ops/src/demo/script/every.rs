//! What every provider must do as well, told of each that has the scenarios for it.

use shared::provider::Provider;

use super::SOON;
use crate::demo::scene::{Step, Story, Told};
use crate::simulate::Scenario;

const UNCONFIRMED: &str =
    "paid, 1 payment, 1 refund, 1 release, open case refund_unconfirmed, order.paid, case.opened";

use Scenario::{Forged, Paid, RefundFull, RefundPartial, Stale, WrongAmount};
use Step::{AtOnce, Order, Send};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "Ten duplicates at once",
        slug: "duplicates",
        sent: "the same payment ten times, together",
        expected: "ten times success, paid once",
        steps: &[Order, AtOnce(Paid, 0, 10)],
        standing: "paid, 1 payment, 1 release, order.paid",
        within: SOON,
        told: Told::InColumn("TEN AT ONCE", "paid once"),
    },
    Story {
        name: "Forged body",
        slug: "forged",
        sent: "a payment with one byte changed",
        expected: "turned away",
        steps: &[Order, Send(Forged, 0)],
        standing: "pending",
        within: SOON,
        told: Told::InColumn("FORGED", "turned away"),
    },
    Story {
        name: "Replay",
        slug: "stale",
        sent: "a payment signed too long ago",
        expected: "turned away",
        steps: &[Order, Send(Stale, 0)],
        standing: "pending",
        within: SOON,
        told: Told::InColumn("REPLAYED", "turned away"),
    },
    Story {
        name: "Wrong amount",
        slug: "wrong-amount",
        sent: "one minor unit more than the order says",
        expected: "not paid, case amount_mismatch",
        steps: &[Order, Send(WrongAmount, 0)],
        standing: "pending, 1 payment, open case amount_mismatch, case.opened",
        within: SOON,
        told: Told::InColumn("WRONG AMOUNT", "case"),
    },
];

/// How a provider's refunds are told: WeChat Pay v2 signs none, so a person confirms them.
pub(super) fn refunds_of(provider: Provider) -> &'static [Story] {
    match provider {
        Provider::WechatPayV2 => HINTS,
        Provider::Alipay
        | Provider::WechatPay
        | Provider::UnionPay
        | Provider::Stripe
        | Provider::PayPal
        | Provider::Adyen
        | Provider::StandardWebhooks => REFUNDS,
    }
}

const REFUNDS: &[Story] = &[
    Story {
        name: "Partial refund",
        slug: "partial-refund",
        sent: "a payment, then half of it back",
        expected: "partially refunded, still released",
        steps: &[Order, Send(Paid, 0), Send(RefundPartial, 0)],
        standing: "partially_refunded, 1 payment, 1 refund, 1 release, order.paid, order.refunded",
        within: SOON,
        told: Told::InColumn("PARTIAL REFUND", "partly refunded"),
    },
    Story {
        name: "Refund before payment",
        slug: "refund-first",
        sent: "the refund, then its payment",
        expected: "refunded, as in the right order",
        steps: &[Order, Send(RefundFull, 0), Send(Paid, 0)],
        standing: "refunded, 1 payment, 1 refund, 1 revoked release, order.paid, order.refunded",
        within: SOON,
        told: Told::InColumn("REFUND FIRST", "refunded"),
    },
];

const HINTS: &[Story] = &[
    Story {
        name: "Partial refund",
        slug: "partial-refund",
        sent: "a payment, then half of it back, unsigned",
        expected: "paid, case refund_unconfirmed",
        steps: &[Order, Send(Paid, 0), Send(RefundPartial, 0)],
        standing: UNCONFIRMED,
        within: SOON,
        told: Told::InColumn("PARTIAL REFUND", "case"),
    },
    Story {
        name: "Refund before payment",
        slug: "refund-first",
        sent: "the refund, unsigned, then its payment",
        expected: "as in the right order",
        steps: &[Order, Send(RefundFull, 0), Send(Paid, 0)],
        standing: UNCONFIRMED,
        within: SOON,
        told: Told::InColumn("REFUND FIRST", "case"),
    },
];
