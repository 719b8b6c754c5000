//! `quittance events`: what was announced, in the log's order.

use std::time::Duration;

use clap::{Args, Subcommand};
use shared::process::{pause, stop_token};
use worker::ledger::records::EventRecord;
use worker::ledger::{LedgerError, Session};

use super::exit::{Exit, Failure};
use super::output::{Format, Output, data};
use super::table::{Table, printable};

/// How often `tail` looks.
const TAIL_EVERY: Duration = Duration::from_millis(500);
const TAIL_BATCH: i64 = 500;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  quittance events list --after 120 -o jsonl\n  quittance events tail -o jsonl | jq .event.type"
)]
pub struct EventsArgs {
    #[command(subcommand)]
    verb: EventsVerb,
}

#[derive(Debug, Subcommand)]
enum EventsVerb {
    /// Published events, oldest first
    List {
        /// Only those behind this position
        #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
        after: i64,
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
    },
    /// Events as they are published, until Ctrl-C
    Tail {
        /// Begin behind this position instead of now
        #[arg(long, value_parser = clap::value_parser!(i64).range(0..))]
        after: Option<i64>,
    },
}

pub async fn run<S: Session>(
    args: EventsArgs,
    mut session: S,
    output: Output,
) -> Result<Exit, Failure> {
    match args.verb {
        EventsVerb::List { after, limit } => {
            let events = session.events(after, limit).await?;
            output.list(&events, table)?;
            Ok(Exit::Done)
        }
        EventsVerb::Tail { after } => tail(after, &mut session, output).await,
    }
}

async fn tail<S: Session>(
    after: Option<i64>,
    session: &mut S,
    output: Output,
) -> Result<Exit, Failure> {
    let stop = stop_token();
    let mut after = match after {
        Some(after) => after,
        None => end(session).await?,
    };
    loop {
        let events = session.events(after, TAIL_BATCH).await?;
        for event in &events {
            data(&line(event, output.format))?;
        }
        after = events.last().map_or(after, |event| event.position);
        let all_read = events.len() < usize::try_from(TAIL_BATCH).unwrap_or_default();
        if all_read && !pause(TAIL_EVERY, &stop).await {
            return Ok(Exit::Done);
        }
    }
}

/// The log's last position, found by halving: nothing stands behind it.
async fn end<S: Session>(session: &mut S) -> Result<i64, LedgerError> {
    let (mut low, mut high) = (0, 1);
    while high < i64::MAX / 2 && !session.events(high, 1).await?.is_empty() {
        (low, high) = (high, high * 2);
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if session.events(middle, 1).await?.is_empty() {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}

fn line(event: &EventRecord, format: Format) -> String {
    match format {
        Format::Table => printable(&cells(event).join("  ")) + "\n",
        Format::Json | Format::Jsonl | Format::Csv => {
            serde_json::to_string(event).unwrap_or_default() + "\n"
        }
    }
}

fn table(events: &[EventRecord]) -> String {
    let mut table = Table::new(&["POSITION", "TIME", "TYPE", "SUBJECT", "SEQUENCE"]);
    for event in events {
        table.row(cells(event));
    }
    table.to_string()
}

fn cells(event: &EventRecord) -> [String; 5] {
    let text = |key: &str| match event.event.get(key) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    [
        event.position.to_string(),
        text("time"),
        text("type"),
        text("subject"),
        text("sequencenumber"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_in_either_form() {
        let event = serde_json::json!({
            "time": "2026-01-02T03:04:05Z",
            "type": "io.quittance.order.paid.v1",
            "subject": "order/A-1",
            "sequencenumber": 1,
        });
        let event = EventRecord { position: 7, event };
        assert_eq!(
            line(&event, Format::Table),
            "7  2026-01-02T03:04:05Z  io.quittance.order.paid.v1  order/A-1  1\n"
        );
        let json: serde_json::Value = serde_json::from_str(&line(&event, Format::Jsonl)).unwrap();
        assert_eq!(json["position"], 7);
    }
}
