//! Cases for people.

use serde::Serialize;
use shared::money::Money;
use shared::process;
use time::Duration;
use worker::ledger::records::{CaseFile, CaseRecord};

use super::super::table::{Table, instant, printable};

/// A record with how long its case was, or has been, open.
#[derive(Serialize)]
pub(super) struct Aged<'a, T> {
    #[serde(flatten)]
    record: &'a T,
    age_s: i64,
}

impl<'a, T> Aged<'a, T> {
    pub(super) fn of(record: &'a T, case: &CaseRecord) -> Self {
        Self { record, age_s: age(case).whole_seconds() }
    }
}

/// Cases as `orders show` lists them too.
pub fn table(cases: &[CaseRecord]) -> String {
    let mut table = Table::new(&[
        "ID",
        "KIND",
        "STATUS",
        "ORDER",
        "AT STAKE",
        "AGE",
        "REFUND BY",
        "OWNER",
        "ACCOUNT",
        "TRANSACTION",
    ]);
    for case in cases {
        table.row([
            case.id.to_string(),
            case.kind.clone(),
            case.status.clone(),
            case.order_number.clone(),
            money(case),
            largest(age(case)),
            case.refund_by.map(instant).unwrap_or_default(),
            case.owner.clone().unwrap_or_default(),
            case.account.clone().unwrap_or_default(),
            case.transaction.clone().unwrap_or_default(),
        ]);
    }
    table.to_string()
}

/// One case with everything about it.
pub(super) fn details(file: &CaseFile) -> String {
    let case = &file.case;
    let resolution = case.resolution.as_ref().map(|how| format!(" ({how})")).unwrap_or_default();
    let lines = [
        ("case", case.id.to_string()),
        ("kind", case.kind.clone()),
        ("status", format!("{}{resolution}", case.status)),
        ("policy", case.policy.clone()),
        ("owner", case.owner.clone().unwrap_or_default()),
        ("order", case.order_number.clone()),
        ("at stake", money(case)),
        ("refund by", case.refund_by.map(instant).unwrap_or_default()),
        ("account", case.account.clone().unwrap_or_default()),
        ("transaction", case.transaction.clone().unwrap_or_default()),
        ("opened", instant(case.opened_at)),
        ("resolved", case.resolved_at.map(instant).unwrap_or_default()),
    ];
    let shown = lines.into_iter().filter(|(_, value)| !value.is_empty());
    let head: String =
        shown.map(|(name, value)| format!("{name:<12} {}\n", printable(&value))).collect();
    let parts = [
        ("Resolutions", file.resolutions.is_empty(), resolutions(file)),
        ("Notes", file.notes.is_empty(), notes(file)),
        ("Evidence", file.evidence.is_empty(), evidence(file)),
    ];
    let parts = parts.into_iter().filter(|(_, is_empty, _)| !is_empty);
    head + &parts.map(|(name, _, part)| format!("\n{name}\n{part}")).collect::<String>()
}

fn resolutions(file: &CaseFile) -> String {
    let mut table = Table::new(&["AT", "AS", "AMOUNT", "BY", "REASON"]);
    for said in &file.resolutions {
        table.row([
            instant(said.at),
            said.verdict.clone(),
            Money { minor: said.amount, currency: said.currency }.to_string(),
            said.actor.clone(),
            said.reason.clone(),
        ]);
    }
    table.to_string()
}

fn notes(file: &CaseFile) -> String {
    let mut table = Table::new(&["AT", "BY", "NOTE"]);
    for note in &file.notes {
        table.row([instant(note.at), note.actor.clone(), note.text.clone()]);
    }
    table.to_string()
}

fn evidence(file: &CaseFile) -> String {
    let mut table = Table::new(&["RECEIVED", "ACCOUNT", "KIND", "IDENTITY", "OUTCOME", "MESSAGE"]);
    for told in &file.evidence {
        table.row([
            instant(told.received_at),
            told.account.clone(),
            told.kind.clone(),
            told.identity.clone(),
            told.outcome.clone(),
            told.message_id.to_string(),
        ]);
    }
    table.to_string()
}

fn money(case: &CaseRecord) -> String {
    Money { minor: case.amount, currency: case.currency }.to_string()
}

fn age(case: &CaseRecord) -> Duration {
    let age = case.resolved_at.unwrap_or_else(process::now) - case.opened_at;
    age.max(Duration::ZERO)
}

/// A span in its largest unit.
fn largest(age: Duration) -> String {
    let units = [(Duration::DAY, "d"), (Duration::HOUR, "h"), (Duration::MINUTE, "min")];
    let largest = units.into_iter().find(|(unit, _)| age >= *unit);
    let (unit, name) = largest.unwrap_or((Duration::SECOND, "s"));
    let count = age.whole_seconds() / unit.whole_seconds();
    format!("{count} {name}")
}
