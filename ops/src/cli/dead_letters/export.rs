//! `dead-letters export`: every letter that fits, a line each, read page by page.

use std::io;

use serde::Serialize;
use serde_json::Value;
use worker::ledger::Session;
use worker::ledger::dead_letters::LetterFilter;

use super::shown;
use crate::cli::csv;
use crate::cli::exit::Failure;
use crate::cli::output::{Format, data, escaped};

pub(super) const EXAMPLES: &str = r#"Examples:
  quittance dead-letters export > letters.jsonl
  quittance dead-letters export -q 'state:any age:<7d' -o csv > letters.csv
  quittance dead-letters export -q 'order:A-1' --reveal --reason "dispute 4711""#;

/// Letters in one page.
const PAGE: i64 = 200;
/// What a line of CSV has: the keys of the list.
const COLUMNS: [&str; 15] = [
    "id",
    "message_id",
    "provider",
    "account",
    "order_number",
    "amount",
    "currency",
    "group_id",
    "stage",
    "code",
    "message",
    "state",
    "failures",
    "received_at",
    "buried_at",
];
/// The whole body, beside them.
const REVEALED: &str = "revealed";

pub(super) async fn run<S: Session>(
    session: &mut S,
    filter: &LetterFilter,
    reason: Option<String>,
    format: Format,
) -> Result<(), Failure> {
    let columns: Option<Vec<&str>> = match format {
        Format::Csv => {
            Some(COLUMNS.into_iter().chain(reason.is_some().then_some(REVEALED)).collect())
        }
        Format::Table | Format::Json | Format::Jsonl => None,
    };
    if let Some(columns) = &columns {
        data(&csv::head(columns))?;
    }
    // One document, or one a line.
    let (mut between, after, end) = match format {
        Format::Json => ("[", "", "]\n"),
        Format::Csv | Format::Table | Format::Jsonl => ("", "\n", ""),
    };
    let mut before = None;
    loop {
        let page = LetterFilter { before, limit: PAGE, ..filter.clone() };
        let letters = session.letters(&page).await?;
        let Some(last) = letters.last() else {
            let none = if between == "[" { "[" } else { "" };
            return Ok(data(&format!("{none}{end}"))?);
        };
        before = Some(last.id);
        for letter in letters {
            let line = match (&columns, &reason) {
                // Nothing of the body stands in it, so none is opened.
                (Some(columns), None) => csv::row(&value(&letter)?, columns),
                (columns, _) => {
                    let Some(file) = session.letter(letter.id).await? else { continue };
                    let shown = shown::file_if_there(session, file, reason.clone()).await?;
                    match columns {
                        Some(columns) => csv::row(&value(&shown)?, columns),
                        None => {
                            let text = serde_json::to_string(&shown).map_err(io::Error::from)?;
                            let text = format!("{between}{}{after}", escaped(&text));
                            between = if format == Format::Json { ",\n" } else { "" };
                            text
                        }
                    }
                }
            };
            data(&line)?;
        }
    }
}

fn value(record: &impl Serialize) -> io::Result<Value> {
    Ok(serde_json::to_value(record)?)
}
