//! One purchase in a body whose fields stand where the account's mapping looks for them.

use serde_json::{Map, Value};
use shared::money::Money;
use shared::provider::standard_webhooks::mapping::{AmountForm, MappingSection, Meaning};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::simulate::Scenario;
use crate::simulate::purchase::Purchase;

/// A type that no mapping names.
const UNKNOWN: &str = "simulated.unknown";

/// What each scenario is in our words.
pub(super) const WORDS: &[(Scenario, &str)] = &[
    (Scenario::Paid, "payment.succeeded"),
    (Scenario::RefundPartial, "refund.succeeded"),
    (Scenario::RefundFull, "refund.succeeded"),
    (Scenario::RefundFailed, "refund.failed"),
    (Scenario::RefundReversed, "refund.reversed"),
    (Scenario::Closed, "payment.closed"),
    (Scenario::Failed, "payment.failed"),
    (Scenario::Pending, "payment.pending"),
    (Scenario::Authorised, "payment.authorised"),
    (Scenario::Finished, "payment.finished"),
    (Scenario::UnknownType, UNKNOWN),
    (Scenario::AgreementSigned, "subscription.signed"),
    (Scenario::AgreementCharged, "subscription.charged"),
    (Scenario::ChargeFailed, "subscription.charge_failed"),
    (Scenario::AgreementEnded, "subscription.ended"),
    (Scenario::DisputeOpened, "dispute.opened"),
    (Scenario::DisputeWon, "dispute.won"),
    (Scenario::DisputeLost, "dispute.lost"),
];

/// The sender's type for one of our words; nothing where the account names none.
pub(super) fn type_of(mapping: &MappingSection, word: &str) -> Option<String> {
    match &mapping.types {
        Some(types) if word != UNKNOWN => {
            let meaning = Meaning::from_word(word);
            let mut named = types.iter().filter(|(_, named)| Meaning::from_word(named) == meaning);
            named.next().map(|(kind, _)| kind.clone())
        }
        Some(_) | None => Some(word.to_owned()),
    }
}

/// The numbers of one purchase with the sender.
pub(super) struct Message<'a> {
    purchase: Purchase,
    mapping: &'a MappingSection,
    pub(super) transaction: String,
}

impl<'a> Message<'a> {
    pub(super) fn new(purchase: Purchase, mapping: &'a MappingSection) -> Self {
        let transaction = format!("pay_{}", purchase.of_transaction().letters(20));
        Self { purchase, mapping, transaction }
    }

    pub(super) fn body(&self, kind: &str, word: &str) -> String {
        let (mapping, purchase) = (self.mapping, &self.purchase);
        let noun = word.split('.').next().unwrap_or_default();
        let is_charge = matches!(word, "subscription.charged" | "subscription.charge_failed");
        let mut body = Value::Object(Map::new());
        let mut put = |path: &str, value: Value| put_at(&mut body, path, value);
        put(&mapping.kind, kind.into());
        put(&mapping.occurred_at, stamp(self.at(word)).into());
        if noun != "subscription" || is_charge {
            put(&mapping.transaction, self.transaction.as_str().into());
            put(&mapping.order_no, purchase.order_no.as_str().into());
            put(&mapping.currency, purchase.amount.currency.as_str().into());
            put(&mapping.amount, self.amount(purchase.amount));
        }
        match noun {
            "refund" => {
                let amount = mapping.refund_amount.as_ref().unwrap_or(&mapping.amount);
                put(amount, self.amount(purchase.refund()));
                put(&mapping.refund, format!("re_{}", purchase.of_refund().letters(20)).into());
                put(&mapping.refund_no, purchase.refund_no().into());
            }
            "dispute" => {
                put(&mapping.dispute, format!("dp_{}", purchase.of_dispute().letters(20)).into());
            }
            "subscription" => {
                let agreement = format!("sub_{}", purchase.of_agreement().letters(20));
                put(&mapping.agreement, agreement.into());
                put(&mapping.subscription_no, purchase.agreement.as_str().into());
            }
            _ => {}
        }
        body.to_string()
    }

    fn at(&self, word: &str) -> OffsetDateTime {
        match word {
            "payment.pending" | "payment.authorised" | "subscription.signed" => {
                self.purchase.created_at()
            }
            "payment.closed" => self.purchase.closed_at(),
            "payment.finished" | "subscription.ended" => self.purchase.ended_at(),
            "refund.succeeded" | "refund.failed" | "refund.reversed" => self.purchase.refunded_at(),
            "dispute.opened" => self.purchase.disputed_at(),
            "dispute.won" | "dispute.lost" => self.purchase.judged_at(),
            _ => self.purchase.paid_at(),
        }
    }

    fn amount(&self, money: Money) -> Value {
        match self.mapping.amount_form {
            AmountForm::Minor => money.minor.into(),
            AmountForm::Decimal => money.to_decimal().into(),
        }
    }
}

/// Puts a value behind a path of keys, and whatever objects are missing on the way.
fn put_at(body: &mut Value, path: &str, value: Value) {
    let mut place = body;
    for key in path.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[key];
    }
    *place = value;
}

fn stamp(at: OffsetDateTime) -> String {
    // Years of four digits always format.
    at.format(&Rfc3339).unwrap_or_default()
}
