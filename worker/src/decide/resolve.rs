//! Ending a case by somebody's word: a person's by command, or the account's policy when it opens.

use std::collections::BTreeSet;

use shared::case::{CaseKind, CasePolicy, CaseVerdict};
use shared::money::Money;
use shared::rules::Rules;
use time::OffsetDateTime;

use super::case::{About, Case, CaseKey};
use super::resolution::{POLICY, Resolution};
use super::standing::{Condition, standing};
use super::{PaymentKey, State, reconsider};

/// What a person decides about a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    pub verdict: CaseVerdict,
    /// The money at stake that the person saw, in minor units.
    pub saw_minor: i64,
    pub actor: String,
    pub reason: String,
}

/// Why a case cannot be ended so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is not open any more.
    Closed,
    /// Other money is at stake than the person saw.
    Changed { case: Case },
    /// It cannot be ended so at all; what can be done.
    Impossible(&'static str),
}

/// The state after a person's word.
pub fn resolve(
    state: &State,
    key: &CaseKey,
    ruling: &Ruling,
    now: OffsetDateTime,
    rules: &Rules,
) -> Result<State, Refusal> {
    let current = reconsider(state, now, rules);
    let Some(case) = current.cases.get(key) else { return Err(Refusal::Closed) };
    if case.amount_minor != ruling.saw_minor {
        return Err(Refusal::Changed { case: case.clone() });
    }
    if let Some(why) = impossible(&current, key, ruling.verdict) {
        return Err(Refusal::Impossible(why));
    }
    let standing = standing(&current, now);
    let Some(condition) = standing.cases.get(key) else { return Err(Refusal::Closed) };
    let mut next = current.clone();
    let resolution = resolution(condition, ruling.verdict, (&ruling.actor, &ruling.reason), now);
    confirm(&mut next, key, &resolution);
    next.resolutions.add(key.clone(), resolution);
    Ok(reconsider(&next, now, rules))
}

/// Derives everything anew; cases that open meet their account's policy.
pub(super) fn by_policy(state: &mut State, now: OffsetDateTime, rules: &Rules) {
    loop {
        let standing = standing(state, now);
        if let (Some(order), Some(recorded)) = (&mut state.order, standing.recorded) {
            order.recorded = recorded;
        }
        let mut cases = standing.cases;
        for (key, condition) in &mut cases {
            condition.case.policy = match state.cases.get(key) {
                Some(known) => known.policy,
                None => policy(state, key, rules),
            };
            condition.case.refund_by = refund_by(state, key, rules);
        }
        let spoken = cases.iter().find_map(|(key, condition)| {
            let verdict = condition.case.policy.verdict()?;
            (!state.cases.contains_key(key)).then(|| (key.clone(), verdict, condition.clone()))
        });
        let Some((key, verdict, condition)) = spoken else {
            state.cases = cases.into_iter().map(|(key, condition)| (key, condition.case)).collect();
            return;
        };
        // Each turn ends one case for all the money that is there, so the turns end.
        let by = (POLICY, condition.case.policy.as_str());
        state.resolutions.add(key, resolution(&condition, verdict, by, now));
    }
}

fn resolution(
    condition: &Condition,
    verdict: CaseVerdict,
    (actor, reason): (&str, &str),
    at: OffsetDateTime,
) -> Resolution {
    let Case { order_number, amount_minor, currency, .. } = &condition.case;
    Resolution {
        verdict,
        order_number: order_number.clone(),
        amount: Money { minor: *amount_minor, currency: *currency },
        up_to_minor: condition.came_in_minor,
        actor: actor.to_owned(),
        reason: reason.to_owned(),
        at,
    }
}

/// Who says that an unconfirmed refund is one confirms it: it counts from now on.
fn confirm(state: &mut State, key: &CaseKey, resolution: &Resolution) {
    let (CaseKind::RefundUnconfirmed, CaseVerdict::Refund) = (key.kind, resolution.verdict) else {
        return;
    };
    let About::Payment(about) = &key.about else { return };
    if let Some(payment) = state.payments.get_mut(about) {
        let refund_no = format!("case/{}", key.id());
        payment.confirm(resolution.amount.minor, refund_no, resolution.at);
    }
}

