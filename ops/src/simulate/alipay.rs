//! What Alipay would post: `trade_status_sync` in every state, and what an attacker would make of it.
//! Field names and forms: open.alipay.com, 异步通知参数.

use rsa::RsaPrivateKey;
use shared::provider::Provider;
use shared::provider::alipay::{SignClass, sign};

use self::purchase::Purchase;
use super::{Expected, Simulated, Terms};

mod purchase;

const CONTENT_TYPE: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// What to play.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// The buyer paid
    Paid,
    /// The same notification twice
    Duplicate,
    /// Half of the amount went back
    RefundPartial,
    /// All of it went back
    RefundFull,
    /// The transaction closed unpaid
    Closed,
    /// The buyer has not paid yet
    Pending,
    /// Paid, and final: no refund can follow
    Finished,
    /// One byte was changed after signing
    Forged,
    /// Paid, but 0.01 more than the order says
    WrongAmount,
    /// Genuine, but another application's
    WrongApp,
    /// Genuine, but another seller's
    WrongSeller,
    /// Claims to be signed by the older, weaker algorithm
    Downgrade,
    /// The signed link that the payer's browser carries, posted as if it were a notification
    Return,
    /// Genuine, of a type that nobody asked for
    UnknownType,
}

/// Makes the request. Amounts are in yuan, whatever currency the terms name.
pub fn simulate(scenario: Scenario, terms: &Terms, key: &RsaPrivateKey) -> Simulated {
    let purchase = Purchase::new(scenario, terms);
    let fields = match scenario {
        Scenario::Return => purchase.return_link(),
        Scenario::UnknownType => purchase.service_message(),
        Scenario::Pending => purchase.trade("WAIT_BUYER_PAY"),
        Scenario::Closed => purchase.closed(),
        Scenario::Finished => purchase.finished(),
        Scenario::RefundPartial => purchase.partly_refunded(),
        Scenario::RefundFull => purchase.fully_refunded(),
        Scenario::Paid
        | Scenario::Duplicate
        | Scenario::Forged
        | Scenario::WrongAmount
        | Scenario::WrongApp
        | Scenario::WrongSeller
        | Scenario::Downgrade => purchase.paid("TRADE_SUCCESS"),
    };
    let is_service = scenario == Scenario::UnknownType;
    let class = if is_service { SignClass::V2 } else { SignClass::V1 };
    let pairs: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let body = scenario.tamper(sign(&pairs, class, key));
    let expected = scenario.expected(terms);
    Simulated { provider: Provider::Alipay, content_type: CONTENT_TYPE, body, expected }
}

impl Scenario {
    /// The word on the command line.
    pub fn word(self) -> String {
        let value = clap::ValueEnum::to_possible_value(&self);
        value.map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// How often it is sent when nobody says.
    pub fn times(self) -> u32 {
        if self == Self::Duplicate { 2 } else { 1 }
    }

    fn expected(self, terms: &Terms) -> Expected {
        match self {
            Self::Forged | Self::WrongApp | Self::Downgrade | Self::Return => Expected::Rejected,
            Self::WrongSeller if terms.seller_id.is_some() => Expected::Rejected,
            Self::Paid
            | Self::Duplicate
            | Self::RefundPartial
            | Self::RefundFull
            | Self::Closed
            | Self::Pending
            | Self::Finished
            | Self::WrongAmount
            | Self::WrongSeller
            | Self::UnknownType => Expected::Accepted,
        }
    }

    /// What is done to the body after it was signed.
    fn tamper(self, body: String) -> String {
        if self == Self::Forged {
            body.replacen("trade_status=TRADE_SUCCESS", "trade_status=TRADE_SUCCESs", 1)
        } else if self == Self::Downgrade {
            body.replacen("sign_type=RSA2", "sign_type=RSA", 1)
        } else {
            body
        }
    }

    /// Refunds and repeats are about the same transaction; a wrong amount is one of its own.
    fn transaction(self) -> u64 {
        u64::from(self == Self::WrongAmount)
    }

    /// One notification is told from another by its id; repeats share it.
    fn notification(self) -> u64 {
        let of_the_payment = matches!(self, Self::Duplicate | Self::Forged | Self::Downgrade);
        if of_the_payment { Self::Paid as u64 } else { self as u64 }
    }
}

#[cfg(test)]
mod tests;
