//! The events' pages and schemas against the code that writes events.

use serde_json::Value;
use shared::case::{CaseKind, CasePolicy, CaseVerdict};
use shared::event::{
    CaseSnapshot, Event, EventType, OrderSnapshot, Snapshot, SubscriptionSnapshot,
};
use shared::money::Currency;
use shared::order::{Mode, OrderStatus};
use shared::subscription::SubscriptionStatus;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::schema::{differences, unseen};
use crate::tree::{code_words, nothing_is, text};

#[test]
fn every_event_type_is_described_and_has_a_schema() {
    let (page, contract) = (text("docs/events.md"), text("docs/events/asyncapi.yaml"));
    for kind in EventType::ALL {
        let key = kind.routing_key();
        assert!(code_words(&page).contains(key), "docs/events.md does not name {key}");
        assert!(page.contains(&format!("events/{key}.schema.json")), "no link to {key}'s schema");
        assert!(contract.contains(&format!("address: {key}\n")), "asyncapi.yaml: no channel {key}");
        assert!(contract.contains(&format!("$ref: ./{key}.schema.json")), "asyncapi.yaml: {key}");
        assert!(contract.contains(&format!("messageType: {}", kind.cloud_type())), "{key}");
    }
}

#[test]
fn every_event_is_what_its_schema_says() {
    let mut wrong = vec![];
    for kind in EventType::ALL.into_iter().filter(|kind| is_about_a_subscription(*kind)) {
        for status in SubscriptionStatus::ALL {
            let full = subscription_sample(kind, status);
            wrong.extend(differences(&schema(kind), &full, kind.routing_key()));
            wrong.extend(unseen(&schema(kind), &full, kind.routing_key()));
        }
    }
    for kind in EventType::ALL.into_iter().filter(|kind| !is_about_a_subscription(*kind)) {
        let schema = schema(kind);
        for status in OrderStatus::ALL {
            let full = sample(kind, Some(order(status)));
            wrong.extend(differences(&schema, &full, kind.routing_key()));
            wrong.extend(unseen(&schema, &full, kind.routing_key()));
        }
        if is_about_a_case(kind) {
            wrong.extend(differences(&schema, &sample(kind, None), kind.routing_key()));
        }
    }
    nothing_is(&wrong);
}

#[test]
fn a_schema_names_every_kind_of_case() {
    let kinds: Vec<&str> = CaseKind::ALL.iter().map(|kind| kind.as_str()).collect();
    for kind in EventType::ALL.into_iter().filter(|kind| is_about_a_case(*kind)) {
        let words = &schema(kind)["properties"]["data"]["properties"]["case"]["properties"]["kind"];
        let named: Vec<&str> =
            words["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        assert_eq!(named, kinds, "{}", kind.routing_key());
    }
}

fn schema(kind: EventType) -> Value {
    let path = format!("docs/events/{}.schema.json", kind.routing_key());
    serde_json::from_str(&text(&path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn is_about_a_case(kind: EventType) -> bool {
    match kind {
        EventType::CaseOpened | EventType::CaseResolved => true,
        EventType::OrderPaid
        | EventType::OrderRefunded
        | EventType::OrderCancelled
        | EventType::SubscriptionActivated
        | EventType::SubscriptionRenewed
        | EventType::SubscriptionChargeFailed
        | EventType::SubscriptionRefunded
        | EventType::SubscriptionEnded => false,
    }
}

fn is_about_a_subscription(kind: EventType) -> bool {
    kind.routing_key().starts_with("subscription.")
}

fn sample(kind: EventType, order: Option<OrderSnapshot>) -> Value {
    let ended = kind == EventType::CaseResolved;
    let status = if ended { "resolved" } else { "open" };
    let case = CaseSnapshot {
        id: Uuid::nil(),
        mode: Mode::Live,
        kind: CaseKind::AmountMismatch.as_str().to_owned(),
        status: status.to_owned(),
        order_number: "A-1".to_owned(),
        amount: 10,
        currency: Currency::CNY,
        policy: CasePolicy::Hold.as_str().to_owned(),
        refund_by: (!ended).then_some(OffsetDateTime::UNIX_EPOCH),
        resolution: ended.then(|| CaseVerdict::Fulfil.as_str().to_owned()),
        resolved_by: ended.then(|| "person".to_owned()),
    };
    let case = is_about_a_case(kind).then_some(case);
    written(kind, "order/A-1", Snapshot { order, case, subscription: None })
}

fn subscription_sample(kind: EventType, status: SubscriptionStatus) -> Value {
    let about_a_charge =
        matches!(kind, EventType::SubscriptionRenewed | EventType::SubscriptionRefunded);
    let subscription = SubscriptionSnapshot {
        subscription_no: "S-1".to_owned(),
        mode: Mode::Live,
        status,
        agreement_no: None,
        amount: 10,
        currency: Currency::CNY,
        periods: 1,
        paid_through: Some(OffsetDateTime::UNIX_EPOCH),
        entitled_until: None,
        entitled: false,
        transaction: about_a_charge.then(|| "T-1".to_owned()),
    };
    let subscription = Some(subscription);
    written(kind, "subscription/S-1", Snapshot { subscription, ..Snapshot::default() })
}

fn written(kind: EventType, subject: &str, snapshot: Snapshot) -> Value {
    let event = Event {
        id: Uuid::nil(),
        kind,
        subject: subject.to_owned(),
        sequence: 1,
        occurred_at: OffsetDateTime::UNIX_EPOCH,
        snapshot,
    };
    serde_json::from_str(&event.to_json()).expect("an event is JSON")
}

fn order(status: OrderStatus) -> OrderSnapshot {
    OrderSnapshot {
        order_no: "A-1".to_owned(),
        mode: Mode::Live,
        status,
        amount: 10,
        currency: Currency::CNY,
        paid_amount: 10,
        refunded_amount: 0,
        entitled: status == OrderStatus::Paid,
        numbers: vec!["A-1-2".to_owned()],
        subscription_no: Some("S-1".to_owned()),
    }
}
