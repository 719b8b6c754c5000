//! The bytes of an event, and its types by their keys.

use super::*;
use time::macros::datetime;

#[test]
fn an_event_is_a_cloud_event_and_a_snapshot() {
    let event = Event {
        id: Uuid::nil(),
        kind: EventType::OrderPaid,
        subject: "order/A-1".into(),
        sequence: 1,
        occurred_at: datetime!(2026-01-02 03:04:05 UTC),
        snapshot: Snapshot {
            order: Some(OrderSnapshot {
                order_no: "A-1".into(),
                mode: Mode::Test,
                status: OrderStatus::Paid,
                amount: 10,
                currency: Currency::CNY,
                paid_amount: 10,
                refunded_amount: 0,
                entitled: true,
                numbers: vec!["A-1-2".into()],
                subscription_no: None,
            }),
            ..Snapshot::default()
        },
    };
    let news = OrderNews::parse(event.to_json().as_bytes()).unwrap();
    assert_eq!((news.sequence, Some(news.order)), (1, event.snapshot.order.clone()));
    assert_eq!(
        event.to_json(),
        concat!(
            r#"{"specversion":"1.0","id":"00000000-0000-0000-0000-000000000000","#,
            r#""source":"/quittance","type":"io.quittance.order.paid.v1","#,
            r#""subject":"order/A-1","time":"2026-01-02T03:04:05Z","#,
            r#""datacontenttype":"application/json","sequencenumber":1,"#,
            r#""data":{"sequence":1,"order_no":"A-1","mode":"test","status":"paid","amount":10,"#,
            r#""currency":"CNY","paid_amount":10,"refunded_amount":0,"entitled":true,"#,
            r#""numbers":["A-1-2"]}}"#,
        )
    );
}

#[test]
fn every_type_is_found_by_its_routing_key() {
    for kind in EventType::ALL {
        assert_eq!(EventType::from_routing_key(kind.routing_key()), Some(kind));
    }
}
