//! Where a command's words go: data to stdout in the chosen form, everything else to stderr.
//!
//! **Invariant**: nothing but data is ever written to stdout, and nothing that a terminal would obey.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use super::table::steers;

/// Letters that fit a narrow terminal.
const PROGRESS_MAX: usize = 78;

/// `-o`: for people, for programs, for pipes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns, for people
    #[default]
    Table,
    /// One JSON document
    Json,
    /// One JSON document a line
    Jsonl,
    /// For spreadsheets: `dead-letters export` alone
    Csv,
}

/// Writes data in one form.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    pub format: Format,
}

/// Colours, where there is somebody to see them.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    on: bool,
}

impl Output {
    /// One record.
    pub fn one<T: Serialize>(self, record: &T, table: impl FnOnce(&T) -> String) -> io::Result<()> {
        match self.format {
            Format::Table => data(&table(record)),
            Format::Json => data(&line(&serde_json::to_string_pretty(record)?)),
            Format::Jsonl => data(&line(&serde_json::to_string(record)?)),
            Format::Csv => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Any number of records.
    pub fn list<T: Serialize>(
        self,
        records: &[T],
        table: impl FnOnce(&[T]) -> String,
    ) -> io::Result<()> {
        match self.format {
            Format::Table => data(&table(records)),
            Format::Json => data(&line(&serde_json::to_string_pretty(records)?)),
            Format::Jsonl => {
                let lines = records
                    .iter()
                    .map(|record| serde_json::to_string(record).map(|json| line(&json)));
                data(&lines.collect::<serde_json::Result<String>>()?)
            }
            Format::Csv => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

impl Paint {
    /// For stdout: a terminal, and nobody said `NO_COLOR`. Source: no-color.org.
    pub fn stdout() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self { on: io::stdout().is_terminal() && !unwanted && !dumb }
    }

    /// For wherever nobody sees them.
    pub fn off() -> Self {
        Self { on: false }
    }

    pub fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub fn bad(self, text: &str) -> String {
        self.paint("31;1", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Writes to stdout at once, so that a reader of a pipe sees it.
pub fn data(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Tells a person something, on stderr. Nobody listening is no failure.
pub fn say(text: &str) {
    drop(writeln!(io::stderr(), "{text}"));
}

/// A line that the next one replaces: only where it is seen, as it answers.
pub fn progress(text: &str) -> bool {
    let mut stderr = io::stderr();
    let is_seen = stderr.is_terminal();
    if is_seen {
        // A line that wraps could not be replaced.
        let text: String = text.chars().take(PROGRESS_MAX).collect();
        drop(write!(stderr, "\r\u{1b}[K{text}").and_then(|()| stderr.flush()));
    }
    is_seen
}

/// A JSON text and the end of its line.
fn line(json: &str) -> String {
    escaped(json) + "\n"
}

/// A JSON text in which what a terminal would obey is escaped, which says the same: JSON itself asks for it below
/// U+0020 alone.
pub fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len() + 1);
    for letter in json.chars() {
        if letter != '\n' && steers(letter) {
            text += &format!("\\u{:04x}", u32::from(letter));
        } else {
            text.push(letter);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_says_the_same_and_steers_no_terminal() {
        let text = "a\u{9b}2J\u{7f}\u{202e}\n\u{1b}[2J订🧾";
        let document = serde_json::to_string_pretty(&[text]).unwrap();
        let shown = line(&document);
        assert!(!shown.chars().any(|letter| letter != '\n' && steers(letter)), "{shown:?}");
        assert_eq!(serde_json::from_str::<[String; 1]>(&shown).unwrap(), [text]);
        assert!(shown.contains("\\u009b") && shown.contains("订🧾"), "{shown}");
    }

    #[test]
    fn colours_need_somebody_to_see_them() {
        assert_eq!(Paint::off().good("ok"), "ok");
        assert_eq!(Paint { on: true }.good("ok"), "\u{1b}[32mok\u{1b}[0m");
    }
}
