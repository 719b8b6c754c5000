//! What can be played. A provider plays those that its protocol knows.

/// The story that one notification tells, or the attack that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Scenario {
    /// The payer paid
    Paid,
    /// The same notification twice
    Duplicate,
    /// Half of the amount went back
    RefundPartial,
    /// All of it went back
    RefundFull,
    /// A refund that did not go through
    RefundFailed,
    /// The full refund, which had succeeded, came back to the shop
    RefundReversed,
    /// The transaction closed unpaid
    Closed,
    /// An attempt to pay failed
    Failed,
    /// The payer has not paid yet
    Pending,
    /// The money is reserved, not taken
    Authorised,
    /// Paid, and final: no refund can follow
    Finished,
    /// One byte was changed after signing
    Forged,
    /// Signed too long ago: a replay
    Stale,
    /// Paid, but one minor unit more than the order says
    WrongAmount,
    /// Genuine, but another application's or merchant's
    WrongApp,
    /// Genuine, but another seller's
    WrongSeller,
    /// Genuine, but live where the account is for tests, or the other way round
    WrongEnvironment,
    /// Signed by a weaker scheme than the account's
    Downgrade,
    /// The signed link that the payer's browser carries, posted as if it were a notification
    Return,
    /// Genuine, of a type that nobody asked for
    UnknownType,
    /// The payer agreed to be charged again and again
    AgreementSigned,
    /// A charge under the agreement
    AgreementCharged,
    /// A charge under the agreement that failed
    ChargeFailed,
    /// The payer or the shop ended the agreement
    AgreementEnded,
    /// The payer objects to the payment
    DisputeOpened,
    /// The objection failed: the shop keeps the money
    DisputeWon,
    /// The objection succeeded
    DisputeLost,
    /// One request with several notifications: the payment, and half of it back
    Batch,
    /// The same, with a forgery behind the first
    BatchForged,
}

impl Scenario {
    pub fn all() -> &'static [Self] {
        clap::ValueEnum::value_variants()
    }

    /// The word on the command line.
    pub fn word(self) -> String {
        let value = clap::ValueEnum::to_possible_value(&self);
        value.map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// How often it is sent when nobody says.
    pub fn times(self) -> u32 {
        if self == Self::Duplicate { 2 } else { 1 }
    }

    /// Repeats and most attacks are told as the payment is.
    pub(super) fn told(self) -> Self {
        let as_paid = matches!(
            self,
            Self::Duplicate
                | Self::Forged
                | Self::Stale
                | Self::WrongAmount
                | Self::WrongApp
                | Self::WrongSeller
                | Self::WrongEnvironment
                | Self::Downgrade
        );
        if as_paid { Self::Paid } else { self }
    }

    /// Refunds and repeats are about the same transaction; a wrong amount and a charge are about ones
    /// of their own.
    pub(super) fn transaction(self) -> u64 {
        let is_charge = matches!(self, Self::AgreementCharged | Self::ChargeFailed);
        if is_charge { 2 } else { u64::from(self == Self::WrongAmount) }
    }

    /// One notification is told from another by its number; repeats and forgeries share it.
    pub(super) fn notification(self) -> u64 {
        let of_the_payment =
            matches!(self, Self::Duplicate | Self::Forged | Self::Stale | Self::Downgrade);
        if of_the_payment { Self::Paid as u64 } else { self as u64 }
    }

    /// A refund that is reversed is the one that was made.
    pub(super) fn refund(self) -> u64 {
        if self == Self::RefundReversed { Self::RefundFull as u64 } else { self as u64 }
    }
}

/// In the order of their declaration.
pub(super) fn sorted(scenarios: impl Iterator<Item = Scenario>) -> Vec<Scenario> {
    let mut scenarios: Vec<_> = scenarios.collect();
    scenarios.sort_unstable();
    scenarios
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeat_shares_its_numbers_and_another_story_does_not() {
        assert_eq!(Scenario::Duplicate.notification(), Scenario::Paid.notification());
        assert_ne!(Scenario::RefundFull.notification(), Scenario::Paid.notification());
        assert_eq!(Scenario::RefundFull.transaction(), Scenario::Paid.transaction());
        assert_ne!(Scenario::WrongAmount.transaction(), Scenario::Paid.transaction());
        assert_eq!(Scenario::RefundReversed.refund(), Scenario::RefundFull.refund());
    }
}
