//! `quittance orders import`: JSON lines or CSV into the ledger, in batches.
//!
//! **Invariant**: a bad line is named and skipped; every other line of the stream is imported.

use std::path::Path;

use serde::Serialize;
use shared::process;
use tokio::io::{AsyncBufRead, BufReader};
use worker::ledger::records::{Imported, NewOrder};
use worker::ledger::{LedgerError, Session};

use super::super::exit::{Exit, Failure};
use super::super::output::{self, Output, say};
use super::super::table::printable;
use super::lines::{LINE_MAX_BYTES, Line, Lines, without_mark};
use super::progress::Progress;
use crate::orders::csv::{self, Header};
use crate::orders::from_json;

/// Orders that go to the ledger in one transaction.
const BATCH: usize = 500;
const JSONL_EXAMPLE: &str = r#"{"order_no":"A-1","amount":1250,"currency":"CNY"}
{"order_no":"A-2","amount":980,"currency":"JPY","account":"shop-alipay","numbers":["A-2-again","A-2-third"],"expires_at":"2027-01-31T23:59:59Z","subscription_no":"S-1","period":"P1M","metadata":{"basket":7}}
"#;

/// How the orders are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Form {
    Jsonl,
    Csv,
}

/// How a line is read: each is an order, or the first says what those below hold.
enum Reading {
    Json,
    Csv(Option<Box<Header>>),
}

/// What became of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
struct Tally {
    inserted: u64,
    updated: u64,
    unchanged: u64,
    failed: u64,
}

/// A file to begin with.
pub(super) fn example(form: Form) -> Result<Exit, Failure> {
    output::data(match form {
        Form::Jsonl => JSONL_EXAMPLE,
        Form::Csv => csv::EXAMPLE,
    })?;
    Ok(Exit::Done)
}

pub(super) async fn run<S: Session>(
    file: &Path,
    form: Form,
    session: &mut S,
    output: Output,
) -> Result<Exit, Failure> {
    let tally = if file == Path::new("-") {
        import(BufReader::new(tokio::io::stdin()), form, Progress::new(None), session).await?
    } else {
        let unreadable = |error| Failure::new(Exit::Usage, format!("{}: {error}", file.display()));
        let opened = tokio::fs::File::open(file).await.map_err(unreadable)?;
        let about = opened.metadata().await.map_err(unreadable)?;
        let progress = Progress::new(about.is_file().then_some(about.len()));
        import(BufReader::new(opened), form, progress, session).await?
    };
    output.one(&tally, |tally| {
        let Tally { inserted, updated, unchanged, failed } = tally;
        format!("inserted {inserted}, updated {updated}, unchanged {unchanged}, failed {failed}\n")
    })?;
    Ok(tally.exit())
}

async fn import<S: Session>(
    stream: impl AsyncBufRead + Unpin,
    form: Form,
    mut progress: Progress,
    session: &mut S,
) -> Result<Tally, Failure> {
    let mut reading = Reading::of(form);
    let mut lines = Lines::new(stream);
    let mut tally = Tally::default();
    let mut batch: Vec<(u64, NewOrder)> = vec![];
    let unreadable = |error| Failure::new(Exit::Failed, format!("cannot read on: {error}"));
    while let Some((number, line)) = lines.next().await.map_err(unreadable)? {
        match reading.order(number, &line)? {
            Ok(Some(order)) => batch.push((number, order)),
            Ok(None) => (),
            Err(wrong) => tally.fail(number, &wrong),
        }
        if batch.len() == BATCH {
            tally.flush(&mut batch, session).await?;
            progress.tell(number, lines.bytes());
        }
    }
    tally.flush(&mut batch, session).await?;
    output::progress("");
    Ok(tally)
}

impl Form {
    /// As its name says; JSON lines where it says nothing.
    pub(super) fn of(file: &Path) -> Self {
        let is_csv = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
        if is_csv { Self::Csv } else { Self::Jsonl }
    }
}

impl Reading {
    fn of(form: Form) -> Self {
        match form {
            Form::Jsonl => Self::Json,
            Form::Csv => Self::Csv(None),
        }
    }

    /// The order on a line; nothing on an empty one and on a header. A bad header fails all of it.
    fn order(
        &mut self,
        number: u64,
        line: &Line,
    ) -> Result<Result<Option<NewOrder>, String>, Failure> {
        let Line::Text(text) = line else {
            return Ok(Err(format!("longer than {LINE_MAX_BYTES} bytes")));
        };
        if text.iter().all(u8::is_ascii_whitespace) {
            return Ok(Ok(None));
        }
        let order = match self {
            Self::Json => from_json(without_mark(number, text)),
            Self::Csv(Some(header)) => header.order(text),
            Self::Csv(header @ None) => {
                let read = Header::read(text).map_err(|wrong| {
                    let hint = "`quittance orders import --example --format csv` shows one";
                    let message = format!("line {number}, the header: {wrong}; {hint}");
                    Failure::new(Exit::Usage, printable(&message))
                })?;
                *header = Some(Box::new(read));
                return Ok(Ok(None));
            }
        };
        Ok(order.map(Some).map_err(|wrong| wrong.to_string()))
    }
}

