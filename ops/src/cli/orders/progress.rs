//! How far a long reading is: a bar on a terminal, a few lines anywhere else.
//!
//! **Invariant**: a log gets at most one line for each doubling of what was read.

use std::io::{self, IsTerminal as _};

use super::super::output::{progress, say};

const BAR_WIDTH: u64 = 30;
/// Lines of the file before anything is said where nobody watches.
const FIRST_WORD: u64 = 10_000;

pub(super) struct Progress {
    /// Of the whole, where it is known.
    bytes: Option<u64>,
    watched: bool,
    next_word: u64,
}

impl Progress {
    pub(super) fn new(bytes: Option<u64>) -> Self {
        Self { bytes, watched: io::stderr().is_terminal(), next_word: FIRST_WORD }
    }

    /// So many lines and bytes were read.
    pub(super) fn tell(&mut self, lines: u64, bytes: u64) {
        if self.watched {
            progress(&bar(lines, bytes, self.bytes));
        } else if let Some(word) = self.word(lines) {
            say(&word);
        }
    }

    fn word(&mut self, lines: u64) -> Option<String> {
        if lines < self.next_word {
            return None;
        }
        while self.next_word <= lines {
            self.next_word = self.next_word.saturating_mul(2);
        }
        Some(format!("{lines} lines so far"))
    }
}

fn bar(lines: u64, bytes: u64, whole: Option<u64>) -> String {
    let Some(whole) = whole.filter(|whole| 0 < *whole) else { return format!("{lines} lines") };
    // A file may grow while it is read.
    let share = |of: u64| bytes.min(whole).saturating_mul(of) / whole;
    let full = "#".repeat(usize::try_from(share(BAR_WIDTH)).unwrap_or_default());
    format!("[{full:<width$}] {:>3} %  {lines} lines", share(100), width = BAR_WIDTH as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fills_with_the_bytes() {
        assert_eq!(bar(7, 50, None), "7 lines");
        assert_eq!(bar(7, 50, Some(0)), "7 lines");
        assert_eq!(bar(7, 50, Some(100)), format!("[{:<30}]  50 %  7 lines", "#".repeat(15)));
        assert_eq!(bar(7, 900, Some(100)), format!("[{}] 100 %  7 lines", "#".repeat(30)));
    }

    #[test]
    fn a_log_gets_a_line_for_each_doubling() {
        let mut progress = Progress { bytes: None, watched: false, next_word: FIRST_WORD };
        let said = (1..=2_000).filter_map(|batch| progress.word(batch * 500)).count();
        assert_eq!(said, 7, "a million lines");
    }
}
