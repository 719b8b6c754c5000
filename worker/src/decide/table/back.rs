//! The table of money that goes back: what a notification about a refund or a dispute of T1 means,
//! and what it means when it comes before T1 itself.

mod arrival;

use shared::money::{Currency, Money};
use shared::notification::{
    DisputeFact, DisputeStatus, Evidence, Fact, Notification, RefundFact, RefundStatus,
};

use super::super::decide;
use super::outcome;
use super::scene::{Books, NOW, PRICE, RULES, Word, says, tell};

const TABLE: &str = "\
no order yet        + refund pending    = NoOp      → no order
no order yet        + refund failed     = NoOp      → no order
no order yet        + refund closed     = NoOp      → no order
no order yet        + refund            = Waiting   → no order
no order yet        + refund reversed   = NoOp      → no order
no order yet        + refund beyond     = Waiting   → no order
no order yet        + refund in dollars = Waiting   → no order
no order yet        + hint of a refund  = Waiting   → no order
no order yet        + dispute opened    = Waiting   → no order
no order yet        + dispute won       = NoOp      → no order
no order yet        + dispute lost      = Waiting   → no order
past the deadline   + refund pending    = NoOp      → no order
past the deadline   + refund failed     = NoOp      → no order
past the deadline   + refund closed     = NoOp      → no order
past the deadline   + refund            = NoOp      → no order
past the deadline   + refund reversed   = NoOp      → no order
past the deadline   + refund beyond     = Case      → no order, opens over_refund, closes unknown_order
past the deadline   + refund in dollars = Case      → no order, opens refund_unconfirmed
past the deadline   + hint of a refund  = Case      → no order, opens refund_unconfirmed
past the deadline   + dispute opened    = Case      → no order, opens dispute
past the deadline   + dispute won       = NoOp      → no order
past the deadline   + dispute lost      = NoOp      → no order, closes unknown_order
pending             + refund pending    = NoOp      → pending
pending             + refund failed     = NoOp      → pending
pending             + refund closed     = NoOp      → pending
pending             + refund            = Waiting   → pending
pending             + refund reversed   = NoOp      → pending
pending             + refund beyond     = Waiting   → pending
pending             + refund in dollars = Waiting   → pending
pending             + hint of a refund  = Waiting   → pending
pending             + dispute opened    = Waiting   → pending
pending             + dispute won       = NoOp      → pending
pending             + dispute lost      = Waiting   → pending
paid                + refund pending    = NoOp      → paid
paid                + refund failed     = NoOp      → paid
paid                + refund closed     = NoOp      → paid
paid                + refund            = Settled   → partially_refunded
paid                + refund reversed   = NoOp      → paid
paid                + refund beyond     = Case      → refunded, opens over_refund
paid                + refund in dollars = Case      → paid, opens refund_unconfirmed
paid                + hint of a refund  = Case      → paid, opens refund_unconfirmed
paid                + dispute opened    = Case      → paid, opens dispute
paid                + dispute won       = NoOp      → paid
paid                + dispute lost      = Settled   → refunded
paid by another     + refund pending    = NoOp      → paid
paid by another     + refund failed     = NoOp      → paid
paid by another     + refund closed     = NoOp      → paid
paid by another     + refund            = Waiting   → paid
paid by another     + refund reversed   = NoOp      → paid
paid by another     + refund beyond     = Waiting   → paid
paid by another     + refund in dollars = Waiting   → paid
paid by another     + hint of a refund  = Waiting   → paid
paid by another     + dispute opened    = Waiting   → paid
paid by another     + dispute won       = NoOp      → paid
paid by another     + dispute lost      = Waiting   → paid
paid twice          + refund pending    = NoOp      → paid
paid twice          + refund failed     = NoOp      → paid
paid twice          + refund closed     = NoOp      → paid
paid twice          + refund            = Settled   → paid
paid twice          + refund reversed   = NoOp      → paid
paid twice          + refund beyond     = Case      → paid, opens over_refund, closes duplicate_payment
paid twice          + refund in dollars = Case      → paid, opens refund_unconfirmed
paid twice          + hint of a refund  = Case      → paid, opens refund_unconfirmed
paid twice          + dispute opened    = Case      → paid, opens dispute
paid twice          + dispute won       = NoOp      → paid
paid twice          + dispute lost      = Settled   → paid, closes duplicate_payment
partially refunded  + refund pending    = NoOp      → partially_refunded
partially refunded  + refund failed     = NoOp      → partially_refunded
partially refunded  + refund closed     = NoOp      → partially_refunded
partially refunded  + refund            = Settled   → partially_refunded
partially refunded  + refund reversed   = Settled   → paid
partially refunded  + refund beyond     = Case      → refunded, opens over_refund
partially refunded  + refund in dollars = Case      → partially_refunded, opens refund_unconfirmed
partially refunded  + hint of a refund  = Case      → partially_refunded, opens refund_unconfirmed
partially refunded  + dispute opened    = Case      → partially_refunded, opens dispute
partially refunded  + dispute won       = NoOp      → partially_refunded
partially refunded  + dispute lost      = Case      → refunded, opens over_refund
refunded            + refund pending    = NoOp      → refunded
refunded            + refund failed     = NoOp      → refunded
refunded            + refund closed     = NoOp      → refunded
refunded            + refund            = NoOp      → refunded
refunded            + refund reversed   = Settled   → partially_refunded
refunded            + refund beyond     = Case      → refunded, opens over_refund
refunded            + refund in dollars = NoOp      → refunded
refunded            + hint of a refund  = NoOp      → refunded
refunded            + dispute opened    = Case      → refunded, opens dispute
refunded            + dispute won       = NoOp      → refunded
refunded            + dispute lost      = Case      → refunded, opens over_refund
refunded another    + refund pending    = NoOp      → refunded
refunded another    + refund failed     = NoOp      → refunded
refunded another    + refund closed     = NoOp      → refunded
refunded another    + refund            = Waiting   → refunded
refunded another    + refund reversed   = NoOp      → refunded
refunded another    + refund beyond     = Waiting   → refunded
refunded another    + refund in dollars = Waiting   → refunded
refunded another    + hint of a refund  = Waiting   → refunded
refunded another    + dispute opened    = Waiting   → refunded
refunded another    + dispute won       = NoOp      → refunded
refunded another    + dispute lost      = Waiting   → refunded
cancelled, paid     + refund pending    = NoOp      → cancelled
cancelled, paid     + refund failed     = NoOp      → cancelled
cancelled, paid     + refund closed     = NoOp      → cancelled
cancelled, paid     + refund            = Settled   → cancelled
cancelled, paid     + refund reversed   = NoOp      → cancelled
cancelled, paid     + refund beyond     = Case      → cancelled, opens over_refund, closes paid_after_cancel
cancelled, paid     + refund in dollars = Case      → cancelled, opens refund_unconfirmed
cancelled, paid     + hint of a refund  = Case      → cancelled, opens refund_unconfirmed
cancelled, paid     + dispute opened    = Case      → cancelled, opens dispute
cancelled, paid     + dispute won       = NoOp      → cancelled
cancelled, paid     + dispute lost      = Settled   → cancelled, closes paid_after_cancel
other account, paid + refund pending    = NoOp      → pending
other account, paid + refund failed     = NoOp      → pending
other account, paid + refund closed     = NoOp      → pending
other account, paid + refund            = NoOp      → pending
other account, paid + refund reversed   = NoOp      → pending
other account, paid + refund beyond     = Case      → pending, opens over_refund, closes wrong_payee
other account, paid + refund in dollars = Case      → pending, opens refund_unconfirmed
other account, paid + hint of a refund  = Case      → pending, opens refund_unconfirmed
other account, paid + dispute opened    = Case      → pending, opens dispute
other account, paid + dispute won       = NoOp      → pending
other account, paid + dispute lost      = NoOp      → pending, closes wrong_payee
";

/// What a notification says about R1 of 50.00, or D1 of 100.00.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Back {
    RefundPending,
    RefundFailed,
    RefundClosed,
    RefundSucceeded,
    RefundReversed,
    RefundBeyond,
    RefundInDollars,
    Hint,
    Opened,
    Won,
    Lost,
}

impl Back {
    pub(super) const ALL: [Self; 11] = [
        Self::RefundPending,
        Self::RefundFailed,
        Self::RefundClosed,
        Self::RefundSucceeded,
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
    for books in Books::OF_REFUNDS.iter().copied() {
        // A refund of T1 tells something there only after T1 itself.
        let paid_late = matches!(books, Books::Cancelled | Books::OtherAccount);
        let late = says("T1", Word::Succeeded, PRICE);
        let before = if paid_late { tell(&books.state(), &late) } else { books.state() };
        let name = if paid_late { format!("{}, paid", books.name()) } else { books.name().into() };
        for back in Back::ALL {
            let (decision, after) = decide(&before, "shop", &back.says(), NOW, &RULES);
            let said = format!("{name:<19} + {:<17}", back.name());
            table += &outcome(&said, decision, &before, &after);
        }
    }
    assert_eq!(table, TABLE, "\n{table}");
}
