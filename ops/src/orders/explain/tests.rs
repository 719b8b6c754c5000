//! Every status and every kind of case, as a table.

use super::*;
use crate::orders::sample::{AT, case, order, payment};
use shared::order::Mode;
use worker::decide::PaymentKey;
use worker::decide::payment::Pays;
use worker::ledger::records::{Accepted, DisputeRecord, FulfilmentRecord, RefundRecord};

fn refund(status: &str, evidence: &str) -> RefundRecord {
    RefundRecord {
        account: "shop-alipay".into(),
        transaction: "T1".into(),
        refund: Some("R1".into()),
        refund_no: None,
        status: status.into(),
        evidence: evidence.into(),
        amount: 250,
        currency: Currency::CNY,
        total: None,
        occurred_at: AT,
    }
}

#[track_caller]
fn check(order: &OrderRecord, sentence: &str) {
    let said = explain(order);
    assert!(said.iter().any(|said| said == sentence), "no {sentence:?} in {said:#?}");
}

#[test]
fn each_status_has_its_sentence() {
    for (status, sentence) in [
        (OrderStatus::Pending, "It is pending: nothing was paid that counts."),
        (OrderStatus::Paid, "It is paid: 12.50 CNY count."),
        (
            OrderStatus::PartiallyRefunded,
            "It is partially refunded: of 12.50 CNY that count 2.50 CNY went back, and 10.00 CNY are left.",
        ),
        (OrderStatus::Refunded, "It is refunded: all 12.50 CNY went back."),
        (OrderStatus::Cancelled, "It is cancelled."),
    ] {
        check(&order(status), sentence);
        check(&order(status), "12.50 CNY are to be paid, to any account.");
    }
    let mut late = order(OrderStatus::Cancelled);
    late.summary.paid_amount = 1250;
    check(&late, "It is cancelled, and 12.50 CNY of a payer are still here.");
    let mut twice = order(OrderStatus::Paid);
    (twice.summary.paid_amount, twice.summary.refunded_amount) = (2500, 1250);
    check(
        &twice,
        "It is paid: of 25.00 CNY that count 12.50 CNY went back, and 12.50 CNY are enough.",
    );
}

#[test]
fn each_kind_of_case_has_its_sentence() {
    for kind in CaseKind::ALL {
        let mut order = order(OrderStatus::Pending);
        order.cases = vec![case(kind, 300)];
        let said = explain(&order);
        let last = said.last().unwrap();
        assert!(last.starts_with("A person must decide, because "), "{kind:?}: {last}");
        assert!(last.contains("3.00 CNY") && last.contains("(case 0000"), "{kind:?}: {last}");
        order.cases[0].resolved_at = Some(AT);
        assert!(!explain(&order).iter().any(|said| said.contains("must decide")), "{kind:?}");
    }
    let mut order = order(OrderStatus::Pending);
    order.cases = vec![case(CaseKind::AmountMismatch, 300)];
    let why = "A person must decide, because 3.00 CNY of T1 are not the amount that the order asks for \
               (case 00000000-0000-0000-0000-000000000000).";
    check(&order, why);
}

#[test]
fn each_payment_has_its_sentence() {
    for (status, sentence) in [
        ("pending", "A payment of 12.50 CNY by transaction T1 of shop-alipay is under way."),
        (
            "authorised",
            "A payment of 12.50 CNY by transaction T1 of shop-alipay is authorised, and no money has moved yet.",
        ),
        ("failed", "A payment of 12.50 CNY by transaction T1 of shop-alipay failed."),
        (
            "closed",
            "A payment of 12.50 CNY by transaction T1 of shop-alipay was closed without money.",
        ),
        ("succeeded", "12.50 CNY were paid by transaction T1 of shop-alipay."),
        ("finished", "12.50 CNY were paid by transaction T1 of shop-alipay."),
    ] {
        let mut order = order(OrderStatus::Pending);
        order.payments = vec![payment("T1", status, 1250)];
        check(&order, sentence);
    }
    let mut short = order(OrderStatus::Pending);
    short.payments = vec![payment("T1", "succeeded", 1000)];
    let because = "10.00 CNY were paid by transaction T1 of shop-alipay, and do not count: the order asks for 12.50 CNY.";
    check(&short, because);
    short.summary.account = Some("other".into());
    let because = "10.00 CNY were paid by transaction T1 of shop-alipay, and do not count: the order may be paid to other alone.";
    check(&short, because);
}

const PAID: &str = "were paid by transaction T1 of shop-alipay";

fn accepted(kind: CaseKind, by_policy: bool) -> Accepted {
    let payment = PaymentKey { account: "shop-alipay".into(), transaction: "T1".into() };
    let payment = (kind != CaseKind::PaidAfterCancel).then_some(payment);
    Accepted { kind, payment, by_policy }
}

