//! What random histories consist of: transactions, and what providers say about them.

use bytes::Bytes;
use proptest::prelude::*;
use shared::message::{Message, Number};
use shared::money::Money;
use shared::notification::{
    DisputeFact, DisputeStatus, Evidence, Fact, PaymentFact, PaymentStatus, RefundFact,
    RefundStatus, RefundTotal,
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::NOW;

/// The provider never contradicts itself about these.
#[derive(Debug, Clone)]
pub(super) struct Transaction {
    pub(super) number: String,
    pub(super) account: &'static str,
    amount: Money,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Says {
    /// Some words name no order.
    Payment {
        status: PaymentStatus,
        refunded_percent: Option<i64>,
        named: bool,
    },
    Refund {
        refund: u8,
        status: RefundStatus,
        percent: i64,
        evidence: Evidence,
    },
    Dispute {
        dispute: u8,
        status: DisputeStatus,
        percent: i64,
    },
}

pub(super) fn transactions() -> impl Strategy<Value = Transaction> {
    let transaction = (
        prop::sample::select(vec!["A", "A-again", "A", "B", "B-again", "C", "nobody"]),
        prop::sample::select(vec!["shop", "shop", "other"]),
        prop::sample::select(vec![(100, "CNY"), (100, "CNY"), (99, "CNY"), (100, "USD")]),
    );
    transaction.prop_map(|(number, account, (minor, currency))| Transaction {
        number: number.to_owned(),
        account,
        amount: Money { minor, currency: currency.parse().unwrap() },
    })
}

pub(super) fn says() -> impl Strategy<Value = Says> {
    let percent = || prop::sample::select(vec![25, 50, 100, 150]);
    let status = prop::sample::select(PaymentStatus::ALL.to_vec());
    let named = prop::bool::weighted(0.7);
    let payment = (status, prop::option::weighted(0.4, percent()), named);
    let payment = payment.prop_map(|(status, refunded_percent, named)| Says::Payment {
        status,
        refunded_percent,
        named,
    });
    let evidence = prop::sample::select(vec![Evidence::Signed, Evidence::Signed, Evidence::Hint]);
    let status = prop::sample::select(RefundStatus::ALL.to_vec());
    let refund =
        (0..2_u8, status, percent(), evidence).prop_map(|(refund, status, percent, evidence)| {
            Says::Refund { refund, status, percent, evidence }
        });
    let status = prop::sample::select(DisputeStatus::ALL.to_vec());
    let dispute = (0..2_u8, status, percent())
        .prop_map(|(dispute, status, percent)| Says::Dispute { dispute, status, percent });
    prop_oneof![5 => payment, 3 => refund, 1 => dispute]
}

impl Transaction {
    pub(super) fn fact(
        &self,
        transaction: String,
        says: Says,
        occurred_at: OffsetDateTime,
    ) -> Fact {
        let part = |percent| Money { minor: self.amount.minor * percent / 100, ..self.amount };
        match says {
            Says::Payment { status, refunded_percent, named } => Fact::Payment(PaymentFact {
                order_number: if named { self.number.clone() } else { transaction.clone() },
                transaction,
                status,
                amount: self.amount,
                occurred_at,
                refund_total: refunded_percent.map(|percent| RefundTotal {
                    total_minor: part(percent).minor,
                    refund_no: Some(format!("R{percent}")),
                    occurred_at,
                }),
                agreement: None,
            }),
            Says::Refund { refund, status, percent, evidence } => Fact::Refund(RefundFact {
                transaction,
                refund: format!("R{refund}"),
                // What a refund names is not believed: some providers name the refund there.
                order_number: (refund == 0).then(|| "A".to_owned()),
                refund_no: (percent == 50).then(|| format!("shop-{refund}")),
                status,
                amount: part(percent),
                occurred_at,
                evidence,
            }),
            Says::Dispute { dispute, status, percent } => Fact::Dispute(DisputeFact {
                transaction,
                dispute: format!("D{dispute}"),
                order_number: None,
                status,
                amount: part(percent),
                occurred_at,
            }),
        }
    }
}

pub(super) fn message(account: &str) -> Message {
    Message {
        id: Uuid::nil(),
        kind: "alipay".into(),
        account: account.into(),
        key: String::new(),
        attempt: 0,
        received_at: NOW,
        number: Number { epoch: Uuid::nil(), seq: 1 },
        content_type: None,
        http: vec![],
        traceparent: None,
        body: Bytes::new(),
    }
}
