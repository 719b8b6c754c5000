//! What is played, and how each order must stand afterwards: the policy's main rows.

use std::time::Duration;

use super::scene::{Scene, Step};
use crate::simulate::alipay::Scenario;

const SOON: Duration = Duration::from_secs(8);
/// The promise for a payment that waited for its order.
const AFTER_THE_ORDER: Duration = Duration::from_secs(2);

use Scenario::{
    Forged, Paid, RefundFull, RefundPartial, Return, UnknownType, WrongAmount, WrongApp,
};
use Step::{AtOnce, Await, Cancel, Order, Rest, Send};

pub(super) const SCENES: &[Scene] = &[
    Scene {
        name: "Paid",
        order_no: "demo-paid",
        sent: "one payment",
        expected: "paid once",
        steps: &[Order, Send(Paid, 1)],
        standing: "paid, 1 payment, 1 release, order.paid",
        within: SOON,
    },
    Scene {
        name: "Ten duplicates at once",
        order_no: "demo-ten-at-once",
        sent: "the same payment ten times, together",
        expected: "ten times success, paid once",
        steps: &[Order, AtOnce(Paid, 1, 10)],
        standing: "paid, 1 payment, 1 release, order.paid",
        within: SOON,
    },
    Scene {
        name: "Paid twice",
        order_no: "demo-paid-twice",
        sent: "two transactions for one order",
        expected: "released once, case duplicate_payment",
        steps: &[
            Order,
            Send(Paid, 1),
            Await("paid, 1 payment, 1 release, order.paid"),
            Send(Paid, 2),
        ],
        standing: "paid, 2 payments, 1 release, open case duplicate_payment, order.paid, case.opened",
        within: SOON,
    },
    Scene {
        name: "Forged body",
        order_no: "demo-forged",
        sent: "a payment with one byte changed",
        expected: "turned away (401)",
        steps: &[Order, Send(Forged, 1)],
        standing: "pending",
        within: SOON,
    },
    Scene {
        name: "Wrong amount",
        order_no: "demo-wrong-amount",
        sent: "0.01 more than the order says",
        expected: "not paid, case amount_mismatch",
        steps: &[Order, Send(WrongAmount, 1)],
        standing: "pending, 1 payment, open case amount_mismatch, case.opened",
        within: SOON,
    },
    Scene {
        name: "Order appears late",
        order_no: "demo-late-order",
        sent: "the payment, then the order",
        expected: "paid within 2 s of the order",
        steps: &[Send(Paid, 1), Rest, Order],
        standing: "paid, 1 payment, 1 release, order.paid",
        within: AFTER_THE_ORDER,
    },
    Scene {
        name: "Full refund",
        order_no: "demo-full-refund",
        sent: "a payment, then all of it back",
        expected: "refunded, release revoked",
        steps: &[Order, Send(Paid, 1), Send(RefundFull, 1)],
        standing: "refunded, 1 payment, 1 refund, 1 revoked release, order.paid, order.refunded",
        within: SOON,
    },
    Scene {
        name: "Partial refund",
        order_no: "demo-partial-refund",
        sent: "a payment, then half of it back",
        expected: "partially refunded, still released",
        steps: &[Order, Send(Paid, 1), Send(RefundPartial, 1)],
        standing: "partially_refunded, 1 payment, 1 refund, 1 release, order.paid, order.refunded",
        within: SOON,
    },
    Scene {
        name: "Refund before payment",
        order_no: "demo-refund-first",
        sent: "the refund, then its payment",
        expected: "refunded, as in the right order",
        steps: &[Order, Send(RefundFull, 1), Send(Paid, 1)],
        standing: "refunded, 1 payment, 1 refund, 1 revoked release, order.paid, order.refunded",
        within: SOON,
    },
    Scene {
        name: "Paid after cancel",
        order_no: "demo-cancelled",
        sent: "a payment for a cancelled order",
        expected: "not released, case paid_after_cancel",
        steps: &[Order, Cancel, Send(Paid, 1)],
        standing: "cancelled, 1 payment, open case paid_after_cancel, order.cancelled, case.opened",
        within: SOON,
    },
    Scene {
        name: "Another app",
        order_no: "demo-another-app",
        sent: "a genuine payment to another app",
        expected: "turned away (401)",
        steps: &[Order, Send(WrongApp, 1)],
        standing: "pending",
        within: SOON,
    },
    Scene {
        name: "Return link posted",
        order_no: "demo-return-link",
        sent: "the payer's signed return link",
        expected: "turned away (401)",
        steps: &[Order, Send(Return, 1)],
        standing: "pending",
        within: SOON,
    },
    Scene {
        name: "Unknown type",
        order_no: "demo-unknown-type",
        sent: "a genuine message nobody asked for",
        expected: "success, recorded, no effect",
        steps: &[Order, Send(UnknownType, 1)],
        standing: "pending",
        within: SOON,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_scene_has_an_order_of_its_own() {
        let numbers: BTreeSet<_> = SCENES.iter().map(|scene| scene.order_no).collect();
        assert_eq!(numbers.len(), SCENES.len());
    }
}
