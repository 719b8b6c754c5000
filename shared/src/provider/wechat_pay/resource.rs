//! What a resource says: payments, refunds, agreements.

use time::OffsetDateTime;

use super::super::Unreadable;
use super::super::json::Json;
use super::reading::{Event, optional, required, time};
use crate::money::{Currency, Money};
use crate::notification::{
    AgreementChange, AgreementFact, Evidence, Fact, PaymentFact, PaymentStatus, RefundFact,
    RefundStatus, Revival,
};

/// The envelope says one thing, and what is in it another. That is a fault for a person to see: read
/// as nothing, a refund or a payment would be lost in silence.
pub(super) const DISAGREE: Unreadable =
    Unreadable::Malformed("the event and its resource say different things");
const PAID: &str = "SUCCESS";

/// Each fact, with what tells it from the others of its notification where there may be several.
type Facts = Vec<(Option<String>, Option<Fact>)>;

/// Reads the resource of an event that was created at `at`.
pub(super) fn facts(
    event: Event,
    resource: &Json,
    at: OffsetDateTime,
) -> Result<Facts, Unreadable> {
    let orders = resource.at(&["sub_orders"]).list();
    match event {
        Event::Paid | Event::PaymentFailed if !orders.is_empty() => {
            let mut facts = vec![];
            for order in orders {
                let number = required(order, &["out_trade_no"])?;
                facts.push((Some(number), transaction(event, order, "total_amount", at)?));
            }
            Ok(facts)
        }
        Event::Paid | Event::PaymentFailed => {
            Ok(vec![(None, transaction(event, resource, "total", at)?)])
        }
        Event::Refund(status) => {
            refund(status, resource, at).map(|fact| vec![(None, Some(Fact::Refund(fact)))])
        }
        Event::Signed | Event::Ended => {
            agreement(event, resource, at).map(|fact| vec![(None, Some(Fact::Agreement(fact)))])
        }
    }
}

/// A payment, or one part of a combined order. The order's total counts, whatever coupons the payer used.
fn transaction(
    event: Event,
    order: &Json,
    total: &str,
    at: OffsetDateTime,
) -> Result<Option<Fact>, Unreadable> {
    let state = required(order, &["trade_state"])?;
    if (event == Event::Paid) != (state == PAID) {
        return Err(DISAGREE);
    }
    let agreement = optional(order, &["contract_id"])?;
    let order_number = required(order, &["out_trade_no"])?;
    if event == Event::Paid {
        let missing = Unreadable::Malformed("a time is missing");
        return Ok(Some(Fact::Payment(PaymentFact {
            transaction: required(order, &["transaction_id"])?,
            order_number,
            status: PaymentStatus::Succeeded,
            amount: money(order, total)?,
            occurred_at: time(order, &["success_time"])?.ok_or(missing)?,
            refund_total: None,
            agreement,
        })));
    }
    let transaction = optional(order, &["transaction_id"])?;
    // What failed need not have got as far as an amount.
    let amount = match order.at(&["amount", total]) {
        Json::Null => None,
        _ => Some(money(order, total)?),
    };
    Ok(match (agreement, transaction, amount) {
        (Some(agreement), transaction, amount) => Some(Fact::Agreement(AgreementFact {
            agreement,
            subscription_no: None,
            change: AgreementChange::ChargeFailed {
                charge: transaction.unwrap_or(order_number),
                amount,
            },
            occurred_at: at,
            revival: Revival::Never,
        })),
        (None, Some(transaction), Some(amount)) => Some(Fact::Payment(PaymentFact {
            transaction,
            order_number,
            status: PaymentStatus::Failed,
            amount,
            occurred_at: at,
            refund_total: None,
            agreement: None,
        })),
        (None, None, _) | (None, _, None) => None,
    })
}

fn refund(
    status: RefundStatus,
    resource: &Json,
    at: OffsetDateTime,
) -> Result<RefundFact, Unreadable> {
    let stated = required(resource, &["refund_status"])?;
    let known = match stated.as_str() {
        "SUCCESS" => Some(RefundStatus::Succeeded),
        "ABNORMAL" => Some(RefundStatus::Failed),
        "CLOSED" => Some(RefundStatus::Closed),
        _ => None,
    };
    if known != Some(status) {
        return Err(DISAGREE);
    }
    Ok(RefundFact {
        transaction: required(resource, &["transaction_id"])?,
        refund: required(resource, &["refund_id"])?,
        order_number: optional(resource, &["out_trade_no"])?,
        refund_no: optional(resource, &["out_refund_no"])?,
        status,
        amount: money(resource, "refund")?,
        occurred_at: time(resource, &["success_time"])?.unwrap_or(at),
        evidence: Evidence::Signed,
    })
}

fn agreement(
    event: Event,
    resource: &Json,
    at: OffsetDateTime,
) -> Result<AgreementFact, Unreadable> {
    // The overseas form has no state; there the event alone says it.
    let expected = if event == Event::Signed { "SIGNED" } else { "TERMINATED" };
    if optional(resource, &["contract_state"])?.is_some_and(|state| state != expected) {
        return Err(DISAGREE);
    }
    let first_of = |paths: &[&[&str]]| -> Result<Option<OffsetDateTime>, Unreadable> {
        for path in paths {
            if let Some(time) = time(resource, path)? {
                return Ok(Some(time));
            }
        }
        Ok(None)
    };
    let (change, occurred_at) = if event == Event::Signed {
        let until = first_of(&[&["contract_expired_time"], &["contract_expire_time"]]);
        // An end that cannot be read is no reason to lose the signing.
        let change = AgreementChange::Signed { valid_until: until.ok().flatten() };
        (change, first_of(&[&["contract_signed_time"], &["operate_time"]])?)
    } else {
        let ended: &[&str] = &["contract_terminate_info", "contract_terminated_time"];
        (AgreementChange::Ended, first_of(&[ended, &["operate_time"]])?)
    };
    Ok(AgreementFact {
        agreement: required(resource, &["contract_id"])?,
        subscription_no: optional(resource, &["out_contract_code"])?,
        change,
        occurred_at: occurred_at.unwrap_or(at),
        revival: Revival::Never,
    })
}

/// An amount in the currency's minor unit; where none is named, it is in fen.
fn money(json: &Json, key: &str) -> Result<Money, Unreadable> {
    let minor = json.at(&["amount", key]).integer().filter(|minor| *minor >= 0);
    let minor = minor.ok_or(Unreadable::Malformed("an amount is missing or not whole"))?;
    let currency = match optional(json, &["amount", "currency"])? {
        Some(letters) => {
            letters.parse().map_err(|_| Unreadable::Malformed("an unknown currency"))?
        }
        None => Currency::CNY,
    };
    Ok(Money { minor, currency })
}
