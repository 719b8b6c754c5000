//! Orders for people.

use shared::money::{Currency, Money};
use shared::order::OrderStatus;
use worker::ledger::records::{OrderRecord, OrderSummary, RefundRecord};

use super::super::cases;
use super::super::table::{Table, instant, printable};
use crate::orders::timeline::{Happening, Source};

/// A line for each order.
pub(super) fn table(orders: &[OrderSummary]) -> String {
    let mut table =
        Table::new(&["ORDER", "STATUS", "AMOUNT", "PAID", "REFUNDED", "ACCOUNT", "CREATED"]);
    for order in orders {
        let money = |minor| Money { minor, currency: order.currency }.to_string();
        table.row([
            order.order_no.clone(),
            order.status.as_str().to_owned(),
            money(order.amount),
            money(order.paid_amount),
            money(order.refunded_amount),
            order.account.clone().unwrap_or_default(),
            instant(order.created_at),
        ]);
    }
    table.to_string()
}

/// A line for each thing that touched an order.
pub(super) fn happenings(list: &[Happening]) -> String {
    let mut table = Table::new(&["AT", "FROM", "WHAT", "TEXT", "ABOUT"]);
    for happening in list {
        let from = match happening.source {
            Source::Shop => "shop",
            Source::Provider => "provider",
            Source::Policy => "policy",
            Source::Person => "person",
        };
        table.row([
            instant(happening.at),
            from.to_owned(),
            happening.kind.clone(),
            happening.text.clone(),
            happening.subject.clone().unwrap_or_default(),
        ]);
    }
    table.to_string()
}

/// Everything about one order.
pub(super) fn details(order: &OrderRecord) -> String {
    let mut parts = vec![head(order)];
    if !order.payments.is_empty() {
        parts.push(format!("\nPayments\n{}", payments(order)));
    }
    if !order.refunds.is_empty() {
        parts.push(format!("\nRefunds\n{}", refunds(order)));
    }
    if !order.disputes.is_empty() {
        parts.push(format!("\nDisputes\n{}", disputes(order)));
    }
    if !order.cases.is_empty() {
        parts.push(format!("\nCases\n{}", cases::table(&order.cases)));
    }
    if !order.events.is_empty() {
        parts.push(format!("\nEvents\n{}", events(order)));
    }
    parts.concat()
}

fn head(order: &OrderRecord) -> String {
    let summary = &order.summary;
    let money = |minor| shown(minor, summary.currency);
    let active = order.fulfilments.iter().filter(|fulfilment| fulfilment.active).count();
    let fulfilment = match (order.fulfilments.len(), active) {
        (0, _) => "none: the goods stay here",
        (_, 0) => "revoked",
        (_, _) => "active: the goods may go out",
    };
    let since = |at: Option<_>| at.map(|at| format!(", at {}", instant(at))).unwrap_or_default();
    let paid_at = since(summary.paid_at);
    // Money may count although the shop had cancelled.
    let cancelled_at = match summary.status {
        OrderStatus::Cancelled => since(summary.cancelled_at),
        OrderStatus::Pending
        | OrderStatus::Paid
        | OrderStatus::PartiallyRefunded
        | OrderStatus::Refunded => {
            let at = summary.cancelled_at.map(|at| format!(" (cancelled at {})", instant(at)));
            at.unwrap_or_default()
        }
    };
    let lines = [
        ("order", summary.order_no.clone()),
        ("status", format!("{}{cancelled_at}", summary.status.as_str())),
        ("amount", money(summary.amount)),
        ("paid", format!("{}{paid_at}", money(summary.paid_amount))),
        ("refunded", money(summary.refunded_amount)),
        ("fulfilment", fulfilment.to_owned()),
        ("account", summary.account.clone().unwrap_or_else(|| "any".to_owned())),
        ("mode", summary.mode.as_str().to_owned()),
        ("expires", summary.expires_at.map(instant).unwrap_or_else(|| "never".to_owned())),
        ("numbers", order.numbers.join(", ")),
    ];
    let extends = summary.subscription_no.as_ref().map(|number| {
        let by = summary.period.as_ref().map(|period| format!(" by {period}")).unwrap_or_default();
        ("extends", format!("{number}{by}"))
    });
    let lines = lines.into_iter().chain(extends);
    lines.map(|(name, value)| format!("{name:<12} {}\n", printable(&value))).collect()
}

