//! Aligned columns for people.
//!
//! **Invariant**: a stranger's text cannot steer the terminal: control characters are replaced.

use std::fmt;

const GAP: &str = "  ";

/// Rows under a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(head: &[&'static str]) -> Self {
        Self { head: head.to_vec(), rows: vec![] }
    }

    /// Adds a row: a text for each column of the head.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| printable(&cell)).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head: Vec<String> = self.head.iter().map(|title| (*title).to_owned()).collect();
        let lines = || std::iter::once(&head).chain(&self.rows);
        let widest = |column: usize| {
            lines().filter_map(|line| line.get(column)).map(|cell| width(cell)).max()
        };
        let widths: Vec<_> = (0..head.len()).map(|column| widest(column).unwrap_or(0)).collect();
        for line in lines() {
            let cells = line.iter().zip(&widths).map(|(cell, width)| pad(cell, *width));
            let text = cells.collect::<Vec<_>>().join(GAP);
            writeln!(f, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

/// The text with everything replaced that a terminal would obey instead of show.
pub fn printable(text: &str) -> String {
    // Marks that turn the direction of writing could make one number look like another.
    let turns = |letter| matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let shown =
        |letter: char| if letter.is_control() || turns(letter) { '\u{fffd}' } else { letter };
    text.chars().map(shown).collect()
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
    fn a_strangers_text_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\nc\u{202e}d"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d");
    }
}