/// Why this very case cannot be ended so.
fn impossible(state: &State, key: &CaseKey, verdict: CaseVerdict) -> Option<&'static str> {
    let payment = match &key.about {
        About::Payment(about) => state.payments.get(about),
        About::Order(_) => None,
    };
    let order = state.order.as_ref();
    let also = match (key.kind, verdict) {
        (CaseKind::AmountMismatch, CaseVerdict::Fulfil) => {
            let paid = payment.map(|payment| payment.amount.currency);
            match order.map(|order| order.amount.currency) {
                None => Some(
                    "it is a charge without an order, which counts by its subscription's terms alone; \
                     give the money back, or ignore it",
                ),
                due if paid != due => Some(
                    "it was paid in another currency than the order's; give the money back and let it be \
                     paid anew",
                ),
                Some(_) => None,
            }
        }
        (CaseKind::WrongPayee, CaseVerdict::Fulfil) => {
            let paid = payment.map(|payment| payment.mode);
            let due = order.map(|order| order.mode);
            (paid != due)
                .then_some("test money never pays a live order, nor live money a test order")
        }
        (CaseKind::RefundUnconfirmed, CaseVerdict::Refund) => {
            let proven = payment.is_some_and(|payment| payment.status.proves_payment());
            (!proven).then_some("nobody proved the payment yet; wait for it, or ignore the refund")
        }
        (
            CaseKind::DuplicatePayment
            | CaseKind::PaidAfterCancel
            | CaseKind::OverRefund
            | CaseKind::UnknownOrder
            | CaseKind::Dispute
            | CaseKind::UnprovenPayment,
            CaseVerdict::Fulfil | CaseVerdict::Refund,
        )
        | (CaseKind::AmountMismatch | CaseKind::WrongPayee, CaseVerdict::Refund)
        | (CaseKind::RefundUnconfirmed, CaseVerdict::Fulfil)
        | (_, CaseVerdict::Ignore) => None,
    };
    key.kind.refuses(verdict).or(also)
}

/// The earliest end of what can still be given back of the money that the case is about.
fn refund_by(state: &State, key: &CaseKey, rules: &Rules) -> Option<OffsetDateTime> {
    let is_about = |payment: &PaymentKey| match &key.about {
        About::Payment(about) => about == payment,
        About::Order(_) => true,
    };
    let payments = state.payments.iter().filter(|(key, _)| is_about(key));
    let refundable = payments.filter(|(_, payment)| payment.left_minor() > 0);
    let ends = refundable.map(|(key, payment)| rules.refund_by(&key.account, payment.occurred_at));
    ends.flatten().min()
}

/// What the account chose for such a case, as far as that can apply to this one.
fn policy(state: &State, key: &CaseKey, rules: &Rules) -> CasePolicy {
    let of = |payment: &PaymentKey| rules.case_policy(&payment.account, key.kind);
    let chosen = match &key.about {
        About::Payment(payment) => of(payment),
        About::Order(_) => {
            // Money of several accounts: a policy applies where all of them chose the same.
            let proven = state.payments.iter().filter(|(_, p)| p.status.proves_payment());
            let chosen: BTreeSet<_> = proven.map(|(key, _)| of(key).as_str()).collect();
            let mut chosen = chosen.into_iter();
            match (chosen.next().and_then(CasePolicy::from_word), chosen.next()) {
                (Some(policy), None) => policy,
                (Some(_), Some(_)) | (None, _) => CasePolicy::Hold,
            }
        }
    };
    let impossible = chosen.verdict().and_then(|verdict| impossible(state, key, verdict));
    if impossible.is_some() || key.kind.refuses_policy(chosen).is_some() {
        return CasePolicy::Hold;
    }
    chosen
}
