//! One list, and each line of it.

use super::*;
use crate::orders::sample::{AT, case, order, payment};
use shared::case::CaseKind;
use shared::event::CaseSnapshot;
use shared::order::{Mode, OrderStatus};
use time::Duration;
use uuid::Uuid;
use worker::ledger::records::{Acted, Announced, CaseRecord, FulfilmentRecord, Heard};

fn trail() -> Trail {
    let mut order = order(OrderStatus::Paid);
    order.numbers.push("A-1b".to_owned());
    order.payments = vec![payment("T1", "succeeded", 1250)];
    let created_at = AT + Duration::seconds(5);
    order.fulfilments = vec![FulfilmentRecord { active: true, created_at, revoked_at: None }];
    order.cases = vec![case(CaseKind::DuplicatePayment, 1250)];
    let notification = Heard {
        message_id: Uuid::nil(),
        account: "shop-alipay".to_owned(),
        provider: "alipay".to_owned(),
        kind: "trade_status_sync/TRADE_SUCCESS".to_owned(),
        transaction: Some("T1".to_owned()),
        outcome: "settled".to_owned(),
        received_at: AT + Duration::seconds(4),
    };
    let act = Acted {
        at: AT + Duration::seconds(9),
        actor: "cli:mei".to_owned(),
        action: "order.cancel".to_owned(),
        subject: "order/A-1".to_owned(),
        reason: "out of stock".to_owned(),
    };
    let event = Announced {
        id: Uuid::nil(),
        r#type: "order.paid.v1".to_owned(),
        sequence: 1,
        occurred_at: AT + Duration::seconds(5),
        published: false,
        case: None,
    };
    let letter = Buried {
        letter: Uuid::nil(),
        account: Some("shop-alipay".to_owned()),
        provider: "alipay".to_owned(),
        cause: "settle/refused".to_owned(),
        at: AT + Duration::seconds(6),
    };
    let replay = Replayed {
        letter: Uuid::nil(),
        job: Uuid::nil(),
        actor: "cli:mei".to_owned(),
        at: AT + Duration::seconds(7),
        outcome: Some("settled".to_owned()),
    };
    Trail {
        order,
        notifications: vec![notification],
        acts: vec![act],
        events: vec![event],
        buried: vec![letter],
        replays: vec![replay],
    }
}

#[test]
fn it_is_one_list_from_the_oldest() {
    let list = timeline(&trail());
    assert!(list.is_sorted_by_key(|happening| happening.at));
    let kinds: Vec<_> = list.iter().map(|happening| happening.kind.as_str()).collect();
    for kind in [
        "written",
        "notification.settled",
        "payment.succeeded",
        "fulfilment.begun",
        "case.opened",
        "event",
        "letter.buried",
        "letter.replayed",
        "order.cancel",
    ] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
    assert_eq!(kinds[0], "written");
    assert_eq!(list[0].text, "12.50 CNY to be paid, under A-1b too");
    assert_eq!(kinds[kinds.len() - 1], "order.cancel");
    let event = list.iter().find(|happening| happening.kind == "event").unwrap();
    assert_eq!(event.text, "announced order.paid.v1 as number 1, not published yet");
}

/// A case's event of that moment.
fn told(now: &CaseRecord, (sequence, r#type): (i64, &str), amount: i64) -> Announced {
    Announced {
        id: Uuid::nil(),
        r#type: r#type.to_owned(),
        sequence,
        occurred_at: AT + Duration::seconds(10 + sequence),
        published: true,
        case: Some(CaseSnapshot {
            id: now.id,
            mode: Mode::Live,
            kind: now.kind.clone(),
            status: "open".to_owned(),
            order_number: "A-1".to_owned(),
            amount,
            currency: now.currency,
            policy: "hold".to_owned(),
            refund_by: None,
            resolution: None,
            resolved_by: None,
        }),
    }
}

#[test]
fn a_case_is_told_as_it_was_announced_each_time() {
    let mut trail = trail();
    let now = trail.order.cases[0].clone();
    let told = |sequence, r#type, amount| told(&now, (sequence, r#type), amount);
    trail.events = vec![
        told(2, "case.opened.v1", 600),
        told(3, "case.resolved.v1", 600),
        told(4, "case.opened.v1", 900),
    ];
    let list = timeline(&trail);
    let of = |kind: &str| -> Vec<_> {
        let list = list.iter().filter(|happening| happening.kind == kind);
        list.map(|happening| happening.text.as_str()).collect()
    };
    let opened = ["duplicate_payment of 6.00 CNY", "duplicate_payment of 9.00 CNY"];
    assert_eq!((of("case.opened"), of("case.resolved")), (opened.to_vec(), opened[..1].to_vec()));
}

#[test]
fn a_case_that_opened_before_its_order_is_told_whole() {
    let mut trail = trail();
    trail.order.cases[0].resolved_at = Some(AT + Duration::seconds(9));
    let resolved = told(&trail.order.cases[0], (1, "case.resolved.v1"), 1250);
    trail.events = vec![resolved];
    let list = timeline(&trail);
    for kind in ["case.opened", "case.resolved"] {
        assert_eq!(list.iter().filter(|happening| happening.kind == kind).count(), 1, "{kind}");
    }
}
