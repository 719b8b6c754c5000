//! What every provider must do as well, told of each that has the scenarios for it.

use super::SOON;
use crate::demo::scene::{Step, Story};
use crate::simulate::Scenario;

use Scenario::{Forged, Paid, RefundFull, RefundPartial, Stale, WrongAmount};
use Step::{AtOnce, Order, Send};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "Three duplicates at once",
        slug: "duplicates",
        sent: "the same payment three times, together",
        expected: "three times success, paid once",
        steps: &[Order, AtOnce(Paid, 1, 3)],
        standing: "paid, 1 payment, 1 release, order.paid",
        within: SOON,
    },
    Story {
        name: "Forged body",
        slug: "forged",
        sent: "a payment with one byte changed",
        expected: "turned away",
        steps: &[Order, Send(Forged, 1)],
        standing: "pending",
        within: SOON,
    },
    Story {
        name: "Replay",
        slug: "stale",
        sent: "a payment signed ten minutes ago",
        expected: "turned away",
        steps: &[Order, Send(Stale, 1)],
        standing: "pending",
        within: SOON,
    },
    Story {
        name: "Wrong amount",
        slug: "wrong-amount",
        sent: "0.01 more than the order says",
        expected: "not paid, case amount_mismatch",
        steps: &[Order, Send(WrongAmount, 1)],
        standing: "pending, 1 payment, open case amount_mismatch, case.opened",
        within: SOON,
    },
    Story {
        name: "Partial refund",
        slug: "partial-refund",
        sent: "a payment, then half of it back",
        expected: "partially refunded, still released",
        steps: &[Order, Send(Paid, 1), Send(RefundPartial, 1)],
        standing: "partially_refunded, 1 payment, 1 refund, 1 release, order.paid, order.refunded",
        within: SOON,
    },
    Story {
        name: "Refund before payment",
        slug: "refund-first",
        sent: "the refund, then its payment",
        expected: "refunded, as in the right order",
        steps: &[Order, Send(RefundFull, 1), Send(Paid, 1)],
        standing: "refunded, 1 payment, 1 refund, 1 revoked release, order.paid, order.refunded",
        within: SOON,
    },
];
