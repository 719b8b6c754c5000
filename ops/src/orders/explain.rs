//! Why an order stands as it does, in words.
//!
//! **Invariant**: a pure function of the recorded order, in the words of docs/policy.md, and no data of the
//! payer is in it.

use shared::case::CaseKind;
use shared::money::{Currency, Money};
use shared::notification::{DisputeStatus, PaymentStatus, RefundStatus};
use shared::order::OrderStatus;
use worker::decide::standing::{Obstacle, Why, why};
use worker::ledger::records::{CaseRecord, OrderRecord, PaymentRecord, RefundRecord};

mod judged;

/// Sentences, from what was asked to what follows.
pub fn explain(order: &OrderRecord) -> Vec<String> {
    let mut sentences = vec![asked(order)];
    sentences.extend(order.payments.iter().map(|payment| paid(order, payment)));
    sentences.extend(order.refunds.iter().map(refunded));
    sentences.extend(order.disputes.iter().map(|dispute| {
        let amount = money(dispute.amount, dispute.currency);
        let ended = match DisputeStatus::from_word(&dispute.status) {
            Some(DisputeStatus::Opened) => "is open",
            Some(DisputeStatus::Won) => "ended for the shop: the money stays",
            Some(DisputeStatus::Lost) => "was lost: the money counts as refunded",
            None => "stands in a way that this version does not know",
        };
        format!("The payer's objection to {amount} of {} {ended}.", dispute.transaction)
    }));
    sentences.push(stands(order));
    sentences.push(goods(order));
    let open = order.cases.iter().filter(|case| case.resolved_at.is_none());
    sentences.extend(open.map(waits));
    sentences
}

fn asked(order: &OrderRecord) -> String {
    let summary = &order.summary;
    let amount = money(summary.amount, summary.currency);
    match &summary.account {
        Some(account) => format!("{amount} are to be paid, to {account} alone."),
        None => format!("{amount} are to be paid, to any account."),
    }
}

fn paid(order: &OrderRecord, payment: &PaymentRecord) -> String {
    let (account, transaction) = (&payment.account, &payment.transaction);
    let amount = money(payment.amount, payment.currency);
    let by = format!("by transaction {transaction} of {account}");
    let did = match PaymentStatus::from_word(&payment.status) {
        Some(PaymentStatus::Succeeded | PaymentStatus::Finished) => {
            return format!("{amount} were paid {by}{}.", counts(order, payment));
        }
        Some(PaymentStatus::Pending) => "is under way",
        Some(PaymentStatus::Authorised) => "is authorised, and no money has moved yet",
        Some(PaymentStatus::Failed) => "failed",
        Some(PaymentStatus::Closed) => "was closed without money",
        None => "stands in a way that this version does not know",
    };
    format!("A payment of {amount} {by} {did}.")
}

/// Whether a payment whose money moved counts, as the policy itself judges.
fn counts(order: &OrderRecord, payment: &PaymentRecord) -> String {
    match why(&judged::state(order), &judged::key(payment)) {
        Some(Why::Fits) | None => String::new(),
        Some(Why::Accepted(against)) => {
            let whose = judged::whose(order, payment, against);
            format!(", and count by {whose} word, although {}", stood(order, payment, against))
        }
        Some(Why::Against(against)) => {
            format!(", and do not count: {}", stood(order, payment, against))
        }
    }
}

/// What stands against a payment.
fn stood(order: &OrderRecord, payment: &PaymentRecord, against: Obstacle) -> String {
    let summary = &order.summary;
    match against {
        Obstacle::Cancelled => "the order is cancelled".to_owned(),
        Obstacle::Late => "it came after the order ran out".to_owned(),
        Obstacle::Mismatch => {
            format!("the order asks for {}", money(summary.amount, summary.currency))
        }
        Obstacle::WrongPayee if payment.mode != summary.mode => {
            let (order, money) = (summary.mode.as_str(), payment.mode.as_str());
            format!("the order's mode is {order}, and the money's is {money}")
        }
        Obstacle::WrongPayee => match &summary.account {
            Some(account) => format!("the order may be paid to {account} alone"),
            None => "the order had to name an account".to_owned(),
        },
        Obstacle::Charge => "it pays for a period of a subscription".to_owned(),
    }
}

