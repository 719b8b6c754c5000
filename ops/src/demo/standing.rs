//! How an order or a subscription stands, in one line: what a scene expects and what became of it are compared
//! as such.

use worker::ledger::records::{EventLine, OrderRecord, SubscriptionRecord};

/// Status, payments, refunds, fulfilment, cases, published events.
pub(super) fn of_order(order: &OrderRecord) -> String {
    let mut parts = vec![order.summary.status.as_str().to_owned()];
    parts.extend(count(order.payments.len(), "payment"));
    parts.extend(count(order.refunds.len(), "refund"));
    let active = order.fulfilments.iter().filter(|fulfilment| fulfilment.active).count();
    parts.extend(count(active, "release"));
    parts.extend(count(order.fulfilments.len() - active, "revoked release"));
    parts.extend(order.cases.iter().map(|case| format!("{} case {}", case.status, case.kind)));
    parts.extend(announced(&order.events));
    parts.join(", ")
}

/// Status, charges, periods, published events.
pub(super) fn of_subscription(one: &SubscriptionRecord) -> String {
    let reason = one.ended.map(|why| format!(" ({})", why.as_str())).unwrap_or_default();
    let mut parts = vec![format!("{}{reason}", one.status.as_str())];
    parts.extend(count(one.charges.len(), "charge"));
    parts.extend(count(one.periods, "period"));
    parts.extend(announced(&one.events));
    parts.join(", ")
}

fn announced(events: &[EventLine]) -> impl Iterator<Item = String> {
    events.iter().filter(|event| event.published).map(|event| short(&event.r#type).to_owned())
}

fn count(number: usize, what: &str) -> Option<String> {
    match number {
        0 => None,
        1 => Some(format!("1 {what}")),
        _ => Some(format!("{number} {what}s")),
    }
}

/// `io.quittance.order.paid.v1` is `order.paid` among people.
fn short(kind: &str) -> &str {
    let kind = kind.strip_prefix("io.quittance.").unwrap_or(kind);
    kind.strip_suffix(".v1").unwrap_or(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_of_what_there_is_not() {
        assert_eq!(count(0, "payment"), None);
        assert_eq!(count(2, "payment").as_deref(), Some("2 payments"));
        assert_eq!(short("io.quittance.order.paid.v1"), "order.paid");
        assert_eq!(short("order.paid.v1"), "order.paid");
    }
}
