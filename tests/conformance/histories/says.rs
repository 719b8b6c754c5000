//! What providers say in a history.

use rand::Rng as _;
use rand::rngs::StdRng;
use shared::money::Money;
use shared::notification::{
    AgreementChange, AgreementFact, DisputeFact, DisputeStatus, Evidence, Fact, PaymentFact,
    PaymentStatus, RefundFact, RefundStatus, RefundTotal, Revival,
};
use time::{Duration, OffsetDateTime};

use super::history::pick;

/// What the provider never contradicts itself about.
pub(super) struct Transaction {
    number: String,
    order_number: String,
    account: &'static str,
    amount: Money,
    agreement: Option<String>,
}

/// What one provider says about agreements.
pub(super) struct Agreement {
    pub(super) prefix: String,
    pub(super) revival: Revival,
}

impl Transaction {
    pub(super) fn draw(
        prefix: &str,
        index: usize,
        accounts: &[&'static str],
        random: &mut StdRng,
    ) -> Self {
        let order = *pick(random, &["A", "A-again", "A", "B", "B-again", "C", "nobody"]);
        let (minor, currency) = pick(
            random,
            &[(100, "CNY"), (100, "CNY"), (100, "CNY"), (99, "CNY"), (120, "CNY"), (100, "USD")],
        );
        let account = *pick(random, accounts);
        let agreement = *pick(random, &[None, None, None, Some("G"), Some("G2")]);
        let agreement = agreement.filter(|_| ["shop", "other"].contains(&account));
        Self {
            number: format!("{prefix}-T{index}"),
            order_number: format!("{prefix}-{order}"),
            account,
            amount: Money { minor: *minor, currency: currency.parse().expect("a currency") },
            agreement: agreement.map(|agreement| format!("{prefix}-{agreement}")),
        }
    }

    /// Some words name no order.
    fn named(&self, random: &mut StdRng) -> String {
        if random.gen_bool(0.7) { &self.order_number } else { &self.number }.clone()
    }

    pub(super) fn says(&self, now: OffsetDateTime, random: &mut StdRng) -> (&'static str, Fact) {
        let occurred_at = now - Duration::minutes(random.gen_range(6..10));
        let percent = *pick(random, &[25, 50, 100, 150]);
        let amount = Money { minor: self.amount.minor * percent / 100, ..self.amount };
        let transaction = self.number.clone();
        let fact = match random.gen_range(0..9) {
            0..5 => Fact::Payment(PaymentFact {
                transaction,
                order_number: self.named(random),
                status: *pick(random, PaymentStatus::ALL),
                amount: self.amount,
                occurred_at,
                refund_total: random.gen_bool(0.4).then(|| RefundTotal {
                    total_minor: amount.minor,
                    refund_no: Some(format!("R{percent}")),
                    occurred_at,
                }),
                agreement: self.agreement.clone(),
            }),
            5..8 => Fact::Refund(RefundFact {
                transaction,
                refund: format!("R{}", random.gen_range(0..2)),
                // What a refund names is not believed: some providers name the refund there.
                order_number: random.gen_bool(0.5).then(|| "elsewhere".to_owned()),
                refund_no: random.gen_bool(0.5).then(|| "shop-1".to_owned()),
                status: *pick(random, RefundStatus::ALL),
                amount,
                occurred_at,
                evidence: *pick(random, &[Evidence::Signed, Evidence::Signed, Evidence::Hint]),
            }),
            _ => Fact::Dispute(DisputeFact {
                transaction,
                dispute: format!("D{}", random.gen_range(0..2)),
                order_number: None,
                status: *pick(random, DisputeStatus::ALL),
                amount,
                occurred_at,
            }),
        };
        (self.account, fact)
    }
}

impl Agreement {
    pub(super) fn says(&self, now: OffsetDateTime, random: &mut StdRng) -> (&'static str, Fact) {
        let named = *pick(random, &[None, Some("S"), Some("S"), Some("S2"), Some("nobody")]);
        // Between two readings of the clocks, soon, and after everything.
        let valid_until = *pick(random, &[None, None, Some(-5), Some(300), Some(30_000)]);
        let valid_until = valid_until.map(|seconds| now + Duration::seconds(seconds));
        let change = match random.gen_range(0..5) {
            0..3 => AgreementChange::Signed { valid_until },
            3 => AgreementChange::ChargeFailed {
                charge: format!("attempt-{}", random.gen_range(0..2)),
                amount: None,
            },
            _ => AgreementChange::Ended,
        };
        let signed = matches!(change, AgreementChange::Signed { .. });
        let fact = AgreementFact {
            agreement: format!("{}-{}", self.prefix, pick(random, &["G", "G", "G2"])),
            subscription_no: named.filter(|_| signed).map(|name| format!("{}-{name}", self.prefix)),
            change,
            occurred_at: now - Duration::minutes(random.gen_range(6..10)),
            revival: self.revival,
        };
        (*pick(random, &["shop", "shop", "shop", "other"]), Fact::Agreement(fact))
    }
}