fn refunded(refund: &RefundRecord) -> String {
    let amount = money(refund.amount, refund.currency);
    let of = format!("of {}", refund.transaction);
    let number = refund.refund_no.as_ref().or(refund.refund.as_ref());
    let named = number.map(|number| format!(" (refund {number})")).unwrap_or_default();
    if refund.evidence != "signed" {
        return format!(
            "{amount} {of} are said to have gone back{named}, but no signature covers it, so of \
             itself it does not count."
        );
    }
    if refund.is_by_a_persons_word() {
        return format!("{amount} {of} went back to the payer, as a person said{named}.");
    }
    match RefundStatus::from_word(&refund.status) {
        Some(RefundStatus::Succeeded) => format!("{amount} {of} went back to the payer{named}."),
        Some(RefundStatus::Reversed) => {
            format!("A refund of {amount} {of}{named} came back to the shop.")
        }
        Some(RefundStatus::Pending) => format!("A refund of {amount} {of}{named} is under way."),
        Some(RefundStatus::Failed) => format!("A refund of {amount} {of}{named} failed."),
        Some(RefundStatus::Closed) => {
            format!("A refund of {amount} {of}{named} was closed without money.")
        }
        None => {
            format!(
                "A refund of {amount} {of}{named} stands in a way that this version does not know."
            )
        }
    }
}

fn stands(order: &OrderRecord) -> String {
    let summary = &order.summary;
    let amount = |minor| money(minor, summary.currency);
    let (gross, back) = (summary.paid_amount, summary.refunded_amount);
    let left = gross.saturating_sub(back);
    match summary.status {
        OrderStatus::Pending => "It is pending: nothing was paid that counts.".to_owned(),
        OrderStatus::Paid if back == 0 => format!("It is paid: {} count.", amount(gross)),
        OrderStatus::Paid => format!(
            "It is paid: of {} that count {} went back, and {} are enough.",
            amount(gross),
            amount(back),
            amount(left)
        ),
        OrderStatus::PartiallyRefunded => format!(
            "It is partially refunded: of {} that count {} went back, and {} are left.",
            amount(gross),
            amount(back),
            amount(left)
        ),
        OrderStatus::Refunded => format!("It is refunded: all {} went back.", amount(gross)),
        OrderStatus::Cancelled if summary.cancelled_at.is_none() => {
            "It ran out before it was paid.".to_owned()
        }
        OrderStatus::Cancelled if left > 0 => {
            format!("It is cancelled, and {} of a payer are still here.", amount(left))
        }
        OrderStatus::Cancelled => "It is cancelled.".to_owned(),
    }
}

fn goods(order: &OrderRecord) -> String {
    let active = order.fulfilments.iter().any(|fulfilment| fulfilment.active);
    let text = match (active, order.fulfilments.is_empty()) {
        (true, _) => "The goods may go out.",
        (false, true) => "The goods stay here.",
        (false, false) => "The goods may not go out any more.",
    };
    text.to_owned()
}

fn waits(case: &CaseRecord) -> String {
    let amount = money(case.amount, case.currency);
    let of = case.transaction.as_deref().map(|of| format!(" of {of}")).unwrap_or_default();
    let why = match CaseKind::from_word(&case.kind) {
        Some(CaseKind::AmountMismatch) => {
            format!("{amount}{of} are not the amount that the order asks for")
        }
        Some(CaseKind::WrongPayee) => {
            format!("{amount}{of} came to another account than may be paid, or in another mode")
        }
        Some(CaseKind::DuplicatePayment) => format!("{amount} were paid beyond what was asked"),
        Some(CaseKind::PaidAfterCancel) => {
            format!("{amount} were paid although the order is cancelled, or had run out")
        }
        Some(CaseKind::OverRefund) => format!("{amount}{of} went back beyond what was paid"),
        Some(CaseKind::RefundUnconfirmed) => {
            format!(
                "{amount}{of} may have gone back, which no signed word in its currency confirms"
            )
        }
        Some(CaseKind::UnknownOrder) => format!("{amount}{of} came before any order"),
        Some(CaseKind::Dispute) => format!("the payer objects to {amount}{of}"),
        Some(CaseKind::UnprovenPayment) => {
            format!("{amount}{of} went back of a payment that was never told")
        }
        None => format!("{amount}{of} are a case that this version does not know"),
    };
    format!("A person must decide, because {why} (case {}).", case.id)
}

fn money(minor: i64, currency: Currency) -> String {
    Money { minor, currency }.to_string()
}

#[cfg(test)]
mod tests;
