//! No bytes make these doors or their readers panic, and none but genuine ones get in.

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::notification::{Fact, Notification};
use shared::process::now;
use shared::provider::stripe::OrderFrom;
use shared::provider::{Account, Genuine, Reader, Scheme, Unreadable, verify};
use time::OffsetDateTime;

use crate::adyen::sender as adyen;
use crate::webhook::Webhook;
use crate::{standard_webhooks, stripe};

/// Words that mean something to one of the readers.
const WORDS: &str = "\
    A-1 EUR isk XXX true false paid payment succeeded failed active lost \
    2026-11-23T12:00:00Z 2026-13-40T99:00:00Z 12.345 1e9 in_1 payment_intent.succeeded \
    charge.refunded refund.updated invoice.paid charge.dispute.closed \
    customer.subscription.updated invoice.payment_failed AUTHORISATION REFUND CHARGEBACK \
    RECURRING_CONTRACT event refund.succeeded subscription.signed subscription.charge_failed \
    dispute.opened payment.succeeded";
/// Keys that one of the readers looks at.
const KEYS: &str = "\
    id object type created livemode data amount amount_received amount_refunded \
    amount_captured captured currency metadata order_no status payment_intent charge \
    subscription amount_paid amount_due cancel_at value live notificationItems \
    NotificationRequestItem eventCode eventDate success pspReference originalReference \
    merchantReference merchantAccountCode timestamp transaction refund dispute agreement";

/// A door with what it reads by, and a genuine request for it.
struct Side {
    scheme: Scheme,
    reader: Reader,
    genuine: Webhook,
}

fn sides() -> [Side; 3] {
    [
        Side {
            scheme: stripe::scheme(),
            reader: stripe::reader(OrderFrom::PaymentIntent),
            genuine: stripe::paid(),
        },
        Side {
            scheme: adyen::scheme(),
            reader: adyen::reader(),
            genuine: adyen::webhook(&[adyen::signed(json!({}))]),
        },
        Side {
            scheme: standard_webhooks::scheme(),
            reader: standard_webhooks::reader(),
            genuine: standard_webhooks::paid(),
        },
    ]
}

impl Side {
    fn takes(&self, webhook: &Webhook) -> bool {
        let account = Account { name: "any".to_owned(), scheme: self.scheme.clone() };
        webhook.request().is_ok_and(|request| verify(&account, request, now()).is_ok())
    }

    fn read(&self, body: &[u8]) -> Result<Vec<Notification>, Unreadable> {
        let http = [("webhook-id".to_owned(), "msg_1".to_owned())];
        self.reader.read(&Genuine { http: &http, received_at: now(), body })
    }
}

fn settings() -> ProptestConfig {
    ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() }
}

/// A body with one stretch of it replaced by another, or by noise.
fn splice(whole: &[u8], places: [prop::sample::Index; 4], noise: &[u8]) -> Vec<u8> {
    let mut at = places.map(|place| place.index(whole.len() + 1));
    at[..2].sort_unstable();
    at[2..].sort_unstable();
    [&whole[..at[0]], noise, &whole[at[2]..at[3]], &whole[at[1]..]].concat()
}

/// Any JSON whose keys and words are those that the readers know.
fn known_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(WORDS.split(' ').collect::<Vec<_>>());
    let leaf = prop_oneof![
        4 => word.prop_map(Value::from),
        2 => any::<i64>().prop_map(Value::from),
        1 => (0..2_000_000_000_i64).prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<Option<bool>>().prop_map(Value::from),
        1 => "\\PC{0,8}".prop_map(Value::from),
    ];
    let key = prop::sample::select(KEYS.split(' ').collect::<Vec<_>>());
    leaf.prop_recursive(5, 64, 12, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            6 => prop::collection::hash_map(key.clone(), inner, 0..12).prop_map(|pairs| {
                Value::Object(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            }),
        ]
    })
}

/// An item's time is the one thing read from it that is not signed.
fn timeless(notifications: Vec<Notification>) -> Vec<Notification> {
    let fixed = |mut notification: Notification| {
        if let Some(Fact::Payment(fact)) = &mut notification.fact {
            fact.occurred_at = OffsetDateTime::UNIX_EPOCH;
        }
        notification
    };
    notifications.into_iter().map(fixed).collect()
}

