//! One scene: a story that a provider tells of an order, or a subscription, of its own.

use std::time::Duration;

use shared::provider::Provider;

use crate::simulate::Scenario;

/// A story by one provider.
pub(super) struct Scene {
    pub(super) provider: Provider,
    pub(super) story: &'static Story,
    /// Of the order, or of the subscription.
    pub(super) number: String,
}

/// What is played, and what it must lead to.
pub(super) struct Story {
    pub(super) name: &'static str,
    /// A part of the number.
    pub(super) slug: &'static str,
    pub(super) sent: &'static str,
    /// For people.
    pub(super) expected: &'static str,
    pub(super) steps: &'static [Step],
    /// As [`standing`] writes it.
    pub(super) standing: &'static str,
    /// Counted from the last step.
    pub(super) within: Duration,
    pub(super) told: Told,
}

/// Where the report tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// In a row of its own.
    Alone,
    /// In its provider's row: the column's head, and a word for what the order becomes.
    InColumn(&'static str, &'static str),
}

/// One act.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// The shop imports the order, to be paid into this account alone.
    Order,
    /// The same, to be paid into any account.
    AnyOrder,
    /// The shop writes a subscription, to be charged each month.
    Subscribe,
    /// One notification about its agreement, or about its charge of this month from 0.
    Tell(Scenario, u32),
    /// The shop cancels the order.
    Cancel,
    /// One request; another number is another transaction.
    Send(Scenario, u64),
    /// The same by another provider.
    SendBy(Provider, Scenario, u64),
    /// The same request so many times, together.
    AtOnce(Scenario, u64, usize),
    /// The order stands so before the next step.
    Await(&'static str),
    /// Everything that was accepted was taken up before the next step.
    Rest,
}

impl Story {
    /// Can a provider that has these scenarios tell it?
    pub(super) fn is_known(&self, scenarios: &[Scenario]) -> bool {
        self.steps.iter().all(|step| match step {
            Step::Send(scenario, _) | Step::AtOnce(scenario, ..) | Step::Tell(scenario, _) => {
                scenarios.contains(scenario)
            }
            Step::Order
            | Step::AnyOrder
            | Step::Subscribe
            | Step::SendBy(..)
            | Step::Cancel
            | Step::Await(_)
            | Step::Rest => true,
        })
    }
}