impl Tally {
    fn exit(&self) -> Exit {
        if self.failed == 0 {
            Exit::Done
        } else if self.inserted + self.updated + self.unchanged == 0 {
            Exit::Failed
        } else {
            Exit::PartlyDone
        }
    }

    fn fail(&mut self, number: u64, wrong: &str) {
        self.failed += 1;
        output::progress("");
        say(&format!("line {number}: {}", printable(wrong)));
    }

    /// Imports the batch; one that fails as a whole is imported line by line, so that only the
    /// guilty one is left out.
    async fn flush<S: Session>(
        &mut self,
        batch: &mut Vec<(u64, NewOrder)>,
        session: &mut S,
    ) -> Result<(), Failure> {
        let (numbers, orders): (Vec<_>, Vec<_>) = std::mem::take(batch).into_iter().unzip();
        if orders.is_empty() {
            return Ok(());
        }
        match session.import(&orders, process::now()).await {
            Ok(imported) => self.count(&numbers, imported),
            Err(error @ LedgerError::Unreachable(_)) => return Err(self.cut_short(error)),
            Err(LedgerError::Conflict(_) | LedgerError::Refused(_) | LedgerError::Fault(_)) => {
                for (number, order) in numbers.into_iter().zip(orders) {
                    match session.import(&[order], process::now()).await {
                        Ok(imported) => self.count(&[number], imported),
                        Err(error @ LedgerError::Unreachable(_)) => {
                            return Err(self.cut_short(error));
                        }
                        Err(
                            error @ (LedgerError::Conflict(_)
                            | LedgerError::Refused(_)
                            | LedgerError::Fault(_)),
                        ) => self.fail(number, &error.to_string()),
                    }
                }
            }
        }
        Ok(())
    }

    fn count(&mut self, numbers: &[u64], imported: Vec<Imported>) {
        for (number, imported) in numbers.iter().zip(imported) {
            match imported {
                Imported::Inserted => self.inserted += 1,
                Imported::Updated => self.updated += 1,
                Imported::Unchanged => self.unchanged += 1,
                Imported::Refused(wrong) => self.fail(*number, &wrong),
            }
        }
    }

    fn cut_short(&self, error: LedgerError) -> Failure {
        let Self { inserted, updated, .. } = self;
        let mut failure = Failure::from(error);
        failure.message += &format!(
            "\n{inserted} orders were inserted and {updated} updated before; importing the file \
             again is safe"
        );
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reading: &mut Reading, text: &str) -> Result<Option<NewOrder>, String> {
        reading.order(1, &Line::Text(text.as_bytes().to_vec())).unwrap()
    }

    #[test]
    fn a_line_is_an_order_or_says_what_is_wrong() {
        let mut reading = Reading::Json;
        for line in [
            r#"{"order_no":"A-1","amount":10,"currency":"CNY"}"#,
            "\u{feff}{\"order_no\":\"A-1\",\"amount\":10,\"currency\":\"CNY\"}",
        ] {
            assert_eq!(read(&mut reading, line).unwrap().unwrap().order_no, "A-1");
        }
        assert_eq!(read(&mut reading, "  "), Ok(None));
        assert!(read(&mut reading, r#"{"order_no":"A-1","amount":0,"currency":"CNY"}"#).is_err());
        assert!(reading.order(1, &Line::TooLong).unwrap().is_err());
    }

    #[test]
    fn the_first_line_of_csv_is_its_header() {
        let mut reading = Reading::of(Form::Csv);
        assert_eq!(read(&mut reading, "\r"), Ok(None));
        assert_eq!(read(&mut reading, "order_no,amount,currency\r"), Ok(None));
        assert_eq!(read(&mut reading, "A-1,10,CNY\r").unwrap().unwrap().amount, 10);
        assert!(read(&mut reading, "A-1,10").is_err());
        let bad = Reading::of(Form::Csv).order(1, &Line::Text(b"A-1,10,CNY".to_vec()));
        assert_eq!(bad.unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn the_examples_are_orders() {
        for (form, text) in [(Form::Jsonl, JSONL_EXAMPLE), (Form::Csv, csv::EXAMPLE)] {
            let mut reading = Reading::of(form);
            let orders: Vec<_> =
                text.lines().filter_map(|line| read(&mut reading, line).unwrap()).collect();
            assert_eq!(orders.len(), 2, "{form:?}");
            assert_eq!(orders[1].numbers.len(), 2, "{form:?}");
        }
        assert_eq!(Form::of(Path::new("orders.CSV")), Form::Csv);
        assert_eq!(Form::of(Path::new("-")), Form::Jsonl);
    }

    #[test]
    fn the_exit_code_tells_whether_all_some_or_none_went_in() {
        let tally = |inserted, failed| Tally { inserted, failed, ..Tally::default() };
        assert_eq!(tally(0, 0).exit().code(), 0);
        assert_eq!(tally(3, 0).exit().code(), 0);
        assert_eq!(tally(3, 1).exit().code(), 7);
        assert_eq!(tally(0, 1).exit().code(), 1);
    }
}
