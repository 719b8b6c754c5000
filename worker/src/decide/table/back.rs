//! The table of money that goes back: what a notification about a refund or a dispute of T1 means,
//! and what it means when it comes before T1 itself.

mod arrival;

use shared::money::{Currency, Money};
use shared::notification::{
    DisputeFact, DisputeStatus, Evidence, Fact, Notification, RefundFact, RefundStatus,
};

use super::super::decide;
use super::scene::{Books, NOW, PRICE, Word, says, tell_by};
use super::{is_as_written, outcome};

const TABLE: &str = include_str!("refunds.txt");

/// What a notification says about R1 of 50.00, or D1 of 100.00.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Back {
    RefundPending,
    RefundFailed,
    RefundClosed,
    RefundSucceeded,
    RefundOfAll,
    RefundReversed,
    RefundBeyond,
    RefundInDollars,
    Hint,
    Opened,
    Won,
    Lost,
}

impl Back {
    pub(super) const ALL: [Self; 12] = [
        Self::RefundPending,
        Self::RefundFailed,
        Self::RefundClosed,
        Self::RefundSucceeded,
        Self::RefundOfAll,
        Self::RefundReversed,
        Self::RefundBeyond,
        Self::RefundInDollars,
        Self::Hint,
        Self::Opened,
        Self::Won,
        Self::Lost,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::RefundPending => "refund pending",
            Self::RefundFailed => "refund failed",
            Self::RefundClosed => "refund closed",
            Self::RefundSucceeded => "refund",
            Self::RefundOfAll => "refund of all",
            Self::RefundReversed => "refund reversed",
            Self::RefundBeyond => "refund beyond",
            Self::RefundInDollars => "refund in dollars",
            Self::Hint => "hint of a refund",
            Self::Opened => "dispute opened",
            Self::Won => "dispute won",
            Self::Lost => "dispute lost",
        }
    }

    pub(super) fn says(self) -> Notification {
        let fact = match self {
            Self::RefundPending => refund(RefundStatus::Pending, 5_000, Evidence::Signed),
            Self::RefundFailed => refund(RefundStatus::Failed, 5_000, Evidence::Signed),
            Self::RefundClosed => refund(RefundStatus::Closed, 5_000, Evidence::Signed),
            Self::RefundSucceeded => refund(RefundStatus::Succeeded, 5_000, Evidence::Signed),
            Self::RefundOfAll => refund(RefundStatus::Succeeded, PRICE.minor, Evidence::Signed),
            Self::RefundReversed => refund(RefundStatus::Reversed, 5_000, Evidence::Signed),
            Self::RefundBeyond => refund(RefundStatus::Succeeded, 15_000, Evidence::Signed),
            Self::Hint => refund(RefundStatus::Succeeded, 5_000, Evidence::Hint),
            Self::RefundInDollars => {
                let mut fact = refund(RefundStatus::Succeeded, 5_000, Evidence::Signed);
                fact.amount.currency = "USD".parse().unwrap();
                fact
            }
            Self::Opened => return told(self, Fact::Dispute(dispute(DisputeStatus::Opened))),
            Self::Won => return told(self, Fact::Dispute(dispute(DisputeStatus::Won))),
            Self::Lost => return told(self, Fact::Dispute(dispute(DisputeStatus::Lost))),
        };
        told(self, Fact::Refund(fact))
    }
}

fn told(back: Back, fact: Fact) -> Notification {
    Notification { identity: back.name().into(), kind: back.name().into(), fact: Some(fact) }
}

/// Of R1, signed.
pub(super) fn refund_of(minor: i64, status: RefundStatus) -> Notification {
    let fact = Some(Fact::Refund(refund(status, minor, Evidence::Signed)));
    Notification {
        identity: format!("R1/{minor}/{}", status.as_str()),
        kind: "refund".into(),
        fact,
    }
}

fn refund(status: RefundStatus, minor: i64, evidence: Evidence) -> RefundFact {
    RefundFact {
        transaction: "T1".into(),
        refund: "R1".into(),
        order_number: None,
        refund_no: None,
        status,
        amount: Money { minor, currency: Currency::CNY },
        occurred_at: NOW,
        evidence,
    }
}

fn dispute(status: DisputeStatus) -> DisputeFact {
    DisputeFact {
        transaction: "T1".into(),
        dispute: "D1".into(),
        order_number: None,
        status,
        amount: PRICE,
        occurred_at: NOW,
    }
}

#[test]
fn the_whole_policy_of_money_that_goes_back() {
    let mut table = String::new();
    for books in Books::ALL {
        // A refund of T1 tells something there only after T1 itself.
        let paid_late = matches!(
            books,
            Books::Cancelled
                | Books::OtherAccount
                | Books::ExpiredBefore
                | Books::ExpiredAfter
                | Books::TestOrder
                | Books::NoAccountNamed
        );
        let late = says("T1", Word::Succeeded, PRICE);
        let before =
            if paid_late { tell_by(&books.state(), &late, books.rules()) } else { books.state() };
        let name = if paid_late { format!("{}, paid", books.name()) } else { books.name().into() };
        for back in Back::ALL {
            let (decision, after) = decide(&before, "shop", &back.says(), NOW, books.rules());
            let said = format!("{name:<22} + {:<17}", back.name());
            table += &outcome(&said, decision, &before, &after);
        }
    }
    is_as_written(&table, TABLE);
}
