//! Orders in few words, for tests.

use shared::case::CaseKind;
use shared::money::Currency;
use shared::order::OrderStatus;
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;
use worker::ledger::records::{CaseRecord, OrderRecord, OrderSummary, PaymentRecord};

pub(crate) const AT: OffsetDateTime = datetime!(2026-01-02 03:04:05 UTC);

/// Of 12.50 CNY, as a status alone makes it.
pub(crate) fn order(status: OrderStatus) -> OrderRecord {
    let (paid_amount, refunded_amount) = match status {
        OrderStatus::Pending | OrderStatus::Cancelled => (0, 0),
        OrderStatus::Paid => (1250, 0),
        OrderStatus::PartiallyRefunded => (1250, 250),
        OrderStatus::Refunded => (1250, 1250),
    };
    OrderRecord {
        summary: OrderSummary {
            order_no: "A-1".into(),
            status,
            amount: 1250,
            currency: Currency::CNY,
            account: None,
            paid_amount,
            refunded_amount,
            paid_at: (paid_amount > 0).then_some(AT),
            cancelled_at: (status == OrderStatus::Cancelled).then_some(AT),
            expires_at: None,
            mode: shared::order::Mode::Live,
            subscription_no: None,
            period: None,
            created_at: AT,
        },
        numbers: vec!["A-1".into()],
        fulfilments: vec![],
        payments: vec![],
        refunds: vec![],
        disputes: vec![],
        cases: vec![],
        events: vec![],
        accepted: vec![],
    }
}

pub(crate) fn payment(transaction: &str, status: &str, amount: i64) -> PaymentRecord {
    PaymentRecord {
        account: "shop-alipay".into(),
        transaction: transaction.into(),
        order_number: "A-1".into(),
        status: status.into(),
        amount,
        currency: Currency::CNY,
        occurred_at: AT,
        mode: shared::order::Mode::Live,
        pays: worker::decide::payment::Pays::AnyOrder,
    }
}

pub(crate) fn case(kind: CaseKind, amount: i64) -> CaseRecord {
    CaseRecord {
        id: Uuid::nil(),
        kind: kind.as_str().into(),
        status: "open".into(),
        order_number: "A-1".into(),
        account: Some("shop-alipay".into()),
        transaction: Some("T1".into()),
        amount,
        currency: Currency::CNY,
        policy: "hold".into(),
        owner: None,
        resolution: None,
        refund_by: None,
        opened_at: AT,
        resolved_at: None,
    }
}
