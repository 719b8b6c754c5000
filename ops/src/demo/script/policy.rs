//! The policy's rows, each told by one provider or by two.

use shared::provider::Provider;

use super::{AFTER_THE_ORDER, SOON};
use crate::demo::scene::{Step, Story, Told};
use crate::simulate::Scenario;

use Scenario::{Batch, BatchForged, Paid, RefundFull, Return, UnknownType, WrongApp};
use Step::{AnyOrder, Await, Cancel, Order, Rest, Send, SendBy};

/// By Alipay.
pub(super) const STORIES: &[Story] = &[
    Story {
        name: "Paid",
        slug: "paid",
        sent: "one payment",
        expected: "paid once",
        steps: &[Order, Send(Paid, 0)],
        standing: "paid, 1 payment, 1 release, order.paid",
        within: SOON,
        told: Told::Alone,
    },
    Story {
        name: "Paid twice",
        slug: "paid-twice",
        sent: "two transactions for one order",
        expected: "released once, case duplicate_payment",
        steps: &[
            Order,
            Send(Paid, 0),
            Await("paid, 1 payment, 1 release, order.paid"),
            Send(Paid, 1),
        ],
        standing: "paid, 2 payments, 1 release, open case duplicate_payment, order.paid, case.opened",
        within: SOON,
        told: Told::Alone,
    },
    Story {
        name: "Order appears late",
        slug: "late-order",
        sent: "the payment, then the order",
        expected: "paid within 2 s of the order",
        steps: &[Send(Paid, 0), Rest, Order],
        standing: "paid, 1 payment, 1 release, order.paid",
        within: AFTER_THE_ORDER,
        told: Told::Alone,
    },
    Story {
        name: "Full refund",
        slug: "full-refund",
        sent: "a payment, then all of it back",
        expected: "refunded, release revoked",
        steps: &[Order, Send(Paid, 0), Send(RefundFull, 0)],
        standing: "refunded, 1 payment, 1 refund, 1 revoked release, order.paid, order.refunded",
        within: SOON,
        told: Told::Alone,
    },
    Story {
        name: "Paid after cancel",
        slug: "cancelled",
        sent: "a payment for a cancelled order",
        expected: "not released, case paid_after_cancel",
        steps: &[Order, Cancel, Send(Paid, 0)],
        standing: "cancelled, 1 payment, open case paid_after_cancel, order.cancelled, case.opened",
        within: SOON,
        told: Told::Alone,
    },
    Story {
        name: "Another app",
        slug: "another-app",
        sent: "a genuine payment to another app",
        expected: "turned away (401)",
        steps: &[Order, Send(WrongApp, 0)],
        standing: "pending",
        within: SOON,
        told: Told::Alone,
    },
    Story {
        name: "Return link posted",
        slug: "return-link",
        sent: "the payer's signed return link",
        expected: "turned away (401)",
        steps: &[Order, Send(Return, 0)],
        standing: "pending",
        within: SOON,
        told: Told::Alone,
    },
    Story {
        name: "Unknown type",
        slug: "unknown-type",
        sent: "a genuine message nobody asked for",
        expected: "success, recorded, no effect",
        steps: &[Order, Send(UnknownType, 0)],
        standing: "pending",
        within: SOON,
        told: Told::Alone,
    },
];

/// By WeChat Pay, and by UnionPay as well.
pub(super) const BY_TWO: &[Story] = &[Story {
    name: "Paid by two providers",
    slug: "two-providers",
    sent: "the same order paid at two providers",
    expected: "released once, case duplicate_payment",
    steps: &[
        AnyOrder,
        Send(Paid, 0),
        Await("paid, 1 payment, 1 release, order.paid"),
        SendBy(Provider::UnionPay, Paid, 0),
    ],
    standing: "paid, 2 payments, 1 release, open case duplicate_payment, order.paid, case.opened",
    within: SOON,
    told: Told::Alone,
}];

/// By Adyen.
pub(super) const BATCHES: &[Story] = &[
    Story {
        name: "A batch",
        slug: "batch",
        sent: "a payment and half of it back, in one request",
        expected: "partially refunded, still released",
        steps: &[Order, Send(Batch, 0)],
        standing: "partially_refunded, 1 payment, 1 refund, 1 release, order.paid, order.refunded",
        within: SOON,
        told: Told::Alone,
    },
    Story {
        name: "A batch with a forgery",
        slug: "batch-forged",
        sent: "the same, the second item forged",
        expected: "turned away whole (401)",
        steps: &[Order, Send(BatchForged, 0)],
        standing: "pending",
        within: SOON,
        told: Told::Alone,
    },
];
