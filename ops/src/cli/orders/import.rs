//! `quittance orders import`: JSON lines into the ledger, in batches.
//!
//! **Invariant**: a bad line is named and skipped; every other line of the stream is imported.

use std::path::Path;

use serde::Serialize;
use shared::process;
use tokio::io::{AsyncBufRead, BufReader};
use worker::ledger::records::{Imported, NewOrder};
use worker::ledger::{LedgerError, Session};

use super::super::exit::{Exit, Failure};
use super::super::output::{Output, progress, say};
use super::super::table::printable;
use super::lines::{LINE_MAX_BYTES, Line, Lines};

/// Orders that go to the ledger in one transaction.
const BATCH: usize = 500;

/// What became of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
struct Tally {
    inserted: u64,
    updated: u64,
    unchanged: u64,
    failed: u64,
}

pub(super) async fn run<S: Session>(
    file: &Path,
    session: &mut S,
    output: Output,
) -> Result<Exit, Failure> {
    let tally = if file == Path::new("-") {
        import(BufReader::new(tokio::io::stdin()), session).await?
    } else {
        let opened = tokio::fs::File::open(file).await;
        let opened = opened
            .map_err(|error| Failure::new(Exit::Usage, format!("{}: {error}", file.display())))?;
        import(BufReader::new(opened), session).await?
    };
    output.one(&tally, |tally| {
        let Tally { inserted, updated, unchanged, failed } = tally;
        format!("inserted {inserted}, updated {updated}, unchanged {unchanged}, failed {failed}\n")
    })?;
    Ok(tally.exit())
}

async fn import<S: Session>(
    stream: impl AsyncBufRead + Unpin,
    session: &mut S,
) -> Result<Tally, Failure> {
    let mut lines = Lines::new(stream);
    let mut tally = Tally::default();
    let mut batch: Vec<(u64, NewOrder)> = vec![];
    let unreadable = |error| Failure::new(Exit::Failed, format!("cannot read on: {error}"));
    while let Some((number, line)) = lines.next().await.map_err(unreadable)? {
        match order(&line) {
            Ok(Some(order)) => batch.push((number, order)),
            Ok(None) => (),
            Err(wrong) => tally.fail(number, &wrong),
        }
        if batch.len() == BATCH {
            tally.flush(&mut batch, session).await?;
            progress(&format!("{number} lines"));
        }
    }
    tally.flush(&mut batch, session).await?;
    progress("");
    Ok(tally)
}

/// The order on a line; nothing on an empty one.
fn order(line: &Line) -> Result<Option<NewOrder>, String> {
    let Line::Text(text) = line else {
        return Err(format!("longer than {LINE_MAX_BYTES} bytes"));
    };
    if text.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    // serde_json counts lines within this one, which would only confuse.
    let order: NewOrder = serde_json::from_slice(text).map_err(|error| {
        let text = error.to_string();
        text.split(" at line ").next().unwrap_or_default().to_owned()
    })?;
    order.check()?;
    Ok(Some(order))
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
        progress("");
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

    fn read(text: &str) -> Result<Option<NewOrder>, String> {
        order(&Line::Text(text.as_bytes().to_vec()))
    }

    #[test]
    fn a_line_is_an_order_or_says_what_is_wrong() {
        let good = read(r#"{"order_no":"A-1","amount":10,"currency":"CNY"}"#);
        assert_eq!(good.unwrap().unwrap().order_no, "A-1");
        assert_eq!(read("  "), Ok(None));
        for (line, wrong) in [
            (r#"{"order_no":"A-1","amount":10,"currency":"CNY""#, "EOF"),
            (r#"{"order_no":"A-1","amount":0.1,"currency":"CNY"}"#, "invalid type: floating point"),
            (r#"{"order_no":"A-1","amount":0,"currency":"CNY"}"#, "amount: more than 0"),
            (r#"{"order_no":"","amount":1,"currency":"CNY"}"#, "may not be empty"),
            (r#"{"order_no":"A-1","amount":1,"currency":"yuan"}"#, "ISO 4217"),
            (r#"{"order_no":"A-1","amount":1,"currency":"CNY","status":"paid"}"#, "unknown field"),
            ("\u{fffd}", "expected value"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(wrong), "{line}: {error}");
            assert!(!error.contains("column"), "{error}");
        }
        assert!(order(&Line::TooLong).is_err());
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