/// What must hold of whatever is read.
fn is_sound(notification: &Notification) -> bool {
    let money = match &notification.fact {
        Some(Fact::Payment(fact)) => {
            let named = !fact.transaction.is_empty() && !fact.order_number.is_empty();
            named.then_some(fact.amount.minor)
        }
        Some(Fact::Refund(fact)) => (!fact.refund.is_empty()).then_some(fact.amount.minor),
        Some(Fact::Dispute(fact)) => (!fact.dispute.is_empty()).then_some(fact.amount.minor),
        Some(Fact::Agreement(fact)) => (!fact.agreement.is_empty()).then_some(0),
        None => Some(0),
    };
    money.is_some_and(|minor| minor >= 0) && !notification.identity.is_empty()
}

/// The fields of a known event, each with a chance to be another value.
fn event(kind: &'static str, object: Value, id: &'static str) -> [Value; 3] {
    let mut item = adyen::item(json!({ "pspReference": id, "eventCode": kind }));
    let mut data = json!({ "transaction": id, "refund": id, "dispute": id, "agreement": id });
    if let (Value::Object(more), Some(item), Some(data)) =
        (&object, item.as_object_mut(), data.as_object_mut())
    {
        item.extend(more.clone());
        data.extend(more.clone());
    }
    [
        json!({"id": id, "object": "event", "type": kind, "created": 1_790_000_000,
            "livemode": false, "data": {"object": object}}),
        json!({"live": "false", "notificationItems": [{"NotificationRequestItem": item}]}),
        json!({"type": kind, "timestamp": 1_790_000_000, "data": data}),
    ]
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn noise_gets_in_at_no_door(
        body in prop::collection::vec(any::<u8>(), 0..256),
        header in "([a-z0-9]{1,4}[=,. ]){0,6}[0-9a-f]{0,64}",
    ) {
        for side in sides() {
            prop_assert!(!side.takes(&side.genuine.around(&body)));
            drop(side.read(&body));
            for (name, value) in side.genuine.headers.iter().skip(1) {
                let other = side.genuine.with(name, &header);
                prop_assert!(!side.takes(&other) || header.trim() == value);
            }
        }
        // Where items are signed, a header for the whole body spoils them unless it is empty.
        let [_, adyen, _] = sides();
        let with_header = adyen.genuine.with("hmacsignature", &header);
        prop_assert_eq!(adyen.takes(&with_header), header.trim().is_empty());
    }

    #[test]
    fn a_spliced_body_gets_in_only_if_it_says_the_same(
        places in any::<[prop::sample::Index; 4]>(),
        noise in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        for side in sides() {
            let body = splice(&side.genuine.body, places, &noise);
            let (read, honest) = (side.read(&body), side.read(&side.genuine.body));
            if side.takes(&side.genuine.around(&body)) {
                prop_assert_eq!(read.map(timeless), honest.map(timeless));
            }
        }
    }

    #[test]
    fn any_json_is_read_or_refused(body in known_json()) {
        for side in sides() {
            for notification in side.read(body.to_string().as_bytes()).unwrap_or_default() {
                prop_assert!(is_sound(&notification), "{notification:?}");
            }
        }
    }

    #[test]
    fn any_object_of_a_known_type_is_read_or_refused(
        kind in prop::sample::select(vec![
            "payment_intent.succeeded", "charge.refunded", "refund.updated", "invoice.paid",
            "invoice.payment_failed", "customer.subscription.updated", "charge.dispute.created",
            "AUTHORISATION", "REFUND", "CHARGEBACK", "RECURRING_CONTRACT", "payment.succeeded",
            "refund.succeeded", "dispute.lost", "subscription.signed", "subscription.charged",
        ]),
        object in known_json(),
    ) {
        for (side, body) in sides().iter().zip(event(kind, object, "x_1")) {
            for notification in side.read(body.to_string().as_bytes()).unwrap_or_default() {
                prop_assert!(is_sound(&notification), "{notification:?}");
            }
        }
    }
}
