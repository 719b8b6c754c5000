//! What everything comes to, by the policy.

use std::collections::{BTreeMap, BTreeSet};

use worker::decide::case::About;
use worker::decide::{Fulfilment, Payment, PaymentKey, State};
use worker::ledger::records::{RefundRecord, StatedTotal, SubscriptionRecord};

use super::super::end::{End, Open, Stands};
use super::Pure;

impl Pure {
    pub(in super::super) fn end(&self) -> End {
        let states = || self.books.states.values();
        let contracts = &self.books.contracts;
        let subscriptions = contracts.subscriptions.values();
        End {
            orders: states().filter_map(stands).collect(),
            cases: states().flat_map(cases).collect(),
            subscriptions: subscriptions
                .map(|one| SubscriptionRecord::of(contracts, one, vec![]))
                .collect(),
        }
    }
}

fn stands(state: &State) -> Option<Stands> {
    let order = state.order.as_ref()?;
    let (mut totals, mut named) = (vec![], vec![]);
    for (key, payment) in &state.payments {
        totals.extend(stated(key, payment));
        named.extend(refunds(key, payment));
    }
    let payments = state.payments.iter().map(|(key, payment)| {
        let PaymentKey { account, transaction } = key.clone();
        let status = payment.status.as_str().to_owned();
        (account, transaction, status, payment.amount.minor, payment.occurred_at)
    });
    Some(Stands {
        order_no: order.order_no.clone(),
        status: order.recorded.status,
        paid_minor: order.recorded.paid_minor,
        refunded_minor: order.recorded.refunded_minor,
        paid_at: order.recorded.paid_at,
        fulfilment: match order.recorded.fulfilment {
            Fulfilment::None => None,
            Fulfilment::Active => Some(true),
            Fulfilment::Revoked => Some(false),
        },
        payments: payments.collect(),
        refunds: RefundRecord::list(totals, named),
    })
}

/// One total may be stated several times; it is one refund.
fn stated(key: &PaymentKey, payment: &Payment) -> Vec<StatedTotal> {
    let mut stated: BTreeMap<i64, StatedTotal> = BTreeMap::new();
    for total in payment.totals.clone() {
        let one = StatedTotal {
            account: key.account.clone(),
            transaction: key.transaction.clone(),
            refund_no: total.refund_no,
            total: total.total_minor,
            currency: payment.amount.currency,
            occurred_at: total.occurred_at,
        };
        let known = stated.entry(total.total_minor).or_insert_with(|| one.clone());
        known.refund_no = known.refund_no.take().max(one.refund_no);
        known.occurred_at = known.occurred_at.min(one.occurred_at);
    }
    stated.into_values().collect()
}

fn refunds(key: &PaymentKey, payment: &Payment) -> Vec<RefundRecord> {
    let named = payment.refunds.iter().map(|(of, refund)| RefundRecord {
        account: key.account.clone(),
        transaction: key.transaction.clone(),
        refund: Some(of.refund.clone()),
        refund_no: refund.refund_no.clone(),
        status: refund.status.as_str().to_owned(),
        evidence: of.evidence.as_str().to_owned(),
        amount: refund.amount.minor,
        currency: refund.amount.currency,
        total: None,
        occurred_at: refund.occurred_at,
    });
    named.collect()
}

fn cases(state: &State) -> BTreeSet<Open> {
    let open = state.cases.iter().map(|(key, case)| Open {
        id: key.id(),
        kind: key.kind.as_str().to_owned(),
        status: case.first_status().to_owned(),
        about: match &key.about {
            About::Order(order_no) => order_no.clone(),
            About::Payment(key) => key.transaction.clone(),
        },
        amount: case.amount_minor,
        currency: case.currency,
        policy: case.policy.as_str().to_owned(),
    });
    open.collect()
}