#[test]
fn a_payment_that_was_accepted_counts_although_it_does_not_fit() {
    for (by_policy, whose) in [(false, "a person's"), (true, "the account's policy's")] {
        let mut order = order(OrderStatus::Paid);
        order.payments = vec![payment("T1", "succeeded", 1000)];
        order.accepted = vec![accepted(CaseKind::AmountMismatch, by_policy)];
        let why = "although the order asks for 12.50 CNY";
        check(&order, &format!("10.00 CNY {PAID}, and count by {whose} word, {why}."));
        // What was accepted is one line of several.
        order.accepted = vec![accepted(CaseKind::WrongPayee, by_policy)];
        check(
            &order,
            &format!("10.00 CNY {PAID}, and do not count: the order asks for 12.50 CNY."),
        );
    }
}

#[test]
fn what_was_accepted_after_its_order_was_over_counts() {
    let mut late = order(OrderStatus::Paid);
    late.payments = vec![payment("T1", "succeeded", 1250)];
    late.summary.expires_at = Some(AT - time::Duration::seconds(1));
    let why = "it came after the order ran out";
    check(&late, &format!("12.50 CNY {PAID}, and do not count: {why}."));
    late.accepted = vec![accepted(CaseKind::PaidAfterCancel, false)];
    check(&late, &format!("12.50 CNY {PAID}, and count by a person's word, although {why}."));

    let mut cancelled = order(OrderStatus::Cancelled);
    cancelled.payments = late.payments.clone();
    let why = "the order is cancelled";
    check(&cancelled, &format!("12.50 CNY {PAID}, and do not count: {why}."));
    cancelled.accepted = late.accepted.clone();
    check(&cancelled, &format!("12.50 CNY {PAID}, and count by a person's word, although {why}."));
}

#[test]
fn money_of_another_mode_or_for_an_order_without_an_account_does_not_count() {
    let mut order = order(OrderStatus::Pending);
    order.payments = vec![payment("T1", "succeeded", 1250)];
    order.payments[0].pays = Pays::NamedOrders;
    let why = "the order had to name an account";
    check(&order, &format!("12.50 CNY {PAID}, and do not count: {why}."));
    order.payments[0].mode = Mode::Test;
    let why = "the order's mode is live, and the money's is test";
    check(&order, &format!("12.50 CNY {PAID}, and do not count: {why}."));
    // No word lifts that.
    order.accepted = vec![accepted(CaseKind::WrongPayee, false)];
    check(&order, &format!("12.50 CNY {PAID}, and do not count: {why}."));
}

#[test]
fn each_refund_and_dispute_has_its_sentence() {
    for (status, evidence, sentence) in [
        ("succeeded", "signed", "2.50 CNY of T1 went back to the payer (refund R1)."),
        ("reversed", "signed", "A refund of 2.50 CNY of T1 (refund R1) came back to the shop."),
        ("pending", "signed", "A refund of 2.50 CNY of T1 (refund R1) is under way."),
        ("failed", "signed", "A refund of 2.50 CNY of T1 (refund R1) failed."),
        ("closed", "signed", "A refund of 2.50 CNY of T1 (refund R1) was closed without money."),
        (
            "succeeded",
            "hint",
            "2.50 CNY of T1 are said to have gone back (refund R1), but no signature covers it, so of itself it does not count.",
        ),
    ] {
        let mut order = order(OrderStatus::Paid);
        order.refunds = vec![refund(status, evidence)];
        check(&order, sentence);
    }
    let case = "case/00000000-0000-8000-8000-000000000000";
    let mut confirmed = order(OrderStatus::Paid);
    let signed = refund("succeeded", "signed");
    confirmed.refunds =
        vec![RefundRecord { refund: None, refund_no: Some(case.to_owned()), ..signed }];
    let sentence =
        format!("2.50 CNY of T1 went back to the payer, as a person said (refund {case}).");
    check(&confirmed, &sentence);
    for (status, sentence) in [
        ("opened", "The payer's objection to 12.50 CNY of T1 is open."),
        ("won", "The payer's objection to 12.50 CNY of T1 ended for the shop: the money stays."),
        (
            "lost",
            "The payer's objection to 12.50 CNY of T1 was lost: the money counts as refunded.",
        ),
    ] {
        let mut order = order(OrderStatus::Paid);
        order.disputes = vec![DisputeRecord {
            account: "shop-alipay".into(),
            transaction: "T1".into(),
            dispute: "D1".into(),
            status: status.into(),
            amount: 1250,
            currency: Currency::CNY,
            occurred_at: AT,
        }];
        check(&order, sentence);
    }
}

#[test]
fn the_goods_have_their_sentence_and_amounts_their_currencys_decimals() {
    let mut order = order(OrderStatus::Paid);
    check(&order, "The goods stay here.");
    order.fulfilments = vec![FulfilmentRecord { active: true, created_at: AT, revoked_at: None }];
    check(&order, "The goods may go out.");
    order.fulfilments =
        vec![FulfilmentRecord { active: false, created_at: AT, revoked_at: Some(AT) }];
    check(&order, "The goods may not go out any more.");
    order.summary.currency = "JPY".parse().unwrap();
    check(&order, "1250 JPY are to be paid, to any account.");
    order.summary.currency = "KWD".parse().unwrap();
    check(&order, "1.250 KWD are to be paid, to any account.");
}