fn payments(order: &OrderRecord) -> String {
    let mut table = Table::new(&["ACCOUNT", "TRANSACTION", "STATUS", "AMOUNT", "AT"]);
    for payment in &order.payments {
        table.row([
            payment.account.clone(),
            payment.transaction.clone(),
            payment.status.clone(),
            shown(payment.amount, payment.currency),
            instant(payment.occurred_at),
        ]);
    }
    table.to_string()
}

fn refunds(order: &OrderRecord) -> String {
    let mut table =
        Table::new(&["ACCOUNT", "TRANSACTION", "REFUND", "STATUS", "AMOUNT", "EVIDENCE", "AT"]);
    for refund in &order.refunds {
        let number = refund.refund_no.as_ref().or(refund.refund.as_ref());
        table.row([
            refund.account.clone(),
            refund.transaction.clone(),
            number.cloned().unwrap_or_default(),
            refund.status.clone(),
            shown(refund.amount, refund.currency),
            evidence(refund).to_owned(),
            instant(refund.occurred_at),
        ]);
    }
    table.to_string()
}

/// A person may have confirmed it, where no signature did.
fn evidence(refund: &RefundRecord) -> &str {
    if refund.is_by_a_persons_word() { "person" } else { &refund.evidence }
}

fn disputes(order: &OrderRecord) -> String {
    let mut table = Table::new(&["ACCOUNT", "TRANSACTION", "DISPUTE", "STATUS", "AMOUNT", "AT"]);
    for dispute in &order.disputes {
        table.row([
            dispute.account.clone(),
            dispute.transaction.clone(),
            dispute.dispute.clone(),
            dispute.status.clone(),
            shown(dispute.amount, dispute.currency),
            instant(dispute.occurred_at),
        ]);
    }
    table.to_string()
}

fn events(order: &OrderRecord) -> String {
    let mut table = Table::new(&["SEQUENCE", "TYPE", "PUBLISHED", "ID"]);
    for event in &order.events {
        let published = if event.published { "yes" } else { "not yet" };
        table.row([
            event.sequence.to_string(),
            event.r#type.clone(),
            published.to_owned(),
            event.id.to_string(),
        ]);
    }
    table.to_string()
}

fn shown(minor: i64, currency: Currency) -> String {
    Money { minor, currency }.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::order::OrderStatus;
    use time::macros::datetime;
    use worker::ledger::records::FulfilmentRecord;

    fn order() -> OrderRecord {
        let at = datetime!(2026-01-02 03:04:05 UTC);
        OrderRecord {
            summary: OrderSummary {
                order_no: "A-1".into(),
                status: OrderStatus::Paid,
                amount: 10,
                currency: Currency::CNY,
                account: None,
                paid_amount: 10,
                refunded_amount: 0,
                paid_at: Some(at),
                cancelled_at: None,
                expires_at: None,
                mode: shared::order::Mode::Live,
                subscription_no: Some("S-1".into()),
                period: Some("P1M".into()),
                created_at: at,
            },
            numbers: vec!["A-1".into()],
            fulfilments: vec![FulfilmentRecord { active: true, created_at: at, revoked_at: None }],
            payments: vec![],
            refunds: vec![],
            disputes: vec![],
            cases: vec![],
            events: vec![],
            accepted: vec![],
        }
    }

    #[test]
    fn an_order_tells_whether_the_goods_may_go_out() {
        let text = details(&order());
        assert!(text.contains("status       paid\n"), "{text}");
        assert!(text.contains("active: the goods may go out"), "{text}");
        assert!(text.contains("extends      S-1 by P1M\n"), "{text}");
        let unpaid = OrderRecord { fulfilments: vec![], ..order() };
        assert!(details(&unpaid).contains("the goods stay here"));
    }

    #[test]
    fn the_keys_in_json_are_those_that_were_promised() {
        let json = serde_json::to_value(order()).unwrap();
        for key in [
            "order_no",
            "status",
            "amount",
            "currency",
            "paid_amount",
            "refunded_amount",
            "fulfilments",
            "payments",
            "refunds",
            "disputes",
            "cases",
            "events",
        ] {
            assert!(json.get(key).is_some(), "{key}");
        }
        assert_eq!(json["status"], "paid");
        assert_eq!(json["fulfilments"][0]["active"], true);
    }
}
