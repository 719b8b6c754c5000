//! One purchase in the items that Adyen would send of it.

use serde_json::{Value, json};
use shared::provider::adyen::{Section, decimals};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::simulate::Scenario;
use crate::simulate::purchase::{Purchase, another_if, minor_at};

/// The merchant account of a section that names none.
const MERCHANT_ACCOUNT: &str = "ShopECOM";

/// A scenario's event, whether it succeeded, and what it is about.
pub(super) type Story = (Scenario, &'static str, bool, About);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    Payment,
    /// What changes a payment names it as its original.
    Change,
    Refund,
    Dispute,
    Agreement,
    Report,
}

/// How a payment is told where authorised money is taken by itself.
pub(super) const BY_AUTHORISATION: &[Story] =
    &[(Scenario::Paid, "AUTHORISATION", true, About::Payment)];
/// The same where the shop captures it.
pub(super) const BY_CAPTURE: &[Story] = &[
    (Scenario::Authorised, "AUTHORISATION", true, About::Payment),
    (Scenario::Paid, "CAPTURE", true, About::Change),
];
pub(super) const ALWAYS: &[Story] = &[
    (Scenario::RefundPartial, "REFUND", true, About::Refund),
    (Scenario::RefundFull, "REFUND", true, About::Refund),
    (Scenario::RefundFailed, "REFUND", false, About::Refund),
    (Scenario::RefundReversed, "REFUND_FAILED", true, About::Refund),
    (Scenario::Closed, "CANCELLATION", true, About::Change),
    (Scenario::Failed, "AUTHORISATION", false, About::Payment),
    (Scenario::Pending, "PENDING", true, About::Payment),
    (Scenario::UnknownType, "REPORT_AVAILABLE", true, About::Report),
    (Scenario::AgreementSigned, "RECURRING_CONTRACT", true, About::Agreement),
    (Scenario::DisputeOpened, "CHARGEBACK", true, About::Dispute),
    (Scenario::DisputeWon, "CHARGEBACK_REVERSED", true, About::Dispute),
    (Scenario::DisputeLost, "SECOND_CHARGEBACK", true, About::Dispute),
];

/// The numbers of one purchase with Adyen.
pub(super) struct Item {
    purchase: Purchase,
    merchant_account: String,
    payment: String,
}

impl Item {
    pub(super) fn new(purchase: Purchase, section: &Section) -> Self {
        let named = section.merchant_accounts.first().map_or(MERCHANT_ACCOUNT, String::as_str);
        Self {
            merchant_account: another_if(purchase.scenario == Scenario::WrongSeller, named),
            payment: purchase.of_transaction().capitals(16),
            purchase,
        }
    }

    /// An entry of `notificationItems`, but for its signature.
    pub(super) fn entry(&self, (_, event, success, about): &Story) -> Value {
        let amount =
            if *about == About::Refund { self.purchase.refund() } else { self.purchase.amount };
        let mut item = json!({
            "additionalData": {},
            "amount": {
                "currency": amount.currency.as_str(),
                "value": minor_at(amount, decimals(amount.currency)),
            },
            "eventCode": event,
            "eventDate": stamp(self.at(*about)),
            "merchantAccountCode": self.merchant_account,
            "merchantReference": self.reference(*about),
            "paymentMethod": "visa",
            "pspReference": self.number(*about),
            "reason": "",
            "success": success.to_string(),
        });
        if matches!(about, About::Change | About::Refund | About::Dispute) {
            item["originalReference"] = self.payment.as_str().into();
        }
        json!({ "NotificationRequestItem": item })
    }

    /// A correction of a refund or a dispute bears its number.
    fn number(&self, about: About) -> String {
        match about {
            About::Payment => self.payment.clone(),
            About::Change | About::Report => self.purchase.of_notification().capitals(16),
            About::Refund => self.purchase.of_refund().capitals(16),
            About::Dispute => self.purchase.of_dispute().capitals(16),
            About::Agreement => self.purchase.of_agreement().capitals(16),
        }
    }

    fn reference(&self, about: About) -> String {
        match about {
            About::Payment | About::Change | About::Dispute => self.purchase.order_no.clone(),
            About::Refund => self.purchase.refund_no(),
            About::Agreement => self.purchase.agreement.clone(),
            About::Report => String::new(),
        }
    }

    fn at(&self, about: About) -> OffsetDateTime {
        match about {
            About::Payment | About::Change | About::Agreement | About::Report => {
                self.purchase.paid_at()
            }
            About::Refund => self.purchase.refunded_at(),
            About::Dispute => self.purchase.disputed_at(),
        }
    }
}

fn stamp(at: OffsetDateTime) -> String {
    // Years of four digits always format.
    at.format(&Rfc3339).unwrap_or_default()
}
