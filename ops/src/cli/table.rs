//! Aligned columns for people.
//!
//! **Invariant**: a stranger's text cannot steer the terminal: control characters are replaced.

use std::fmt;

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

const GAP: &str = "  ";
const INSTANT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");

/// Rows under a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    /// Columns of the terminal that one cell may take before it goes on below.
    cell_max: usize,
}

impl Table {
    pub fn new(head: &[&'static str]) -> Self {
        Self { head: head.to_vec(), rows: vec![], cell_max: usize::MAX }
    }

    /// Breaks wider cells between words.
    pub fn wrapped_at(self, cell_max: usize) -> Self {
        Self { cell_max, ..self }
    }

    /// Adds a row: a text for each column of the head.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| printable(&cell)).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head: Vec<_> = self.head.iter().map(|title| vec![(*title).to_owned()]).collect();
        let wrapped =
            |row: &Vec<String>| row.iter().map(|cell| wrap(cell, self.cell_max)).collect();
        let rows: Vec<Vec<Vec<String>>> =
            std::iter::once(head).chain(self.rows.iter().map(wrapped)).collect();
        let lines = |column: usize| rows.iter().filter_map(move |row| row.get(column)).flatten();
        let widest = |column| lines(column).map(|line| width(line)).max().unwrap_or(0);
        let widths: Vec<_> = (0..self.head.len()).map(widest).collect();
        for row in &rows {
            let height = row.iter().map(Vec::len).max().unwrap_or(0);
            for line in 0..height {
                let text = |cell: &Vec<String>| cell.get(line).cloned().unwrap_or_default();
                let cells = row.iter().zip(&widths).map(|(cell, width)| pad(&text(cell), *width));
                writeln!(f, "{}", cells.collect::<Vec<_>>().join(GAP).trim_end())?;
            }
        }
        Ok(())
    }
}

/// An instant to the second, in UTC: `2026-01-02 03:04:05Z`.
pub fn instant(at: OffsetDateTime) -> String {
    // Years of four digits always format.
    at.to_offset(UtcOffset::UTC).format(INSTANT).unwrap_or_default()
}

/// The text with everything replaced that a terminal would obey instead of show.
pub fn printable(text: &str) -> String {
    text.chars().map(|letter| if steers(letter) { '\u{fffd}' } else { letter }).collect()
}

/// Would a terminal obey it? So it would a mark that turns the direction of writing, by which one number
/// could look like another.
pub fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The words in lines of at most so many columns; a longer word has a line of its own.
fn wrap(cell: &str, max: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in cell.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if width(line) + 1 + width(word) <= max => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

fn pad(cell: &str, to: usize) -> String {
    format!("{cell}{}", " ".repeat(to.saturating_sub(width(cell))))
}

/// Columns on a terminal: Chinese, Japanese and Korean letters take two.
/// Source: UAX #11, the wide blocks that order numbers and names use.
fn width(text: &str) -> usize {
    let wide = |letter: char| {
        matches!(letter, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
            | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}'
            | '\u{ffe0}'..='\u{ffe6}' | '\u{20000}'..='\u{3fffd}')
    };
    text.chars().map(|letter| if wide(letter) { 2 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_under_their_head() {
        let mut table = Table::new(&["ORDER", "STATUS"]);
        table.row(["A-1".into(), "paid".into()]);
        table.row(["订单-22".into(), "pending".into()]);
        assert_eq!(table.to_string(), "ORDER    STATUS\nA-1      paid\n订单-22  pending\n");
    }

    #[test]
    fn a_table_without_rows_is_its_head() {
        assert_eq!(Table::new(&["ORDER", "STATUS"]).to_string(), "ORDER  STATUS\n");
    }

    #[test]
    fn wide_cells_go_on_below() {
        let mut table = Table::new(&["A", "B", "C"]).wrapped_at(7);
        table.row(["one two three".into(), "x".into(), "ok".into()]);
        assert_eq!(table.to_string(), "A        B  C\none two  x  ok\nthree\n");
    }

    #[test]
    fn an_instant_is_told_in_utc() {
        let at = time::macros::datetime!(2026-01-02 03:04:05.678 +08:00);
        assert_eq!(instant(at), "2026-01-01 19:04:05Z");
    }

    #[test]
    fn a_strangers_text_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\nc\u{202e}d"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d");
    }
}
