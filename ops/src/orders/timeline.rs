//! Everything that touched an order, as one list in the order of time.
//!
//! **Invariant**: a pure function of what the ledger keeps, and no data of the payer is in it.

use std::collections::BTreeSet;

use serde::Serialize;
use shared::money::{Currency, Money};
use time::OffsetDateTime;
use worker::ledger::records::{Announced, Buried, OrderRecord, Replayed, Trail};

/// Who it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Whoever wrote the order.
    Shop,
    /// A payment provider, in a proven notification or as a fact from one.
    Provider,
    /// The rules, from the facts.
    Policy,
    /// Somebody, by command or over HTTP.
    Person,
}

/// One line. Of one moment, causes stand before what followed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Happening {
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub source: Source,
    pub kind: String,
    /// What it is about: a transaction, a message, an event, a case.
    pub subject: Option<String>,
    pub text: String,
}

/// All of them, oldest first.
pub fn timeline(trail: &Trail) -> Vec<Happening> {
    let order = &trail.order;
    let mut list = written(order);
    list.extend(money_moved(order));
    list.extend(followed(trail));
    for heard in &trail.notifications {
        let kind = format!("notification.{}", heard.outcome);
        let transaction = heard.transaction.as_ref().map(|at| format!(" of {at}"));
        let transaction = transaction.unwrap_or_default();
        let text =
            format!("{} told {}: {}{transaction}", heard.provider, heard.account, heard.kind);
        let id = heard.message_id.to_string();
        list.push(Happening::new(heard.received_at, Source::Provider, &kind, Some(id), text));
    }
    for act in &trail.acts {
        let text = format!("{}: {}", act.actor, act.reason);
        let subject = Some(act.subject.clone());
        list.push(Happening::new(act.at, Source::Person, &act.action, subject, text));
    }
    list.extend(trail.buried.iter().map(buried));
    list.extend(trail.replays.iter().map(sent_again));
    for event in &trail.events {
        let published = if event.published { "published" } else { "not published yet" };
        let text = format!("announced {} as number {}, {published}", event.r#type, event.sequence);
        let id = Some(event.id.to_string());
        list.push(Happening::new(event.occurred_at, Source::Policy, "event", id, text));
        let what = kind_of(event);
        list.extend(event.case.as_ref().map(|case| {
            let text = format!("{} of {}", case.kind, money(case.amount, case.currency));
            let id = Some(case.id.to_string());
            Happening::new(event.occurred_at, Source::Policy, what, id, text)
        }));
    }
    list.sort();
    list
}

fn buried(letter: &Buried) -> Happening {
    let account = letter.account.as_deref().unwrap_or("no account");
    let text = format!("what {} told {account} died: {}", letter.provider, letter.cause);
    let id = Some(letter.letter.to_string());
    Happening::new(letter.at, Source::Policy, "letter.buried", id, text)
}

fn sent_again(replay: &Replayed) -> Happening {
    let outcome = replay.outcome.as_deref().unwrap_or("not decided yet");
    let text = format!("{}: sent again by job {}: {outcome}", replay.actor, replay.job);
    let id = Some(replay.letter.to_string());
    Happening::new(replay.at, Source::Person, "letter.replayed", id, text)
}

fn written(order: &OrderRecord) -> Vec<Happening> {
    let summary = &order.summary;
    let asked = money(summary.amount, summary.currency);
    let further = order.numbers.iter().filter(|number| **number != summary.order_no);
    let further: Vec<_> = further.map(String::as_str).collect();
    let text = match further[..] {
        [] => format!("{asked} to be paid"),
        _ => format!("{asked} to be paid, under {} too", further.join(", ")),
    };
    let mut list = vec![Happening::new(summary.created_at, Source::Shop, "written", None, text)];
    let cancelled =
        |at| Happening::new(at, Source::Shop, "cancelled", None, "cancelled".to_owned());
    list.extend(summary.cancelled_at.map(cancelled));
    let end = |at| Happening::new(at, Source::Shop, "expires", None, "time to pay ends".to_owned());
    list.extend(summary.expires_at.map(end));
    list
}

/// What providers say happened, at the times that they say.
fn money_moved(order: &OrderRecord) -> Vec<Happening> {
    let mut list = vec![];
    let mut fact = |at, kind: &str, status: &str, (account, transaction): (&str, &str), text| {
        let kind = format!("{kind}.{status}");
        let subject = Some(format!("{account}/{transaction}"));
        list.push(Happening::new(at, Source::Provider, &kind, subject, text));
    };
    for payment in &order.payments {
        let text = format!("payment of {}", money(payment.amount, payment.currency));
        let of = (payment.account.as_str(), payment.transaction.as_str());
        fact(payment.occurred_at, "payment", &payment.status, of, text);
    }
    for refund in &order.refunds {
        let number = refund.refund_no.as_ref().or(refund.refund.as_ref());
        let number = number.map(|number| format!(", number {number}")).unwrap_or_default();
        let unsigned = if refund.evidence == "signed" { "" } else { ", which no signature covers" };
        let amount = money(refund.amount, refund.currency);
        let of = (refund.account.as_str(), refund.transaction.as_str());
        let text = format!("refund of {amount}{number}{unsigned}");
        fact(refund.occurred_at, "refund", &refund.status, of, text);
    }
    for dispute in &order.disputes {
        let amount = money(dispute.amount, dispute.currency);
        let of = (dispute.account.as_str(), dispute.transaction.as_str());
        let text = format!("dispute of {amount}, number {}", dispute.dispute);
        fact(dispute.occurred_at, "dispute", &dispute.status, of, text);
    }
    list
}

/// What followed from the facts. Of a case as it stands only what was announced under a number that was not this
/// order's then: else its events tell what was at stake each time.
fn followed(trail: &Trail) -> Vec<Happening> {
    let (order, mut list) = (&trail.order, vec![]);
    let mut rule = |at, kind: &str, subject, text: String| {
        list.push(Happening::new(at, Source::Policy, kind, subject, text));
    };
    for fulfilment in &order.fulfilments {
        rule(fulfilment.created_at, "fulfilment.begun", None, "the goods may go out".to_owned());
        if let Some(at) = fulfilment.revoked_at {
            rule(at, "fulfilment.revoked", None, "the goods may not go out any more".to_owned());
        }
    }
    let told = |event: &Announced| Some((event.case.as_ref()?.id, kind_of(event).to_owned()));
    let announced: BTreeSet<_> = trail.events.iter().filter_map(told).collect();
    for case in &order.cases {
        let text = format!("{} of {}", case.kind, money(case.amount, case.currency));
        for (kind, at) in
            [("case.opened", Some(case.opened_at)), ("case.resolved", case.resolved_at)]
        {
            let at = at.filter(|_| !announced.contains(&(case.id, kind.to_owned())));
            if let Some(at) = at {
                rule(at, kind, Some(case.id.to_string()), text.clone());
            }
        }
    }
    list
}

/// Without its version.
fn kind_of(event: &Announced) -> &str {
    event.r#type.trim_end_matches(".v1")
}

fn money(minor: i64, currency: Currency) -> String {
    Money { minor, currency }.to_string()
}

impl Happening {
    fn new(
        at: OffsetDateTime,
        source: Source,
        kind: &str,
        subject: Option<String>,
        text: String,
    ) -> Self {
        Self { at, source, kind: kind.to_owned(), subject, text }
    }
}

#[cfg(test)]
mod tests;
